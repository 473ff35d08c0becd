//! What whoever owns the process may do without an account: make the first one, and let people in who are locked out.

use records::fact::{By, LinkPurpose, Role};
use records::{EventId, Fact, OrganizationId, Span, UserId};
use rules::{accounts, office};

use super::people::{Address, Personal, name};
use crate::Api;
use crate::problem::{Code, Problem};

/// How long a link that the operator was shown works.
pub const LINK_WITHIN: Span = Span::from_seconds(900);

impl Api {
    /// The user with this mail address, made if there is none; a platform admin if that is wanted.
    ///
    /// # Errors
    /// What the rules refuse, or `desk_busy`.
    pub async fn register(&self, address: &Address, text: &str, admin: bool) -> Result<UserId, Problem> {
        let known = self.user_by_address(address);
        let user = known.as_ref().map_or_else(|| UserId::mint(self.clock.now(), self.draw()), |(user, _)| *user);
        let mut wishes = Vec::new();
        if known.is_none() {
            let personal = Personal { email: address.to_string(), name: name(text)? };
            wishes = self.registration(address, &personal, "").await?;
        }
        if admin {
            wishes.push(accounts::Wish::SetAdmin(true));
        }
        self.decide_account(None, Some(By::Operator), accounts::Command { user, wishes }).await?;
        Ok(user)
    }

    /// Makes a user a member of an organization.
    ///
    /// # Errors
    /// As [`Api::register`].
    pub async fn grant(&self, organization: OrganizationId, user: UserId, role: Role) -> Result<(), Problem> {
        let fact = Fact::MembershipGranted { user, role, events: Vec::new(), campaigns: Vec::new() };
        let command = office::Command { organization, event: EventId::NONE, wishes: vec![office::Wish::Stand(fact)] };
        self.decide_office(None, Some(By::Operator), command).await?;
        Ok(())
    }

    /// A link that signs a user in once, within [`LINK_WITHIN`].
    ///
    /// # Errors
    /// `not_found` when nobody has this address; else as [`Api::register`].
    pub async fn sign_in_link(&self, address: &Address) -> Result<String, Problem> {
        let found = self.user_by_address(address);
        let (user, _) = found.ok_or_else(|| Problem::new(Code::NotFound, "nobody has this mail address"))?;
        let (wish, link) = self.link(LinkPurpose::SignIn, LINK_WITHIN);
        let command = accounts::Command { user, wishes: vec![wish] };
        self.decide_account(None, Some(By::Operator), command).await?;
        Ok(link)
    }
}
