//! What a reader asks for: the address of a read route, and how it wants to be told.

use std::time::Duration;

use axum::http::Uri;
use records::OrganizationId;

use crate::answer::Waiting;
use crate::limits;
use crate::problem::{Code, Problem};

/// The slowest rhythm that may be asked for, updates a second: one in a hundred seconds.
const RATE_MIN: f64 = 0.01;

/// One feed that somebody asks for.
#[derive(Debug)]
pub(super) struct Wish {
    /// The read route with its parameters, in one spelling: who asks for the same has the same address.
    pub(super) address: Uri,
    /// Where to go on.
    pub(super) position: Option<String>,
    /// Updates a second at most.
    pub(super) max_rate: Option<f64>,
    /// What must be reflected before the first message.
    pub(super) waiting: Waiting,
    /// The organization that is meant.
    pub(super) organization: Option<OrganizationId>,
}

impl Wish {
    /// Reads what follows `/v1/feeds/`, such as `leaderboards/points?limit=3&max_rate=2`.
    ///
    /// # Errors
    /// `parameter_wrong`.
    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        let wrong = |detail: String| Problem::new(Code::ParameterWrong, detail);
        if text.len() > limits::FEED_ADDRESS_BYTES_MAX {
            return Err(wrong(format!("a feed's address has at most {} bytes", limits::FEED_ADDRESS_BYTES_MAX)));
        }
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut position, mut max_rate, mut waiting, mut organization) = (None, None, Waiting::default(), None);
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "position" => position = Some(decoded(value)?),
                "max_rate" => max_rate = Some(rate(value).ok_or_else(|| wrong(RATE.into()))?),
                "organization" => {
                    let parsed = OrganizationId::parse(&decoded(value)?);
                    organization = Some(parsed.map_err(|error| wrong(format!("`organization`: {error}")))?);
                }
                "wait_for" => waiting.wait_for = Some(decoded(value)?),
                "wait_ms" => {
                    let wait = value.parse().map_err(|_| wrong("`wait_ms` is a number of milliseconds".into()))?;
                    waiting.wait_ms = Some(wait);
                }
                "from" | "limit" if path.ends_with("/changes") => {
                    return Err(wrong(format!("a feed of changes takes no `{name}`; it goes on from `position`")));
                }
                _ => rest.push(pair),
            }
        }
        // The order of parameters means nothing, so it must not part readers of the same.
        rest.sort_unstable();
        let query = rest.join("&");
        let address = if query.is_empty() { format!("/v1/views/{path}") } else { format!("/v1/views/{path}?{query}") };
        let address = address.parse().map_err(|_| wrong("the feed's address is no part of a URL".into()))?;
        Ok(Self { address, position, max_rate, waiting, organization })
    }
}

const RATE: &str = "`max_rate` is a number of updates a second, such as 2 or 0.5";

fn rate(text: &str) -> Option<f64> {
    text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0).map(|rate| rate.max(RATE_MIN))
}

/// The time between two updates of a subscription.
pub(super) fn every(max_rate: Option<f64>, most: u32) -> Duration {
    let most = f64::from(most.max(1));
    Duration::from_secs_f64(1.0 / max_rate.map_or(most, |rate| rate.clamp(RATE_MIN, most)))
}

/// The segments of an address after `/v1/views/`, decoded.
pub(super) fn segments(address: &Uri) -> Result<Vec<String>, Problem> {
    address.path().trim_start_matches("/v1/views/").split('/').map(decoded).collect()
}

/// Undoes percent-encoding (RFC 3986 §2.1).
pub(super) fn decoded(text: &str) -> Result<String, Problem> {
    let wrong = || Problem::new(Code::ParameterWrong, "the feed's address is not percent-encoded as UTF-8");
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut digit = || char::from(bytes.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        plain.push(if byte == b'%' { (digit().ok_or_else(wrong)? << 4) | digit().ok_or_else(wrong)? } else { byte });
    }
    String::from_utf8(plain).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_parameters_means_nothing_and_the_readers_own_are_no_part_of_the_address() {
        let wish = Wish::read(
            "leaderboards/points?limit=3&max_rate=2&event=conf&position=a.1.2.3.4&wait_for=t5&organization=acme",
        )
        .unwrap();
        assert_eq!(wish.address, "/v1/views/leaderboards/points?event=conf&limit=3");
        assert_eq!((wish.position.as_deref(), wish.max_rate), (Some("a.1.2.3.4"), Some(2.0)));
        assert_eq!(wish.organization, Some(OrganizationId::parse("acme").unwrap()));
        assert_eq!(wish.waiting.wait_for.as_deref(), Some("t5"));
        assert_eq!(Wish::read("segments").unwrap().address, "/v1/views/segments");
    }

    #[test]
    fn slips_are_refused() {
        for wrong in
            ["windows?max_rate=0", "windows?max_rate=fast", "windows?wait_ms=x", "windows/changes?from=9", "a b", "%"]
        {
            let refused = Wish::read(wrong).and_then(|wish| segments(&wish.address)).map_err(|problem| problem.code);
            assert_eq!(refused.unwrap_err(), Code::ParameterWrong, "{wrong}");
        }
    }

    #[test]
    fn names_are_decoded() {
        let wish = Wish::read("visits/ada%40example.org?event=conf").unwrap();
        assert_eq!(segments(&wish.address).unwrap(), ["visits", "ada@example.org"]);
    }

    #[test]
    fn a_client_may_be_told_less_often_and_not_more() {
        assert_eq!(every(None, 20), Duration::from_millis(50));
        assert_eq!(every(Some(2.0), 20), Duration::from_millis(500));
        assert_eq!(every(Some(1e9), 20), Duration::from_millis(50));
    }
}
