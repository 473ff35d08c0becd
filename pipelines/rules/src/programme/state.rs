//! One event's programme: its state, how facts change it, what facts come of a wish.

use std::collections::{BTreeMap, BTreeSet};

use records::programme::{Access, Form, Hall, Invitation, Leaving, Page, ProgrammeFact, Session, Speaker, Track};
use records::{
    EventId, Fact, FormId, HallId, InvitationId, ItemId, SessionId, SpeakerId, Text, TicketId, Timestamp, TrackId, Zone,
};
use serde::{Deserialize, Serialize};

use super::command::Wish;
use super::forms::{self, Current};
use super::places::{self, Places};
use super::recurrence::{Occurrence, occurrences};
use super::refusal::Refusal;
use super::sessions::{self, Sessions};
use super::valid;
use crate::booking::BoxOffice;

/// Sessions of an event: twice the largest that is measured.
pub const SESSIONS_MAX: usize = 20_000;
/// Speakers of an event.
pub const SPEAKERS_MAX: usize = 20_000;
/// Rooms, and tracks, of an event.
pub const HALLS_MAX: usize = 1_000;
/// Forms of an event.
pub const FORMS_MAX: usize = 100;
/// Editions of a form.
pub const EDITIONS_MAX: usize = 1_000;
/// Invitations of an event.
pub const INVITATIONS_MAX: usize = 10_000;

/// How far an event is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Standing {
    /// Only organizers see it.
    #[default]
    Draft,
    /// Whoever may see it sees it.
    Published,
    /// It does not take place, for this reason.
    CalledOff(String),
}

/// What the event's own facts say of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scheduled {
    /// What people call it.
    pub title: String,
    /// The zone in which its days turn.
    pub zone: Zone,
    /// When it begins.
    pub starts: Timestamp,
    /// When it is over.
    pub ends: Timestamp,
}

/// An invitation as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    /// What it allows.
    pub spec: Invitation,
    /// How often it let somebody in.
    pub used: u32,
    /// It lets nobody in any more.
    pub revoked: bool,
    /// When it was made.
    pub made: Timestamp,
}

/// One event's programme.
#[derive(Debug, Clone, Default)]
pub struct EventProgramme {
    scheduled: Scheduled,
    page: Page,
    standing: Standing,
    access: Access,
    halls: BTreeMap<HallId, Hall>,
    tracks: BTreeMap<TrackId, Track>,
    speakers: BTreeMap<SpeakerId, Speaker>,
    sessions: Sessions,
    forms: BTreeMap<FormId, Vec<Form>>,
    invitations: BTreeMap<InvitationId, Invited>,
    places: Places,
    sequence: u32,
    changed: Timestamp,
}

/// A programme in a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    scheduled: Scheduled,
    page: Page,
    standing: Standing,
    access: Access,
    halls: BTreeMap<HallId, Hall>,
    tracks: BTreeMap<TrackId, Track>,
    speakers: BTreeMap<SpeakerId, Speaker>,
    sessions: sessions::Stored,
    forms: BTreeMap<FormId, Vec<Form>>,
    invitations: BTreeMap<InvitationId, Invited>,
    places: places::Stored,
    sequence: u32,
    changed: Timestamp,
}

type Decided = Result<Vec<Fact>, Refusal>;

/// How to read it.
impl EventProgramme {
    /// What the event's own facts say.
    pub fn scheduled(&self) -> &Scheduled {
        &self.scheduled
    }

    /// What it says of itself.
    pub fn page(&self) -> &Page {
        &self.page
    }

    /// How far it is.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Who may see it.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Its rooms.
    pub fn halls(&self) -> &BTreeMap<HallId, Hall> {
        &self.halls
    }

    /// Its tracks.
    pub fn tracks(&self) -> &BTreeMap<TrackId, Track> {
        &self.tracks
    }

    /// Its speakers.
    pub fn speakers(&self) -> &BTreeMap<SpeakerId, Speaker> {
        &self.speakers
    }

    /// Its sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Its forms with all their editions, the first one first.
    pub fn forms(&self) -> &BTreeMap<FormId, Vec<Form>> {
        &self.forms
    }

