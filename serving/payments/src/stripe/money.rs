//! Amounts as Stripe wants them ("Supported currencies": zero-decimal, three-decimal, special cases).

use records::{Currency, Money};

/// Amounts in these are whole units.
const WHOLE: &str = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF";
/// Amounts in these have three decimals, the last of which is 0.
const THREE: &str = "BHD JOD KWD OMR TND";
/// Amounts in these have two decimals for Stripe, both of which are 0.
const WHOLE_IN_HUNDREDTHS: &str = "ISK UGX";

fn listed(list: &str, currency: Currency) -> bool {
    let code = currency.to_string();
    list.split_ascii_whitespace().any(|entry| entry == code)
}

/// The decimals that Stripe counts in.
fn decimals(currency: Currency) -> u32 {
    match () {
        () if listed(WHOLE, currency) => 0,
        () if listed(THREE, currency) => 3,
        () => 2,
    }
}

/// What an amount has to be a multiple of, in Stripe's units.
fn step(currency: Currency) -> i64 {
    match () {
        () if listed(THREE, currency) => 10,
        () if listed(WHOLE_IN_HUNDREDTHS, currency) => 100,
        () => 1,
    }
}

/// An amount in Stripe's units; none when Stripe cannot take exactly this.
pub(super) fn to_stripe(amount: Money) -> Option<i64> {
    let ours = u32::from(amount.currency.exponent()?);
    let theirs = decimals(amount.currency);
    let units = if theirs >= ours {
        amount.minor.checked_mul(10i64.pow(theirs - ours))?
    } else {
        let cut = 10i64.pow(ours - theirs);
        (amount.minor % cut == 0).then_some(amount.minor / cut)?
    };
    (units > 0 && units % step(amount.currency) == 0).then_some(units)
}

/// An amount of Stripe's in minor units; none when it is no whole number of them.
pub(super) fn from_stripe(units: i64, currency: Currency) -> Option<i64> {
    let ours = u32::from(currency.exponent()?);
    let theirs = decimals(currency);
    if ours >= theirs {
        return units.checked_mul(10i64.pow(ours - theirs));
    }
    let cut = 10i64.pow(theirs - ours);
    (units % cut == 0).then_some(units / cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, code: &str, units: Option<i64>) {
        let money = Money::parse(text, Currency::parse(code).unwrap()).unwrap();
        assert_eq!(to_stripe(money), units, "{text} {code}");
        if let Some(units) = units {
            assert_eq!(from_stripe(units, money.currency), Some(money.minor), "{text} {code}");
        }
    }

    #[test]
    fn amounts_are_in_the_units_that_stripe_counts_in() {
        check("12.34", "EUR", Some(1_234));
        check("500", "JPY", Some(500));
        check("5.120", "KWD", Some(5_120));
        check("5.124", "KWD", None);
        check("5", "ISK", Some(500));
        check("5", "UGX", Some(500));
        check("5", "MGA", Some(5));
        check("5.5", "MGA", None);
        check("0", "EUR", None);
    }
}
