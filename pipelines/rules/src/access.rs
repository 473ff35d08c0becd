//! Who may do what: one decision for REST, feeds, WebSockets and SQL.
//!
//! | act | organizer | moderator | speaker | analyst | advertiser | attendee | ticket | key with |
//! |---|---|---|---|---|---|---|---|---|
//! | `send_tracking` | yes | | | | | | | `write` |
//! | `read_organization` | yes | yes | yes | yes | yes | | | `read`, `manage` |
//! | `read_views` | yes | yes | | yes | | | | `read` |
//! | `read_campaigns` | yes | | | yes | its campaigns | | | `read` |
//! | `run_sql` | whole organization | | | whole organization | | | | `sql` |
//! | `save_queries` | whole organization | | | whole organization | | | | |
//! | `take_part` | yes | yes | yes | | | yes | its event | |
//! | `speak` | yes | yes | yes | | | | | |
//! | `moderate` | yes | yes | | | | | | |
//! | `manage_campaigns` | yes | | | | its campaigns | | | `manage` |
//! | `manage_events`, `manage_orders` | yes | | | | | | | `manage` |
//! | `check_in` | yes | yes | | | | | | `manage`, `check_in` |
//! | `manage_organization` | whole organization | | | | | | | `manage` |
//! | `manage_members`, `manage_keys`, `read_audit` | whole organization | | | | | | | |
//! | `read_system`, `manage_system`, `manage_platform` | | | | | | | | |
//!
//! A platform admin and the operator of the process may do everything. A membership that is limited to events reaches what
//! names one of them, and nothing that speaks of the whole organization; a key that is limited to events, too. Whoever
//! shows a ticket takes part in its event, and does nothing else. What somebody is in the rooms of an event follows from
//! these ([`audience`]).

use std::fmt;
use std::sync::Arc;

use records::fact::{By, Role, Scope};
use records::{CampaignId, EventId, LoginId, OrganizationId, TicketId, Token, UserId};
use serde::Serialize;

use crate::engage::Audience;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Nobody has said who they are.
    Nobody,
    /// Whoever owns the process, over its socket.
    Operator,
    /// The holder of a key.
    Key(KeyHolder),
    /// Somebody who is signed in.
    Person(Person),
    /// Whoever shows a ticket.
    Holder(TicketHolder),
}

/// The holder of a ticket: of exactly one event. Whether the ticket was cancelled is asked where something is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketHolder {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event.
    pub event: EventId,
    /// The ticket.
    pub ticket: TicketId,
    /// The pseudonym of its holder.
    pub person: Token,
}

/// The holder of a key: always of exactly one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The tenant.
    pub organization: OrganizationId,
    /// The key's name.
    pub name: Arc<str>,
    /// What the key may do.
    pub scopes: Arc<[Scope]>,
    /// The events that it is limited to; none for all.
    pub events: Arc<[EventId]>,
}

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The user.
    pub user: UserId,
    /// The device.
    pub login: LoginId,
    /// Whether they may do everything everywhere.
    pub platform_admin: bool,
    /// Where they belong, by organization.
    pub memberships: Arc<[Membership]>,
}

/// What somebody is in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The tenant.
    pub organization: OrganizationId,
    /// What they are.
    pub role: Role,
    /// The events that it is limited to; none for all.
    pub events: Vec<EventId>,
    /// The campaigns of an advertiser.
    pub campaigns: Vec<CampaignId>,
}

