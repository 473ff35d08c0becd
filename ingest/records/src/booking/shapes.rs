//! The shapes that facts of a box office share, and that people write: products, quotas, codes, prices, postings, doors.

use serde::{Deserialize, Serialize};

use crate::id::{CommandId, GoodsId, ItemId, RuleId, TicketId};
use crate::money::{Currency, Money};
use crate::secret::{Blob, SecretHash};
use crate::time::{Rfc3339, Timestamp};

/// A share in hundredths of a percent: 1,900 is 19 %.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
#[schemars(inline)]
pub struct BasisPoints(pub u16);

/// How the taxes of an order are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxRounding {
    /// Each position by itself.
    #[default]
    Line,
    /// On the sum of net amounts of each rate, as EN 16931 asks; what buyers pay may differ from the prices by a few units.
    SumByNet,
    /// The same, but what buyers pay stays the sum of the prices; net amounts move instead.
    SumByNetKeepGross,
}

/// What holds for all sales of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Sales {
    /// Whether anything can be held.
    pub open: bool,
    /// How long a cart holds what is in it, in seconds.
    pub hold_s: u32,
    /// How long it may hold in all after being extended, in seconds.
    pub hold_max_s: u32,
    /// How long an order that is paid at once waits for its payment, in seconds.
    pub pay_s: u32,
    /// How long an order that is paid by bank transfer waits, in seconds.
    pub transfer_s: u32,
    /// Where buyers transfer money to: whose account, which bank; they cannot pay by transfer where nothing stands.
    pub transfer_to: String,
    /// How long an offer to somebody on the waitlist stands, in seconds.
    pub offer_s: u32,
    /// Positions of one order.
    pub order_max: u16,
    /// How taxes are rounded.
    pub tax_rounding: TaxRounding,
    /// What the platform keeps of each paid order.
    pub commission: BasisPoints,
    /// Whether the platform keeps it when positions are cancelled.
    pub keep_commission: bool,
    /// Whether what is left of a group is priced anew when some of it is cancelled.
    pub reprice_groups: bool,
    /// An order with a fraud score from here on waits for the organizer; none for never.
    pub review_from: Option<u32>,
    /// Whether the waitlist serves whoever fits first; otherwise the first one, who is waited for until enough is free.
    pub fit_first: bool,
    /// How buyers may ask for their money back; they may not when none stands here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunds: Option<RefundPolicy>,
}

/// How buyers may ask for their money back. Whether they get it is the organizer's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RefundPolicy {
    /// Until when they may ask; for ever when none stands here.
    #[serde(default)]
    #[schemars(with = "Option<Rfc3339>")]
    pub until: Option<Timestamp>,
    /// What is kept of the price of what is given back.
    #[serde(default)]
    pub fee: BasisPoints,
}

impl Default for Sales {
    fn default() -> Self {
        Self {
            open: true,
            hold_s: 900,
            hold_max_s: 7_200,
            pay_s: 1_800,
            transfer_s: 7 * 86_400,
            transfer_to: String::new(),
            offer_s: 86_400,
            order_max: 20,
            tax_rounding: TaxRounding::Line,
            commission: BasisPoints(0),
            keep_commission: false,
            reprice_groups: false,
            review_from: None,
            fit_first: false,
            refunds: None,
        }
    }
}

/// What a product is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProductKind {
    /// Lets somebody in: each position becomes a ticket.
    #[default]
    Admission,
    /// Comes with an admission, as a workshop or a meal.
    AddOn,
    /// Something of its own: an offer, goods.
    Goods,
    /// Codes, links or addresses of files: each position gets one that the organizer has laid in stock, when it is sold.
    Digital,
}

/// A price that stands until a time, or until so many are taken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tier {
    /// What people call it, as in "early bird".
    pub title: String,
    /// One amount for each currency it is sold in.
    pub prices: Vec<Money>,
    /// What was asked before, for each currency: shown beside the price of a flash sale.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub original: Vec<Money>,
    /// When it begins; until then the one after it is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Rfc3339>")]
    pub from: Option<Timestamp>,
    /// When it ends.
    #[serde(default)]
    #[schemars(with = "Option<Rfc3339>")]
    pub until: Option<Timestamp>,
    /// How many are sold at it.
    #[serde(default)]
    pub count: Option<u32>,
}

