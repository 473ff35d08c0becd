//! Doors: mistakes taken back, times, and the vectors that hold the scanner page to this rule.

use proptest::prelude::*;
use records::booking::{Choice, Product, Provider, Quota, Tier};
use records::hash::mix;
use records::{Blob, Currency, Fact, FactRow, HoldId, Money, OrderId, OrganizationId, PlaceId, QuotaId, Span};
use serde_json::{Value, json};

use super::*;
use crate::booking::{Booking, Command, Line};

const ACME: OrganizationId = OrganizationId(7);
const CONF: EventId = EventId(3);
const MAIN: DoorId = DoorId(1);
/// What the scanner page's tests read.
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dashboards/web/scan/rule.vectors.json");

struct House(Booking);

impl House {
    fn ask(&self, wish: Wish) -> Result<Vec<BookingFact>, Refusal> {
        self.0.decide(&Command { organization: ACME, event: CONF, wish }, Timestamp(5))
    }

    fn done(&mut self, wish: Wish) -> Vec<BookingFact> {
        let facts = self.ask(wish).unwrap();
        for fact in &facts {
            self.0.apply(&FactRow::new(ACME, Timestamp(5), Fact::Booking(fact.clone())));
            assert_eq!(self.0.office(ACME, CONF).unwrap().audit(), Vec::<String>::new());
        }
        facts
    }

    /// A box office with a door, and as many tickets of each of two products as are asked for.
    fn sold(door: Door, each: u16) -> (Self, Vec<TicketId>) {
        let mut house = Self(Booking::default());
        let tier =
            || Tier { title: "T".into(), prices: vec![Money { minor: 0, currency: Currency::EUR }], ..Tier::default() };
        let of = |product| Choice { product: ItemId(product), ..Choice::default() };
        for product in [1, 2] {
            let spec = Product { title: "P".into(), tiers: vec![tier()], ..Product::default() };
            house.done(Wish::SetProduct(ItemId(product), spec));
        }
        let products = vec![of(1), of(2)];
        house.done(Wish::SetQuota(QuotaId(1), Quota { title: "Q".into(), size: Some(99), products }));
        house.done(Wish::SetDoor(MAIN, door));
        let lines = [1, 2].map(|product| Line { choice: of(product), count: each }).to_vec();
        let (hold, person, code, place, asked) = (HoldId(1), Token::NONE, String::new(), PlaceId::NONE, 1);
        house.done(Wish::Hold { hold, person, currency: Currency::EUR, lines, code, place, asked });
        let (order, subject, provider, score, sealed) = (OrderId(1), 1, Provider::Free, None, Blob::default());
        house.done(Wish::PlaceOrder { order, hold, subject, person, sealed, provider, score, asked });
        let tickets = house.office().order(order).unwrap().tickets.clone();
        (house, tickets)
    }

    fn office(&self) -> &BoxOffice {
        self.0.office(ACME, CONF).unwrap()
    }

    fn outcomes(&self, ticket: TicketId) -> Vec<(u128, ScanOutcome)> {
        self.office().doors().seen(MAIN, ticket).iter().map(|seen| (seen.scan.0, seen.outcome)).collect()
    }
}

fn scan(id: u128, ticket: TicketId, at: i64, exit: bool) -> Scan {
    let (gate, device, scanned) = ("West".into(), "d".into(), Timestamp::from_seconds(at));
    Scan { scan: CommandId(id), ticket, revision: 0, scanned, exit, gate, device }
}

fn look(scans: Vec<Scan>) -> Wish {
    Wish::Scan { door: MAIN, scans }
}

fn void(ticket: TicketId, scan: u128) -> Wish {
    Wish::VoidScan { door: MAIN, ticket, scan: CommandId(scan) }
}

fn door(reentry: Reentry) -> Door {
    Door { title: "D".into(), reentry, ..Door::default() }
}