/// Something that one may or may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Send tracking and reports.
    SendTracking,
    /// Read the organization's name, zone, events and items.
    ReadOrganization,
    /// Read views, feeds and presence.
    ReadViews,
    /// Read counts of campaigns.
    ReadCampaigns,
    /// Ask the warehouse.
    RunSql,
    /// Keep queries.
    SaveQueries,
    /// Take part in the rooms of an event: vote, ask, write, react.
    TakePart,
    /// See what those on the stage see: questions by votes, and what polls come to.
    Speak,
    /// Keep order in chats, questions and polls.
    Moderate,
    /// Change campaigns.
    ManageCampaigns,
    /// Change events and their items.
    ManageEvents,
    /// Read, approve and cancel orders, pay back and out.
    ManageOrders,
    /// Look at tickets at a door.
    CheckIn,
    /// Change settings and rules.
    ManageOrganization,
    /// Invite, change and remove members.
    ManageMembers,
    /// Make, rotate and revoke keys.
    ManageKeys,
    /// Read who did what.
    ReadAudit,
    /// Look at the process: lag, snapshots, sinks, dead letters.
    ReadSystem,
    /// Replay dead letters.
    ManageSystem,
    /// Make organizations and platform admins.
    ManagePlatform,
}

impl Act {
    /// All acts.
    pub const ALL: [Self; 20] = [
        Self::SendTracking,
        Self::ReadOrganization,
        Self::ReadViews,
        Self::ReadCampaigns,
        Self::RunSql,
        Self::SaveQueries,
        Self::TakePart,
        Self::Speak,
        Self::Moderate,
        Self::ManageCampaigns,
        Self::ManageEvents,
        Self::ManageOrders,
        Self::CheckIn,
        Self::ManageOrganization,
        Self::ManageMembers,
        Self::ManageKeys,
        Self::ReadAudit,
        Self::ReadSystem,
        Self::ManageSystem,
        Self::ManagePlatform,
    ];

    /// As answers and records name it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::SendTracking => "send_tracking",
            Self::ReadOrganization => "read_organization",
            Self::ReadViews => "read_views",
            Self::ReadCampaigns => "read_campaigns",
            Self::RunSql => "run_sql",
            Self::SaveQueries => "save_queries",
            Self::TakePart => "take_part",
            Self::Speak => "speak",
            Self::Moderate => "moderate",
            Self::ManageCampaigns => "manage_campaigns",
            Self::ManageEvents => "manage_events",
            Self::ManageOrders => "manage_orders",
            Self::CheckIn => "check_in",
            Self::ManageOrganization => "manage_organization",
            Self::ManageMembers => "manage_members",
            Self::ManageKeys => "manage_keys",
            Self::ReadAudit => "read_audit",
            Self::ReadSystem => "read_system",
            Self::ManageSystem => "manage_system",
            Self::ManagePlatform => "manage_platform",
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What an act is about. What is not named is all of it: every event, every campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct On {
    /// The tenant; none for the platform itself.
    pub organization: OrganizationId,
    /// The event.
    pub event: EventId,
    /// The campaign.
    pub campaign: CampaignId,
}

impl On {
    /// Everything of an organization.
    pub fn organization(organization: OrganizationId) -> Self {
        Self { organization, ..Self::default() }
    }

    /// One event of an organization.
    pub fn event(organization: OrganizationId, event: EventId) -> Self {
        Self { organization, event, ..Self::default() }
    }

