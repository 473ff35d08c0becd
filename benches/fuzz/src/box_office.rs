//! What buyers, organizers and payment providers send to box offices and programmes.

use std::sync::{Arc, OnceLock};

use hmac::{Hmac, KeyInit as _, Mac as _};
use payments::{Keys, Provider as _, Stripe, Unheard};
use records::programme::{Answers, Form, Recurrence, Session};
use records::{EventId, Fact, FactRow, OrganizationId, SessionId, Timestamp, Zone};
use rules::booking::Booking;
use rules::programme::recurrence::{self, OCCURRENCES_MAX};
use rules::programme::{Programme, forms, import};
use sha2::Sha256;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const SECRET: &str = "whsec_fuzz";
/// Zones whose clocks change otherwise than others': by half an hour, at midnight, not at all.
const ZONES: [&str; 4] = ["Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"];

fn stripe() -> &'static Stripe {
    static STRIPE: OnceLock<Stripe> = OnceLock::new();
    STRIPE.get_or_init(|| {
        let place = "http://127.0.0.1:9".parse().expect("an address of this machine");
        let endpoint = payments::stripe::Endpoint::new(place).expect("certificates can be read");
        Stripe::new(Arc::new(endpoint), Keys { secret: "sk".into(), webhook: SECRET.into() })
    })
}

/// A line of a signature and a message: nobody is believed by chance. The same message, signed as it should be, is heard.
pub(crate) fn webhook(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (header, body) = (String::from_utf8_lossy(&bytes[..end]), &bytes[(end + 1).min(bytes.len())..]);
    assert!(stripe().hear(&header, body, NOW).is_err(), "nobody forges a message");
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("keys may have any length");
    let time = NOW.seconds().to_string();
    let mac = mac.chain_update(time.as_bytes()).chain_update(b".").chain_update(body).finalize();
    let digits: String = mac.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let heard = stripe().hear(&format!("t={time},v1={digits}"), body, NOW);
    assert!(matches!(heard, Ok(_) | Err(Unheard::Unreadable(_))), "what is signed is believed: {heard:?}");
}

/// The first byte chooses a zone, the rest is a rule.
pub(crate) fn recurs(bytes: &[u8]) {
    let (zone, Some(rule)) = zoned(bytes) else { return };
    let session = SessionId(1);
    let recurrence = Some(Recurrence { rule: rule.to_owned(), ..Recurrence::default() });
    let (starts, ends) = (Timestamp::from_seconds(1_793_000_000), Timestamp::from_seconds(1_793_003_600));
    let spec = Session { title: "Talk".into(), starts, ends, recurrence, ..Session::default() };
    if let Ok(times) = recurrence::occurrences(session, &spec, &zone) {
        assert!(!times.is_empty() && times.len() <= OCCURRENCES_MAX, "a session has a bounded number of times");
        assert!(times.iter().all(|time| time.ends.since(time.starts) == ends.since(starts)), "each lasts as long");
        assert!(times.is_sorted_by(|one, other| one.starts <= other.starts), "in their order");
        let _ = recurrence::with_utc_until(rule, &zone);
    }
}

fn zoned(bytes: &[u8]) -> (Zone, Option<&str>) {
    let zone = ZONES[usize::from(bytes.first().copied().unwrap_or(0)) % ZONES.len()];
    let rest = std::str::from_utf8(bytes.get(1..).unwrap_or_default()).ok();
    (Zone::parse(zone).expect("zones of the bundled database"), rest)
}

/// Programmes of other systems: what is read can be planned, and what was planned is there.
pub(crate) fn programme_file(bytes: &[u8]) {
    let zone = Zone::parse(ZONES[0]).expect("a zone of the bundled database");
    let Ok(file) = import::read(bytes, &zone) else { return };
    let (organization, event) = (OrganizationId(1), EventId(2));
    let fact = Fact::EventScheduled { event, title: "Conf".into(), zone, starts: NOW, ends: NOW };
    let mut programme = Programme::default();
    programme.apply(&FactRow::new(organization, NOW, fact), &Booking::default());
    let known = programme.event(organization, event).expect("it was scheduled");
    let _ = import::plan(known, &file, true);
}

/// A form on the first line and answers on the second: what is kept is kept as it is when it is given again.
pub(crate) fn form(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let Ok(form) = serde_json::from_slice::<Form>(&bytes[..end]) else { return };
    let Ok(answers) = serde_json::from_slice::<Answers>(&bytes[(end + 1).min(bytes.len())..]) else { return };
    if forms::check(&form).is_err() {
        return;
    }
    if let Ok(kept) = forms::answered(&form, &answers) {
        assert_eq!(forms::answered(&form, &kept).as_ref(), Ok(&kept), "kept answers are answers");
    }
}
