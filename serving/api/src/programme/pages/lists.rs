//! Pages of a session, of speakers, and of an organization's events.

use maud::{Markup, PreEscaped, html};
use records::programme::Audience;
use records::{SessionId, SpeakerId, Timestamp};
use rules::programme::EventProgramme;
use rules::programme::recurrence::Occurrence;
use serde_json::json;

use super::super::calendars::part;
use super::super::{At, markdown};
use super::Asked;
use super::event::{head, language, local, location, notices, people, status};
use super::layout::{Head, Page};
use super::schedule::{row_of, tags};
use super::words::{self, Words};
use crate::Api;

/// Speakers of one page.
const SPEAKERS: usize = 200;
/// Times of a recurring session that its page shows.
const TIMES: usize = 100;
/// Events of an organization's page.
const EVENTS: usize = 500;

fn time_of(known: &EventProgramme, words: &Words, time: &Occurrence) -> Markup {
    let zone = &known.scheduled().zone;
    let (starts, ends) = (zone.clock(time.starts), zone.clock(time.ends));
    html! {
        time datetime=(time.starts) data-zone=(zone.name()) { (words.day(starts)) ", " (words.time(starts)) }
        "–" (words.time(ends))
    }
}

pub(super) fn session(api: &Api, asked: &Asked, known: &EventProgramme, id: SessionId) -> Option<Page> {
    let (session, listed, time) = known.sessions().find(id).or_else(|| {
        // A recurring session's own id shows its first time.
        let listed = known.sessions().get(id)?;
        Some((id, listed, *known.sessions().times(id).first()?))
    })?;
    let (words, language) = language(known);
    let spec = &listed.spec;
    let head = head(api, asked.at, known, words, "schedule");
    let home = head.home.clone();
    let times = known.sessions().times(session);
    let room = known.room(time.id);
    let everybody: Vec<_> = spec.materials.iter().filter(|one| one.audience == Audience::Everybody).collect();
    let speakers: Vec<_> = spec.speakers.iter().filter_map(|id| Some((id, known.speakers().get(id)?))).collect();
    let main = html! {
        (notices(known, words))
        @if spec.cancelled { p.notice { (words.cancelled) } }
        h1 { (spec.title) }
        @if !spec.subtitle.is_empty() { p.lead { (spec.subtitle) } }
        p { (time_of(known, words, &time)) " " span.meta { (known.scheduled().zone.name()) } }
        p.meta { (tags(known, listed)) }
        @if let Some(room) = room {
            p { (words.places) ": " (known.places().taken(time.id)) " / " (room) }
        }
        @if !spec.summary.is_empty() { div.text { (PreEscaped(markdown::html(&spec.summary))) } }
        @if !spec.description.is_empty() { div.text { (PreEscaped(markdown::html(&spec.description))) } }
        @if !speakers.is_empty() {
            h2 { (words.speakers) }
            ul.people {
                @for (id, speaker) in &speakers {
                    li.person {
                        @if !speaker.picture.is_empty() { img src=(speaker.picture) alt="" referrerpolicy="no-referrer"; }
                        span {
                            a href=(format!("{home}/speakers/{}", part(id))) { (speaker.name) }
                            @if !speaker.affiliation.is_empty() { br; span.meta { (speaker.affiliation) } }
                        }
                    }
                }
            }
        }
        @if !everybody.is_empty() || !spec.url.is_empty() {
            h2 { (words.materials) }
            ul {
                @for one in everybody { li { a href=(one.url) rel="nofollow noopener ugc" { (if one.title.is_empty() { &one.url } else { &one.title }) } } }
                @if !spec.url.is_empty() { li { a href=(spec.url) rel="nofollow noopener ugc" { (words.elsewhere) } } }
            }
        }
        @if times.len() > 1 {
            h2 { (words.schedule) }
            ul { @for one in times.iter().take(TIMES) { li { a href=(format!("{home}/sessions/{}", part(one.id))) { (time_of(known, words, one)) } } } }
        }
        p { a href=(format!("{home}/sessions/{}/calendar.ics", part(id))) { (words.calendar) } }
    };
    let url = api.event_address(asked.at);
    let canonical = format!("{url}/sessions/{}", part(time.id));
    let (state, mode) = status(known, spec.cancelled);
    let about = if spec.summary.is_empty() { &spec.description } else { &spec.summary };
    let data = json!({
        "@context": "https://schema.org", "@type": "Event", "url": canonical, "name": spec.title,
        "description": markdown::brief(about, 500), "startDate": local(known, time.starts), "endDate": local(known, time.ends),
        "eventStatus": state, "eventAttendanceMode": mode, "location": location(known, &url),
        "superEvent": {"@type": "Event", "@id": url, "name": known.scheduled().title, "url": url,
            "startDate": local(known, known.scheduled().starts), "location": location(known, &url)},
        "performer": speakers.iter().map(|(_, one)| json!({"@type": "Person", "name": one.name})).collect::<Vec<_>>()
    });
    Some(Page {
        words,
        language,
        title: format!("{} · {}", spec.title, known.scheduled().title),
        description: markdown::brief(about, 200),
        organizer: asked.organizer.clone(),
        canonical,
        picture: known.page().picture.clone(),
        picture_text: known.page().picture_text.clone(),
        data: Some(data),
        head,
        main,
    })
}

