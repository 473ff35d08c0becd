//! Money: integer minor units with an ISO 4217 currency. Never a float.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An ISO 4217 currency by its alphabetic code, packed into 16 bits (five per letter); 0 is none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Currency(pub u16);

/// An amount in minor units (cents for EUR, yen for JPY) of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Money {
    /// The amount in minor units; may be negative (a refund).
    pub minor: i64,
    /// Its currency.
    pub currency: Currency,
}

/// Why something is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not an active ISO 4217 code.
    #[error("`{0}` is not an ISO 4217 currency code such as EUR")]
    Currency(String),
    /// Not a decimal number.
    #[error("`{0}` is not a decimal amount such as 12.50")]
    Amount(String),
    /// More decimals than the currency has.
    #[error("`{amount}` has more than the {exponent} decimals of {currency}")]
    Decimals {
        /// The text that came.
        amount: String,
        /// The decimals that the currency has.
        exponent: u8,
        /// The currency.
        currency: Currency,
    },
    /// Does not fit 64 bits of minor units.
    #[error("`{0}` is too large")]
    TooLarge(String),
}

// ISO 4217 list one, as published on 2026-01-01: codes whose minor unit is not 2 digits come first.
const EXPONENT_0: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const EXPONENT_3: &str = "BHD IQD JOD KWD LYD OMR TND";
const EXPONENT_4: &str = "CLF UYW";
const EXPONENT_2: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW \
CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES \
KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN \
PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD \
USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG";

impl Currency {
    /// No currency.
    pub const NONE: Self = Self(0);
    /// The euro.
    pub const EUR: Self = Self::pack(*b"EUR");
    /// The United States dollar.
    pub const USD: Self = Self::pack(*b"USD");

    const fn pack(code: [u8; 3]) -> Self {
        Self(((code[0] - b'@') as u16) << 10 | ((code[1] - b'@') as u16) << 5 | (code[2] - b'@') as u16)
    }

    /// Returns whether there is a currency.
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }

    /// Reads an active ISO 4217 code; lower case is taken too, because clients send it.
    ///
    /// # Errors
    /// When it is not such a code.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let upper = text.to_ascii_uppercase();
        let currency = match upper.as_bytes() {
            &[a, b, c] if upper.bytes().all(|letter| letter.is_ascii_uppercase()) => Self::pack([a, b, c]),
            _ => return Err(MoneyError::Currency(text.chars().take(16).collect())),
        };
        currency.exponent().map(|_| currency).ok_or(MoneyError::Currency(upper))
    }

    /// The number of decimals of the minor unit (2 for EUR, 0 for JPY, 3 for KWD); none if the code is not active.
    pub fn exponent(self) -> Option<u8> {
        let code = self.code();
        let code = std::str::from_utf8(&code).ok()?;
        let listed = |list: &str| list.split_ascii_whitespace().any(|entry| entry == code);
        [(EXPONENT_2, 2), (EXPONENT_0, 0), (EXPONENT_3, 3), (EXPONENT_4, 4)]
            .into_iter()
            .find(|(list, _)| listed(list))
            .map(|(_, exponent)| exponent)
    }

    fn code(self) -> [u8; 3] {
        let letter = |shift: u16| ((self.0 >> shift) & 31) as u8 + b'@';
        [letter(10), letter(5), letter(0)]
    }
}

impl Money {
    /// Reads a decimal amount (`12.5`, `-3`, `1000`) exactly.
    ///
    /// # Errors
    /// When the text is no decimal number, has too many decimals for the currency, or does not fit.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, MoneyError> {
        let exponent = currency.exponent().ok_or_else(|| MoneyError::Currency(currency.to_string()))?;
        let bad = || MoneyError::Amount(amount.chars().take(32).collect());
        let (negative, digits) = amount.strip_prefix('-').map_or((false, amount), |rest| (true, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !numeric(whole) || !numeric(fraction) {
            return Err(bad());
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > usize::from(exponent) {
            return Err(MoneyError::Decimals { amount: amount.into(), exponent, currency });
        }
        let padded = format!("{whole}{fraction:0<width$}", width = usize::from(exponent));
        let minor: i64 = padded.parse().map_err(|_| MoneyError::TooLarge(amount.chars().take(32).collect()))?;
        Ok(Self { minor: if negative { -minor } else { minor }, currency })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = usize::from(self.currency.exponent().unwrap_or(0));
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", self.minor.unsigned_abs(), width = exponent + 1);
        let (whole, fraction) = digits.split_at(digits.len() - exponent);
        let point = if exponent == 0 { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction} {}", self.currency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code();
        f.write_str(if self.is_some() { std::str::from_utf8(&code).unwrap_or("???") } else { "-" })
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({self})")
    }
}

impl schemars::JsonSchema for Currency {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[A-Z]{3}$"})
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_u16(self.0) }
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            if text == "-" { Ok(Self::NONE) } else { Self::parse(&text).map_err(serde::de::Error::custom) }
        } else {
            u16::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(amount: &str, currency: &str, minor: i64, printed: &str) {
        let money = Money::parse(amount, Currency::parse(currency).unwrap()).unwrap();
        assert_eq!((money.minor, money.to_string().as_str()), (minor, printed));
    }

    #[test]
    fn exponents_follow_iso_4217() {
        check("12.5", "EUR", 1250, "12.50 EUR");
        check("-0.05", "usd", -5, "-0.05 USD");
        check("1200", "JPY", 1200, "1200 JPY");
        check("1.234", "KWD", 1234, "1.234 KWD");
        check("7.000", "EUR", 700, "7.00 EUR");
    }

    #[test]
    fn wrong_amounts_are_refused() {
        assert!(matches!(Money::parse("1.5", Currency::parse("JPY").unwrap()), Err(MoneyError::Decimals { .. })));
        assert!(matches!(Money::parse("1e3", Currency::EUR), Err(MoneyError::Amount(_))));
        assert!(matches!(Money::parse("99999999999999999999", Currency::EUR), Err(MoneyError::TooLarge(_))));
        assert!(matches!(Currency::parse("XYZ"), Err(MoneyError::Currency(_))));
    }
}
