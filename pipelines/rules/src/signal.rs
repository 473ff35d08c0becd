//! Fraud signals: the numbers that fraud rules look at, by the names that rules call them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::compare::ConditionError;
use crate::window::Window;

/// What velocity is kept for. Each is told apart within one organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Entity {
    /// The pseudonym of a person.
    Account = 0,
    /// A device.
    Device = 1,
    /// A payment card.
    Card = 2,
    /// A network address.
    Address = 3,
}

/// What is measured over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Measure {
    /// Records of every kind.
    Records = 0,
    /// Orders, reported by others or taken by a box office.
    Orders = 1,
    /// Registrations.
    Registrations = 2,
    /// Ad clicks.
    Clicks = 3,
    /// The sum of the orders' amounts in minor units. Currencies are not converted: one organization, one currency.
    Amount = 4,
    /// Distinct accounts.
    Accounts = 5,
    /// Distinct devices.
    Devices = 6,
    /// Distinct cards.
    Cards = 7,
    /// Distinct addresses.
    Addresses = 8,
    /// Payments of a box office that have failed.
    Failures = 9,
}

/// A number that a rule may compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Seconds from the account's signup to the record, rounded up; may be negative.
    PurchaseMinusSignup,
    /// The record's amount in minor units.
    Amount,
    /// The record's quantity.
    Quantity,
    /// 1 when the door marked the sender as a bot, else 0.
    Bot,
    /// Accounts connected with the record's account through shared devices, itself included; 1 when it is alone.
    RingAccounts,
    /// Seconds since the entity was first seen, itself 0 on the first record.
    Known(Entity),
    /// A measure of an entity over a window.
    Velocity {
        /// What is measured.
        measure: Measure,
        /// Whose it is.
        entity: Entity,
        /// Over which window.
        window: Window,
    },
}

/// The most distinct others that one entity keeps apart; thresholds beyond it are refused, because they never hold.
pub const DISTINCT_MAX: i64 = 64;
/// The most accounts that a ring is counted to.
pub const RING_MAX: i64 = 65_536;
/// The longest window of fraud signals.
pub const LONGEST: Window = Window::Days7;

impl Entity {
    /// Every entity.
    pub const ALL: [Self; 4] = [Self::Account, Self::Device, Self::Card, Self::Address];

    /// Its word in rules.
    pub const fn word(self) -> &'static str {
        ["account", "device", "card", "address"][self as usize]
    }

    /// The measure that counts entities of this sort.
    pub const fn distinct(self) -> Measure {
        [Measure::Accounts, Measure::Devices, Measure::Cards, Measure::Addresses][self as usize]
    }
}

impl Measure {
    /// Every measure.
    pub const ALL: [Self; 10] = [
        Self::Records,
        Self::Orders,
        Self::Registrations,
        Self::Clicks,
        Self::Amount,
        Self::Accounts,
        Self::Devices,
        Self::Cards,
        Self::Addresses,
        Self::Failures,
    ];

    /// Its word in rules.
    pub const fn word(self) -> &'static str {
        [
            "records",
            "orders",
            "registrations",
            "clicks",
            "amount",
            "accounts",
            "devices",
            "cards",
            "addresses",
            "failures",
        ][self as usize]
    }

    /// Its bit in a set of measures.
    pub const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// The sort of entity whose distinct members it counts, for the measures that do.
    pub fn counted(self) -> Option<Entity> {
        Entity::ALL.into_iter().find(|entity| entity.distinct() == self)
    }
}

/// Names of signals about the record alone; the first is canonical, the others are read as well.
const PLAIN: [(Signal, &[&str]); 5] = [
    (Signal::PurchaseMinusSignup, &["purchase_minus_signup_s", "purchase_time - signup_time"]),
    (Signal::Amount, &["amount_minor"]),
    (Signal::Quantity, &["quantity"]),
    (Signal::Bot, &["bot"]),
    (Signal::RingAccounts, &["ring_accounts"]),
];

const EXAMPLES: &str = "take purchase_minus_signup_s, amount_minor, quantity, bot, ring_accounts, device_known_s, \
or MEASURE_on_ENTITY_WINDOW such as accounts_on_device_1h";

impl Signal {
    /// The most that the signal can reach, where the state behind it is bounded.
    pub fn ceiling(self) -> Option<i64> {
        match self {
            Self::Velocity { measure, .. } if measure.counted().is_some() => Some(DISTINCT_MAX),
            Self::RingAccounts => Some(RING_MAX),
            _ => None,
        }
    }

    /// The entity whose state answers it; none when the record alone does.
    pub fn entity(self) -> Option<Entity> {
        match self {
            Self::Known(entity) | Self::Velocity { entity, .. } => Some(entity),
            _ => None,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(entity) => write!(f, "{}_known_s", entity.word()),
            Self::Velocity { measure, entity, window } => {
                let link = if *entity == Entity::Account { "by" } else { "on" };
                write!(f, "{}_{link}_{}_{window}", measure.word(), entity.word())
            }
            plain => {
                let names = PLAIN.iter().find(|(signal, _)| signal == plain).map_or(&[] as &[_], |(_, names)| *names);
                f.write_str(names.first().copied().unwrap_or(""))
            }
        }
    }
}

impl FromStr for Signal {
    type Err = ConditionError;
    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let unknown = || ConditionError::Unknown(text.chars().take(64).collect(), EXAMPLES);
        if let Some((signal, _)) = PLAIN.iter().find(|(_, names)| names.contains(&text)) {
            return Ok(*signal);
        }
        let entity_of = |word: &str| Entity::ALL.into_iter().find(|entity| entity.word() == word);
        if let Some(entity) = text.strip_suffix("_known_s").and_then(entity_of) {
            return Ok(Self::Known(entity));
        }
        let parts: Vec<&str> = text.split('_').collect();
        let [measure, "on" | "by", entity, window] = parts[..] else { return Err(unknown()) };
        let measure = Measure::ALL.into_iter().find(|known| known.word() == measure).ok_or_else(unknown)?;
        let entity = entity_of(entity).ok_or_else(unknown)?;
        let window = window.parse::<Window>().map_err(|_| unknown())?;
        // An account has exactly one account: such a count says nothing, so it is surely a slip.
        if window > LONGEST || measure.counted() == Some(entity) {
            return Err(unknown());
        }
        Ok(Self::Velocity { measure, entity, window })
    }
}

impl Serialize for Signal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_prints_and_reads_back() {
        let mut all: Vec<Signal> = PLAIN.iter().map(|(signal, _)| *signal).collect();
        for entity in Entity::ALL {
            all.push(Signal::Known(entity));
            for measure in Measure::ALL.into_iter().filter(|measure| measure.counted() != Some(entity)) {
                all.push(Signal::Velocity { measure, entity, window: Window::Hour1 });
            }
        }
        for signal in all {
            assert_eq!(signal.to_string().parse(), Ok(signal));
        }
    }

    #[test]
    fn slips_are_refused() {
        for text in ["accounts_on_account_1h", "orders_on_device_30d", "orders_on_device", "speed", ""] {
            assert!(text.parse::<Signal>().is_err(), "{text}");
        }
    }
}