pub(super) fn speakers(api: &Api, asked: &Asked, known: &EventProgramme) -> Page {
    let (words, language) = language(known);
    let head = head(api, asked.at, known, words, "speakers");
    let count = known.speakers().len();
    let number = asked.parameter("page").parse::<usize>().unwrap_or(1).clamp(1, count.div_ceil(SPEAKERS).max(1));
    let main = html! {
        (notices(known, words))
        h1 { (words.speakers) }
        (people(known, &head.home, SPEAKERS, (number - 1) * SPEAKERS))
        @if count > SPEAKERS {
            nav.more aria-label=(words.speakers) {
                @if number > 1 { a href=(format!("{}/speakers?page={}", head.home, number - 1)) rel="prev" { "← " (number - 1) } }
                @if number * SPEAKERS < count { a href=(format!("{}/speakers?page={}", head.home, number + 1)) rel="next" { (number + 1) " →" } }
            }
        }
    };
    Page {
        words,
        language,
        title: format!("{} · {}", words.speakers, known.scheduled().title),
        description: format!("{}: {count} {}", known.scheduled().title, words.speakers),
        organizer: asked.organizer.clone(),
        canonical: format!("{}/speakers", api.event_address(asked.at)),
        picture: String::new(),
        picture_text: String::new(),
        data: None,
        head,
        main,
    }
}

pub(super) fn speaker(api: &Api, asked: &Asked, known: &EventProgramme, id: SpeakerId) -> Option<Page> {
    let spec = known.speakers().get(&id)?;
    let (words, language) = language(known);
    let head = head(api, asked.at, known, words, "speakers");
    let own: Vec<_> = known
        .sessions()
        .agenda()
        .filter_map(|(time, session)| {
            let listed = known.sessions().get(session).filter(|listed| listed.spec.speakers.contains(&id))?;
            Some((time, session, listed))
        })
        .collect();
    let main = html! {
        (notices(known, words))
        h1 { (spec.name) }
        @if !spec.affiliation.is_empty() { p.lead { (spec.affiliation) } }
        @if !spec.biography.is_empty() { div.text { (PreEscaped(markdown::html(&spec.biography))) } }
        @if !spec.links.is_empty() {
            ul { @for one in &spec.links { li { a href=(one.url) rel="nofollow noopener ugc" { (if one.title.is_empty() { &one.url } else { &one.title }) } } } }
        }
        @if !own.is_empty() {
            h2 { (words.sessions) }
            ul.list { @for row in own.iter().take(TIMES) { (row_of(known, words, &head.home, row)) } }
        }
    };
    let canonical = format!("{}/speakers/{}", api.event_address(asked.at), part(id));
    let data = json!({"@context": "https://schema.org", "@type": "Person", "name": spec.name, "url": canonical,
        "description": markdown::brief(&spec.biography, 500)});
    Some(Page {
        words,
        language,
        title: format!("{} · {}", spec.name, known.scheduled().title),
        description: markdown::brief(&spec.biography, 200),
        organizer: asked.organizer.clone(),
        canonical,
        picture: spec.picture.clone(),
        picture_text: spec.name.clone(),
        data: Some(data),
        head,
        main,
    })
}

/// The public events of an organization that there is.
pub(super) fn organization(api: &Api, asked: &Asked) -> Option<Page> {
    let organization = asked.at.0;
    let book = api.rules.read().expect("nothing panics under the lock");
    let name = book.tenant(organization)?.name.clone();
    drop(book);
    let wanted: Vec<String> = asked.parameter("search").to_lowercase().split_whitespace().map(str::to_owned).collect();
    let mut rows: Vec<(Timestamp, Timestamp, At, Markup)> = Vec::new();
    let words = words::of("");
    api.booking.programmes().each(Some(organization), |at, known| {
        let scheduled = known.scheduled();
        let text = format!("{} {} {}", scheduled.title, known.page().summary, known.page().tags.join(" ")).to_lowercase();
        if super::super::public::is_listed(known) && wanted.iter().all(|word| text.contains(word.as_str())) {
            let row = html! {
                li.row {
                    h3 { a href=(format!("/e/{}/{}", part(at.0), part(at.1))) { (scheduled.title) } }
                    p.meta { (words.day(scheduled.zone.clock(scheduled.starts))) " · " (super::super::calendars::place(known)) }
                    @if !known.page().summary.is_empty() { p { (known.page().summary) } }
                }
            };
            rows.push((scheduled.starts, scheduled.ends, at, row));
        }
    });
    rows.sort_by_key(|(starts, _, at, _)| (*starts, *at));
    let now = api.clock.now();
    let (coming, mut past): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, ends, ..)| *ends > now);
    past.reverse();
    let home = format!("/e/{}", part(organization));
    let main = html! {
        h1 { (name) }
        form.filter method="get" action=(home) role="search" {
            div {
                label for="search" { (words.search) }
                input id="search" name="search" type="search" value=(asked.parameter("search"));
            }
            button type="submit" { (words.search) }
        }
        @if coming.is_empty() && past.is_empty() { p { (words.nothing) } }
        @if !coming.is_empty() { h2 { (words.coming) } ul.list { @for (.., row) in coming.iter().take(EVENTS) { (row) } } }
        @if !past.is_empty() { h2 { (words.past) } ul.list { @for (.., row) in past.iter().take(EVENTS) { (row) } } }
    };
    Some(Page {
        words,
        language: "en".into(),
        title: format!("{} · {name}", words.events),
        description: format!("{} · {name}", words.events),
        organizer: asked.organizer.clone(),
        canonical: format!("{}{home}", api.accounts.public_url),
        picture: String::new(),
        picture_text: String::new(),
        data: None,
        head: Head { title: name, home, links: Vec::new(), action: None },
        main,
    })
}
