//! What every read gives: the data and what part of the log it reflects; and waiting for one's own writes.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use records::Timestamp;
use serde::{Deserialize, Serialize};
use views::as_of::{AsOf, Progress, Wanted};

use crate::limits;
use crate::problem::{Code, Problem};

/// The most places that one `wait_for` names: as many as a log has partitions at most.
const PLACES_MAX: usize = 64;

/// An answer of a view.
#[derive(Debug, Clone, Serialize)]
pub struct Answer<T> {
    /// What it reflects.
    pub as_of: AsOf,
    /// The data itself.
    pub data: T,
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        crate::conditional::tagged(&self)
    }
}

/// The query parameters that every read takes.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
pub struct Waiting {
    /// What must be reflected: a log time as tracking answers name it (`t1763640000000000`), an epoch (`1200`), or
    /// places in the log (`a3/1811,a5/90`).
    pub wait_for: Option<String>,
    /// How long to wait at most, milliseconds; at most 10,000, which is the default.
    pub wait_ms: Option<u64>,
}

impl Waiting {
    /// Waits until everything that was asked for is reflected.
    ///
    /// # Errors
    /// `parameter_wrong`, or `waited_in_vain` after `wait_ms`, at most [`limits::WAIT_WITHIN`].
    pub async fn settle(&self, progress: &Progress) -> Result<(), Problem> {
        let Some(text) = &self.wait_for else { return Ok(()) };
        let wanted = parse(text).ok_or_else(|| {
            Problem::new(
                Code::ParameterWrong,
                "`wait_for` is what tracking answered (t1763640000000000), an epoch (1200), or places (a3/1811,a5/90)",
            )
        })?;
        let within = self.wait_ms.map_or(limits::WAIT_WITHIN, Duration::from_millis).min(limits::WAIT_WITHIN);
        let all = async {
            for wanted in wanted {
                if progress.reflected(wanted, within).await.is_none() {
                    return Err(Problem::new(Code::WaitedInVain, format!("waited {} ms", within.as_millis())));
                }
            }
            Ok(())
        };
        // One bound over all places, not one for each.
        tokio::time::timeout(within, all)
            .await
            .unwrap_or_else(|_| Err(Problem::new(Code::WaitedInVain, format!("waited {} ms", within.as_millis()))))
    }
}

fn parse(text: &str) -> Option<Vec<Wanted>> {
    if let Ok(epoch) = text.parse() {
        return Some(vec![Wanted::Epoch(epoch)]);
    }
    let places: Vec<&str> = text.split(',').collect();
    if places.len() > PLACES_MAX {
        return None;
    }
    places.into_iter().map(place).collect()
}

/// Reads `a3/1811`, with or without the `@log_time` that a place prints with.
fn place(text: &str) -> Option<Wanted> {
    let text = text.trim();
    if let Some(time) = text.strip_prefix('t') {
        return time.parse().ok().map(|time| Wanted::LogTime(Timestamp(time)));
    }
    let lane = match text.chars().next()? {
        'f' => 0,
        'a' => 1,
        _ => return None,
    };
    let (partition, rest) = text[1..].split_once('/')?;
    let offset = rest.split('@').next()?;
    Some(Wanted::Offset { lane, partition: partition.parse().ok()?, offset: offset.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use records::Pos;

    use super::*;

    #[test]
    fn places_are_read_as_they_print() {
        let pos = Pos { log_time: Timestamp(9), lane: 1, partition: 3, offset: 1811 };
        let wanted = Wanted::Offset { lane: 1, partition: 3, offset: 1811 };
        assert_eq!(parse(&pos.to_string()), Some(vec![wanted]));
        assert_eq!(parse("a3/1811"), Some(vec![wanted]));
        assert_eq!(parse("t90"), Some(vec![Wanted::LogTime(Timestamp(90))]));
        assert_eq!(parse("1200"), Some(vec![Wanted::Epoch(1200)]));
        assert_eq!(parse("a3/1811,f0/2").map(|places| places.len()), Some(2));
        for wrong in ["", "x1/2", "a1", "a/2", "a1/", "a1/2,,", "é1/2"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