    /// The editions that are asked now, by form.
    pub fn asked(&self) -> impl Iterator<Item = (FormId, Current<'_>)> {
        self.forms.iter().filter_map(|(id, editions)| {
            let form = editions.last().filter(|form| !form.withdrawn)?;
            Some((*id, Current { edition: u32::try_from(editions.len()).unwrap_or(u32::MAX), form }))
        })
    }

    /// Its invitations.
    pub fn invitations(&self) -> &BTreeMap<InvitationId, Invited> {
        &self.invitations
    }

    /// Who has a place in which session.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// How often the event itself was changed, and when last: what calendars ask.
    pub fn revision(&self) -> (u32, Timestamp) {
        (self.sequence, self.changed)
    }

    /// Whether an invitation lets somebody in at this time, or those whom it has let in stay.
    pub fn invites(&self, invitation: InvitationId, now: Timestamp) -> bool {
        let known = self.invitations.get(&invitation);
        known.is_some_and(|known| !known.revoked && known.spec.until.is_none_or(|until| now < until))
    }

    /// How many places a session has in all; none when it has no places to take.
    pub fn room(&self, session: SessionId) -> Option<u32> {
        let (_, listed, _) = self.sessions.find(session)?;
        listed.spec.capacity.filter(|_| !listed.spec.cancelled)
    }
}

/// How facts change it.
impl EventProgramme {
    pub(super) fn schedule(&mut self, title: &str, zone: &Zone, (starts, ends): (Timestamp, Timestamp), at: Timestamp) {
        let moved = self.scheduled.zone != *zone;
        self.scheduled = Scheduled { title: title.to_owned(), zone: zone.clone(), starts, ends };
        self.touch(at);
        if moved {
            self.sessions.rezone(zone);
            self.lose_gone();
        }
    }

    fn touch(&mut self, at: Timestamp) {
        if self.changed != Timestamp::default() {
            self.sequence = self.sequence.saturating_add(1);
        }
        self.changed = at;
    }

    pub(super) fn apply(&mut self, fact: &ProgrammeFact, at: Timestamp) {
        match fact {
            ProgrammeFact::PageSet { page, .. } => {
                self.page = (**page).clone();
                self.touch(at);
            }
            ProgrammeFact::EventPublished { .. } => {
                self.standing = Standing::Published;
                self.touch(at);
            }
            ProgrammeFact::EventWithdrawn { .. } => self.standing = Standing::Draft,
            ProgrammeFact::EventCalledOff { reason, .. } => {
                self.standing = Standing::CalledOff(reason.clone());
                self.touch(at);
            }
            ProgrammeFact::AccessSet { access, .. } => self.access = access.clone(),
            ProgrammeFact::InvitationMade { invitation, spec, .. } => {
                let made = Invited { spec: spec.clone(), used: 0, revoked: false, made: at };
                self.invitations.insert(*invitation, made);
            }
            ProgrammeFact::InvitationRevoked { invitation, .. } => {
                self.invitations.entry(*invitation).and_modify(|known| known.revoked = true);
            }
            ProgrammeFact::InvitationUsed { invitation, .. } => {
                self.invitations.entry(*invitation).and_modify(|known| known.used = known.used.saturating_add(1));
            }
            ProgrammeFact::HallSet { hall, spec, .. } => _ = self.halls.insert(*hall, spec.clone()),
            ProgrammeFact::HallRemoved { hall, .. } => _ = self.halls.remove(hall),
            ProgrammeFact::TrackSet { track, spec, .. } => _ = self.tracks.insert(*track, spec.clone()),
            ProgrammeFact::TrackRemoved { track, .. } => _ = self.tracks.remove(track),
            ProgrammeFact::SpeakerSet { speaker, spec, .. } => _ = self.speakers.insert(*speaker, spec.clone()),
            ProgrammeFact::SpeakerRemoved { speaker, .. } => _ = self.speakers.remove(speaker),
            ProgrammeFact::SessionSet { session, spec, .. } => {
                self.sessions.set(*session, (**spec).clone(), &self.scheduled.zone, at);
                self.lose_gone();
            }
            ProgrammeFact::SessionRemoved { session, .. } => {
                self.sessions.remove(*session);
                self.lose_gone();
            }
            ProgrammeFact::FormSet { form, spec, .. } => self.forms.entry(*form).or_default().push(spec.clone()),
            ProgrammeFact::SessionPlaceTaken { session, ticket, .. } => self.places.take(*session, *ticket),
            ProgrammeFact::SessionPlaceAwaited { session, ticket, .. } => self.places.wait(*session, *ticket),
            ProgrammeFact::SessionPlaceLeft { session, ticket, .. } => self.places.leave(*session, *ticket),
        }
    }

