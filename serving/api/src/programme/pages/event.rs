//! The page of an event: what it is, where and when, what tickets cost; for machines as schema.org's `Event`.

use maud::{Markup, PreEscaped, html};
use records::booking::{Choice, ProductKind};
use records::programme::Format;
use records::{ItemId, Money, Timestamp};
use rules::programme::{EventProgramme, Standing};
use serde_json::{Value, json};

use super::super::calendars::{part, place};
use super::super::{At, markdown};
use super::Asked;
use super::layout::{Head, Page};
use super::words::{self, Words};
use crate::Api;

/// Sessions that machines are told of on the event's page; each has a page of its own.
const SUB_EVENTS_MAX: usize = 100;
/// Speakers that the event's page shows; all have a page.
const SPEAKERS_SHOWN: usize = 12;
/// Up to how many that are left are told as few.
const FEW: u64 = 10;

/// Something that one can buy.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    id: ItemId,
    title: String,
    prices: Vec<Money>,
    /// What it cost before, while it is on sale for less.
    original: Vec<Money>,
    /// Until when it costs this.
    tier_until: Option<Timestamp>,
    /// Whether one may wait for it.
    waitlist: bool,
    left: Option<u64>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// What is on sale at an event, cheapest tickets first as the organizer has them.
pub(super) fn offers(api: &Api, at: At) -> Vec<Offer> {
    let now = api.clock.now();
    let found = api.booking.ask(at.0, at.1, |office| {
        let catalogue = office.catalogue();
        let there = catalogue.products().iter().filter(|(_, product)| {
            let over = product.until.is_some_and(|until| now >= until);
            !product.withdrawn && !product.hidden && !over && product.kind == ProductKind::Admission
        });
        let offer = |(id, product): (&ItemId, &records::booking::Product)| {
            let tier = office.tier_now(*id, product, now);
            let plain = office.available(Choice { product: *id, variation: ItemId::NONE });
            let kinds = product
                .variations
                .iter()
                .map(|one| office.available(Choice { product: *id, variation: one.variation }).unwrap_or(u64::MAX));
            Offer {
                id: *id,
                title: product.title.clone(),
                prices: tier.map_or_else(Vec::new, |tier| tier.prices.clone()),
                original: tier.map_or_else(Vec::new, |tier| tier.original.clone()),
                tier_until: tier.and_then(|tier| tier.until),
                waitlist: product.waitlist,
                left: if tier.is_none() { Some(0) } else { kinds.max().or(plain) },
                from: product.from.filter(|from| now < *from),
                until: product.until,
            }
        };
        if catalogue.sales().open { there.map(offer).collect() } else { Vec::new() }
    });
    found.unwrap_or_default()
}

/// The language of an event's pages.
pub(super) fn language(known: &EventProgramme) -> (&'static Words, String) {
    let language = known.page().language.clone();
    let words = words::of(&language);
    (words, if language.is_empty() { "en".to_owned() } else { language })
}

/// The header of all pages of an event; `here` says which of them is shown.
pub(super) fn head(api: &Api, at: At, known: &EventProgramme, words: &Words, here: &str) -> Head {
    let base = format!("/e/{}/{}", part(at.0), part(at.1));
    let mut links = vec![(words.about, base.clone(), here.is_empty())];
    if !known.sessions().is_empty() {
        links.push((words.schedule, format!("{base}/schedule"), here == "schedule"));
    }
    if !known.speakers().is_empty() {
        links.push((words.speakers, format!("{base}/speakers"), here == "speakers"));
    }
    let over = known.scheduled().ends <= api.clock.now() || matches!(known.standing(), Standing::CalledOff(_));
    let shop = format!("/shop/{}/{}", part(at.0), part(at.1));
    let action = (!over).then(|| (words.get_tickets.to_owned(), shop));
    Head { title: known.scheduled().title.clone(), home: base, links, action }
}

/// What stands above everything where an event is no ordinary one.
pub(super) fn notices(known: &EventProgramme, words: &Words) -> Markup {
    html! {
        @match known.standing() {
            Standing::CalledOff(reason) => p.notice { (words.called_off) " " (reason) },
            Standing::Draft => p.notice { (words.draft) },
            Standing::Published => {},
        }
    }
}

/// From when to when, with the zone.
fn when(known: &EventProgramme, words: &Words) -> Markup {
    let scheduled = known.scheduled();
    let zone = &scheduled.zone;
    let (starts, ends) = (zone.clock(scheduled.starts), zone.clock(scheduled.ends));
    let last = if zone.day(scheduled.starts) == zone.day(scheduled.ends) {
        words.time(ends)
    } else {
        format!("{}, {}", words.day(ends), words.time(ends))
    };
    html! {
        time datetime=(scheduled.starts) data-zone=(zone.name()) { (words.day(starts)) ", " (words.time(starts)) }
        " – "
        time datetime=(scheduled.ends) { (last) }
        br;
        span.meta { (words.times_in) " " (zone.name()) }
    }
}

