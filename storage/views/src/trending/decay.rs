//! Exponential decay in integers: the same on every machine.

use records::Span;

/// A score halves in this time.
pub const HALF_LIFE: Span = Span::from_seconds(600);
/// Steps of a half-life that are told apart: 2.3 s each.
const STEPS: usize = 256;
/// One, as factors count it.
const ONE: u64 = 1 << 32;

/// The square root of a factor, rounded down.
const fn root(factor: u64) -> u64 {
    // Of factor * 2^32, so that the result counts 2^32 as one again; bisection, as this runs at compile time.
    let square = (factor as u128) << 32;
    let (mut low, mut high) = (0u128, 1u128 << 33);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if middle * middle <= square {
            low = middle;
        } else {
            high = middle;
        }
    }
    low as u64
}

/// 2^(-n/256) for n in 0..256, times 2^32. Each is the product of the roots that its bits stand for.
const FACTORS: [u64; STEPS] = {
    let mut roots = [0u64; 8];
    let mut bit = 0;
    let mut half = ONE / 2;
    while bit < 8 {
        half = root(half);
        // 2^(-1/2), 2^(-1/4), ..., for the bits 128, 64, ...
        roots[7 - bit] = half;
        bit += 1;
    }
    let mut factors = [ONE; STEPS];
    let mut n = 0;
    while n < STEPS {
        let mut bit = 0;
        while bit < 8 {
            if n >> bit & 1 == 1 {
                factors[n] = ((factors[n] as u128 * roots[bit] as u128) >> 32) as u64;
            }
            bit += 1;
        }
        n += 1;
    }
    factors
};

/// What is left of `score` after `passed`; a negative time counts as none.
pub fn decayed(score: u64, passed: Span) -> u64 {
    let passed = passed.0.max(0).cast_unsigned();
    let half_life = HALF_LIFE.0.cast_unsigned();
    let halvings = passed / half_life;
    if halvings >= 64 {
        return 0;
    }
    let step = (passed % half_life) * STEPS as u64 / half_life;
    let left = (u128::from(score >> halvings) * u128::from(FACTORS[step as usize])) >> 32;
    u64::try_from(left).expect("decay never grows a score")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_powers_of_two() {
        for (n, factor) in FACTORS.iter().enumerate() {
            let exact = (-(n as f64) / 256.0).exp2() * ONE as f64;
            assert!((*factor as f64 - exact).abs() < 16.0, "{n}: {factor} is not {exact}");
        }
        assert!(FACTORS.is_sorted_by(|left, right| left > right));
    }

    #[test]
    fn a_score_halves_every_ten_minutes() {
        let minutes = |minutes| Span(Span::MINUTE.0 * minutes);
        assert_eq!(decayed(1 << 20, Span::ZERO), 1 << 20);
        assert_eq!(decayed(1 << 20, minutes(10)), 1 << 19);
        assert_eq!(decayed(1 << 20, minutes(30)), 1 << 17);
        assert_eq!(decayed(1 << 20, minutes(5)), 741_455, "1,048,576 / √2, down");
        assert_eq!(decayed(u64::MAX, minutes(640)), 0);
        assert_eq!(decayed(5, Span(-1)), 5);
    }
}
