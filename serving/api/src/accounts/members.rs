//! Members: who belongs to an organization, as what.

use axum::extract::State;
use records::fact::{CommandTag, LinkPurpose, Role};
use records::{CampaignId, CommandId, EventId, Fact, OrganizationId, UserId};
use rules::access::{Act, On};
use rules::directory::Member;
use rules::{accounts, office};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decide::offset;
use super::links::{INVITATION_WITHIN, Nothing};
use super::mails::{Letter, Template};
use super::organizations::{known, tenant};
use super::people::{Address, Personal, When, address, language, name, seal, subject};
use crate::Api;
use crate::auth::Presented;
use crate::lists::{Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::{Idempotent, Made, Written};

/// Events or campaigns that one membership may be limited to.
const PLACES_MAX: usize = 100;
/// Members of one organization: people who work on its events; attendees are none.
const MEMBERS_MAX: usize = 10_000;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .get("/v1/organizations/{organization}/members", "Members, by user id", list)
        .post("/v1/organizations/{organization}/members", "Invites somebody by mail, or changes what they are", invite)
        .may(&[Code::NotFound, Code::Refused])
        .patch("/v1/organizations/{organization}/members/{user}", "Changes what a member is", change)
        .may(&[Code::NotFound, Code::Refused])
        .delete("/v1/organizations/{organization}/members/{user}", "Ends a membership", end)
        .may(&[Code::NotFound, Code::Refused])
}

/// A member.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Member")]
struct Row {
    user: UserId,
    /// The mail address; empty when the user was erased.
    email: String,
    name: String,
    role: Role,
    /// The events that it is limited to; none for all.
    events: Vec<EventId>,
    /// The campaigns of an advertiser.
    campaigns: Vec<CampaignId>,
    since: When,
    /// Whether they have signed in or chosen a password yet.
    active: bool,
    second_factor: bool,
}

/// Somebody to be a member.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Invitation")]
struct Invite {
    /// The mail address.
    email: String,
    /// What people call them; they can change it.
    #[serde(default)]
    name: String,
    role: Role,
    /// The events that it is limited to; none for all.
    #[serde(default)]
    events: Vec<EventId>,
    /// The campaigns of an advertiser.
    #[serde(default)]
    campaigns: Vec<CampaignId>,
}

/// What of a membership is to be other.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MembershipChange")]
struct Change {
    role: Option<Role>,
    /// The events that it is limited to; none for all.
    events: Option<Vec<EventId>>,
    /// The campaigns of an advertiser.
    campaigns: Option<Vec<CampaignId>>,
}

fn row(api: &Api, user: UserId, member: &Member) -> Row {
    let known = api.user(user);
    let personal = known.as_ref().map(|known| api.personal(known)).unwrap_or_default();
    Row {
        user,
        email: personal.email,
        name: personal.name,
        role: member.role,
        events: member.events.clone(),
        campaigns: member.campaigns.clone(),
        since: When(member.since),
        active: known
            .as_ref()
            .is_some_and(|known| known.password.is_some() || !known.identities.is_empty() || !known.logins.is_empty()),
        second_factor: known.is_some_and(|known| known.factor.is_some()),
    }
}

fn member(api: &Api, organization: OrganizationId, user: UserId) -> Result<Member, Problem> {
    let found = api.callers.read(|directory| directory.organization(organization)?.members.get(&user).cloned());
    found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such member"))
}

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    paging: Paging,
) -> Result<Page<Row>, Problem> {
    caller.may(Act::ManageMembers, &On::organization(organization))?;
    let after: Option<UserId> = paging.after()?;
    let members = api.callers.read(|directory| {
        let known = directory.organization(organization);
        known.map_or_else(Vec::new, |known| paging.entries(after, &known.members))
    });
    Ok(paging.page(members.into_iter().map(|(user, member)| row(&api, user, &member)), |row| row.user))
}

async fn invite(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    write: Idempotent<Invite>,
) -> Result<Made<Row>, Problem> {
    caller.may(Act::ManageMembers, &On::organization(organization))?;
    tenant(organization)?;
    known(&api, organization)?;
    let count =
        api.callers.read(|directory| directory.organization(organization).map_or(0, |known| known.members.len()));
    if count >= MEMBERS_MAX {
        return Err(Problem::new(Code::Refused, format!("an organization has at most {MEMBERS_MAX} members")));
    }
    let tag = write.tag(&caller.who());
    let Invite { email, name: text, role, events, campaigns } = write.body;
    let address = address(&email)?;
    let granted = granted(UserId::NONE, role, events, campaigns)?;
    let personal = Personal { email: address.to_string(), name: name(&text)? };
    let user = api.invited(organization, &address, &personal, tag, &caller).await?;
    let Fact::MembershipGranted { role, events, campaigns, .. } = granted else {
        return Err(Problem::new(Code::Internal, ""));
    };
    let fact = Fact::MembershipGranted { user, role, events, campaigns };
    let command = office::Command { organization, event: EventId::NONE, wishes: vec![office::Wish::Stand(fact)] };
    let done = api.decide_office(Some(second(tag)), caller.principal.by(), command).await?;
    let data = row(&api, user, &member(&api, organization, user)?);
    Ok(Made(Written { data, offset: offset(&done) }))
}

