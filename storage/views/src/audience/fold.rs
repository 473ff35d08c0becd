//! The fold of audiences.

use std::collections::{BTreeMap, BTreeSet};

use records::hash::{join, wide};
use records::{EventId, OrganizationId, Text, Timestamp, Token};
use serde::{Deserialize, Serialize};

use crate::arrivals::Arrivals;
use crate::codec::{In, Out};
use crate::state::{At, Effects, Fold, StateError};
use crate::windows::{UniqueCount, Uniques};

/// Values of one event that are counted each; people of all others are counted together. There are 249 countries.
pub const VALUES_MAX: usize = 256;
/// Splits of events of one organization in one bin: 65,536 over all bins. Past it the oldest is forgotten and counted.
pub const CROWDS_MAX: usize = 256;

/// What people are told apart by. Codes are on disk: never reuse one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline, rename = "AudienceBy")]
#[repr(u8)]
pub enum By {
    /// The class of the device: `mobile`, `computer`, `other`.
    #[default]
    Device = 1,
    /// The operating system or browser family, as the records say it.
    Platform = 2,
    /// The country, ISO 3166-1 alpha-2.
    Country = 3,
    /// The language of the client, BCP 47.
    Language = 4,
}

impl By {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Device, Self::Platform, Self::Country, Self::Language];

    /// Its word in addresses and in SQL.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Platform => "platform",
            Self::Country => "country",
            Self::Language => "language",
        }
    }

    /// The one with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.word() == word)
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|by| *by as u8 == code)
    }
}

/// The people of an event, told apart by one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Crowd {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event; none for records outside any.
    pub event: EventId,
    /// What they are told apart by.
    pub by: By,
}

impl Crowd {
    /// The hash that decides its bin.
    #[inline]
    pub fn hash(&self) -> u64 {
        join(join(wide(self.organization.0), wide(self.event.0)), self.by as u64)
    }
}

/// Who came with one value in one frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Where it belongs.
    pub crowd: Crowd,
    /// The value; never empty.
    pub value: Text,
    /// Who; repeats do no harm.
    pub actors: Vec<Token>,
}

/// What a figure is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Everybody of whom any value is known.
    All,
    /// Everybody with this value.
    Value(Text),
    /// Everybody with a value that came when [`VALUES_MAX`] others were there.
    Other,
}

/// How many people there are: the newest row of a crowd and part wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudienceRow {
    /// Where.
    pub crowd: Crowd,
    /// Of what.
    pub part: Part,
    /// How many.
    pub visitors: UniqueCount,
}

/// People with one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "AudienceShare")]
pub struct Share {
    /// The value, as records say it.
    pub value: Text,
    /// Distinct people since the beginning.
    pub visitors: UniqueCount,
}

/// An audience, as a reader gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "AudienceSplit")]
pub struct Split {
    /// The event; null outside any.
    pub event: EventId,
    /// What people are told apart by.
    pub by: By,
    /// Distinct people of whom any value is known. Who came with two values is in two shares and here once.
    pub visitors: UniqueCount,
    /// How many values there are, those of `other` not included.
    pub values: usize,
    /// The values with the most people, most first.
    pub shares: Vec<Share>,
    /// People with values that came when 256 others were there.
    pub other: UniqueCount,
}

#[derive(Debug, Default)]
struct People {
    all: Uniques,
    values: BTreeMap<Text, Uniques>,
    other: Uniques,
}

/// One bin of audiences.
#[derive(Debug, Default)]
pub struct Audience {
    crowds: BTreeMap<Crowd, People>,
    owners: BTreeMap<OrganizationId, Arrivals<Crowd>>,
    untold: BTreeSet<(Crowd, Part)>,
    /// The last figures of crowds that were forgotten before they were told.
    parting: BTreeMap<(Crowd, Part), UniqueCount>,
}

impl People {
    /// Counts somebody with a value; returns what of it counts more now.
    fn add(&mut self, value: &Text, actors: &[Token]) -> (bool, Option<Part>) {
        let known = self.values.len() < VALUES_MAX || self.values.contains_key(value);
        let (uniques, part) = if known {
            (self.values.entry(value.clone()).or_default(), Part::Value(value.clone()))
        } else {
            (&mut self.other, Part::Other)
        };
        let (mut all, mut more) = (false, false);
        for actor in actors {
            more |= uniques.insert(*actor);
            all |= self.all.insert(*actor);
        }
        (all, more.then_some(part))
    }

    fn count(&self, part: &Part) -> UniqueCount {
        match part {
            Part::All => self.all.count(),
            Part::Other => self.other.count(),
            Part::Value(value) => self.values.get(value).map_or(Uniques::default().count(), Uniques::count),
        }
    }
}

