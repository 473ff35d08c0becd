//! Whether what organizers write is sound: lengths, addresses, colours. What pages make of it is sanitised besides.

use records::Zone;
use records::programme::{Access, AccessMode, Hall, Invitation, Link, Page, Session, Speaker, Track};

use super::refusal::Refusal;

/// Bytes of a line: titles, names.
pub(super) const LINE_MAX: usize = 500;
/// Bytes of a text: descriptions, biographies. The longest of the real programmes has 12 KB.
pub(super) const TEXT_MAX: usize = 64 << 10;
/// Bytes of an address.
const URL_MAX: usize = 2_000;
/// Entries of a list: tags, links, materials, speakers of a session.
const LIST_MAX: usize = 100;
/// Exceptions and further times of a recurrence.
const TIMES_MAX: usize = 1_000;
/// Places of a session or room.
const CAPACITY_MAX: u32 = 1_000_000;
/// The longest session: two weeks, as an exhibition's.
const LENGTH_MAX_S: i64 = 14 * 86_400;

type Checked = Result<(), Refusal>;

pub(super) fn line(field: &str, text: &str) -> Checked {
    if text.len() > LINE_MAX || text.chars().any(char::is_control) {
        return Err(Refusal::invalid(field, format!("is one line of at most {LINE_MAX} bytes")));
    }
    Ok(())
}

pub(super) fn title(field: &str, text: &str) -> Checked {
    if text.trim().is_empty() {
        return Err(Refusal::invalid(field, "is missing"));
    }
    line(field, text)
}

pub(super) fn text(field: &str, text: &str) -> Checked {
    if text.len() > TEXT_MAX || text.contains('\0') {
        return Err(Refusal::invalid(field, format!("has at most {TEXT_MAX} bytes")));
    }
    Ok(())
}

/// An address that may stand in a link: nothing that runs.
fn url(field: &str, text: &str) -> Checked {
    let web = text.starts_with("https://") || text.starts_with("http://");
    let plain =
        text.bytes().all(|byte| byte.is_ascii_graphic() || byte >= 0x80) && !text.contains(['"', '<', '>', '\\']);
    if text.is_empty() || (web && plain && text.len() <= URL_MAX) {
        return Ok(());
    }
    Err(Refusal::invalid(field, "is an address that begins with https:// or http://"))
}

fn picture(field: &str, text: &str) -> Checked {
    if text.is_empty() || text.starts_with("https://") {
        return url(field, text);
    }
    Err(Refusal::invalid(field, "is an address that begins with https://"))
}

fn language(field: &str, text: &str) -> Checked {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.is_empty() || (text.len() <= 35 && text.bytes().all(plain)) {
        return Ok(());
    }
    Err(Refusal::invalid(field, "is a language such as `en` or `de-AT`"))
}

fn few<T>(field: &str, list: &[T]) -> Checked {
    if list.len() > LIST_MAX { Err(Refusal::invalid(field, format!("has at most {LIST_MAX}"))) } else { Ok(()) }
}

fn capacity(capacity: Option<u32>) -> Checked {
    if capacity.is_some_and(|capacity| capacity > CAPACITY_MAX) {
        return Err(Refusal::invalid("capacity", format!("is at most {CAPACITY_MAX}")));
    }
    Ok(())
}

pub(super) fn page(page: &Page) -> Checked {
    text("summary", &page.summary)?;
    text("description", &page.description)?;
    line("venue", &page.venue)?;
    line("address.street", &page.address.street)?;
    line("address.postal_code", &page.address.postal_code)?;
    line("address.locality", &page.address.locality)?;
    country("address.country", &page.address.country)?;
    url("online", &page.online)?;
    picture("picture", &page.picture)?;
    line("picture_text", &page.picture_text)?;
    language("language", &page.language)?;
    few("tags", &page.tags)?;
    page.tags.iter().try_for_each(|tag| title("tags", tag))
}

fn country(field: &str, text: &str) -> Checked {
    if text.is_empty() || (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())) {
        return Ok(());
    }
    Err(Refusal::invalid(field, "is a country of ISO 3166-1 such as `DE`"))
}

pub(super) fn hall(hall: &Hall) -> Checked {
    title("title", &hall.title)?;
    text("description", &hall.description)?;
    capacity(hall.capacity)
}

pub(super) fn track(track: &Track) -> Checked {
    title("title", &track.title)?;
    let hexadecimal = |text: &str| text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if track.color.is_empty() || track.color.strip_prefix('#').is_some_and(hexadecimal) {
        return Ok(());
    }
    Err(Refusal::invalid("color", "is a colour such as `#1b6e53`"))
}

fn links(field: &str, all: &[Link]) -> Checked {
    few(field, all)?;
    for (number, link) in all.iter().enumerate() {
        line(&format!("{field}[{number}].title"), &link.title)?;
        if link.url.is_empty() {
            return Err(Refusal::invalid(format!("{field}[{number}].url"), "is missing"));
        }
        url(&format!("{field}[{number}].url"), &link.url)?;
    }
    Ok(())
}

pub(super) fn speaker(speaker: &Speaker) -> Checked {
    title("name", &speaker.name)?;
    line("affiliation", &speaker.affiliation)?;
    text("biography", &speaker.biography)?;
    picture("picture", &speaker.picture)?;
    links("links", &speaker.links)
}

pub(super) fn session(spec: &Session, zone: &Zone) -> Checked {
    title("title", &spec.title)?;
    line("subtitle", &spec.subtitle)?;
    text("summary", &spec.summary)?;
    text("description", &spec.description)?;
    line("kind", &spec.kind)?;
    language("language", &spec.language)?;
    url("url", &spec.url)?;
    capacity(spec.capacity)?;
    few("speakers", &spec.speakers)?;
    let mut seen = spec.speakers.clone();
    seen.sort_unstable();
    if seen.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Refusal::invalid("speakers", "names somebody twice"));
    }
    few("materials", &spec.materials)?;
    let materials: Vec<Link> =
        spec.materials.iter().map(|one| Link { title: one.title.clone(), url: one.url.clone() }).collect();
    links("materials", &materials)?;
    let length = spec.ends.since(spec.starts).seconds();
    if spec.ends <= spec.starts || length > LENGTH_MAX_S {
        return Err(Refusal::invalid("ends", "is after `starts`, by two weeks at most"));
    }
    let year = |at| zone.clock(at).year();
    if year(spec.starts) < 1970 || year(spec.ends) > 2200 {
        return Err(Refusal::invalid("starts", "is between 1970 and 2200"));
    }
    match &spec.recurrence {
        Some(recurrence) if recurrence.except.len() > TIMES_MAX || recurrence.also.len() > TIMES_MAX => {
            Err(Refusal::invalid("recurrence", format!("has at most {TIMES_MAX} exceptions and further times")))
        }
        _ => Ok(()),
    }
}

pub(super) fn access(access: &Access) -> Checked {
    match (access.mode, access.password.is_empty()) {
        (AccessMode::Password, true) => Err(Refusal::invalid("password", "is missing")),
        (AccessMode::Password, false) | (_, true) => line("password", &access.password),
        (_, false) => Err(Refusal::invalid("password", "is for the mode `password`")),
    }
}

pub(super) fn invitation(spec: &Invitation) -> Checked {
    line("title", &spec.title)?;
    if spec.uses == Some(0) { Err(Refusal::invalid("uses", "is at least 1")) } else { Ok(()) }
}