#[test]
fn a_mistake_that_is_taken_back_lets_the_next_one_in() {
    use ScanOutcome::{Admitted, Duplicate, Voided};
    let (mut house, tickets) = House::sold(door(Reentry::Never), 1);
    house.done(look(vec![scan(1, tickets[0], 10, false), scan(2, tickets[0], 20, false)]));
    assert_eq!(house.outcomes(tickets[0]), [(1, Admitted), (2, Duplicate)]);
    let facts = house.done(void(tickets[0], 1));
    assert!(matches!(facts[..], [BookingFact::ScanVoided { .. }, BookingFact::ScanCorrected { .. }]), "{facts:?}");
    assert_eq!(house.outcomes(tickets[0]), [(1, Voided), (2, Admitted)]);
    assert_eq!(house.ask(void(tickets[0], 1)), Ok(vec![]), "the same wish again");
    assert_eq!(house.ask(void(tickets[0], 9)), Err(Refusal::NoScan));
    // A device that tells of it once more changes nothing.
    assert_eq!(house.ask(look(vec![scan(1, tickets[0], 10, false)])), Ok(vec![]));
    house.done(void(tickets[0], 2));
    assert_eq!(house.office().doors().count(MAIN), DoorCount::default());
    // Nobody was let in after all: the ticket may be passed on.
    let (sealed, person) = (Blob::default(), Token(5));
    assert!(house.ask(Wish::Transfer { ticket: tickets[0], revision: 0, subject: 2, person, sealed }).is_ok());
}

#[test]
fn a_mistaken_exit_that_is_taken_back_makes_who_came_again_a_duplicate() {
    use ScanOutcome::{Admitted, Duplicate, Voided};
    let (mut house, tickets) = House::sold(door(Reentry::AfterExit), 1);
    let scans = [(1, 10, false), (2, 20, true), (3, 30, false)];
    house.done(look(scans.map(|(id, at, exit)| scan(id, tickets[0], at, exit)).to_vec()));
    let facts = house.done(void(tickets[0], 2));
    assert!(matches!(facts[0], BookingFact::ScanCorrected { outcome: Duplicate, .. }), "told before: {facts:?}");
    assert_eq!(house.outcomes(tickets[0]), [(1, Admitted), (2, Voided), (3, Duplicate)]);
}