fn address(known: &EventProgramme, words: &Words) -> Markup {
    let page = known.page();
    html! {
        @match page.format {
            Format::Virtual => (words.online),
            Format::InPerson => (place(known)),
            Format::Hybrid => { (place(known)) br; span.meta { (words.hybrid) } },
        }
    }
}

fn tickets(known: &EventProgramme, offers: &[Offer], shop: Option<&str>, words: &Words) -> Markup {
    html! {
        @if !offers.is_empty() {
            h2 id="tickets" { (words.tickets) }
            ul.list.offers { @for offer in offers { li.row { (offered(known, offer, shop, words)) } } }
            @if let Some(shop) = shop { p { a.button href=(shop) { (words.get_tickets) } } }
        }
    }
}

fn offered(known: &EventProgramme, offer: &Offer, shop: Option<&str>, words: &Words) -> Markup {
    let sold_out = offer.left == Some(0) && offer.from.is_none();
    html! {
        span { (offer.title) }
        span {
            @if sold_out {
                span.meta { (words.sold_out) }
                @if let Some(shop) = shop.filter(|_| offer.waitlist) {
                    @let named = format!("{}: {}", words.wait, offer.title);
                    " " a href=(format!("{shop}?wait={}", part(offer.id))) aria-label=(named) { (words.wait) }
                }
            } @else {
                @if offer.left.is_some_and(|left| left <= FEW) { span.meta { (words.few_left) " " } }
                @for (number, price) in offer.prices.iter().enumerate() {
                    @if number > 0 { " / " }
                    @let before = offer.original.iter().find(|one| one.currency == price.currency && one.minor > price.minor);
                    @if let Some(before) = before { s.meta { span.unseen { (words.before) " " } (words.price(*before)) } " " }
                    span.price { @if price.minor == 0 { (words.free) } @else { (words.price(*price)) } }
                }
                @if let Some(until) = offer.tier_until {
                    @let clock = known.scheduled().zone.clock(until);
                    span.meta { " " (words.until) " " time datetime=(until) { (words.day(clock)) ", " (words.time(clock)) } }
                }
            }
        }
    }
}

pub(super) fn page(api: &Api, asked: &Asked, known: &EventProgramme, offers: &[Offer]) -> Page {
    let (words, language) = language(known);
    let (scheduled, spec) = (known.scheduled(), known.page());
    let canonical = api.event_address(asked.at);
    let head = head(api, asked.at, known, words, "");
    let has_place = spec.format == Format::Virtual || !place(known).is_empty();
    let main = html! {
        (notices(known, words))
        h1 { (scheduled.title) }
        @if !spec.summary.is_empty() { p.lead { (spec.summary) } }
        @if !spec.picture.is_empty() { img.hero src=(spec.picture) alt=(spec.picture_text) referrerpolicy="no-referrer"; }
        dl.facts {
            div { dt { (words.when) } dd { (when(known, words)) } }
            @if has_place { div { dt { (words.place) } dd { (address(known, words)) } } }
            @if !known.sessions().is_empty() {
                div { dt { (words.sessions) } dd { a href=(format!("{}/schedule", head.home)) { (known.sessions().len()) } } }
            }
        }
        p { a href=(format!("{}/calendar.ics", head.home)) { (words.calendar) } }
        @if !spec.description.is_empty() { div.text { (PreEscaped(markdown::html(&spec.description))) } }
        (tickets(known, offers, head.action.as_ref().map(|(_, shop)| shop.as_str()), words))
        @if !known.speakers().is_empty() {
            h2 { (words.speakers) }
            (people(known, &head.home, SPEAKERS_SHOWN, 0))
            @if known.speakers().len() > SPEAKERS_SHOWN {
                p { a href=(format!("{}/speakers", head.home)) { (words.speakers) ": " (known.speakers().len()) } }
            }
        }
        @if !spec.tags.is_empty() { p.meta { @for tag in &spec.tags { span.tag { (tag) } } } }
    };
    let about = if spec.summary.is_empty() { &spec.description } else { &spec.summary };
    Page {
        words,
        language,
        title: scheduled.title.clone(),
        description: markdown::brief(about, 200),
        data: Some(data(api, asked, known, &canonical, offers)),
        organizer: asked.organizer.clone(),
        canonical,
        picture: spec.picture.clone(),
        picture_text: spec.picture_text.clone(),
        head,
        main,
    }
}

