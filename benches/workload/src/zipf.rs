//! Zipf's law by an alias table: one look-up for each draw.

use crate::chance::Chance;

/// Draws ranks `0..len` with a probability proportional to `1 / (rank + 1)` (exponent 1.0).
///
/// Walker's alias method (Vose 1991). Twelve bytes for each rank; only exact float operations in a fixed order, so a
/// seed draws the same ranks on every machine.
#[derive(Debug, Clone)]
pub struct Zipf {
    /// How often a column keeps its own rank, as a share of 2^32.
    keep: Vec<u32>,
    other: Vec<u32>,
}

impl Zipf {
    /// A table over `len` ranks.
    ///
    /// # Panics
    /// When `len` is 0.
    pub fn new(len: u32) -> Self {
        assert!(len > 0, "there must be something to draw");
        let total: f64 = (1..=len).rev().map(|rank| 1.0 / f64::from(rank)).sum();
        let mut share: Vec<f64> = (1..=len).map(|rank| f64::from(len) / f64::from(rank) / total).collect();
        let (mut small, mut large): (Vec<u32>, Vec<u32>) = (0..len).partition(|rank| share[*rank as usize] < 1.0);
        let mut keep = vec![u32::MAX; len as usize];
        let mut other: Vec<u32> = (0..len).collect();
        while let (Some(poor), Some(rich)) = (small.pop(), large.last().copied()) {
            keep[poor as usize] = (share[poor as usize] * 4_294_967_296.0) as u32;
            other[poor as usize] = rich;
            share[rich as usize] -= 1.0 - share[poor as usize];
            if share[rich as usize] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        Self { keep, other }
    }

    /// Draws one rank.
    #[inline]
    pub fn draw(&self, chance: &mut Chance) -> u32 {
        let bits = chance.bits();
        let column = (((bits >> 32) * self.keep.len() as u64) >> 32) as usize;
        if (bits as u32) < self.keep[column] { column as u32 } else { self.other[column] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_follow_the_law() {
        let zipf = Zipf::new(1_000);
        let mut chance = Chance::new(3);
        let mut counts = vec![0u32; 1_000];
        (0..1_000_000).for_each(|_| counts[zipf.draw(&mut chance) as usize] += 1);
        // H(1000) = 7.485: rank 0 has 13.36 %, rank 9 a tenth of that.
        assert!((131_600..135_600).contains(&counts[0]), "{}", counts[0]);
        assert!((12_700..14_000).contains(&counts[9]), "{}", counts[9]);
        assert!(counts[999] > 60);
    }
}
