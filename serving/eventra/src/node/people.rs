//! Users, as the command line asks for them.

use anyhow::{Context as _, anyhow};
use api::accounts::Address;
use api::problem::Problem;
use records::OrganizationId;
use records::fact::Role;

use super::Core;

fn address(text: &str) -> anyhow::Result<Address> {
    text.parse().with_context(|| format!("`{text}`"))
}

/// A problem in the words of a command line.
fn spoken(problem: Problem) -> anyhow::Error {
    let title = problem.code.title();
    if problem.detail.is_empty() { anyhow!(title) } else { anyhow!(problem.detail) }
}

/// Makes a user, unless there is one with this address, and says what they may do.
///
/// # Errors
/// When a text is not what it should be, or the rules refuse it.
pub(super) fn add(
    core: &std::sync::Arc<Core>,
    email: &str,
    name: &str,
    admin: bool,
    member: Option<(String, Role)>,
) -> anyhow::Result<String> {
    let (address, api) = (address(email)?, super::api(core)?);
    let member = member.map(|(organization, role)| Ok::<_, anyhow::Error>((registered(core, &organization)?, role)));
    let member = member.transpose()?;
    core.runtime.block_on(async {
        let user = api.register(&address, name, admin).await.map_err(spoken)?;
        if let Some((organization, role)) = member {
            api.grant(organization, user, role).await.map_err(spoken)?;
        }
        Ok(user.to_string())
    })
}

fn registered(core: &Core, text: &str) -> anyhow::Result<OrganizationId> {
    let organization = OrganizationId::parse(text).with_context(|| format!("`{text}` is no organization"))?;
    let known = core.rules().tenant(organization).is_some_and(|tenant| tenant.registered);
    known.then_some(organization).with_context(|| format!("there is no organization `{text}`: see `eventra apply`"))
}

/// A link that signs somebody in once.
///
/// # Errors
/// When nobody has this address, or the log refuses.
pub(super) fn sign_in_link(core: &std::sync::Arc<Core>, email: &str) -> anyhow::Result<String> {
    let (address, api) = (address(email)?, super::api(core)?);
    core.runtime.block_on(api.sign_in_link(&address)).map_err(|problem| match problem.code {
        api::problem::Code::NotFound => anyhow!("nobody has the mail address {address}: see `eventra user add`"),
        _ => spoken(problem),
    })
}