    /// Notes the places that nobody can have any more.
    fn lose_gone(&mut self) {
        let gone: Vec<SessionId> = self.places.known().filter(|session| self.room(*session).is_none()).collect();
        gone.into_iter().for_each(|session| self.places.lose_session(session));
    }

    pub(super) fn places_mut(&mut self) -> &mut Places {
        &mut self.places
    }

    /// Whether a place is to be given or taken.
    pub(super) fn has_errand(&self) -> bool {
        self.errand(EventId::NONE).is_some()
    }

    /// What is to be done with a place next.
    pub(super) fn errand(&self, event: EventId) -> Option<ProgrammeFact> {
        self.places.errand(event, |session| self.room(session))
    }

    pub(super) fn stored(&self) -> Stored {
        Stored {
            scheduled: self.scheduled.clone(),
            page: self.page.clone(),
            standing: self.standing.clone(),
            access: self.access.clone(),
            halls: self.halls.clone(),
            tracks: self.tracks.clone(),
            speakers: self.speakers.clone(),
            sessions: self.sessions.stored(),
            forms: self.forms.clone(),
            invitations: self.invitations.clone(),
            places: self.places.stored(),
            sequence: self.sequence,
            changed: self.changed,
        }
    }

    pub(super) fn restore(stored: Stored) -> Self {
        let sessions = Sessions::restore(stored.sessions, &stored.scheduled.zone);
        Self {
            scheduled: stored.scheduled,
            page: stored.page,
            standing: stored.standing,
            access: stored.access,
            halls: stored.halls,
            tracks: stored.tracks,
            speakers: stored.speakers,
            sessions,
            forms: stored.forms,
            invitations: stored.invitations,
            places: Places::restore(stored.places),
            sequence: stored.sequence,
            changed: stored.changed,
        }
    }
}

fn unless<T: PartialEq>(stands: Option<&T>, wanted: &T, fact: impl FnOnce() -> ProgrammeFact) -> Decided {
    Ok(if stands == Some(wanted) { Vec::new() } else { vec![fact().into()] })
}

fn at_most(field: &str, count: usize, most: usize) -> Result<(), Refusal> {
    if count >= most { Err(Refusal::invalid(field, format!("are {most} already, which is the most"))) } else { Ok(()) }
}

