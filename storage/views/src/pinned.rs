//! The bytes of states, pinned: whoever changes what a fold encodes has to raise its version, and then the number here.

use std::fmt::Write as _;

use records::hash::{bytes, mix};
use records::{Currency, EventId, Kind, OrganizationId, RuleId, SessionId, Span, Text, Timestamp, Token};

use crate::attendance::{self, Rooms, Sign};
use crate::audience::{self, Audience, By, Crowd};
use crate::funnels::{self, FunnelKey, Funnels};
use crate::laws;
use crate::revenue::{Revenue, Source, Takings, Till, Took};
use crate::state::Fold;
use crate::trending::{self, Stage, Thing, Trends};
use crate::visits::{self, Visitor, Visits};
use crate::windows::{self, Series, Windows};

/// More than any bound on sessions or events of one organization in a bin.
const STEPS: u64 = 1_200;

const PINNED: &str = "\
attendance 2 2fe8bda4f744f80f
trending 2 d74ad41f5586b02b
funnels 2 67b81f586fb1802e
visits 1 b1702eb5c8069d69
windows 1 57546906ff7868f1
revenue 2 c5d027df27aeb2ee
audience 1 3c346ea08eaead95
";

fn organization(bits: u64) -> OrganizationId {
    OrganizationId(1 + u128::from(bits.is_multiple_of(3)))
}

fn time(step: u64, bits: u64) -> Timestamp {
    Timestamp::from_seconds((10_000 + step * 40 - bits % 3_000).cast_signed())
}

/// Name, version, and hash of the bytes after a log that meets the bounds of sessions and events.
fn state<F: Fold>(input: impl Fn(u64, u64) -> F::Input) -> String {
    let steps = (0..STEPS).map(|step| (1_000_000, input(step, mix(step))));
    let run = laws::whole::<F>(&laws::log(Timestamp(0), steps)).1;
    format!("{} {} {:016x}", F::NAME, F::VERSION, bytes(&run.bytes))
}

#[test]
fn states_have_the_bytes_of_their_version() {
    let mut found = String::new();
    let states = [
        state::<Rooms>(|step, bits| {
            // Most sessions are new, and the first of them forgotten.
            let session = SessionId(u128::from(if bits.is_multiple_of(9) { step / 2 } else { step }) + 1);
            let place = attendance::Place { organization: OrganizationId(1), event: EventId(1), session };
            let sign = if bits.is_multiple_of(5) { Sign::Left } else { Sign::Heartbeat { focused_ms: 500 } };
            attendance::Input { place, actor: Token(bits % 7 + 1), sign }
        }),
        state::<Trends>(|step, bits| {
            let stage = Stage { organization: organization(bits), event: EventId(u128::from(step / 3 + 1)) };
            trending::Input { stage, thing: Thing::Session(SessionId(u128::from(bits % 4 + 1))), weight: 3 }
        }),
        state::<Funnels>(|step, bits| {
            let (event, funnel) = (EventId(1), RuleId(u128::from(bits % 2 + 1)));
            let key = FunnelKey { organization: organization(bits), event, funnel, definition: 9 };
            let actor = Token(bits % 200 + 1);
            let steps = 1 << (bits >> 8 & 3);
            funnels::Input { key, actor, time: time(step, bits), steps, within: Span::HOUR }
        }),
        state::<Visits>(|step, bits| {
            let event = EventId(u128::from(bits % 2));
            let visitor = Visitor { organization: organization(bits), event, actor: Token(bits % 200 + 1) };
            visits::Input { visitor, time: time(step, bits) }
        }),
        state::<Windows>(|step, bits| {
            let session = SessionId(u128::from(bits % 50));
            let series = Series { organization: organization(bits), event: EventId(1), session, kind: Kind::Page };
            let actors = vec![Token(bits % 300 + 1)];
            windows::Input::Count { series, time: time(step, bits), records: 1 + (bits >> 40 & 3) as u32, actors }
        }),
        state::<Revenue>(|step, bits| {
            // Most events are new, and the first of them forgotten.
            let event = EventId(u128::from(if bits.is_multiple_of(9) { step / 2 } else { step }) + 1);
            let currency = if bits.is_multiple_of(4) { Currency::USD } else { Currency::EUR };
            let till = Till { organization: OrganizationId(1), event, currency, source: Source::Reported };
            let takings = Takings::of((bits % 5_000).cast_signed() - 500);
            Took { till, time: time(step, bits), takings }
        }),
        state::<Audience>(|step, bits| {
            let event = EventId(u128::from(step / 4 + 1));
            let crowd = Crowd { organization: OrganizationId(1), event, by: By::ALL[(bits % 4) as usize] };
            let actors = vec![Token(bits >> 8 & 63), Token(bits >> 16 & 63)];
            audience::Input { crowd, value: Text::new(&(bits >> 24 & 7).to_string()), actors }
        }),
    ];
    states.iter().for_each(|state| writeln!(found, "{state}").expect("a string takes everything"));
    assert_eq!(found, PINNED);
}
