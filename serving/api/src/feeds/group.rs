//! Everybody who asked for the same: the read route is asked once, and its answer encoded once.
//!
//! A group stands at a place, its `head`, and leads from there to the next whenever something changed. Readers who
//! stand at the head too are told by the published message. Who stands elsewhere (slower, resumed) is told what changed
//! since its own place, labelled as leading to the head: the values were read later than that, and a place that is
//! named too early only means that something may be told twice.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Uri;
use records::OrganizationId;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use views::feed::{Moved, Position};

use super::hub::Asker;
use super::message::{Kind, Message, raw};
use super::rings::Plan;
use crate::limits;
use crate::problem::{Code, Problem};

/// Readers of one address of one organization.
pub(super) struct Group {
    asker: Arc<Asker>,
    organization: OrganizationId,
    address: Uri,
    plan: Plan,
    state: Mutex<State>,
    published: watch::Sender<Lately>,
}

struct State {
    /// Where readers stand who were told everything that was published.
    head: Position,
    /// Up to here nothing has changed since the head.
    checked: Position,
    /// What the answer reflected when it was last asked for, and when that was.
    asked: (Position, Instant),
    /// What readers at the head have.
    told: Told,
    /// Everything, leading to the head.
    snapshot: Option<Arc<Message>>,
    /// That nothing changed, leading to the head.
    mark: Option<Arc<Message>>,
    /// What changed since other places, leading to the head.
    catch_ups: Vec<Arc<Message>>,
    /// When something was last published.
    published: Instant,
}

/// BLAKE3 of the answer that readers at the head have. Only what all of them have may be left untold, and an answer can
/// be ahead of the head that it is labelled with: so two readers there may have different ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nobody,
    All([u8; 32]),
    Differing,
}

impl Told {
    /// A reader with this answer comes to the head.
    fn also(&mut self, hash: [u8; 32]) {
        *self = match *self {
            Self::Nobody => Self::All(hash),
            known if known == Self::All(hash) => known,
            _ => Self::Differing,
        };
    }
}

/// What was published last, the newest at the end: who keeps up is told each of them, several with one write.
#[derive(Debug)]
pub(super) struct Lately {
    messages: VecDeque<Arc<Message>>,
    bytes: usize,
}

impl Lately {
    fn new(message: Arc<Message>) -> Self {
        Self { bytes: message.len(), messages: [message].into() }
    }

    fn push(&mut self, message: Arc<Message>) {
        self.bytes += message.len();
        self.messages.push_back(message);
        // The newest always stays.
        while self.messages.len() > 1
            && (self.messages.len() > limits::LATELY_MAX || self.bytes > limits::LATELY_BYTES_MAX)
        {
            self.bytes -= self.messages.pop_front().map_or(0, |oldest| oldest.len());
        }
    }

    fn newest(&self) -> &Arc<Message> {
        self.messages.back().expect("it is made with a message, and the newest always stays")
    }

    /// What leads on from a place.
    fn after(&self, position: Position) -> Option<&Arc<Message>> {
        // Mostly the newest one.
        self.messages.iter().rev().find(|message| message.from == Some(position))
    }
}

/// What the read route answered.
struct Asked {
    reset: bool,
    to: Option<Position>,
    as_of: Box<RawValue>,
    changes: String,
    hash: [u8; 32],
}

#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    as_of: &'a RawValue,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Changes<'a> {
    reset: bool,
    position: &'a str,
    #[serde(borrow)]
    changes: &'a RawValue,
}

impl Group {
    pub(super) fn new(asker: Arc<Asker>, organization: OrganizationId, address: Uri, plan: Plan) -> Self {
        let views = (asker.api.views)();
        let as_of = raw(&views.progress().current());
        let head = plan.ring.now(&views);
        // Nobody stands anywhere yet, so nobody is told this.
        let nothing = Message::new(Kind::AsOf, None, head, &as_of, None);
        let now = Instant::now();
        let state = State {
            head,
            checked: head,
            asked: (head, now),
            told: Told::Nobody,
            snapshot: None,
            mark: None,
            catch_ups: Vec::new(),
            published: now,
        };
        let published = watch::Sender::new(Lately::new(Arc::new(nothing)));
        Self { asker, organization, address, plan, state: Mutex::new(state), published }
    }

    /// Reads a position of the view behind this feed.
    pub(super) fn parse(&self, text: &str) -> Result<Position, Problem> {
        self.plan.ring.parse(text)
    }

