//! The frame of every page: head, header, styles, and what an answer of it carries.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use records::Timestamp;
use sha2::{Digest as _, Sha256};

use super::words::Words;
use crate::conditional::tag_of;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// Before anything is painted, so that nobody who chose a theme in the shop sees the other one first.
const THEME: &str = "try{var t=localStorage.getItem('eventra-theme');if(t==='light'||t==='dark')document.documentElement.dataset.theme=t}catch(e){}";

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}' 'sha256-{}'; img-src 'self' https: data:; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
        hash(STYLE),
        hash(SCRIPT),
        hash(THEME)
    )
});

/// A page before it is put into its frame.
pub(super) struct Page {
    pub(super) words: &'static Words,
    pub(super) language: String,
    pub(super) title: String,
    pub(super) description: String,
    /// The name of who organizes it.
    pub(super) organizer: String,
    /// Its one address.
    pub(super) canonical: String,
    pub(super) picture: String,
    pub(super) picture_text: String,
    /// What it is to schema.org; none for lists.
    pub(super) data: Option<serde_json::Value>,
    pub(super) head: Head,
    pub(super) main: Markup,
}

/// The header of the pages of an event.
pub(super) struct Head {
    pub(super) title: String,
    pub(super) home: String,
    /// Titles and addresses; the one that is shown now.
    pub(super) links: Vec<(&'static str, String, bool)>,
    pub(super) action: Option<(String, String)>,
}

impl Page {
    /// The answer; `listed` says whether search engines may know of it.
    pub(super) fn answer(self, listed: bool) -> Response {
        let text = self.document(listed).into_string();
        let tag = tag_of(text.as_bytes());
        // What is for everybody may be kept for a moment: it shows prices and what is left.
        let cache = if listed { "public, max-age=10, stale-while-revalidate=60" } else { "private, no-cache" };
        let mut response = framed(text);
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        if listed {
            headers.insert(header::VARY, HeaderValue::from_static("cookie, authorization"));
        } else {
            headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
        }
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }

    fn document(&self, listed: bool) -> Markup {
        html! {
            (DOCTYPE)
            html lang=(self.language) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                    meta name="description" content=(self.description);
                    @if !listed { meta name="robots" content="noindex"; }
                    link rel="canonical" href=(self.canonical);
                    meta property="og:type" content="website";
                    meta property="og:title" content=(self.title);
                    meta property="og:description" content=(self.description);
                    meta property="og:url" content=(self.canonical);
                    meta property="og:site_name" content=(self.organizer);
                    meta property="og:locale" content=(self.language.replace('-', "_"));
                    @if !self.picture.is_empty() {
                        meta property="og:image" content=(self.picture);
                        meta property="og:image:alt" content=(self.picture_text);
                    }
                    meta name="twitter:card" content=(if self.picture.is_empty() { "summary" } else { "summary_large_image" });
                    script { (PreEscaped(THEME)) }
                    style { (PreEscaped(STYLE)) }
                    @if let Some(data) = &self.data {
                        script type="application/ld+json" { (PreEscaped(embedded(data))) }
                    }
                }
                body data-zone-word=(self.words.your_time) {
                    a.skip href="#content" { (self.words.skip) }
                    header.top {
                        a.home href=(self.head.home) { (self.head.title) }
                        // A way to where one is already is none.
                        @if self.head.links.len() > 1 {
                            nav aria-label=(self.head.title) {
                                @for (title, address, here) in &self.head.links {
                                    a href=(address) aria-current=[here.then_some("page")] { (title) }
                                }
                            }
                        }
                        @if let Some((title, address)) = &self.head.action {
                            a.button href=(address) { (title) }
                        }
                    }
                    main id="content" { (self.main) }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
    }
}

/// JSON inside of a script element: nothing in it may end the element.
fn embedded(data: &serde_json::Value) -> String {
    data.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn framed(text: String) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(policy) = HeaderValue::from_str(&POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The day of an instant, `2026-11-20`.
pub(super) fn day_of(at: Timestamp) -> String {
    records::Zone::utc().day(at).date()
}

fn plain(title: &str, main: &Markup) -> Response {
    let text = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) }
                script { (PreEscaped(THEME)) }
                style { (PreEscaped(STYLE)) }
            }
            body { main.narrow id="content" { (main) } }
        }
    };
    let mut response = framed(text.into_string());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}

/// There is nothing here, or nothing for whoever asks.
pub(super) fn missing() -> Response {
    let main = html! {
        h1 { "There is nothing here" }
        p { "The address may be wrong, the event over, or not for everybody. If somebody invited you, open the link they sent." }
    };
    plain("There is nothing here", &main)
}

/// Asks for a password.
pub(super) fn password(action: &str, wrong: bool) -> Response {
    let main = html! {
        h1 { "This event asks for a password" }
        @if wrong { p.notice role="alert" { "This password does not open it. Ask whoever told you about the event." } }
        form method="post" action=(action) {
            label for="password" { "Password" }
            input id="password" name="password" type="password" required autocomplete="off";
            button type="submit" { "Open" }
        }
    };
    plain("Password", &main)
}

/// Offers to come in with an invitation: looking at a link uses nothing up.
pub(super) fn invitation(action: &str, text: &str, wrong: bool) -> Response {
    let main = html! {
        h1 { "You are invited" }
        @if wrong {
            p.notice role="alert" { "This invitation has let in as many as it may. Ask whoever sent it for another one." }
        } @else {
            p { "This event is for guests only. This browser will remember that you are one of them." }
            form method="post" action=(action) {
                input type="hidden" name="invitation" value=(text);
                button type="submit" { "Come in" }
            }
        }
    };
    plain("Invitation", &main)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_shop_have_the_same_colours() {
        let look = include_str!("../../../../../dashboards/web/look.css");
        let known: Vec<(&str, String)> = look
            .lines()
            .filter_map(|line| line.trim().strip_prefix("--color-")?.strip_suffix(';')?.split_once(": "))
            .map(|(name, value)| (name, value.replace(' ', "")))
            .collect();
        let colours = STYLE.lines().next().unwrap();
        let named = colours.split(';').filter_map(|one| one.strip_prefix("--")?.split_once(':')).collect::<Vec<_>>();
        assert!(named.len() > 8, "{colours}");
        for (name, value) in named {
            let value = value.trim_end_matches('}');
            assert!(known.iter().any(|(other, theirs)| *other == name && theirs == value), "{name}: {value}");
        }
    }
}
