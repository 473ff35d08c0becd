//! Logarithms that are the same on every machine.

/// The natural logarithm of a positive finite number, the same bits everywhere.
///
/// Splits off the exponent and sums the series of `2 artanh((m - 1) / (m + 1))` (Abramowitz and Stegun 4.1.27), for `m` in
/// `[sqrt(1/2), sqrt(2)]`, where ten terms leave an error of about 1e-16. Zero and negative numbers give 0, since
/// here logarithms are weights and such counts have none.
pub fn ln(value: f64) -> f64 {
    if !(value.is_normal() && value > 0.0) {
        return 0.0;
    }
    let bits = value.to_bits();
    let mut exponent = f64::from(i32::try_from(bits >> 52).expect("the sign is 0") - 1_023);
    let mut mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1_023 << 52);
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1.0;
    }
    let part = (mantissa - 1.0) / (mantissa + 1.0);
    let square = part * part;
    let series = (0..=10).rev().fold(0.0, |sum, term| sum * square + 1.0 / f64::from(2 * term + 1));
    exponent * std::f64::consts::LN_2 + 2.0 * part * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_library_to_the_last_bits() {
        for step in 1..100_000u32 {
            let value = f64::from(step) * 0.37;
            assert!((ln(value) - value.ln()).abs() <= 1e-14 * value.ln().abs().max(1.0), "{value}");
        }
        assert_eq!(ln(1.0), 0.0);
        assert_eq!(ln(0.0), 0.0);
    }

    #[test]
    fn bits_are_pinned() {
        assert_eq!(ln(10.0).to_bits(), 0x4002_6BB1_BBB5_5515);
        assert_eq!(ln(0.5).to_bits(), (-std::f64::consts::LN_2).to_bits());
    }
}
