//! The schedule: one day of a programme by time, with less of it by room or track.

use maud::{Markup, html};
use records::zone::Day;
use records::{HallId, SessionId, TrackId};
use rules::programme::EventProgramme;
use rules::programme::recurrence::Occurrence;
use rules::programme::sessions::Listed;

use super::super::calendars::part;
use super::Asked;
use super::event::{head, language, notices};
use super::layout::Page;
use super::words::Words;
use crate::Api;

/// Sessions of one page: a day of a large conference; a browser lays this out in a moment.
const ROWS: usize = 300;
/// Days that links are shown for, around the one that is shown.
const DAYS_MAX: usize = 60;

type Row<'a> = (Occurrence, SessionId, &'a Listed);

/// A day of the programme: the one that is asked for, else today, else the first. None when there is no such day.
pub(super) fn page(api: &Api, asked: &Asked, known: &EventProgramme, day: Option<&str>) -> Option<Page> {
    let (words, language) = language(known);
    let zone = &known.scheduled().zone;
    let days = known.sessions().days(zone);
    let today = zone.day(api.clock.now());
    let wanted = match day {
        Some(text) => Day::parse(text)?,
        None => days.iter().copied().find(|day| *day == today).or_else(|| days.first().copied()).unwrap_or(today),
    };
    if day.is_some() && !days.contains(&wanted) {
        return None;
    }
    let place = days.partition_point(|day| *day < wanted);
    let first = place.saturating_sub(DAYS_MAX / 2).min(days.len().saturating_sub(DAYS_MAX));
    let (hall, track) = (asked.parameter("room"), asked.parameter("track"));
    let hall_id = HallId::parse(&hall).unwrap_or(HallId::NONE);
    let track_id = TrackId::parse(&track).unwrap_or(TrackId::NONE);
    let rows: Vec<Row<'_>> = known
        .sessions()
        .on_day(zone, wanted)
        .filter_map(|(time, id)| Some((time, id, known.sessions().get(id)?)))
        .filter(|(.., listed)| hall.is_empty() || listed.spec.hall == hall_id)
        .filter(|(.., listed)| track.is_empty() || listed.spec.track == track_id)
        .collect();
    let number = asked.parameter("page").parse::<usize>().unwrap_or(1).clamp(1, rows.len().div_ceil(ROWS).max(1));
    let head = head(api, asked.at, known, words, "schedule");
    let base = format!("{}/schedule", head.home);
    let here = format!("{base}/{}", wanted.date());
    let noon = zone.clock(records::Timestamp::from_seconds(i64::from(wanted.0) * 86_400 + 43_200));
    let title = words.day(Day::date(wanted).parse::<jiff::civil::Date>().map_or(noon, |date| date.at(12, 0, 0, 0)));
    let shown = &rows[(number - 1) * ROWS..rows.len().min(number * ROWS)];
    let main = html! {
        (notices(known, words))
        h1 { (words.schedule) }
        ul.days {
            @for one in days.iter().skip(first).take(DAYS_MAX) {
                li { a href=(format!("{base}/{}", one.date())) aria-current=[(*one == wanted).then_some("date")] { (one.date()) } }
            }
        }
        p.lead { (title) br; span.meta { (words.times_in) " " (zone.name()) } }
        (filter(known, words, &here, (&hall, &track)))
        @if shown.is_empty() { p { (words.nothing) } }
        (slots(known, words, &head.home, shown))
        @if rows.len() > ROWS {
            nav.more aria-label=(words.schedule) {
                @if number > 1 { a href=(turned(&here, &hall, &track, number - 1)) rel="prev" { "← " (words.earlier) } }
                @if number * ROWS < rows.len() { a href=(turned(&here, &hall, &track, number + 1)) rel="next" { (words.later) " →" } }
            }
        }
    };
    Some(Page {
        words,
        language,
        title: format!("{} · {title} · {}", words.schedule, known.scheduled().title),
        description: format!("{}: {} {}", known.scheduled().title, rows.len(), words.sessions),
        organizer: asked.organizer.clone(),
        canonical: format!("{}/schedule/{}", api.event_address(asked.at), wanted.date()),
        picture: known.page().picture.clone(),
        picture_text: known.page().picture_text.clone(),
        data: None,
        head,
        main,
    })
}