    pub(super) fn readers(&self) -> usize {
        self.published.receiver_count()
    }

    pub(super) fn listen(&self) -> watch::Receiver<Lately> {
        self.published.subscribe()
    }

    /// Ends when nobody listens any more.
    pub(super) async fn left(&self) {
        self.published.closed().await;
    }

    /// Looks whether there is something to tell, and tells it to all who stand at the head. Gives when to look again
    /// even if the frontier does not move.
    pub(super) async fn beat(&self) -> Option<Instant> {
        let mut state = self.state.lock().await;
        self.advance(&mut state).await;
        let asks = (self.plan.timely && state.asked.0 != state.checked).then(|| state.asked.1 + limits::TIMELY_EVERY);
        let tells = (state.checked > state.head).then(|| state.published + self.asker.bounds.as_of_every);
        [asks, tells].into_iter().flatten().min()
    }

    /// Everything, for a reader who has nothing.
    pub(super) async fn begin(&self) -> Result<Arc<Message>, Problem> {
        let mut state = self.state.lock().await;
        self.snapshot(&mut state).await
    }

    /// Lets in a reader who has something already. Wrong parameters are its to hear, too.
    pub(super) async fn resume(&self) -> Result<(), Problem> {
        let mut state = self.state.lock().await;
        if state.told == Told::Nobody {
            self.snapshot(&mut state).await?;
        }
        state.told = Told::Differing;
        Ok(())
    }

    async fn snapshot(&self, state: &mut State) -> Result<Arc<Message>, Problem> {
        if let Some(known) = &state.snapshot {
            return Ok(Arc::clone(known));
        }
        let asked = self.ask(None).await?;
        state.told.also(asked.hash);
        let message = Arc::new(self.encode(Kind::Reset, None, state.head, &asked));
        state.snapshot = Some(Arc::clone(&message));
        Ok(message)
    }

    async fn advance(&self, state: &mut State) {
        let views = (self.asker.api.views)();
        // Before anything else is looked at: what a quiet feed says that it reflects must not be too much.
        let as_of = views.progress().current();
        match self.plan.ring.moved(&self.asker.api, &views, state.checked) {
            Moved::Reset(to) => self.tell(state, None, to).await,
            Moved::Yes(to) => self.tell(state, Some(state.checked), to).await,
            Moved::No(to) if self.is_due(state, to) => self.tell(state, Some(state.checked), to).await,
            Moved::No(to) => {
                state.checked = to;
                let due = state.published.elapsed() >= self.asker.bounds.as_of_every;
                if due && to > state.head {
                    self.publish(state, Message::new(Kind::AsOf, Some(state.head), to, &raw(&as_of), None));
                }
            }
        }
    }

    /// Whether an answer that changes with time is to be asked for again.
    fn is_due(&self, state: &State, to: Position) -> bool {
        self.plan.timely && to != state.asked.0 && state.asked.1.elapsed() >= limits::TIMELY_EVERY
    }

    /// Asks, and publishes unless the answer is what readers at the head were told.
    async fn tell(&self, state: &mut State, since: Option<Position>, to: Position) {
        let asked = match self.ask(since).await {
            Ok(asked) => asked,
            Err(problem) => {
                // The head stays: who subscribes again may have more luck.
                self.published.send_modify(|lately| lately.push(Arc::new(Message::problem(&problem, state.head))));
                return;
            }
        };
        let to = asked.to.unwrap_or(to);
        state.asked = (to, Instant::now());
        let reset = asked.reset || since.is_none();
        if !reset && !self.plan.keyed && state.told == Told::All(asked.hash) {
            state.checked = to;
            return;
        }
        state.told = Told::All(asked.hash);
        let kind = if reset { Kind::Reset } else { Kind::Deltas };
        let message = self.encode(kind, Some(state.head), to, &asked);
        self.publish(state, message);
    }

    fn publish(&self, state: &mut State, message: Message) {
        let message = Arc::new(message);
        (state.head, state.checked) = (message.to, message.to);
        state.published = Instant::now();
        (state.snapshot, state.mark) = (None, None);
        state.catch_ups.clear();
        if message.kind == Kind::Deltas && !self.plan.keyed {
            // The answer as it is now, whatever one had before.
            state.catch_ups.push(Arc::clone(&message));
        }
        self.published.send_modify(|lately| lately.push(message));
    }

