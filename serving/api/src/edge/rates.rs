//! How often a caller may ask: the generic cell rate algorithm (ITU-T I.371), one number for each caller.
//!
//! Who is known is counted as who they are: a key, a person over all their devices. Thousands behind the one address of a
//! venue therefore do not stand in each other's way; only requests that name nobody are counted by address, and their
//! bound is wide. Requests of tracking carry a key that is in a page for all to see, so they are counted by key *and* by
//! key and address: one phone cannot use up what a conference needs. IPv6 addresses count by /64, which is what one
//! customer of a network gets.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use rules::access::Principal;
use tokio::time::Instant;

use super::client::Client;
use crate::auth::{self, Presented};
use crate::problem::{Code, Problem};
use crate::{Api, routes};

/// Callers that one bound remembers at once, 24 bytes each. Whoever has not asked for a while is as good as forgotten:
/// the state of who has used nothing is no state.
const CALLERS_MAX: usize = 65_536;
/// Parts of the memory that are locked one by one.
const SHARDS: usize = 16;

/// A bound: so many at once, and one more each time `every` has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    every: Duration,
    burst: u32,
}

impl Rate {
    /// `number` a second, and `burst` at once. At most a billion a second.
    pub const fn per_second(number: u32, burst: u32) -> Self {
        let number = if number == 0 { 1 } else { number };
        Self { every: Duration::from_nanos(1_000_000_000 / number as u64), burst }
    }

    /// One in `every`, and `burst` at once.
    pub const fn one_in(every: Duration, burst: u32) -> Self {
        Self { every, burst }
    }
}

/// What became of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be done.
    Admitted {
        /// How many more could be done at once.
        left: u32,
        /// When as many as ever can be done at once again.
        whole_in: Duration,
    },
    /// It is too much.
    Refused {
        /// When one may be done again.
        wait: Duration,
    },
}

/// One bound for many callers.
#[derive(Debug)]
pub struct Gcra {
    rate: Rate,
    // For each caller when it would have used nothing, nanoseconds: the "theoretical arrival time".
    shards: Vec<Mutex<BTreeMap<u128, u64>>>,
}