    /// One campaign of an organization.
    pub fn campaign(organization: OrganizationId, campaign: CampaignId) -> Self {
        Self { organization, campaign, ..Self::default() }
    }
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody has said who they are.
    #[error("nobody is signed in, and no key was sent")]
    Nobody,
    /// The organization is another one, or does not exist: which, is nobody else's business.
    #[error("it belongs to an organization that you are not a member of")]
    Foreign,
    /// The key lacks a scope.
    #[error("the key has no `{0}` scope")]
    Scope(&'static str),
    /// No key may do this.
    #[error("`{0}` is for people who are signed in, not for keys")]
    NoKey(Act),
    /// The key is limited to events, and this is about more than one of them.
    #[error("it is limited to some events, and this is about another one or about all")]
    KeyEvent,
    /// The role is not enough.
    #[error("your role does not include `{0}`")]
    Role(Act),
    /// The membership is limited to events, and this is about more than one of them.
    #[error("your membership is limited to some events, and this is about another one or about all")]
    Event,
    /// The membership is limited to campaigns, and this is about more than one of them.
    #[error("your membership is limited to some campaigns, and this is about another one or about all")]
    Campaign,
    /// More than a ticket allows.
    #[error("a ticket lets you take part in its event, and does not include `{0}`")]
    Ticket(Act),
}

/// How far a role carries an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    No,
    /// What names an event of the membership, or anything when it is limited to none.
    Events,
    /// Only of members who are not limited to events.
    Whole,
    /// What names a campaign of the membership.
    Campaigns,
    /// The organization's name and list of events: every member needs them.
    Always,
}

/// Whether a principal may do something.
///
/// # Errors
/// Why not.
pub fn decide(principal: &Principal, act: Act, on: &On) -> Result<(), Denied> {
    match principal {
        Principal::Nobody => Err(Denied::Nobody),
        Principal::Operator => Ok(()),
        Principal::Key(holder) => holder.may(act, on),
        Principal::Person(person) if person.platform_admin => Ok(()),
        Principal::Person(person) => {
            let membership = person.membership(on.organization);
            membership.map_or_else(|| Err(Denied::foreign(act)), |membership| membership.may(act, on))
        }
        Principal::Holder(holder) if act != Act::TakePart => {
            Err(if holder.organization == on.organization { Denied::Ticket(act) } else { Denied::foreign(act) })
        }
        Principal::Holder(holder) => {
            let own = holder.organization == on.organization && holder.event == on.event && on.event.is_some();
            if own { Ok(()) } else { Err(Denied::Foreign) }
        }
    }
}

/// What somebody is in the rooms of an event: the most that they may be.
///
/// # Errors
/// When they may not even take part; why not.
pub fn audience(principal: &Principal, on: &On) -> Result<Audience, Denied> {
    let most = [
        (Act::ManageEvents, Audience::Organizer),
        (Act::Moderate, Audience::Moderator),
        (Act::Speak, Audience::Speaker),
    ];
    let may = |(act, _): &(Act, Audience)| decide(principal, *act, on).is_ok();
    match most.into_iter().find(may) {
        Some((_, audience)) => Ok(audience),
        None => decide(principal, Act::TakePart, on).map(|()| Audience::Attendee),
    }
}

impl Denied {
    /// Acts on the process are nobody's but the platform's: there is no organization to be foreign to.
    fn foreign(act: Act) -> Self {
        match act {
            Act::ReadSystem | Act::ManageSystem | Act::ManagePlatform => Self::Role(act),
            _ => Self::Foreign,
        }
    }
}

impl Principal {
    /// As facts name whoever had something done.
    pub fn by(&self) -> Option<By> {
        match self {
            // A ticket is of somebody whom no account names; what they did names their pseudonym.
            Self::Nobody | Self::Holder(_) => None,
            Self::Operator => Some(By::Operator),
            Self::Key(holder) => Some(By::Key(holder.name.to_string())),
            Self::Person(person) => Some(By::User(person.user)),
        }
    }

    /// The acts that may be done somewhere in an organization, for pages that hide what cannot be done.
    pub fn acts(&self, organization: OrganizationId) -> Vec<Act> {
        let membership = match self {
            Self::Person(person) if !person.platform_admin => person.membership(organization),
            _ => None,
        };
        let somewhere = |act: &Act| match (membership, self) {
            (Some(membership), _) => membership.places().any(|on| decide(self, *act, &on).is_ok()),
            (None, Self::Holder(holder)) => decide(self, *act, &On::event(organization, holder.event)).is_ok(),
            (None, _) => decide(self, *act, &On::organization(organization)).is_ok(),
        };
        Act::ALL.into_iter().filter(somewhere).collect()
    }
}

impl KeyHolder {
    /// Whether the key has a scope.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    fn may(&self, act: Act, on: &On) -> Result<(), Denied> {
        if on.organization != self.organization {
            return Err(Denied::foreign(act));
        }
        let (scopes, word): (&[Scope], _) = match act {
            Act::SendTracking => (&[Scope::Write], "write"),
            Act::ReadOrganization => (&[Scope::Read, Scope::Manage], "read"),
            Act::ReadViews | Act::ReadCampaigns => (&[Scope::Read], "read"),
            Act::RunSql => (&[Scope::Sql], "sql"),
            Act::CheckIn => (&[Scope::Manage, Scope::CheckIn], "check_in"),
            Act::ManageCampaigns | Act::ManageEvents | Act::ManageOrders | Act::ManageOrganization => {
                (&[Scope::Manage], "manage")
            }
            _ => return Err(Denied::NoKey(act)),
        };
        if !scopes.iter().any(|scope| self.has(*scope)) {
            return Err(Denied::Scope(word));
        }
        if self.events.is_empty() || self.events.contains(&on.event) { Ok(()) } else { Err(Denied::KeyEvent) }
    }
}