    /// Finds what a reader at another place is to be told. Nothing when it was told everything, or more than the group
    /// has seen yet, before a restart.
    async fn catch_up(&self, at: Position) -> Option<Arc<Message>> {
        let mut state = self.state.lock().await;
        if at > state.head {
            self.advance(&mut state).await;
        }
        if at == state.head {
            return None;
        }
        let views = (self.asker.api.views)();
        let as_of = views.progress().current();
        let moved = self.plan.ring.moved(&self.asker.api, &views, at);
        if !matches!(moved, Moved::Reset(_)) && at > state.head {
            return None;
        }
        let told = match moved {
            Moved::No(_) if !self.plan.timely => {
                state.told = Told::Differing;
                let head = state.head;
                let mark = || Arc::new(Message::new(Kind::AsOf, None, head, &raw(&as_of), None));
                return Some(Arc::clone(state.mark.get_or_insert_with(mark)));
            }
            Moved::Reset(_) => self.snapshot(&mut state).await,
            Moved::No(_) | Moved::Yes(_) => self.since(&mut state, at).await,
        };
        self.asker.figures.coalesced.add(1);
        Some(told.unwrap_or_else(|problem| Arc::new(Message::problem(&problem, state.head))))
    }

    async fn since(&self, state: &mut State, at: Position) -> Result<Arc<Message>, Problem> {
        let fits = |known: &&Arc<Message>| !self.plan.keyed || known.from == Some(at);
        if let Some(known) = state.catch_ups.iter().find(fits) {
            return Ok(Arc::clone(known));
        }
        let asked = self.ask(Some(at)).await?;
        state.told.also(asked.hash);
        // A page of many changes ends before the head; the next one is asked for from there.
        let to = asked.to.map_or(state.head, |to| to.min(state.head));
        let kind = if asked.reset { Kind::Reset } else { Kind::Deltas };
        let message = Arc::new(self.encode(kind, Some(at), to, &asked));
        if state.catch_ups.len() < limits::CATCH_UPS_MAX {
            state.catch_ups.push(Arc::clone(&message));
        }
        Ok(message)
    }

    fn encode(&self, kind: Kind, from: Option<Position>, to: Position, asked: &Asked) -> Message {
        self.asker.figures.encoded.add(1);
        Message::new(kind, from, to, &asked.as_of, Some(&asked.changes))
    }

    async fn ask(&self, since: Option<Position>) -> Result<Asked, Problem> {
        let since = since.filter(|_| self.plan.keyed);
        // Before it is asked, for an answer without data.
        let as_of = (self.asker.api.views)().progress().current();
        let body = match self.asker.ask(self.organization, &self.address, since).await {
            Ok(body) => body,
            Err(problem) if problem.code == Code::NotFound && !self.plan.keyed => {
                return Ok(document(raw(&as_of), "null"));
            }
            Err(problem) => return Err(problem),
        };
        let unread = |error: serde_json::Error| {
            tracing::error!(%error, address = %self.address, "a read route's answer cannot be read");
            Problem::new(Code::Internal, "")
        };
        let answered: Answered<'_> = serde_json::from_slice(&body).map_err(unread)?;
        if !self.plan.keyed {
            return Ok(document(answered.as_of.to_owned(), answered.data.get()));
        }
        let changes: Changes<'_> = serde_json::from_str(answered.data.get()).map_err(unread)?;
        Ok(Asked {
            reset: changes.reset,
            to: Some(self.parse(changes.position)?),
            as_of: answered.as_of.to_owned(),
            changes: changes.changes.get().to_owned(),
            // A feed of changes is never compared: its ring is exact.
            hash: [0; 32],
        })
    }
}

/// A whole answer is the value of one key.
fn document(as_of: Box<RawValue>, data: &str) -> Asked {
    let hash = *blake3::hash(data.as_bytes()).as_bytes();
    Asked { reset: false, to: None, as_of, changes: format!("[{{\"key\":null,\"value\":{data}}}]"), hash }
}

/// One reader of a group.
pub(super) struct Subscription {
    group: Arc<Group>,
    published: watch::Receiver<Lately>,
    position: Position,
    first: Option<Arc<Message>>,
    /// A problem that others were told before: one who comes later may have more luck.
    stale: Option<Arc<Message>>,
    rhythm: Rhythm,
    not_before: Instant,
}

/// How a reader is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rhythm {
    /// Everything that the group tells, several messages with one write.
    Each,
    /// In one piece what changed meanwhile, so much time apart at least.
    Merged(Duration),
}