/// A kind of the product that has a price or a quota of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Variation {
    /// Its id, within the product.
    pub variation: ItemId,
    /// What people call it.
    pub title: String,
    /// What it costs more than the tier's price, for each currency; nothing where none stands.
    #[serde(default)]
    pub extra: Vec<Money>,
    /// Its tickets let in from here on, instead of the product's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Rfc3339>")]
    pub valid_from: Option<Timestamp>,
    /// Its tickets let in until here, instead of the product's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Rfc3339>")]
    pub valid_until: Option<Timestamp>,
}

/// Something that is sold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Product {
    /// What people call it.
    pub title: String,
    /// What it is.
    #[serde(default)]
    pub kind: ProductKind,
    /// Its prices: the first that still stands is asked.
    pub tiers: Vec<Tier>,
    /// Its kinds; when there are some, one must be chosen.
    #[serde(default)]
    pub variations: Vec<Variation>,
    /// The tax that is inside of its prices.
    #[serde(default)]
    pub tax: BasisPoints,
    /// Sold from here on.
    #[serde(default)]
    #[schemars(with = "Option<Rfc3339>")]
    pub from: Option<Timestamp>,
    /// Sold until here.
    #[serde(default)]
    #[schemars(with = "Option<Rfc3339>")]
    pub until: Option<Timestamp>,
    /// Positions of it in one order; as many as an order may have when none stands here.
    #[serde(default)]
    pub order_max: Option<u16>,
    /// Shown and sold to those only who name a code that reveals it.
    #[serde(default)]
    pub hidden: bool,
    /// The products of which one must be in the order, each for one of this; for add-ons.
    #[serde(default)]
    pub with: Vec<ItemId>,
    /// Whether people may wait for it when it is sold out.
    #[serde(default)]
    pub waitlist: bool,
    /// No longer offered; what is sold stays.
    #[serde(default)]
    pub withdrawn: bool,
    /// Positions of it that one person may have, over all their orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_person: Option<u32>,
    /// Its tickets let in from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Rfc3339>")]
    pub valid_from: Option<Timestamp>,
    /// Its tickets let in until here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Rfc3339>")]
    pub valid_until: Option<Timestamp>,
    /// Whether what was delivered goes back to stock when it is cancelled, because it can be made void; otherwise it is spent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reuse: bool,
}

/// When a ticket lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Validity {
    /// From here on.
    pub from: Option<Timestamp>,
    /// Until here.
    pub until: Option<Timestamp>,
}

/// A code, link or file's address in stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Good {
    /// Its id, which follows from its text: the same text twice is one.
    pub goods: GoodsId,
    /// Its text, sealed.
    pub sealed: Blob,
}

/// What is counted together: no more than `size` of its products are held and sold at any offset.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Quota {
    /// What people call it.
    pub title: String,
    /// How many there are; as many as are wanted when none stands here.
    pub size: Option<u32>,
    /// What counts: a product, or one variation of it.
    pub products: Vec<Choice>,
}

/// A product, or one variation of it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Choice {
    /// The product.
    pub product: ItemId,
    /// The variation; none for all or for products without.
    #[serde(default)]
    pub variation: ItemId,
}

/// What a promo code does to a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromoEffect {
    /// Takes a share off.
    Percent(BasisPoints),
    /// Takes an amount off each position, in the order's currency; nothing in others.
    Off(Vec<Money>),
    /// Sets the price of each position.
    Price(Vec<Money>),
    /// Reveals hidden products only.
    Reveal,
}

/// A promo code: inventory like any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Promo {
    /// What buyers type; compared without regard to case.
    pub code: String,
    /// What it does.
    pub effect: PromoEffect,
    /// The products it is for; all when none stand here.
    #[serde(default)]
    pub products: Vec<ItemId>,
    /// Orders that may use it.
    #[serde(default)]
    pub uses: Option<u32>,
    /// Orders of one person that may use it.
    #[serde(default)]
    pub per_person: Option<u32>,
    /// Positions of one order that it changes, the dearest first.
    #[serde(default)]
    pub positions: Option<u16>,
    /// What it may take off in all.
    #[serde(default)]
    pub budget: Option<Money>,
    /// Works from here on.
    #[serde(default)]
    #[schemars(with = "Option<Rfc3339>")]
    pub from: Option<Timestamp>,
    /// Works until here.
    #[serde(default)]
    #[schemars(with = "Option<Rfc3339>")]
    pub until: Option<Timestamp>,
    /// No longer taken.
    #[serde(default)]
    pub withdrawn: bool,
}

