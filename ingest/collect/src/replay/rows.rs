//! Rows of the public sets as drafts. One function for each set; the table is in [`crate::replay`].

use std::net::Ipv4Addr;

use records::json::FieldError;
use records::{AdId, Currency, EventId, ItemId, Kind, MessageId, Record, Source, Timestamp};

use crate::body::too_deep;
use crate::draft::{Draft, Stamps};

/// A public data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dataset {
    /// Taobao user behaviour: views, carts, favourites, purchases.
    UserBehavior,
    /// The Meetup RSVP stream.
    Meetup,
    /// TalkingData ad clicks.
    TalkingData,
    /// E-commerce signups and first purchases with fraud.
    Ecommerce,
}

impl Dataset {
    /// Every set.
    pub const ALL: [Self; 4] = [Self::UserBehavior, Self::Meetup, Self::TalkingData, Self::Ecommerce];

    /// Its word on the command line; also the event that its records belong to unless they name one.
    pub fn word(self) -> &'static str {
        match self {
            Self::UserBehavior => "userbehavior",
            Self::Meetup => "meetup",
            Self::TalkingData => "talkingdata",
            Self::Ecommerce => "ecommerce",
        }
    }

    /// The set with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.word() == word)
    }

    /// The first line of its files, where they have a header.
    pub fn header(self) -> Option<&'static str> {
        match self {
            Self::UserBehavior | Self::Meetup => None,
            Self::TalkingData => Some("ip,app,device,os,channel,click_time,attributed_time,is_attributed"),
            Self::Ecommerce => Some(
                "user_id,signup_time,purchase_time,purchase_value,device_id,source,browser,sex,age,ip_address,class",
            ),
        }
    }

    /// Whether its records go out by event time unless said otherwise: where files are not in order of time.
    pub fn by_event_time(self) -> bool {
        matches!(self, Self::TalkingData | Self::Ecommerce)
    }
}

/// Reads one line of a set. The drafts lack what the line does not say: message id (but Meetup's), event, order id.
/// The first draft's time is the row's own.
///
/// # Errors
/// When the line is not a row of this set; the error names the column.
pub fn row(set: Dataset, line: &[u8], currency: Currency) -> Result<Vec<Draft>, FieldError> {
    let text = std::str::from_utf8(line).map_err(|_| FieldError::new("line", "is not UTF-8"))?;
    match set {
        Dataset::UserBehavior => user_behavior(text),
        Dataset::Meetup => meetup(text),
        Dataset::TalkingData => talking_data(text),
        Dataset::Ecommerce => ecommerce(text, currency),
    }
}

fn draft(kind: Kind, at: Timestamp) -> Draft {
    let mut draft = Draft {
        record: Record::new(kind),
        stamps: Stamps { timestamp: Some(at), ..Stamps::default() },
        ..Draft::default()
    };
    draft.record.source = Source::Replay;
    draft
}

fn columns<const N: usize>(line: &str) -> Result<[&str; N], FieldError> {
    // None of these sets quotes its fields.
    let mut columns = [""; N];
    let mut count = 0;
    for field in line.split(',') {
        if count < N {
            columns[count] = field;
        }
        count += 1;
    }
    if count == N { Ok(columns) } else { Err(FieldError::new("line", format!("has {count} fields, not {N}"))) }
}

fn wrong(field: &str, problem: &str) -> FieldError {
    FieldError::new(field, problem)
}

fn filled<'a>(field: &str, text: &'a str) -> Result<&'a str, FieldError> {
    if text.is_empty() { Err(wrong(field, "is empty")) } else { Ok(text) }
}

/// A whole number in its usual digits, as the sets write their ids.
fn number<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, FieldError> {
    filled(field, text)?.parse().map_err(|_| wrong(field, "is not a number"))
}

fn item(field: &str, text: &str) -> Result<ItemId, FieldError> {
    ItemId::parse(text).map_err(|error| wrong(field, &format!("is no id: {error}")))
}

fn user_behavior(line: &str) -> Result<Vec<Draft>, FieldError> {
    let [user, thing, category, behavior, time] = columns(line)?;
    let kind = match behavior {
        "pv" => Kind::ItemViewed,
        "cart" => Kind::ItemCarted,
        "fav" => Kind::ItemFavored,
        "buy" => Kind::OrderReported,
        _ => return Err(wrong("behavior", "is not one of pv, cart, fav, buy")),
    };
    let seconds: u32 = number("timestamp", time)?;
    let mut draft = draft(kind, Timestamp::from_seconds(i64::from(seconds)));
    draft.user = number::<u64>("user_id", user)?.to_string();
    draft.record.item = item("item_id", thing)?;
    draft.record.category = filled("category_id", category)?.into();
    if kind == Kind::OrderReported {
        draft.record.quantity = 1;
    }
    Ok(vec![draft])
}

#[derive(serde::Deserialize)]
struct Rsvp<'a> {
    rsvp_id: u64,
    mtime: i64,
    #[serde(borrow)]
    response: std::borrow::Cow<'a, str>,
    #[serde(default)]
    guests: u32,
    member: Member,
    #[serde(borrow)]
    event: MeetupEvent<'a>,
    #[serde(borrow)]
    group: Group<'a>,
}

#[derive(serde::Deserialize)]
struct Member {
    member_id: u64,
}

#[derive(serde::Deserialize)]
struct MeetupEvent<'a> {
    #[serde(borrow)]
    event_id: std::borrow::Cow<'a, str>,
}