impl Rhythm {
    /// The time between two writes to one of so many readers.
    fn pause(self, readers: usize) -> Duration {
        let readers = u32::try_from(readers).unwrap_or(u32::MAX);
        let shared = limits::WRITES_EVERY_OF_ONE.saturating_mul(readers);
        let shared = shared.clamp(limits::WRITES_EVERY, limits::WRITES_EVERY_MAX);
        match self {
            Self::Each => shared,
            // A little less than the group's own rhythm, whose timer is not exact either.
            Self::Merged(every) => every.mul_f64(0.9).max(shared),
        }
    }
}

/// What a look at what was published has found.
enum Found {
    Next(Arc<Message>),
    Problem(Arc<Message>),
    Elsewhere,
    Nothing,
}

impl Subscription {
    /// Begins at `position`, or with the message `first`.
    pub(super) fn new(
        group: Arc<Group>,
        published: watch::Receiver<Lately>,
        begin: Result<Position, Arc<Message>>,
        rhythm: Rhythm,
    ) -> Self {
        let (position, first) = match begin {
            Ok(position) => (position, None),
            Err(first) => (first.to, Some(first)),
        };
        let stale = Some(Arc::clone(published.borrow().newest())).filter(|known| known.kind == Kind::Problem);
        Self { group, published, position, first, stale, rhythm, not_before: Instant::now() }
    }

    /// The next message. When this is dropped before it is done, nothing is lost.
    pub(super) async fn next(&mut self) -> Arc<Message> {
        if let Some(first) = self.first.take() {
            return self.take(first);
        }
        if let Some(message) = self.more() {
            return message;
        }
        loop {
            // Mostly long past: then a timer would only cost.
            if Instant::now() < self.not_before {
                tokio::time::sleep_until(self.not_before).await;
            }
            match self.look() {
                Found::Next(message) => return self.take(message),
                Found::Problem(problem) => return problem,
                // Boxed: it is seldom needed, and ten thousand readers would have room for it all the time.
                Found::Elsewhere => {
                    if let Some(message) = Box::pin(self.group.catch_up(self.position)).await {
                        return self.take(message);
                    }
                }
                Found::Nothing => {}
            }
            // The group outlives its readers, so that there is always a sender.
            let _ = self.published.changed().await;
        }
    }

    /// Takes what goes out with the same write as the message before.
    pub(super) fn rest(&mut self) -> Vec<Arc<Message>> {
        if self.rhythm != Rhythm::Each {
            return Vec::new();
        }
        let lately = self.published.borrow();
        let from = lately.messages.iter().rposition(|message| message.from == Some(self.position));
        // What leads on from one message is what was published after it, unless that was a problem or a reset.
        let mut rest = Vec::new();
        for message in lately.messages.iter().skip(from.unwrap_or(lately.messages.len())) {
            if message.from != Some(self.position) {
                break;
            }
            self.position = message.to;
            rest.push(Arc::clone(message));
        }
        rest
    }

    /// What goes out with the same write as the message before.
    fn more(&mut self) -> Option<Arc<Message>> {
        if self.rhythm != Rhythm::Each {
            return None;
        }
        let message = self.published.borrow().after(self.position).map(Arc::clone)?;
        self.position = message.to;
        Some(message)
    }

    fn look(&mut self) -> Found {
        let lately = self.published.borrow_and_update();
        let newest = lately.newest();
        if newest.kind == Kind::Problem && !self.stale.as_ref().is_some_and(|stale| Arc::ptr_eq(stale, newest)) {
            return Found::Problem(Arc::clone(newest));
        }
        let next = match (lately.after(self.position), self.rhythm) {
            // A whole answer is right for whoever has an earlier one.
            (Some(_), Rhythm::Merged(_)) if !self.group.plan.keyed && newest.is_news() => Some(newest),
            (Some(next), Rhythm::Merged(_)) => Some(next).filter(|next| Arc::ptr_eq(next, newest)),
            (next, _) => next,
        };
        match next {
            Some(next) => Found::Next(Arc::clone(next)),
            None if newest.to == self.position => Found::Nothing,
            None => Found::Elsewhere,
        }
    }

    fn take(&mut self, message: Arc<Message>) -> Arc<Message> {
        self.position = message.to;
        self.not_before = Instant::now() + self.rhythm.pause(self.group.readers());
        message
    }
}
