//! The shared texts and ids of a conference, made once so that a record only clones pointers.

use records::{AdId, CampaignId, Currency, EventId, ItemId, OrganizationId, PollId, SessionId, Text};

/// Makes an id of a short name that this crate wrote itself.
pub(crate) fn id<T: std::str::FromStr>(name: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    name.parse().expect("our own names are short and printable")
}

/// One thing on sale.
#[derive(Debug, Clone)]
pub(crate) struct Product {
    pub(crate) item: ItemId,
    pub(crate) title: String,
    pub(crate) price_minor: i64,
}

/// Everything that records name.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    pub(crate) organization: OrganizationId,
    pub(crate) event: EventId,
    pub(crate) countries: Vec<Text>,
    pub(crate) languages: Vec<Text>,
    pub(crate) platforms: Vec<Text>,
    pub(crate) phones: Vec<Text>,
    pub(crate) pounds: Currency,
    pub(crate) referrers: Vec<Text>,
    pub(crate) pages: Vec<(Text, Text)>,
    pub(crate) reactions: Vec<Text>,
    pub(crate) answers: Vec<Text>,
    pub(crate) channels: Vec<Text>,
    pub(crate) tickets: Vec<Product>,
    pub(crate) shop: Vec<Product>,
    pub(crate) shop_category: Text,
    pub(crate) ticket_category: Text,
    pub(crate) registered: Text,
    pub(crate) crawler: Text,
    pub(crate) ads: Vec<(AdId, CampaignId)>,
    pub(crate) polls: Vec<PollId>,
}

/// Campaigns of the conference and the ads of each; the committed rules file lists the same ads.
pub(crate) const CAMPAIGNS: u32 = 12;
pub(crate) const ADS_OF_CAMPAIGN: u32 = 10;
const SHOP: u32 = 40;

fn texts(words: &[&str]) -> Vec<Text> {
    words.iter().map(|word| Text::new(word)).collect()
}

impl Words {
    pub(crate) fn new(edition: u32, sessions: &[SessionId]) -> Self {
        let page = |(name, path): &(&str, &str)| (Text::new(name), Text::new(path));
        Self {
            organization: id("summit"),
            event: event(edition),
            countries: texts(&["DE", "US", "GB", "FR", "NL", "PL", "IN", "ES", "IT", "SE", "BR", "JP"]),
            languages: texts(&["de", "en", "en", "fr", "nl", "pl", "en", "es", "it", "sv", "pt", "ja"]),
            platforms: texts(&["macOS", "Windows", "Windows", "Linux"]),
            phones: texts(&["iOS", "Android", "Android"]),
            pounds: Currency::parse("GBP").expect("ISO 4217 lists it"),
            referrers: texts(&["search.example", "social.example", "news.example", "mail.example"]),
            pages: [
                ("home", "/"),
                ("agenda", "/agenda"),
                ("speakers", "/speakers"),
                ("tickets", "/tickets"),
                ("venue", "/venue"),
                ("shop", "/shop"),
                ("sponsors", "/sponsors"),
            ]
            .iter()
            .map(page)
            .collect(),
            reactions: texts(&["clap", "heart", "laugh", "wow", "thumb"]),
            answers: texts(&["a", "b", "c", "d"]),
            channels: texts(&["display", "newsletter", "social"]),
            tickets: vec![
                Product { item: id("ticket-early"), title: "Early bird".into(), price_minor: 29_900 },
                Product { item: id("ticket-full"), title: "Full pass".into(), price_minor: 49_900 },
                Product { item: id("ticket-day"), title: "Day pass".into(), price_minor: 19_900 },
            ],
            shop: (0..SHOP)
                .map(|number| Product {
                    item: id(&format!("shop-{number}")),
                    title: format!("Merchandise {number}"),
                    price_minor: 900 + i64::from(number * 137 % 61) * 100,
                })
                .collect(),
            shop_category: Text::new("shop"),
            ticket_category: Text::new("ticket"),
            registered: Text::new("registered"),
            crawler: Text::new("crawler"),
            ads: (0..CAMPAIGNS * ADS_OF_CAMPAIGN)
                .map(|ad| (id(&format!("ad-{ad}")), id(&format!("campaign-{}", ad / ADS_OF_CAMPAIGN))))
                .collect(),
            polls: (0..sessions.len()).map(|number| id(&format!("poll-{number}"))).collect(),
        }
    }
}

/// The event of an edition: `summit-2026`, then one for each later year.
pub(crate) fn event(edition: u32) -> EventId {
    id(&format!("summit-{}", 2026 + edition))
}