/// A discount for those who buy several. Rules are tried in order, and a position counts for one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GroupDiscount {
    /// What people call it.
    pub title: String,
    /// The products that count; all when none stand here.
    #[serde(default)]
    pub products: Vec<ItemId>,
    /// From how many on.
    pub at_least: u16,
    /// What is taken off.
    pub off: BasisPoints,
    /// How many of each `at_least` get it, the cheapest first; all that count when none stands here.
    #[serde(default)]
    pub cheapest: Option<u16>,
}

/// One unit of a product in a hold or an order, with what it costs and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Position {
    /// The product.
    pub product: ItemId,
    /// The variation.
    #[serde(default)]
    pub variation: ItemId,
    /// Which of the product's tiers.
    pub tier: u8,
    /// The price of the tier and variation.
    pub list: i64,
    /// What the promo code takes off.
    #[serde(default)]
    pub promo_off: i64,
    /// What a group discount takes off.
    #[serde(default)]
    pub group_off: i64,
    /// The group discount, by its place among the event's, counted from 1; 0 for none.
    #[serde(default)]
    pub group: u8,
    /// What is paid for it.
    pub price: i64,
    /// The tax within.
    pub tax: i64,
    /// The rate of that tax.
    #[serde(default)]
    pub rate: BasisPoints,
}

/// An account of the event's ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// What buyers owe; below zero is what they have paid too much.
    Receivable,
    /// What a payment provider holds for the organizer.
    Provider(Provider),
    /// What was sold, without tax.
    Sales,
    /// Taxes on sales.
    Tax,
    /// What the platform has cost the organizer.
    Commission,
    /// What the platform gets and has not yet got.
    CommissionDue,
    /// What is on its way back to buyers.
    RefundsDue,
    /// What the organizer got.
    PaidOut,
    /// What payment providers have kept for themselves.
    Fees,
}

/// One line of an entry: what an account gets (above zero, a debit) or gives (below, a credit).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Posting {
    /// The account.
    pub account: Account,
    /// Minor units.
    pub minor: i64,
}

/// A double entry: its postings sum to zero.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Entry {
    /// The currency of all postings.
    pub currency: Currency,
    /// Its postings, none of zero.
    pub postings: Vec<Posting>,
}

/// Who moves the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Nothing has to be paid.
    Free,
    /// A bank transfer that the organizer confirms.
    Transfer,
    /// Stripe.
    Stripe,
    /// The test provider of the binary.
    Test,
}

/// How far a payment is. What has been seen of it only ever grows: see `rules::booking::payments`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// We mean to ask the provider for it.
    #[default]
    Created,
    /// The provider waits for somebody.
    Pending,
    /// Nothing will come of it, unless the provider says later that it was captured.
    Failed,
    /// The provider keeps the amount ready.
    Authorized,
    /// The provider keeps nothing ready and will not, unless it says later that it was captured.
    Voided,
    /// The provider has the money.
    Captured,
}

/// Why an order waits for the organizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Review {
    /// The fraud score of the buyer, in its points.
    pub score: u32,
    /// The offsets that it reflects, as answers give them.
    pub as_of: String,
    /// The rules that fired and made the score, in the order of their document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<ReviewReason>,
}

/// A part of a fraud score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReviewReason {
    /// The rule that fired.
    pub rule: RuleId,
    /// What it added to the score.
    pub weight: u16,
    /// Why, with the values that it saw then.
    #[serde(default)]
    pub text: String,
}

/// Why an order ended, or part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Nobody paid in time.
    Unpaid,
    /// The buyer wished it.
    Buyer,
    /// The organizer wished it.
    Organizer,
    /// The organizer refused it after a review.
    Refused,
}