/// What is decided.
impl EventProgramme {
    pub(super) fn decide(&self, event: EventId, wish: &Wish, office: Option<&BoxOffice>, now: Timestamp) -> Decided {
        match wish {
            Wish::SetPage(page) => {
                valid::page(page)?;
                unless(Some(&self.page), page, || ProgrammeFact::PageSet { event, page: Box::new(page.clone()) })
            }
            Wish::Publish => self.publish(event),
            Wish::Withdraw => self.withdraw(event),
            Wish::CallOff(reason) => {
                valid::line("reason", reason)?;
                let wanted = Standing::CalledOff(reason.clone());
                let fact = || ProgrammeFact::EventCalledOff { event, reason: reason.clone() };
                unless(Some(&self.standing), &wanted, fact)
            }
            Wish::SetAccess(access) => {
                valid::access(access)?;
                unless(Some(&self.access), access, || ProgrammeFact::AccessSet { event, access: access.clone() })
            }
            Wish::Invite(..) | Wish::Revoke(_) | Wish::UseInvitation(_) => self.decide_invitation(event, wish, now),
            Wish::SetHall(..) | Wish::RemoveHall(_) | Wish::SetTrack(..) | Wish::RemoveTrack(_) => {
                self.decide_where(event, wish)
            }
            Wish::SetSpeaker(speaker, spec) => {
                valid::speaker(spec)?;
                if !self.speakers.contains_key(speaker) {
                    at_most("speakers", self.speakers.len(), SPEAKERS_MAX)?;
                }
                let fact = || ProgrammeFact::SpeakerSet { event, speaker: *speaker, spec: spec.clone() };
                unless(self.speakers.get(speaker), spec, fact)
            }
            Wish::RemoveSpeaker(speaker) => {
                self.unused(|spec| spec.speakers.contains(speaker))?;
                let there = self.speakers.contains_key(speaker);
                Ok(there
                    .then(|| ProgrammeFact::SpeakerRemoved { event, speaker: *speaker }.into())
                    .into_iter()
                    .collect())
            }
            Wish::SetSession { session, spec, overlap } => self.set_session(event, *session, spec, *overlap),
            Wish::RemoveSession(session) => Ok(self.remove_session(event, *session, now)),
            Wish::SetForm(form, spec) => self.set_form(event, *form, spec),
            Wish::TakePlace { session, ticket, wait } => {
                self.take_place(event, (*session, *ticket), *wait, office, now)
            }
            Wish::LeavePlace { session, ticket } => Ok(self.leave_place(event, *session, *ticket)),
        }
    }

    fn publish(&self, event: EventId) -> Decided {
        match &self.standing {
            Standing::Draft => Ok(vec![ProgrammeFact::EventPublished { event }.into()]),
            Standing::Published => Ok(Vec::new()),
            Standing::CalledOff(_) => Err(Refusal::CalledOff),
        }
    }

    fn withdraw(&self, event: EventId) -> Decided {
        match &self.standing {
            Standing::Draft => Ok(Vec::new()),
            Standing::Published => Ok(vec![ProgrammeFact::EventWithdrawn { event }.into()]),
            Standing::CalledOff(_) => Err(Refusal::CalledOff),
        }
    }

    fn decide_invitation(&self, event: EventId, wish: &Wish, now: Timestamp) -> Decided {
        match wish {
            Wish::Invite(invitation, spec) => {
                valid::invitation(spec)?;
                match self.invitations.get(invitation) {
                    Some(known) if known.spec == *spec => Ok(Vec::new()),
                    Some(_) => Err(Refusal::IdUsed),
                    None => {
                        at_most("invitations", self.invitations.len(), INVITATIONS_MAX)?;
                        let (invitation, spec) = (*invitation, spec.clone());
                        Ok(vec![ProgrammeFact::InvitationMade { event, invitation, spec }.into()])
                    }
                }
            }
            Wish::Revoke(invitation) => {
                let known = self.invitations.get(invitation).ok_or(Refusal::Nothing("invitation"))?;
                let revoked = ProgrammeFact::InvitationRevoked { event, invitation: *invitation };
                Ok(if known.revoked { Vec::new() } else { vec![revoked.into()] })
            }
            Wish::UseInvitation(invitation) => {
                let known = self.invitations.get(invitation).ok_or(Refusal::InvitationGone)?;
                if !self.invites(*invitation, now) || known.spec.uses.is_some_and(|uses| known.used >= uses) {
                    return Err(Refusal::InvitationGone);
                }
                Ok(vec![ProgrammeFact::InvitationUsed { event, invitation: *invitation }.into()])
            }
            _ => Ok(Vec::new()),
        }
    }