impl Gcra {
    /// Nobody has asked yet.
    pub fn new(rate: Rate) -> Self {
        Self { rate, shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Takes one for `caller` at `now`, nanoseconds since some beginning.
    pub fn take(&self, caller: u128, now: u64) -> Verdict {
        let shard = &self.shards[(caller ^ (caller >> 64)) as usize % SHARDS];
        // What is kept is one number for each caller: right whoever panics.
        let mut callers = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let every = u64::try_from(self.rate.every.as_nanos()).unwrap_or(u64::MAX).max(1);
        let most = every.saturating_mul(self.rate.burst.max(1).into());
        let used = callers.get(&caller).map_or(0, |at| at.saturating_sub(now)).saturating_add(every);
        if used > most {
            return Verdict::Refused { wait: Duration::from_nanos(used - most) };
        }
        if callers.len() >= CALLERS_MAX / SHARDS && !callers.contains_key(&caller) {
            make_room(&mut callers, now);
        }
        callers.insert(caller, now.saturating_add(used));
        let left = u32::try_from((most - used) / every).unwrap_or(u32::MAX);
        Verdict::Admitted { left, whole_in: Duration::from_nanos(used) }
    }

    /// How many callers it remembers.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether it remembers nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Forgets who has used nothing; when most have used something, the quarter that has used the least. So many at once
/// that the work is little for each who comes.
fn make_room(callers: &mut BTreeMap<u128, u64>, now: u64) {
    callers.retain(|_, at| *at > now);
    if callers.len() < CALLERS_MAX / SHARDS / 4 * 3 {
        return;
    }
    let mut used: Vec<u64> = callers.values().copied().collect();
    let quarter = used.len() / 4;
    let (_, most, _) = used.select_nth_unstable(quarter);
    callers.retain(|_, at| *at > *most);
}

/// The bounds that an installation may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Of one key: tracking of a whole event goes through one.
    pub key: Rate,
    /// Of one person, over all devices: a page asks for some ten things when it opens.
    pub user: Rate,
    /// Of one address that names nobody: everybody in a venue opens the same page when the doors open.
    pub address: Rate,
    /// Of tracking, by key and address: five thousand phones behind one address that tell something every 2.5 s.
    pub tracking: Rate,
    /// Attempts to sign in, by account and address.
    pub attempt: Rate,
    /// Attempts to sign in to one account, from anywhere.
    pub account: Rate,
}

impl Default for Bounds {
    fn default() -> Self {
        Self::per_second(20_000, 100, 200, 2_000)
    }
}

impl Bounds {
    /// Bounds of so many requests a second, of each as many at once as its callers come in waves: a page that opens, a
    /// door that opens.
    pub fn per_second(key: u32, user: u32, address: u32, tracking: u32) -> Self {
        let rate = |number: u32, times: u32| Rate::per_second(number, number.saturating_mul(times));
        Self {
            key: rate(key, 2),
            user: rate(user, 5),
            address: rate(address, 25),
            tracking: rate(tracking, 5),
            attempt: Rate::one_in(Duration::from_secs(30), 10),
            account: Rate::one_in(Duration::from_secs(10), 100),
        }
    }
}

/// All bounds of a process.
#[derive(Debug)]
pub struct Rates {
    begun: Instant,
    bounds: Bounds,
    key: Gcra,
    user: Gcra,
    address: Gcra,
    tracking: Gcra,
    attempt: Gcra,
    account: Gcra,
}

impl Default for Rates {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}

impl Rates {
    /// Nobody has asked yet.
    pub fn new(bounds: Bounds) -> Self {
        let Bounds { key, user, address, tracking, attempt, account } = bounds;
        Self {
            begun: Instant::now(),
            bounds,
            key: Gcra::new(key),
            user: Gcra::new(user),
            address: Gcra::new(address),
            tracking: Gcra::new(tracking),
            attempt: Gcra::new(attempt),
            account: Gcra::new(account),
        }
    }

    /// The bounds that it was made with.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Takes one attempt to sign in to an account (its mail address as it was sent; whether it exists does not matter).
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn attempt(&self, account: &str, address: Option<IpAddr>) -> Result<(), Problem> {
        let account = account.trim().to_lowercase();
        let address = address.map_or(0, network);
        let now = self.now();
        for (gcra, caller) in
            [(&self.attempt, hashed(&format!("{account}\n{address}"))), (&self.account, hashed(&account))]
        {
            if let Verdict::Refused { wait } = gcra.take(caller, now) {
                return Err(refusal("attempts to sign in", wait));
            }
        }
        Ok(())
    }

    /// Takes one request. The bound's name, the bound and the verdict; none when there is nothing to count by.
    fn request(&self, presented: Option<&Presented>, client: Option<Client>, path: &str) -> Option<Counted> {
        let now = self.now();
        let address = client.map(|client| network(client.address));
        let tracking = routes::is_tracking(path);
        let known = presented.and_then(|presented| match (&presented.principal, presented.secret) {
            (Principal::Key(_), Some(secret)) => Some(("key", self.bounds.key, &self.key, first(&secret.0))),
            (Principal::Person(person), _) => Some(("user", self.bounds.user, &self.user, person.user.0)),
            _ => None,
        });
        if tracking && let Some(address) = address {
            let caller = known.map_or(0, |(.., caller)| caller).rotate_left(64) ^ address;
            let verdict = self.tracking.take(caller, now);
            if known.is_none() || matches!(verdict, Verdict::Refused { .. }) {
                return Some(Counted { name: "tracking", rate: self.bounds.tracking, verdict });
            }
        }
        let (name, rate, gcra, caller) = match known {
            Some(known) => known,
            None => ("address", self.bounds.address, &self.address, address?),
        };
        Some(Counted { name, rate, verdict: gcra.take(caller, now) })
    }
}

/// A request that was counted.
struct Counted {
    name: &'static str,
    rate: Rate,
    verdict: Verdict,
}

fn first(bytes: &[u8; 32]) -> u128 {
    let (first, _) = bytes.split_first_chunk::<16>().expect("32 bytes are more than 16");
    u128::from_le_bytes(*first)
}

fn hashed(text: &str) -> u128 {
    first(blake3::hash(text.as_bytes()).as_bytes())
}

/// What an address is counted as.
fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().into(),
        IpAddr::V6(address) => u128::from(address) >> 64 << 64,
    }
}

fn refusal(what: &str, wait: Duration) -> Problem {
    Problem::new(Code::RateLimited, format!("too many {what}")).retry_after(seconds(wait))
}

/// Whole seconds, never too early.
fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u32::MAX).max(1)
}

/// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).
fn tell(counted: &Counted, headers: &mut HeaderMap) {
    let (left, reset) = match counted.verdict {
        Verdict::Admitted { left, whole_in } => (left, seconds(whole_in)),
        Verdict::Refused { wait } => (0, seconds(wait)),
    };
    let Counted { name, rate, .. } = counted;
    let window = seconds(rate.every.saturating_mul(rate.burst));
    for (header, text) in [
        ("ratelimit-policy", format!("\"{name}\";q={};w={window}", rate.burst)),
        ("ratelimit", format!("\"{name}\";r={left};t={reset}")),
    ] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(HeaderName::from_static(header), value);
        }
    }
}