impl Audience {
    /// An audience with its `most` largest shares; none when nothing of it is known.
    pub fn split(&self, crowd: &Crowd, most: usize) -> Option<Split> {
        let people = self.crowds.get(crowd)?;
        let share = |(value, uniques): (&Text, &Uniques)| Share { value: value.clone(), visitors: uniques.count() };
        let mut shares: Vec<Share> = people.values.iter().map(share).collect();
        shares.sort_by(|one, other| (other.visitors.count, &one.value).cmp(&(one.visitors.count, &other.value)));
        shares.truncate(most);
        Some(Split {
            event: crowd.event,
            by: crowd.by,
            visitors: people.all.count(),
            values: people.values.len(),
            shares,
            other: people.other.count(),
        })
    }

    /// The crowds of an organization in this bin, in the order in which they came.
    pub fn of(&self, organization: OrganizationId) -> impl Iterator<Item = Crowd> + '_ {
        self.owners.get(&organization).into_iter().flatten().copied()
    }

    /// Crowds of an organization that were forgotten at the bound.
    pub fn forgotten(&self, organization: OrganizationId) -> u64 {
        self.owners.get(&organization).map_or(0, Arrivals::forgotten)
    }

    fn make(&mut self, crowd: Crowd) {
        if let Some(gone) = self.owners.entry(crowd.organization).or_default().come(crowd, CROWDS_MAX) {
            self.forget(gone);
        }
        self.crowds.insert(crowd, People::default());
    }

    fn forget(&mut self, crowd: Crowd) {
        let Some(people) = self.crowds.remove(&crowd) else { return };
        let untold: Vec<_> = self.untold.iter().filter(|(of, _)| *of == crowd).cloned().collect();
        for told in untold {
            self.untold.remove(&told);
            let count = people.count(&told.1);
            self.parting.insert(told, count);
        }
    }
}

impl Fold for Audience {
    const NAME: &'static str = "audience";
    const VERSION: u32 = 1;
    type Input = Input;
    type Output = ();
    type Key = Crowd;
    type Row = AudienceRow;

    fn apply(&mut self, _at: At, input: &Input, effects: &mut Effects<Self>) {
        let crowd = input.crowd;
        if !self.crowds.contains_key(&crowd) {
            self.make(crowd);
        }
        let people = self.crowds.get_mut(&crowd).expect("it was there, or was just made");
        let (all, part) = people.add(&input.value, &input.actors);
        if all || part.is_some() {
            effects.changed.push(crowd);
        }
        self.untold.extend(all.then_some((crowd, Part::All)));
        self.untold.extend(part.map(|part| (crowd, part)));
    }

    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}

    fn land(&mut self, rows: &mut Vec<AudienceRow>) {
        // What a forgotten crowd came to gives way to what it is now that it came again.
        let mut told = std::mem::take(&mut self.parting);
        for (crowd, part) in std::mem::take(&mut self.untold) {
            let visitors = self.crowds[&crowd].count(&part);
            told.insert((crowd, part), visitors);
        }
        rows.extend(told.into_iter().map(|((crowd, part), visitors)| AudienceRow { crowd, part, visitors }));
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        out.len(self.owners.len());
        for (organization, crowds) in &self.owners {
            out.id(organization.0);
            out.u64(crowds.forgotten());
            out.len(crowds.len());
            for crowd in crowds {
                out.id(crowd.event.0);
                out.u8(crowd.by as u8);
                self.crowds[crowd].encode(&mut out);
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let mut this = Self::default();
        for _ in 0..input.len(3)? {
            let organization = OrganizationId(input.id()?);
            let mut crowds = Arrivals::after(input.u64()?);
            for _ in 0..input.len(7)? {
                let event = EventId(input.id()?);
                let by = By::from_code(input.u8()?).ok_or_else(|| input.damaged())?;
                let crowd = Crowd { organization, event, by };
                crowds.restore(crowd);
                if this.crowds.insert(crowd, People::decode(&mut input)?).is_some() {
                    return Err(input.damaged());
                }
            }
            this.owners.insert(organization, crowds);
        }
        input.done()?;
        Ok(this)
    }

    fn len(&self) -> usize {
        self.crowds.len()
    }
}

impl People {
    fn encode(&self, out: &mut Out<'_>) {
        self.all.encode(out);
        self.other.encode(out);
        out.len(self.values.len());
        for (value, uniques) in &self.values {
            out.text(value);
            uniques.encode(out);
        }
    }

    fn decode(input: &mut In<'_>) -> Result<Self, StateError> {
        let mut this = Self { all: Uniques::decode(input)?, other: Uniques::decode(input)?, ..Self::default() };
        let count = input.len(3)?;
        for _ in 0..count {
            let value = input.text()?;
            this.values.insert(value, Uniques::decode(input)?);
        }
        if this.values.len() == count && count <= VALUES_MAX { Ok(this) } else { Err(input.damaged()) }
    }
}