/// Some of the speakers, by name.
pub(super) fn people(known: &EventProgramme, home: &str, most: usize, skip: usize) -> Markup {
    let mut all: Vec<_> = known.speakers().iter().collect();
    all.sort_by_cached_key(|(id, speaker)| (speaker.name.to_lowercase(), **id));
    html! {
        ul.people {
            @for (id, speaker) in all.into_iter().skip(skip).take(most) {
                li.person {
                    @if !speaker.picture.is_empty() { img src=(speaker.picture) alt="" loading="lazy" referrerpolicy="no-referrer"; }
                    span {
                        a href=(format!("{home}/speakers/{}", part(id))) { (speaker.name) }
                        @if !speaker.affiliation.is_empty() { br; span.meta { (speaker.affiliation) } }
                    }
                }
            }
        }
    }
}

/// Where it takes place, as schema.org has it.
pub(super) fn location(known: &EventProgramme, url: &str) -> Value {
    let page = known.page();
    let address = json!({
        "@type": "PostalAddress", "streetAddress": page.address.street, "postalCode": page.address.postal_code,
        "addressLocality": page.address.locality, "addressCountry": page.address.country
    });
    let venue = if page.venue.is_empty() { &known.scheduled().title } else { &page.venue };
    let hall = json!({"@type": "Place", "name": venue, "address": address});
    let online = json!({"@type": "VirtualLocation", "url": url});
    match page.format {
        Format::InPerson => hall,
        Format::Virtual => online,
        Format::Hybrid => json!([hall, online]),
    }
}

/// What is the same for an event and its sessions.
pub(super) fn status(known: &EventProgramme, cancelled: bool) -> (&'static str, &'static str) {
    let off = cancelled || matches!(known.standing(), Standing::CalledOff(_));
    let status = if off { "https://schema.org/EventCancelled" } else { "https://schema.org/EventScheduled" };
    let mode = match known.page().format {
        Format::InPerson => "https://schema.org/OfflineEventAttendanceMode",
        Format::Virtual => "https://schema.org/OnlineEventAttendanceMode",
        Format::Hybrid => "https://schema.org/MixedEventAttendanceMode",
    };
    (status, mode)
}

/// A time as schema.org wants it: with the offset of the zone.
pub(super) fn local(known: &EventProgramme, at: Timestamp) -> String {
    let instant = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    instant.to_zoned(known.scheduled().zone.rules().clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn data(api: &Api, asked: &Asked, known: &EventProgramme, url: &str, offers: &[Offer]) -> Value {
    let organizer = format!("{}/e/{}", api.accounts.public_url, part(asked.at.0));
    let (scheduled, page) = (known.scheduled(), known.page());
    let (status, mode) = status(known, false);
    let shop = url.replacen("/e/", "/shop/", 1);
    let priced = offers.iter().flat_map(|offer| {
        let shop = shop.clone();
        offer.prices.iter().map(move |price| {
            let availability = match (offer.left, offer.from) {
                (Some(0), _) => "https://schema.org/SoldOut",
                (_, Some(_)) => "https://schema.org/PreOrder",
                (Some(left), _) if left <= FEW => "https://schema.org/LimitedAvailability",
                _ => "https://schema.org/InStock",
            };
            let text = price.to_string();
            let amount = text.split(' ').next().unwrap_or_default();
            let mut told = json!({
                "@type": "Offer", "name": offer.title, "price": amount, "priceCurrency": price.currency.to_string(),
                "availability": availability, "url": shop
            });
            if let Some(from) = offer.from {
                told["validFrom"] = local(known, from).into();
            }
            if let Some(until) = offer.until {
                told["validThrough"] = local(known, until).into();
            }
            told
        })
    });
    let mut data = json!({
        "@context": "https://schema.org", "@type": "Event", "@id": url, "url": url, "name": scheduled.title,
        "description": markdown::brief(if page.summary.is_empty() { &page.description } else { &page.summary }, 500),
        "startDate": local(known, scheduled.starts), "endDate": local(known, scheduled.ends),
        "eventStatus": status, "eventAttendanceMode": mode, "location": location(known, url),
        "offers": priced.collect::<Vec<_>>(),
        "organizer": {"@type": "Organization", "name": asked.organizer, "url": organizer},
    });
    if !page.picture.is_empty() {
        data["image"] = json!([page.picture]);
    }
    if !page.language.is_empty() {
        data["inLanguage"] = page.language.clone().into();
    }
    let now = api.clock.now();
    let agenda = known.sessions().agenda();
    let coming = agenda.clone().filter(|(time, _)| time.ends > now).chain(agenda.filter(|(time, _)| time.ends <= now));
    let sub: Vec<Value> = coming
        .take(SUB_EVENTS_MAX)
        .filter_map(|(time, id)| {
            let listed = known.sessions().get(id)?;
            Some(json!({
                "@type": "Event", "name": listed.spec.title, "url": format!("{url}/sessions/{}", part(time.id)),
                "startDate": local(known, time.starts), "endDate": local(known, time.ends),
                "location": location(known, url)
            }))
        })
        .collect();
    if !sub.is_empty() {
        data["subEvent"] = sub.into();
    }
    data
}