/// Counts a request, and refuses it when it is too much.
pub(crate) async fn limit(State(api): State<Api>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let client = request.extensions().get::<Client>().copied();
    // Who shows a wrong key or login is a stranger, and counted as one.
    let presented = auth::present(&api, request.method(), request.headers(), None).ok();
    let Some(counted) = api.edge.rates.request(presented.as_ref(), client, path) else {
        return next.run(request).await;
    };
    let mut response = match counted.verdict {
        Verdict::Admitted { .. } => next.run(request).await,
        Verdict::Refused { wait } => {
            let labels = [("bound", counted.name)];
            api.metrics.counter("eventra_http_rate_limited_total", "Requests refused as too many.", &labels).add(1);
            refusal("requests", wait).into_response()
        }
    };
    tell(&counted, response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn admitted(gcra: &Gcra, caller: u128, now: u64) -> bool {
        matches!(gcra.take(caller, now), Verdict::Admitted { .. })
    }

    #[test]
    fn exactly_the_burst_and_then_one_for_each_interval() {
        let gcra = Gcra::new(Rate::per_second(10, 5));
        assert_eq!((0..100).filter(|_| admitted(&gcra, 1, 0)).count(), 5);
        assert_eq!(gcra.take(1, 0), Verdict::Refused { wait: Duration::from_millis(100) });
        assert!(!admitted(&gcra, 1, SECOND / 10 - 1));
        assert!(admitted(&gcra, 1, SECOND / 10));
        // A second later ten more may have been done, of which five at once.
        assert_eq!((0..100).filter(|_| admitted(&gcra, 1, SECOND + SECOND / 10)).count(), 5);
        assert!(admitted(&gcra, 2, 0), "another caller has used nothing");
    }

    proptest! {
        #[test]
        fn no_caller_ever_gets_more_than_burst_and_rate_allow(
            gaps in prop::collection::vec(0..300_000_000u64, 1..200), rate in 1..50u32, burst in 1..20u32,
        ) {
            let gcra = Gcra::new(Rate::per_second(rate, burst));
            let (mut now, mut taken) = (0u64, 0u64);
            for gap in gaps {
                now += gap;
                match gcra.take(7, now) {
                    Verdict::Admitted { .. } => taken += 1,
                    Verdict::Refused { wait } => {
                        // The wait is right to the nanosecond.
                        let wait = u64::try_from(wait.as_nanos()).unwrap();
                        prop_assert!(!admitted(&gcra, 7, now + wait - 1));
                        prop_assert!(admitted(&gcra, 7, now + wait));
                        now += wait;
                        taken += 1;
                    }
                }
                let every = SECOND / u64::from(rate);
                prop_assert!(taken <= u64::from(burst) + now / every, "{taken} in {now}");
            }
        }
    }

    #[test]
    fn memory_is_bounded_however_many_strangers_come() {
        let gcra = Gcra::new(Rate::per_second(1, 10));
        for stranger in 0..(3 * CALLERS_MAX as u128) {
            assert!(admitted(&gcra, stranger, 5), "a new caller is never refused for others");
        }
        assert!(gcra.len() <= CALLERS_MAX, "{}", gcra.len());
        // Who asks all the time is not who is forgotten.
        let busy = u128::MAX;
        assert_eq!((0..20).filter(|_| admitted(&gcra, busy, 6)).count(), 10);
        assert!((0..(CALLERS_MAX as u128)).all(|stranger| admitted(&gcra, stranger << 7, 6)), "all in one shard");
        assert!(!admitted(&gcra, busy, 6));
    }

    #[test]
    fn a_house_with_a_v6_network_is_one_caller() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[tokio::test]
    async fn attempts_are_counted_by_account_and_address() {
        let rates = Rates::default();
        let venue: Option<IpAddr> = Some("192.0.2.1".parse().unwrap());
        let tries = |who: &str, from| (0..200).filter(|_| rates.attempt(who, from).is_ok()).count();
        assert_eq!(tries("ada@example.org", venue), 10);
        assert_eq!(tries(" Ada@Example.org", venue), 0, "spelling does not matter");
        assert_eq!(tries("bob@example.org", venue), 10, "another account behind the same address");
        // From everywhere at once an account bears a hundred, counted with those before.
        let everywhere = (0..50u8).map(|n| tries("ada@example.org", Some([198, 51, 100, n].into()))).sum::<usize>();
        assert_eq!(everywhere, 90);
        let refused = rates.attempt("ada@example.org", venue).unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(30)));
    }
}
