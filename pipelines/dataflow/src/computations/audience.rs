//! Routes who came, and with what, to the audiences of their event.

use hashbrown::{HashMap, HashSet};
use records::batch::Texts;
use records::hash::FixedState;
use records::{Batch, Column, EventId, OrganizationId, Text, Token};
use views::audience::{By, Crowd, Input, device_of};

use crate::frame::{Emit, Sequenced};

/// Sends one input for each audience and value of the frame, with everybody who came with it.
pub fn route(frame: &Sequenced, emit: &mut Emit<Input>) {
    let Some(batch) = frame.batch().filter(|batch| batch.has(Column::actor)) else { return };
    let said = Said::of(batch);
    let mut groups = Groups::default();
    for row in frame.rows() {
        let at = row as usize;
        let (actor, codes) = (batch.actor(at), said.codes(at));
        if codes == [0; 3] || !actor.is_some() || !batch.kind(at).is_activity() {
            continue;
        }
        groups.add(row, (batch.organization(at), batch.event(at), codes), actor);
    }
    for (row, input) in groups.inputs(&said) {
        emit.to(input.crowd.hash(), row, input);
    }
}

/// What a batch says of its people.
struct Said<'a> {
    platforms: Option<&'a Texts>,
    countries: Option<&'a Texts>,
    languages: Option<&'a Texts>,
    /// The class of each platform.
    devices: Vec<Text>,
}

/// Codes of a row's platform, country and language in its batch; 0 is none.
type Codes = [u16; 3];

impl<'a> Said<'a> {
    fn of(batch: &'a Batch) -> Self {
        let platforms = batch.texts(Column::platform);
        let devices = platforms.map_or(&[][..], Texts::values).iter().map(|platform| device_of(platform).into());
        Self {
            platforms,
            countries: batch.texts(Column::country),
            languages: batch.texts(Column::language),
            devices: devices.collect(),
        }
    }

    #[inline]
    fn codes(&self, row: usize) -> Codes {
        [self.platforms, self.countries, self.languages].map(|texts| texts.map_or(0, |texts| texts.code(row)))
    }

    fn value(&self, by: By, [platform, country, language]: Codes) -> Text {
        let of = |texts: Option<&Texts>, code: u16| texts.map_or(Text::NONE, |texts| at(texts.values(), code));
        match by {
            By::Device => at(&self.devices, platform),
            By::Platform => of(self.platforms, platform),
            By::Country => of(self.countries, country),
            By::Language => of(self.languages, language),
        }
    }
}

fn at(texts: &[Text], code: u16) -> Text {
    // Code 0 is none, code n the text at n - 1.
    let place = usize::from(code).checked_sub(1);
    place.and_then(|place| texts.get(place)).cloned().unwrap_or_default()
}

type Key = (OrganizationId, EventId, Codes);

/// The people of a frame by everything that tells them apart, in the order in which that first came: a record costs one look
/// here and not one for each audience.
#[derive(Default)]
struct Groups {
    places: HashMap<Key, usize, FixedState>,
    list: Vec<(u32, Key, Vec<Token>)>,
    seen: HashSet<(usize, Token), FixedState>,
    last: Option<(usize, Token)>,
}

impl Groups {
    fn add(&mut self, row: u32, key: Key, actor: Token) {
        // Records of one person often follow each other.
        if self.last.is_some_and(|(place, last)| last == actor && self.list[place].1 == key) {
            return;
        }
        let place = *self.places.entry(key).or_insert(self.list.len());
        if place == self.list.len() {
            self.list.push((row, key, Vec::new()));
        }
        self.last = Some((place, actor));
        if self.seen.insert((place, actor)) {
            self.list[place].2.push(actor);
        }
    }

    fn inputs(self, said: &Said<'_>) -> Vec<(u32, Input)> {
        let mut places = HashMap::<(Crowd, Text), usize, FixedState>::default();
        let mut inputs = Vec::<(u32, Input)>::new();
        for (row, (organization, event, codes), actors) in &self.list {
            for by in By::ALL {
                let (crowd, value) = (Crowd { organization: *organization, event: *event, by }, said.value(by, *codes));
                if !value.is_some() {
                    continue;
                }
                let place = *places.entry((crowd, value.clone())).or_insert(inputs.len());
                if place == inputs.len() {
                    inputs.push((*row, Input { crowd, value, actors: Vec::new() }));
                }
                inputs[place].1.actors.extend_from_slice(actors);
            }
        }
        inputs
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use records::{Kind, Record, Timestamp};

    use super::*;

    fn came(actor: u64, platform: &str, country: &str) -> Record {
        Record {
            organization: OrganizationId(1),
            event: EventId(2),
            actor: Token(actor),
            platform: platform.into(),
            country: country.into(),
            ..Record::new(Kind::Page)
        }
    }

    #[test]
    fn people_are_sent_once_for_each_value_of_a_frame() {
        let records = [
            came(5, "iOS", "DE"),
            came(5, "iOS", "DE"),
            came(6, "Android", "DE"),
            came(5, "iOS", "DE"),
            came(0, "iOS", "FR"),
            came(7, "", ""),
            Record { kind: Kind::DeadLettered, ..came(8, "iOS", "FR") },
            came(7, "", "FR"),
        ];
        let mut emit = Emit::default();
        route(&Sequenced::of_batch(Batch::from_records(&records), Timestamp(5), Arc::default()), &mut emit);
        let sent: Vec<_> = emit
            .sent()
            .map(|(_, row, input)| {
                let actors: Vec<u64> = input.actors.iter().map(|actor| actor.0).collect();
                (row, input.crowd.by.word(), input.value.to_string(), actors)
            })
            .collect();
        let sent: Vec<_> =
            sent.iter().map(|(row, by, value, actors)| (*row, *by, value.as_str(), &actors[..])).collect();
        assert_eq!(
            sent,
            [
                (0, "device", "mobile", &[5, 6][..]),
                (0, "platform", "iOS", &[5]),
                (0, "country", "DE", &[5, 6]),
                (2, "platform", "Android", &[6]),
                (7, "country", "FR", &[7]),
            ]
        );
    }
}