impl Person {
    /// What somebody is in an organization.
    pub fn membership(&self, organization: OrganizationId) -> Option<&Membership> {
        self.memberships.iter().find(|membership| membership.organization == organization)
    }
}

impl Membership {
    fn may(&self, act: Act, on: &On) -> Result<(), Denied> {
        match reach(self.role, act) {
            Reach::No => Err(Denied::Role(act)),
            Reach::Always => Ok(()),
            Reach::Whole if self.events.is_empty() => Ok(()),
            Reach::Events if self.events.is_empty() || self.events.contains(&on.event) => Ok(()),
            Reach::Whole | Reach::Events => Err(Denied::Event),
            Reach::Campaigns if self.campaigns.contains(&on.campaign) => Ok(()),
            Reach::Campaigns => Err(Denied::Campaign),
        }
    }

    /// The whole organization, and everything that the membership is limited to.
    fn places(&self) -> impl Iterator<Item = On> {
        let whole = std::iter::once(On::organization(self.organization));
        let events = self.events.iter().map(|event| On::event(self.organization, *event));
        let campaigns = self.campaigns.iter().map(|campaign| On::campaign(self.organization, *campaign));
        whole.chain(events).chain(campaigns)
    }
}

fn reach(role: Role, act: Act) -> Reach {
    use Act as A;
    match (role, act) {
        (_, A::ReadSystem | A::ManageSystem | A::ManagePlatform) => Reach::No,
        (Role::Attendee | Role::Speaker | Role::Moderator, A::TakePart) => Reach::Events,
        (Role::Attendee, _) => Reach::No,
        (_, A::ReadOrganization) => Reach::Always,
        (
            Role::Organizer,
            A::SendTracking
            | A::ReadViews
            | A::TakePart
            | A::Speak
            | A::Moderate
            | A::ManageEvents
            | A::ManageOrders
            | A::CheckIn,
        ) => Reach::Events,
        (Role::Organizer, _) => Reach::Whole,
        (Role::Moderator, A::ReadViews | A::Speak | A::Moderate | A::CheckIn) | (Role::Speaker, A::Speak) => {
            Reach::Events
        }
        (Role::Analyst, A::ReadViews) => Reach::Events,
        (Role::Analyst, A::ReadCampaigns | A::RunSql | A::SaveQueries) => Reach::Whole,
        (Role::Advertiser, A::ReadCampaigns | A::ManageCampaigns) => Reach::Campaigns,
        (Role::Moderator | Role::Speaker | Role::Analyst | Role::Advertiser, _) => Reach::No,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ACME: OrganizationId = OrganizationId(7);
    const OTHER: OrganizationId = OrganizationId(8);
    const CONF: EventId = EventId(1);
    const ROLES: [Role; 6] =
        [Role::Organizer, Role::Moderator, Role::Analyst, Role::Advertiser, Role::Attendee, Role::Speaker];

    fn member(role: Role, events: &[EventId], campaigns: &[CampaignId]) -> Principal {
        let (events, campaigns) = (events.to_vec(), campaigns.to_vec());
        let membership = Membership { organization: ACME, role, events, campaigns };
        let memberships = [membership].into();
        Principal::Person(Person { user: UserId(1), login: LoginId(2), platform_admin: false, memberships })
    }

    fn admin() -> Principal {
        let memberships = [].into();
        Principal::Person(Person { user: UserId(1), login: LoginId(2), platform_admin: true, memberships })
    }

    fn key(scopes: &[Scope]) -> Principal {
        let events = [].into();
        Principal::Key(KeyHolder { organization: ACME, name: "web".into(), scopes: scopes.into(), events })
    }

    fn holder() -> Principal {
        let (ticket, person) = (TicketId(4), Token(5));
        Principal::Holder(TicketHolder { organization: ACME, event: CONF, ticket, person })
    }

    fn acts(principal: &Principal) -> Vec<&'static str> {
        principal.acts(ACME).into_iter().map(Act::word).collect()
    }

    /// The table of the module's documentation, told again by hand.
    #[test]
    fn each_role_may_what_the_table_says() {
        let organizer = acts(&member(Role::Organizer, &[], &[]));
        assert_eq!(organizer.len(), 17);
        assert!(!organizer.contains(&"read_system") && !organizer.contains(&"manage_platform"));
        assert_eq!(
            acts(&member(Role::Moderator, &[], &[])),
            ["read_organization", "read_views", "take_part", "speak", "moderate", "check_in"]
        );
        assert_eq!(acts(&member(Role::Speaker, &[], &[])), ["read_organization", "take_part", "speak"]);
        assert_eq!(acts(&holder()), ["take_part"]);
        let analyst = ["read_organization", "read_views", "read_campaigns", "run_sql", "save_queries"];
        assert_eq!(acts(&member(Role::Analyst, &[], &[])), analyst);
        assert_eq!(acts(&member(Role::Advertiser, &[], &[])), ["read_organization"]);
        let advertiser = ["read_organization", "read_campaigns", "manage_campaigns"];
        assert_eq!(acts(&member(Role::Advertiser, &[], &[CampaignId(3)])), advertiser);
        assert_eq!(acts(&member(Role::Attendee, &[], &[])), ["take_part"]);
        assert_eq!(acts(&admin()).len(), Act::ALL.len());
        assert_eq!(acts(&Principal::Operator).len(), Act::ALL.len());
        assert_eq!(acts(&Principal::Nobody), [""; 0]);
    }

    #[test]
    fn keys_may_what_their_scopes_say_and_never_make_keys_or_members() {
        assert_eq!(acts(&key(&[Scope::Write])), ["send_tracking"]);
        assert_eq!(acts(&key(&[Scope::Read])), ["read_organization", "read_views", "read_campaigns"]);
        assert_eq!(acts(&key(&[Scope::Sql])), ["run_sql"]);
        let all = key(&[Scope::Write, Scope::Read, Scope::Sql, Scope::Manage]);
        for act in [Act::ManageKeys, Act::ManageMembers, Act::ReadAudit, Act::ManagePlatform, Act::ReadSystem] {
            assert_eq!(decide(&all, act, &On::organization(ACME)), Err(Denied::NoKey(act)));
        }
    }

    #[test]
    fn a_membership_of_some_events_reaches_those_only() {
        for role in [Role::Organizer, Role::Moderator, Role::Analyst] {
            let limited = member(role, &[CONF], &[]);
            assert_eq!(decide(&limited, Act::ReadViews, &On::event(ACME, CONF)), Ok(()));
            assert_eq!(decide(&limited, Act::ReadViews, &On::event(ACME, EventId(2))), Err(Denied::Event));
            assert_eq!(decide(&limited, Act::ReadViews, &On::organization(ACME)), Err(Denied::Event));
        }
        let limited = member(Role::Analyst, &[CONF], &[]);
        assert_eq!(decide(&limited, Act::RunSql, &On::event(ACME, CONF)), Err(Denied::Event), "SQL sees all events");
        let limited = member(Role::Organizer, &[CONF], &[]);
        for act in [Act::ManageMembers, Act::ManageKeys, Act::ManageOrganization, Act::ReadAudit] {
            assert_eq!(decide(&limited, act, &On::event(ACME, CONF)), Err(Denied::Event));
        }
    }

    #[test]
    fn a_ticket_lets_its_holder_take_part_in_its_event_and_nothing_else() {
        assert_eq!(decide(&holder(), Act::TakePart, &On::event(ACME, CONF)), Ok(()));
        for on in [On::organization(ACME), On::event(ACME, EventId(2)), On::event(OTHER, CONF), On::default()] {
            assert_eq!(decide(&holder(), Act::TakePart, &on), Err(Denied::Foreign));
        }
        let all = Act::ALL.into_iter().filter(|act| *act != Act::TakePart);
        all.for_each(|act| assert_eq!(decide(&holder(), act, &On::event(ACME, CONF)), Err(Denied::Ticket(act))));
    }

    #[test]
    fn what_somebody_is_in_a_room_follows_from_what_they_may() {
        let at = On::event(ACME, CONF);
        let is = |principal: &Principal| audience(principal, &at).ok();
        let roles = ROLES.map(|role| is(&member(role, &[], &[])));
        let (some, none) = (Some, None);
        let expected = [
            some(Audience::Organizer),
            some(Audience::Moderator),
            none,
            none,
            some(Audience::Attendee),
            some(Audience::Speaker),
        ];
        assert_eq!(roles, expected);
        assert_eq!(is(&holder()), some(Audience::Attendee));
        assert_eq!(is(&key(&[Scope::Manage])), some(Audience::Organizer));
        assert_eq!(audience(&key(&[Scope::Read]), &at), Err(Denied::NoKey(Act::TakePart)));
        assert_eq!(audience(&member(Role::Speaker, &[EventId(2)], &[]), &at), Err(Denied::Event));
        assert_eq!(audience(&Principal::Nobody, &at), Err(Denied::Nobody));
    }

    #[test]
    fn an_advertiser_reaches_its_campaigns_only() {
        let advertiser = member(Role::Advertiser, &[], &[CampaignId(3)]);
        assert_eq!(decide(&advertiser, Act::ReadCampaigns, &On::campaign(ACME, CampaignId(3))), Ok(()));
        assert_eq!(decide(&advertiser, Act::ReadCampaigns, &On::campaign(ACME, CampaignId(4))), Err(Denied::Campaign));
        assert_eq!(decide(&advertiser, Act::ReadCampaigns, &On::organization(ACME)), Err(Denied::Campaign));
    }

    proptest! {
        /// Whoever is not the platform's finds nothing anywhere else, whatever they are at home.
        #[test]
        fn nothing_is_let_through_to_another_organization(
            role in 0..ROLES.len(), act in 0..Act::ALL.len(), event in 0u128..3, campaign in 0u128..3,
            events in prop::collection::vec(0u128..3, 0..3), campaigns in prop::collection::vec(0u128..3, 0..3),
        ) {
            let events: Vec<_> = events.into_iter().map(EventId).collect();
            let campaigns: Vec<_> = campaigns.into_iter().map(CampaignId).collect();
            let on = On { organization: OTHER, event: EventId(event), campaign: CampaignId(campaign) };
            let all = key(&[Scope::Write, Scope::Read, Scope::Sql, Scope::Manage]);
            for principal in [member(ROLES[role], &events, &campaigns), all, Principal::Nobody] {
                prop_assert!(decide(&principal, Act::ALL[act], &on).is_err());
                prop_assert_eq!(principal.acts(OTHER), []);
            }
        }

        /// What is limited may never do more than what is not.
        #[test]
        fn a_limit_takes_and_never_gives(role in 0..3usize, act in 0..Act::ALL.len(), event in 0u128..4, limit in 1u128..4) {
            let on = On::event(ACME, EventId(event));
            let limited = decide(&member(ROLES[role], &[EventId(limit)], &[]), Act::ALL[act], &on);
            let whole = decide(&member(ROLES[role], &[], &[]), Act::ALL[act], &on);
            prop_assert!(limited.is_err() || whole.is_ok());
        }
    }
}