fn turned(here: &str, hall: &str, track: &str, number: usize) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("room", hall), ("track", track)] {
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    query.append_pair("page", &number.to_string());
    format!("{here}?{}", query.finish())
}

fn filter(known: &EventProgramme, words: &Words, here: &str, (hall, track): (&str, &str)) -> Markup {
    let mut halls: Vec<_> = known.halls().iter().collect();
    halls.sort_by(|(_, one), (_, other)| (one.rank, &one.title).cmp(&(other.rank, &other.title)));
    let mut tracks: Vec<_> = known.tracks().iter().collect();
    tracks.sort_by(|(_, one), (_, other)| one.title.cmp(&other.title));
    html! {
        @if halls.len() + tracks.len() > 1 {
            form.filter method="get" action=(here) {
                @if halls.len() > 1 {
                    div {
                        label for="room" { (words.room) }
                        select id="room" name="room" {
                            option value="" { (words.all_rooms) }
                            @for (id, spec) in &halls { option value=(id) selected[id.to_string() == hall] { (spec.title) } }
                        }
                    }
                }
                @if tracks.len() > 1 {
                    div {
                        label for="track" { (words.track) }
                        select id="track" name="track" {
                            option value="" { (words.all_tracks) }
                            @for (id, spec) in &tracks { option value=(id) selected[id.to_string() == track] { (spec.title) } }
                        }
                    }
                }
                button type="submit" { (words.show) }
            }
        }
    }
}

/// Rows by when they begin: everything that begins together stands together.
fn slots(known: &EventProgramme, words: &Words, home: &str, rows: &[Row<'_>]) -> Markup {
    let zone = &known.scheduled().zone;
    html! {
        @for slot in rows.chunk_by(|one, other| one.0.starts == other.0.starts) {
            @let starts = slot[0].0.starts;
            section.slot {
                h2 id=(format!("t{}", starts.seconds())) {
                    time datetime=(starts) data-zone=(zone.name()) { (words.time(zone.clock(starts))) }
                }
                ul.list { @for row in slot { (row_of(known, words, home, row)) } }
            }
        }
    }
}

/// One session in a list.
pub(super) fn row_of(known: &EventProgramme, words: &Words, home: &str, (time, _, listed): &Row<'_>) -> Markup {
    let spec = &listed.spec;
    let zone = &known.scheduled().zone;
    let speakers = spec.speakers.iter().filter_map(|one| known.speakers().get(one)).map(|one| one.name.as_str());
    let speakers = speakers.collect::<Vec<_>>().join(", ");
    html! {
        li.row {
            h3 class=[spec.cancelled.then_some("off")] { a href=(format!("{home}/sessions/{}", part(time.id))) { (spec.title) } }
            @if spec.cancelled { p { strong { (words.cancelled) } } }
            @if !speakers.is_empty() { p { (speakers) } }
            p.meta {
                span.tag { (words.time(zone.clock(time.starts))) "–" (words.time(zone.clock(time.ends))) }
                (tags(known, listed))
            }
        }
    }
}

/// Room, track and language of a session.
pub(super) fn tags(known: &EventProgramme, listed: &Listed) -> Markup {
    let spec = &listed.spec;
    html! {
        @if let Some(hall) = known.halls().get(&spec.hall) { span.tag { (hall.title) } }
        @if let Some(track) = known.tracks().get(&spec.track) {
            span.tag {
                @if !track.color.is_empty() {
                    svg viewBox="0 0 10 10" aria-hidden="true" { circle cx="5" cy="5" r="5" fill=(track.color) {} }
                }
                (track.title)
            }
        }
        @if !spec.kind.is_empty() { span.tag { (spec.kind) } }
        @if !spec.language.is_empty() { span.tag { (spec.language) } }
    }
}