#[derive(serde::Deserialize)]
struct Group<'a> {
    #[serde(borrow, default)]
    group_country: std::borrow::Cow<'a, str>,
}

fn meetup(line: &str) -> Result<Vec<Draft>, FieldError> {
    if too_deep(line.as_bytes()) {
        return Err(wrong("line", "is nested too deep"));
    }
    let rsvp: Rsvp<'_> = serde_json::from_str(line).map_err(|error| wrong("line", &format!("is no RSVP: {error}")))?;
    if rsvp.mtime < 0 {
        return Err(wrong("mtime", "lies before 1970"));
    }
    let mut draft = draft(Kind::RegistrationReported, Timestamp::from_millis(rsvp.mtime));
    draft.user = rsvp.member.member_id.to_string();
    let record = &mut draft.record;
    record.message = MessageId::parse(&format!("{}-{}", rsvp.rsvp_id, rsvp.mtime)).expect("two numbers are an id");
    record.event =
        EventId::parse(&rsvp.event.event_id).map_err(|error| wrong("event_id", &format!("is no id: {error}")))?;
    record.choice = crate::parse::segment::short(filled("response", &rsvp.response)?);
    if rsvp.response == "yes" {
        record.quantity = rsvp.guests.saturating_add(1);
    }
    if rsvp.group.group_country.len() == 2 {
        record.country = rsvp.group.group_country.to_ascii_uppercase().as_str().into();
    }
    Ok(vec![draft])
}

fn talking_data(line: &str) -> Result<Vec<Draft>, FieldError> {
    let [ip, app, device, os, channel, click, attributed, is_attributed] = columns(line)?;
    for (field, text) in [("ip", ip), ("app", app), ("device", device), ("os", os), ("channel", channel)] {
        number::<u64>(field, text)?;
    }
    let fill = |kind, at| {
        let mut draft = draft(kind, at);
        draft.address = ip.to_owned();
        draft.device = format!("{ip}/{device}/{os}");
        draft.record.ad = AdId::parse(app).expect("a number is an id");
        draft.record.channel = channel.into();
        draft.record.platform = format!("os-{os}").as_str().into();
        draft
    };
    let mut drafts = vec![fill(Kind::AdClicked, utc("click_time", click)?)];
    match is_attributed {
        "0" => {}
        "1" => drafts.push(fill(Kind::AdConverted, utc("attributed_time", attributed)?)),
        _ => return Err(wrong("is_attributed", "is not 0 or 1")),
    }
    Ok(drafts)
}

/// Reads `2017-11-07 09:30:38` as UTC.
fn utc(field: &str, text: &str) -> Result<Timestamp, FieldError> {
    let parsed = text.split_once(' ').and_then(|(date, time)| Timestamp::parse(&format!("{date}T{time}Z")).ok());
    parsed.ok_or_else(|| wrong(field, "is not a time such as 2017-11-07 09:30:38"))
}

fn ecommerce(line: &str, currency: Currency) -> Result<Vec<Draft>, FieldError> {
    let [user, signup, purchase, value, device, source, browser, sex, age, ip, class] = columns(line)?;
    let user: u64 = number("user_id", user)?;
    let (signup, purchase) = (minute("signup_time", signup)?, minute("purchase_time", purchase)?);
    let money = records::Money::parse(filled("purchase_value", value)?, currency)
        .map_err(|_| wrong("purchase_value", "is not an amount"))?;
    let address = ip_address(ip)?;
    if !matches!(class, "0" | "1") {
        return Err(wrong("class", "is not 0 or 1"));
    }
    let device = filled("device_id", device)?;
    let fill = |kind, at| {
        let mut draft = draft(kind, at);
        draft.user = user.to_string();
        draft.device = device.to_owned();
        draft.address = address.to_string();
        draft.record.signup_time = signup;
        draft.record.channel = source.into();
        draft.record.platform = browser.to_ascii_lowercase().as_str().into();
        draft
    };
    let mut registration = fill(Kind::RegistrationReported, signup);
    registration.record.choice = "signed_up".into();
    for (field, text) in [("sex", sex), ("age", age)] {
        registration.sealed.personal.insert(field.to_owned(), text.to_owned());
    }
    let mut order = fill(Kind::OrderReported, purchase);
    order.record.amount_minor = money.minor;
    order.record.currency = money.currency;
    Ok(vec![registration, order])
}

/// Reads `2/24/2015 22:55` (month first) as UTC.
fn minute(field: &str, text: &str) -> Result<Timestamp, FieldError> {
    let parsed = (|| {
        let (date, time) = text.split_once(' ')?;
        let mut date = date.split('/').map(|part| part.parse::<u16>().ok());
        let (month, day, year) = (date.next()??, date.next()??, date.next()??);
        let (hour, minute) = time.split_once(':')?;
        let (hour, minute): (u8, u8) = (hour.parse().ok()?, minute.parse().ok()?);
        date.next().is_none().then_some(())?;
        Timestamp::parse(&format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z")).ok()
    })();
    parsed.ok_or_else(|| wrong(field, "is not a time such as 2/24/2015 22:55"))
}

/// Reads an address that the set holds as a number, some with a fraction of unknown meaning, which is cut.
fn ip_address(text: &str) -> Result<Ipv4Addr, FieldError> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    number::<u32>("ip_address", whole).map(Ipv4Addr::from)
}
