//! Interleaved rounds: ours, peer, ours, peer; what drifts on the machine hits both.

/// The figures of one side against the other.
#[derive(Debug, Clone)]
pub(crate) struct Rounds {
    /// Ours, the median.
    pub(crate) ours: f64,
    /// The peer's, the median.
    pub(crate) peer: f64,
    /// The median of the ratios of each round.
    pub(crate) ratio: f64,
    /// The quartiles of the ratios.
    pub(crate) spread: (f64, f64),
}

/// Measures both sides `rounds` times in turn, after one round that is thrown away; figures are rates, more is better.
pub(crate) fn interleave(
    rounds: usize,
    mut ours: impl FnMut() -> anyhow::Result<f64>,
    mut peer: impl FnMut() -> anyhow::Result<f64>,
) -> anyhow::Result<Rounds> {
    let mut pairs = Vec::with_capacity(rounds);
    for round in 0..=rounds {
        // Who goes first changes, so that what one side leaves behind (caches, dirty pages) hits both.
        let (one, other) = if round % 2 == 0 {
            let one = ours()?;
            (one, peer()?)
        } else {
            let other = peer()?;
            (ours()?, other)
        };
        if round > 0 {
            crate::report::say!(
                "round {round}: ours {} peer {}",
                crate::report::short(one),
                crate::report::short(other)
            );
            pairs.push((one, other));
        }
    }
    let ratios: Vec<f64> = pairs.iter().map(|(one, other)| one / other).collect();
    Ok(Rounds {
        ours: quantile(pairs.iter().map(|pair| pair.0).collect(), 0.5),
        peer: quantile(pairs.iter().map(|pair| pair.1).collect(), 0.5),
        ratio: quantile(ratios.clone(), 0.5),
        spread: (quantile(ratios.clone(), 0.25), quantile(ratios, 0.75)),
    })
}

/// The median of some runs of one side.
pub(crate) fn median(rounds: usize, mut run: impl FnMut() -> anyhow::Result<f64>) -> anyhow::Result<f64> {
    let figures: Vec<f64> = (0..=rounds).map(|_| run()).collect::<anyhow::Result<_>>()?;
    // The first run warms caches and the allocator.
    Ok(quantile(figures[1..].to_vec(), 0.5))
}

/// The value below which this share of the figures lies, interpolated.
pub(crate) fn quantile(mut figures: Vec<f64>, share: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    let place = share * (figures.len() - 1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    figures[low] + (figures[high] - figures[low]) * (place - place.floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        assert!((quantile(vec![4.0, 1.0, 3.0, 2.0], 0.5) - 2.5).abs() < 1e-9);
        assert!((quantile(vec![7.0], 0.9) - 7.0).abs() < 1e-9);
    }

    #[test]
    fn the_first_round_is_thrown_away() {
        let mut ours = [1_000.0, 2.0, 4.0, 6.0].into_iter();
        let rounds = interleave(3, || Ok(ours.next().expect("four rounds")), || Ok(2.0)).unwrap();
        assert!((rounds.ratio - 2.0).abs() < 1e-9);
        assert!((rounds.ours - 4.0).abs() < 1e-9);
    }
}