    fn decide_where(&self, event: EventId, wish: &Wish) -> Decided {
        match wish {
            Wish::SetHall(hall, spec) => {
                valid::hall(spec)?;
                if !self.halls.contains_key(hall) {
                    at_most("rooms", self.halls.len(), HALLS_MAX)?;
                }
                let fact = || ProgrammeFact::HallSet { event, hall: *hall, spec: spec.clone() };
                unless(self.halls.get(hall), spec, fact)
            }
            Wish::RemoveHall(hall) => {
                self.unused(|spec| spec.hall == *hall)?;
                let there = self.halls.contains_key(hall);
                Ok(there.then(|| ProgrammeFact::HallRemoved { event, hall: *hall }.into()).into_iter().collect())
            }
            Wish::SetTrack(track, spec) => {
                valid::track(spec)?;
                if !self.tracks.contains_key(track) {
                    at_most("tracks", self.tracks.len(), HALLS_MAX)?;
                }
                let fact = || ProgrammeFact::TrackSet { event, track: *track, spec: spec.clone() };
                let mut facts = unless(self.tracks.get(track), spec, fact)?;
                if self.tracks.get(track).is_some_and(|known| known.title != spec.title) {
                    let own = self.sessions.iter().filter(|(_, listed)| listed.spec.track == *track);
                    for (session, listed) in own {
                        let times = self.sessions.times(session);
                        facts.extend(times.iter().map(|time| item(event, &listed.spec, &spec.title, time)));
                    }
                }
                Ok(facts)
            }
            Wish::RemoveTrack(track) => {
                self.unused(|spec| spec.track == *track)?;
                let there = self.tracks.contains_key(track);
                Ok(there.then(|| ProgrammeFact::TrackRemoved { event, track: *track }.into()).into_iter().collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn unused(&self, names: impl Fn(&Session) -> bool) -> Result<(), Refusal> {
        if self.sessions.iter().any(|(_, listed)| names(&listed.spec)) { Err(Refusal::InUse) } else { Ok(()) }
    }

    fn set_session(&self, event: EventId, session: SessionId, spec: &Session, overlap: bool) -> Decided {
        let before = self.sessions.get(session);
        if before.is_some_and(|before| before.spec == *spec) {
            return Ok(Vec::new());
        }
        if !session.is_some() || self.sessions.find(session).is_some_and(|(owner, ..)| owner != session) {
            return Err(Refusal::IdUsed);
        }
        if before.is_none() {
            at_most("sessions", self.sessions.len(), SESSIONS_MAX)?;
        }
        valid::session(spec, &self.scheduled.zone)?;
        self.names_what_is_there(spec)?;
        let times = occurrences(session, spec, &self.scheduled.zone)?;
        if !overlap && !spec.cancelled && spec.hall.is_some() {
            self.room_is_free(session, spec.hall, &times)?;
        }
        if let Some(capacity) = spec.capacity {
            let most = times.iter().map(|time| self.places.taken(time.id)).max().unwrap_or(0);
            if most > capacity {
                return Err(Refusal::CapacityTooSmall(most));
            }
        }
        let mut facts: Vec<Fact> =
            vec![ProgrammeFact::SessionSet { event, session, spec: Box::new(spec.clone()) }.into()];
        let track = self.tracks.get(&spec.track).map_or("", |track| track.title.as_str());
        let stay: BTreeSet<SessionId> = times.iter().map(|time| time.id).collect();
        let gone = self.sessions.times(session).iter().filter(|time| !stay.contains(&time.id));
        facts.extend(before.into_iter().flat_map(|before| {
            gone.clone().map(|time| item(event, &Session { cancelled: true, ..before.spec.clone() }, "", time))
        }));
        facts.extend(times.iter().map(|time| item(event, spec, track, time)));
        Ok(facts)
    }

    fn names_what_is_there(&self, spec: &Session) -> Result<(), Refusal> {
        if spec.hall.is_some() && !self.halls.contains_key(&spec.hall) {
            return Err(Refusal::invalid("room", "is none that is there"));
        }
        if spec.track.is_some() && !self.tracks.contains_key(&spec.track) {
            return Err(Refusal::invalid("track", "is none that is there"));
        }
        for (number, speaker) in spec.speakers.iter().enumerate() {
            if !self.speakers.contains_key(speaker) {
                return Err(Refusal::invalid(format!("speakers[{number}]"), "is nobody who is there"));
            }
        }
        Ok(())
    }

    fn room_is_free(&self, session: SessionId, hall: HallId, times: &[Occurrence]) -> Result<(), Refusal> {
        let Some((other, time)) = self.sessions.in_the_way(session, hall, times) else { return Ok(()) };
        let title = self.sessions.get(other).map(|listed| listed.spec.title.clone()).unwrap_or_default();
        Err(Refusal::RoomTaken { title, at: time.starts })
    }

    fn remove_session(&self, event: EventId, session: SessionId, now: Timestamp) -> Vec<Fact> {
        let Some(listed) = self.sessions.get(session) else { return Vec::new() };
        let removed = Session { cancelled: true, ..listed.spec.clone() };
        let mut facts: Vec<Fact> = vec![ProgrammeFact::SessionRemoved { event, session }.into()];
        facts.extend(self.sessions.times(session).iter().map(|time| {
            let over = Occurrence { ends: time.ends.min(time.starts.max(now)), ..*time };
            item(event, &removed, "", &over)
        }));
        facts
    }

    fn set_form(&self, event: EventId, form: FormId, spec: &Form) -> Decided {
        forms::check(spec)?;
        let editions = self.forms.get(&form);
        if editions.is_none() {
            at_most("forms", self.forms.len(), FORMS_MAX)?;
        }
        let count = editions.map_or(0, Vec::len);
        at_most("editions", count, EDITIONS_MAX)?;
        let edition = u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
        let fact = || ProgrammeFact::FormSet { event, form, edition, spec: spec.clone() };
        unless(editions.and_then(|editions| editions.last()), spec, fact)
    }

    fn take_place(
        &self,
        event: EventId,
        (session, ticket): (SessionId, TicketId),
        wait: bool,
        office: Option<&BoxOffice>,
        now: Timestamp,
    ) -> Decided {
        let known = office.and_then(|office| office.ticket(ticket)).ok_or(Refusal::NoTicket)?;
        if known.cancelled {
            return Err(Refusal::NoTicket);
        }
        let (_, listed, time) = self.sessions.find(session).ok_or(Refusal::NoSession)?;
        if listed.spec.cancelled || time.ends <= now || matches!(self.standing, Standing::CalledOff(_)) {
            return Err(Refusal::SessionOver);
        }
        let capacity = listed.spec.capacity.ok_or(Refusal::NoPlaces)?;
        // A recurring session's own id means its first time: places are of times.
        let session = time.id;
        match self.places.place(session, ticket) {
            Some(places::Place::Taken) => Ok(Vec::new()),
            Some(places::Place::Waiting(_)) if wait => Ok(Vec::new()),
            // Whoever waits is served before whoever comes now.
            waits => {
                let free = self.places.taken(session) < capacity && self.places.waiting(session) == 0;
                match (free, wait, waits) {
                    (true, ..) => {
                        Ok(vec![ProgrammeFact::SessionPlaceTaken { event, session, ticket, waited: false }.into()])
                    }
                    (false, true, _) => Ok(vec![ProgrammeFact::SessionPlaceAwaited { event, session, ticket }.into()]),
                    (false, false, _) => Err(Refusal::SessionFull),
                }
            }
        }
    }

    /// Gives a place back; who waits longest gets it in the same frame.
    fn leave_place(&self, event: EventId, session: SessionId, ticket: TicketId) -> Vec<Fact> {
        let session = self.sessions.find(session).map_or(session, |(.., time)| time.id);
        let Some(place) = self.places.place(session, ticket) else { return Vec::new() };
        let left = ProgrammeFact::SessionPlaceLeft { event, session, ticket, why: Leaving::Left };
        let next = self.places.of(session).and_then(|seats| seats.queue.front().copied());
        let fits = self.room(session).is_some_and(|room| self.places.taken(session) <= room);
        let promoted = next
            .filter(|_| place == places::Place::Taken && fits)
            .map(|ticket| ProgrammeFact::SessionPlaceTaken { event, session, ticket, waited: true });
        [Some(left), promoted].into_iter().flatten().map(Fact::from).collect()
    }
}

/// One time of a session as an item: what the dataflow knows of it. What does not take place is full, and so never recommended.
fn item(event: EventId, spec: &Session, track: &str, time: &Occurrence) -> Fact {
    Fact::ItemListed {
        event,
        item: ItemId(time.id.0),
        session: time.id,
        title: spec.title.clone(),
        track: Text::new(track),
        starts: Some(time.starts),
        ends: Some(time.ends),
        capacity: if spec.cancelled { Some(0) } else { spec.capacity },
    }
}