/// The tag of the second command of one request, which goes to another aggregate and must not be taken for the first.
fn second(tag: CommandTag) -> CommandTag {
    CommandTag { id: CommandId(tag.id.0 ^ (1 << 64)), hash: tag.hash }
}

impl Api {
    /// The user with this address, made if there is none, with a mail that says so.
    async fn invited(
        &self,
        organization: OrganizationId,
        address: &Address,
        personal: &Personal,
        tag: CommandTag,
        caller: &Presented,
    ) -> Result<UserId, Problem> {
        let organization = self.callers.read(|directory| directory.organization(organization).cloned());
        let organization = organization.and_then(|known| known.name).unwrap_or_default();
        let by = caller.principal.by();
        if let Some((user, known)) = self.user_by_address(address) {
            let mail = self.mail(&known, &Letter { organization, ..Letter::new(Template::Membership) })?;
            let again = accounts::Command { user, wishes: vec![mail] };
            self.decide_account(Some(tag), by, again).await?;
            return Ok(user);
        }
        let (link, leads) = self.link(LinkPurpose::Password, INVITATION_WITHIN);
        let letter = Letter { link: leads, organization, template: Template::Invitation };
        let user = UserId(tag.id.0);
        let mut wishes = self.registration(address, personal, "").await?;
        let sealed =
            seal(self.subjects(), address, &letter.sealed()).ok_or_else(|| Problem::new(Code::Internal, ""))?;
        wishes.extend([link, accounts::Wish::QueueMail { mail: self.mail_id(), sealed }]);
        self.decide_account(Some(tag), by, accounts::Command { user, wishes }).await?;
        Ok(user)
    }

    /// The wish that makes a user, whose key is durable before.
    pub(crate) async fn registration(
        &self,
        address: &Address,
        personal: &Personal,
        text: &str,
    ) -> Result<Vec<accounts::Wish>, Problem> {
        let language = language(text)?;
        let (api, of) = (self.clone(), address.clone());
        // The key store is written and synced: not on a thread that serves others.
        let made = tokio::task::spawn_blocking(move || subject(api.subjects(), &of)).await;
        let (subject, person) = made.map_err(|_| Problem::new(Code::Internal, ""))??;
        let sealed =
            seal(self.subjects(), address, &personal.sealed()).ok_or_else(|| Problem::new(Code::Internal, ""))?;
        Ok(vec![accounts::Wish::Register { subject, person, sealed, language }])
    }
}

fn granted(
    user: UserId,
    role: Role,
    mut events: Vec<EventId>,
    mut campaigns: Vec<CampaignId>,
) -> Result<Fact, Problem> {
    if events.len() > PLACES_MAX || campaigns.len() > PLACES_MAX || events.contains(&EventId::NONE) {
        let detail = format!("a membership names at most {PLACES_MAX} events and as many campaigns");
        return Err(Problem::new(Code::Refused, detail));
    }
    if role != Role::Advertiser && !campaigns.is_empty() {
        return Err(Problem::new(Code::Refused, "only advertisers are limited to campaigns"));
    }
    events.sort_unstable();
    events.dedup();
    campaigns.sort_unstable();
    campaigns.dedup();
    Ok(Fact::MembershipGranted { user, role, events, campaigns })
}

async fn change(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(user))): Named<(Id<OrganizationId>, Id<UserId>)>,
    write: Idempotent<Change>,
) -> Result<Written<Row>, Problem> {
    caller.may(Act::ManageMembers, &On::organization(organization))?;
    let before = member(&api, organization, user)?;
    let (tag, change) = (write.tag(&caller.who()), write.body);
    let role = change.role.unwrap_or(before.role);
    // Campaigns stay an advertiser's.
    let campaigns = change.campaigns.unwrap_or(if role == Role::Advertiser { before.campaigns } else { Vec::new() });
    let fact = granted(user, role, change.events.unwrap_or(before.events), campaigns)?;
    let command = office::Command { organization, event: EventId::NONE, wishes: vec![office::Wish::Stand(fact)] };
    let done = api.decide_office(Some(tag), caller.principal.by(), command).await?;
    let data = row(&api, user, &member(&api, organization, user)?);
    Ok(Written { data, offset: offset(&done) })
}

async fn end(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(user))): Named<(Id<OrganizationId>, Id<UserId>)>,
    write: Idempotent,
) -> Result<Nothing, Problem> {
    caller.may(Act::ManageMembers, &On::organization(organization))?;
    member(&api, organization, user)?;
    let wishes = vec![office::Wish::EndMembership(user)];
    let command = office::Command { organization, event: EventId::NONE, wishes };
    api.decide_office(Some(write.tag(&caller.who())), caller.principal.by(), command).await?;
    Ok(Nothing)
}