#[test]
fn a_ticket_comes_in_at_its_times_and_goes_out_at_any() {
    use ScanOutcome::{Admitted, Left, NotNow};
    let time = |product, from, until| DoorTime {
        products: vec![ItemId(product)],
        from: Some(Timestamp::from_seconds(from)),
        until: Some(Timestamp::from_seconds(until)),
    };
    let spec = Door { times: vec![time(1, 100, 200), time(1, 300, 400)], ..door(Reentry::Always) };
    let (mut house, tickets) = House::sold(spec, 1);
    let at = [50, 100, 199, 200, 350, 400];
    house.done(look((0..).zip(at).map(|(id, at)| scan(id + 1, tickets[0], at, false)).collect()));
    house.done(look(vec![scan(7, tickets[0], 500, true), scan(8, tickets[1], 1, false)]));
    let told: Vec<_> = house.outcomes(tickets[0]).into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(told, [NotNow, Admitted, Admitted, NotNow, Admitted, NotNow, Left]);
    assert_eq!(house.outcomes(tickets[1]), [(8, Admitted)], "no time is told for the other product");
    let wrong = Door { times: vec![time(1, 5, 5)], ..door(Reentry::Always) };
    assert!(matches!(house.ask(Wish::SetDoor(MAIN, wrong)), Err(Refusal::Invalid { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whenever scans are taken back, what is left is what there would be if nobody had counted them.
    #[test]
    fn what_is_taken_back_counts_as_if_it_had_never_been(
        looks in proptest::collection::vec((0..2usize, 0..20i64, any::<bool>(), any::<bool>()), 1..30),
        reentry in proptest::sample::select(vec![Reentry::Never, Reentry::AfterExit, Reentry::Always]),
        chunk in 1..8usize,
    ) {
        let (mut house, tickets) = House::sold(door(reentry), 1);
        let (mut other, _) = House::sold(door(reentry), 1);
        let scans: Vec<(Scan, bool)> = (1..).zip(&looks).map(|(id, (ticket, at, exit, wrong))| {
            (scan(id, tickets[*ticket], *at, *exit && reentry != Reentry::Never), *wrong)
        }).collect();
        for part in scans.chunks(chunk) {
            house.done(look(part.iter().map(|(scan, _)| scan.clone()).collect()));
            for (scan, _) in part.iter().filter(|(_, wrong)| *wrong) {
                house.done(void(scan.ticket, scan.scan.0));
            }
        }
        other.done(look(scans.iter().filter(|(_, wrong)| !wrong).map(|(scan, _)| scan.clone()).collect()));
        for ticket in tickets {
            let mut left = house.outcomes(ticket);
            left.retain(|(_, outcome)| *outcome != ScanOutcome::Voided);
            prop_assert_eq!(left, other.outcomes(ticket));
        }
        prop_assert_eq!(house.office().doors().count(MAIN), other.office().doors().count(MAIN));
    }
}

/// One case: a door, two tickets as devices know them, what they saw, and what that comes to at the desk.
fn case(seed: u64) -> Value {
    let draw = |of: u64| move |below: u64| mix(seed.wrapping_mul(1_000).wrapping_add(of)) % below;
    let reentry = [Reentry::Never, Reentry::AfterExit, Reentry::Always][draw(1)(3) as usize];
    let products = if draw(2)(3) == 0 { vec![ItemId(1)] } else { vec![] };
    let time = DoorTime {
        products: if draw(3)(2) == 0 { vec![ItemId(2)] } else { vec![] },
        from: (draw(4)(3) > 0).then(|| Timestamp::from_seconds(10)),
        until: (draw(5)(3) > 0).then(|| Timestamp::from_seconds(40)),
    };
    let times = if draw(6)(2) == 0 { vec![time] } else { vec![] };
    let spec = Door { title: "D".into(), products, reentry, times };
    let (mut house, tickets) = House::sold(spec.clone(), 1);
    if draw(7)(4) == 0 {
        house.done(Wish::Reissue { ticket: tickets[0], revision: 0 });
    }
    if draw(8)(4) == 0 {
        let why = records::booking::Ending::Organizer;
        house.done(Wish::CancelOrder { order: OrderId(1), positions: vec![1], why });
    }
    let scans: Vec<Scan> = (0..12)
        .map(|number| {
            let of = |what: u64| draw(100 + number * 10 + what);
            // Ids in no order, some looks at the same moment.
            let id = u128::from(mix(seed ^ (number + 1)));
            let at = Timestamp::from_seconds(of(1)(50) as i64) + Span(of(2)(2) as i64);
            let mut scan = scan(id, tickets[of(3)(2) as usize], 0, of(4)(3) == 0);
            (scan.scanned, scan.revision) = (at, of(5)(4) as u32 / 3);
            scan
        })
        .collect();
    house.done(look(scans.clone()));
    let known = |id: &TicketId| {
        let ticket = house.office().ticket(*id).unwrap();
        json!({"id": id, "product": ticket.choice.product, "revision": ticket.revision, "cancelled": ticket.cancelled})
    };
    let told = |scan: &Scan| {
        let seen = house.office().doors().seen(MAIN, scan.ticket).iter().find(|seen| seen.scan == scan.scan).unwrap();
        json!({
            "scan": format!("{:032x}", scan.scan.0), "ticket": scan.ticket, "revision": scan.revision,
            "at": scan.scanned.0, "exit": scan.exit, "outcome": seen.outcome,
        })
    };
    let scans: Vec<Value> = scans.iter().map(told).collect();
    json!({"door": spec, "tickets": tickets.iter().map(known).collect::<Vec<_>>(), "scans": scans})
}

#[test]
fn the_scanner_page_is_held_to_what_the_desk_decides() {
    let cases: Vec<Value> = (1..=60).map(case).collect();
    let text = serde_json::to_string(&cases).unwrap() + "\n";
    for outcome in ["admitted", "left", "duplicate", "replaced", "cancelled", "wrong_door", "not_now"] {
        assert!(text.contains(&format!("\"outcome\":\"{outcome}\"")), "no case comes to {outcome}");
    }
    if std::env::var_os("EVENTRA_WRITE_VECTORS").is_some() {
        std::fs::write(VECTORS, &text).unwrap();
    }
    let written = std::fs::read_to_string(VECTORS).unwrap_or_default();
    assert!(
        written == text,
        "the rule has changed: EVENTRA_WRITE_VECTORS=1 cargo test -p rules scanner_page, then the page's rule"
    );
}
