//! What each read is about, for the decision who may have it: read from its address alone, so that a feed of the same
//! address is decided in the same way.

use axum::http::Uri;
use records::{CampaignId, EventId, OrganizationId};
use rules::access::{Act, On};

use crate::problem::{Code, Problem};

/// What somebody must be able to do to read an address below `/v1/views/`.
///
/// # Errors
/// `parameter_wrong` for an event or campaign that is no id.
pub(crate) fn about(organization: OrganizationId, address: &Uri) -> Result<(Act, On), Problem> {
    let path = address.path().trim_start_matches("/v1/views/");
    let segments: Vec<&str> = path.split('/').collect();
    let whole = On::organization(organization);
    Ok(match *segments {
        // How far the views are, which says nothing about anybody.
        ["freshness"] => (Act::ReadOrganization, whole),
        ["campaigns", "changes"] | ["campaigns"] => (Act::ReadCampaigns, whole),
        ["campaigns", campaign] => (Act::ReadCampaigns, On::campaign(organization, id(campaign)?)),
        // Boards of an event, unless those of all events are asked for.
        ["leaderboards", _, ..] if parameter(address, "scope").as_deref() != Some("all_time") => {
            (Act::ReadViews, of_event(organization, address)?)
        }
        [
            "windows" | "attendance" | "trending" | "visits" | "funnels" | "recommendations" | "revenue" | "audience",
            ..,
        ] => (Act::ReadViews, of_event(organization, address)?),
        // Of people over all events: scores, segments, all boards; and what is added without a word here.
        _ => (Act::ReadViews, whole),
    })
}

fn of_event(organization: OrganizationId, address: &Uri) -> Result<On, Problem> {
    let event = parameter(address, "event").map_or(Ok(EventId::NONE), |text| id_of(&text))?;
    Ok(On::event(organization, event))
}

fn id(segment: &str) -> Result<CampaignId, Problem> {
    let path = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
    CampaignId::parse(&path).map_err(|error| Problem::new(Code::ParameterWrong, error.to_string()))
}

fn id_of(text: &str) -> Result<EventId, Problem> {
    EventId::parse(text).map_err(|error| Problem::new(Code::ParameterWrong, format!("`event`: {error}")))
}

/// The value of a parameter. One that stands twice is answered by nobody, because a decision about the one must not be
/// taken for the other.
fn parameter(address: &Uri, name: &str) -> Option<String> {
    let query = address.query().unwrap_or("");
    form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: OrganizationId = OrganizationId(7);

    fn of(address: &str) -> (Act, On) {
        about(ACME, &format!("/v1/views/{address}").parse().unwrap()).unwrap()
    }

    #[test]
    fn what_names_an_event_is_about_it_and_the_rest_is_about_all() {
        let conf = On::event(ACME, EventId::parse("conf 1").unwrap());
        for address in [
            "windows?event=conf%201",
            "windows/sliding?minutes=5&event=conf+1",
            "attendance/s?event=conf%201",
            "leaderboards/points?event=conf%201&scope=day&day=2026-11-20",
            "leaderboards/changes?event=conf%201",
            "visits/ann?event=conf%201",
            "funnels/f?event=conf%201",
            "recommendations/visitors/ann?event=conf%201",
            "revenue?event=conf%201&currency=EUR",
            "audience/changes?event=conf%201",
        ] {
            assert_eq!(of(address), (Act::ReadViews, conf), "{address}");
        }
        for address in [
            "windows",
            "leaderboards",
            "leaderboards?event=conf",
            "leaderboards/points?event=conf&scope=all_time",
            "segments?event=conf",
            "revenue/changes",
            "segments/visitors/ann?event=conf",
            "fraud/scores?event=conf",
            "what?event=conf",
        ] {
            assert_eq!(of(address), (Act::ReadViews, On::organization(ACME)), "{address}");
        }
        assert_eq!(of("campaigns/c%31"), (Act::ReadCampaigns, On::campaign(ACME, CampaignId::parse("c1").unwrap())));
        assert_eq!(of("campaigns/changes"), (Act::ReadCampaigns, On::organization(ACME)));
        assert!(about(ACME, &"/v1/views/windows?event=".parse().unwrap()).is_err());
    }
}