/// Why money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundReason {
    /// It was asked for.
    Asked,
    /// It came after the order had ended, and nothing was left to sell.
    Late,
    /// More came than was owed.
    Surplus,
    /// The order was refused or cancelled.
    Cancelled,
}

/// Whether somebody who was let in may come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reentry {
    /// No.
    #[default]
    Never,
    /// After having been scanned on the way out.
    AfterExit,
    /// Yes.
    Always,
}

/// A list of who may pass a door.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "DoorList")]
pub struct Door {
    /// What people call it.
    pub title: String,
    /// The products that may pass; all when none stand here.
    #[serde(default)]
    pub products: Vec<ItemId>,
    /// Whether they may pass again.
    #[serde(default)]
    pub reentry: Reentry,
    /// When products may come in; at any time those that stand in none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<DoorTime>,
}

/// A time in which some products may come in by a door: day tickets, early entry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DoorTime {
    /// Which; all when none stand here.
    #[serde(default)]
    pub products: Vec<ItemId>,
    /// From here on; from ever when nothing stands here.
    #[serde(default)]
    #[schemars(with = "Option<Rfc3339>")]
    pub from: Option<Timestamp>,
    /// Until before here; for ever when nothing stands here.
    #[serde(default)]
    #[schemars(with = "Option<Rfc3339>")]
    pub until: Option<Timestamp>,
}

/// One look at a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Scan {
    /// The device's id of this scan: the same id twice is the same scan.
    pub scan: CommandId,
    /// The ticket.
    pub ticket: TicketId,
    /// The revision that it showed.
    pub revision: u32,
    /// When the device looked.
    pub scanned: Timestamp,
    /// Whether they were leaving.
    #[serde(default)]
    pub exit: bool,
    /// Where, as the device was told.
    #[serde(default)]
    pub gate: String,
    /// The device.
    #[serde(default)]
    pub device: String,
}

/// What a scan comes to, after all scans that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScanOutcome {
    /// Let in.
    Admitted,
    /// Let out.
    Left,
    /// Somebody was let in with this ticket before.
    Duplicate,
    /// The ticket was replaced by a newer one before.
    Replaced,
    /// The ticket was cancelled.
    Cancelled,
    /// The ticket is not for this door.
    WrongDoor,
    /// The ticket is for this door, at another time.
    NotNow,
    /// The scan was a mistake and counts no more.
    Voided,
    /// The ticket does not let in yet.
    TooEarly,
    /// The ticket does not let in any more.
    TooLate,
}

/// How people wait before sales open, and are let in afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Room {
    /// When those who wait are drawn. Who comes later stands behind them, in the order of coming.
    #[schemars(with = "Rfc3339")]
    pub opens: Timestamp,
    /// How many are let in each minute.
    pub per_minute: u32,
    /// How long somebody who was let in may take to hold something, in seconds.
    pub stay_s: u32,
    /// BLAKE3 of the seed that decides the draw; the seed is told after it.
    #[schemars(with = "String")]
    pub commitment: SecretHash,
    /// Whether nobody is let in for now.
    #[serde(default)]
    pub paused: bool,
    /// Whether lots are drawn of the hashes of places, which may be told to everybody, and not of the places, which let in.
    #[serde(default)]
    pub hashed: bool,
}

impl Entry {
    /// Nothing.
    pub const fn none(currency: Currency) -> Self {
        Self { currency, postings: Vec::new() }
    }

    /// Whether it balances and does not overflow.
    pub fn balances(&self) -> bool {
        self.postings.iter().try_fold(0i64, |sum, posting| sum.checked_add(posting.minor)) == Some(0)
    }
}

impl Product {
    /// Whether each position of it becomes a ticket.
    pub fn is_ticket(&self) -> bool {
        matches!(self.kind, ProductKind::Admission | ProductKind::AddOn)
    }

    /// When tickets of a variation let in.
    pub fn validity(&self, variation: ItemId) -> Validity {
        let own = self.variations.iter().find(|known| variation.is_some() && known.variation == variation);
        Validity {
            from: own.and_then(|own| own.valid_from).or(self.valid_from),
            until: own.and_then(|own| own.valid_until).or(self.valid_until),
        }
    }
}
