//! What doors know: what devices take along for when they have no connection, who is in, what became of a ticket.

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use records::booking::Door;
use records::{CommandId, DoorId, EventId, ItemId, OrderId, OrganizationId, TicketId};
use rules::access::{Act, On};
use rules::booking::BoxOffice;
use rules::booking::doors::{DoorCount, Seen};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::devices::device_of;
use super::gate::{Holder, holder_of};
use super::gates::{Gate, Outcome, Thing};
use super::offer::at;
use super::told::Told;
use crate::Api;
use crate::accounts::When;
use crate::auth::Presented;
use crate::lists::{One, Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named, Params};
use crate::writes::Offset;

/// Things of one answer when not said: some 200 KB.
const THINGS_DEFAULT: usize = 2_000;
/// The most things of one answer; what changed with one fact stays together beyond it.
const THINGS_MAX: usize = 5_000;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!("/doors"), "What devices need to decide without a connection, and what changed since an offset", sync)
        .may(&[Code::NotFound])
        .get(at!("/doors/{door}/tickets"), "Who may come by a door, who is in", list)
        .may(&[Code::NotFound])
        .get(at!("/tickets/{ticket}"), "A ticket, and every look at it at all doors", one)
        .may(&[Code::NotFound])
}

type OfEvent = (Id<OrganizationId>, Id<EventId>);
type OfDoor = (Id<OrganizationId>, Id<EventId>, Id<DoorId>);
type OfTicket = (Id<OrganizationId>, Id<EventId>, Id<TicketId>);

/// From where on.
#[derive(Deserialize, JsonSchema)]
struct Since {
    /// The `offset` of the answer before; everything when it is not given, or is of another partition.
    #[serde(default)]
    after: String,
    /// Changed things of one answer, 1 to 5,000; 2,000 when not said.
    limit: Option<usize>,
}

/// What a device needs to decide alone.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DoorSync")]
struct Sync {
    event: EventId,
    /// The event's id as tickets hold it: 32 hexadecimal digits.
    #[schemars(with = "String")]
    event_digits: Digits,
    title: String,
    /// The zone in which the event's days turn, IANA.
    zone: String,
    /// What the server's clock says.
    now: When,
    /// The device that asks, when its key is one of a device.
    device: Option<String>,
    /// The Ed25519 key that tickets are signed with: 32 bytes, base64 for addresses without padding.
    public_key: String,
    /// All doors, whatever was asked for.
    doors: Vec<Passed>,
    /// What products are called.
    products: Vec<Titled>,
    /// Tickets that were replaced or cancelled since.
    tickets: Vec<Changed>,
    /// Tickets that were looked at since, with every look at that door, the earliest first.
    looks: Vec<Looked>,
    /// Everything up to here is told, with all before.
    offset: Offset,
    /// Whether there is more: ask again with this `offset`.
    more: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SyncedDoor")]
pub(crate) struct Passed {
    id: DoorId,
    #[serde(flatten)]
    door: Door,
    /// Tickets that were let in.
    admitted: u32,
    /// Tickets that are in.
    inside: u32,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TitledProduct")]
struct Titled {
    id: ItemId,
    /// The id as tickets hold it: 32 hexadecimal digits.
    #[schemars(with = "String")]
    digits: Digits,
    title: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ChangedTicket")]
struct Changed {
    id: TicketId,
    /// The revision that is valid.
    revision: u32,
    cancelled: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TicketLooks")]
struct Looked {
    door: DoorId,
    ticket: TicketId,
    seen: Vec<Look>,
}

/// A look at a ticket, as devices compare them: by when, then by id.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TicketLook")]
struct Look {
    /// The scan's id as 32 hexadecimal digits, whose order is that of ids.
    #[schemars(with = "String")]
    scan: Digits,
    /// When the device looked, microseconds since 1970.
    at: i64,
    exit: bool,
    gate: String,
    device: String,
    /// What the ticket itself said; null when it was valid.
    fault: Option<Outcome>,
    outcome: Outcome,
}

/// An id as its digits.
#[derive(Debug)]
struct Digits(u128);

impl Serialize for Digits {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0))
    }
}

impl Look {
    fn of(seen: &Seen) -> Self {
        Self {
            scan: Digits(seen.scan.0),
            at: seen.scanned.0,
            exit: seen.exit,
            gate: seen.gate.clone(),
            device: seen.device.clone(),
            fault: seen.fault.map(Outcome::from),
            outcome: seen.outcome.into(),
        }
    }
}

async fn sync(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    Params(Since { after, limit }): Params<Since>,
) -> Result<One<Told<Sync>>, Problem> {
    caller.may(Act::CheckIn, &On::event(organization, event))?;
    let limit = limit.unwrap_or(THINGS_DEFAULT);
    if !(1..=THINGS_MAX).contains(&limit) {
        return Err(Problem::new(Code::ParameterWrong, format!("`limit` is 1 to {THINGS_MAX}")));
    }
    let at = (organization, event);
    let told = api.booking.ask_gate(at, |office, gate, (partition, head)| {
        let after = Offset::of(&after).filter(|offset| offset.partition == partition && offset.offset <= head);
        let (things, offset, more) = gate.since(after.map(|after| after.offset), limit, head);
        let (tickets, looks) = changed(office, &things);
        (doors(office), titles(office), tickets, looks, Offset { partition, offset }, more)
    });
    let told = told.ok_or_else(|| Problem::new(Code::NotFound, "nothing is sold at this event"))?;
    let (doors, products, tickets, looks, offset, more) = told;
    let (title, zone) = known(&api, at);
    let (now, device) = (When(api.clock.now()), device_of(&caller.principal));
    let public_key = URL_SAFE_NO_PAD.encode(api.ticket_key(organization).verifying_key().as_bytes());
    let data = Sync {
        event,
        event_digits: Digits(event.0),
        title,
        zone,
        now,
        device,
        public_key,
        doors,
        products,
        tickets,
        looks,
        offset,
        more,
    };
    Ok(One { data: Told(data) })
}

fn known(api: &Api, (organization, event): (OrganizationId, EventId)) -> (String, String) {
    let book = api.rules.read().expect("nothing panics under the lock");
    let found = book.tenant(organization).and_then(|tenant| tenant.event(event));
    found.map_or_else(|| (event.to_string(), "UTC".to_owned()), |known| (known.title.clone(), known.zone.to_string()))
}

pub(crate) fn doors(office: &BoxOffice) -> Vec<Passed> {
    let all = office.catalogue().doors().iter().map(|(id, door)| {
        let DoorCount { admitted, inside } = office.doors().count(*id);
        Passed { id: *id, door: door.clone(), admitted, inside }
    });
    all.collect()
}

fn titles(office: &BoxOffice) -> Vec<Titled> {
    let all = office.catalogue().products().iter();
    all.map(|(id, product)| Titled { id: *id, digits: Digits(id.0), title: product.title.clone() }).collect()
}

fn changed(office: &BoxOffice, things: &[Thing]) -> (Vec<Changed>, Vec<Looked>) {
    let (mut tickets, mut looks) = (Vec::new(), Vec::new());
    for thing in things {
        match *thing {
            Thing::Ticket(id) => tickets.extend(office.ticket(id).map(|known| Changed {
                id,
                revision: known.revision,
                cancelled: known.cancelled,
            })),
            Thing::Looks(door, ticket) => {
                let seen = office.doors().seen(door, ticket).iter().map(Look::of).collect();
                looks.push(Looked { door, ticket, seen });
            }
        }
    }
    (tickets, looks)
}

/// How somebody stands at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DoorStanding")]
enum Standing {
    /// Not let in yet, and may be.
    Expected,
    /// Let in, and not out since.
    Inside,
    /// Was in, and went out.
    Outside,
    /// The ticket was cancelled, or is for other doors.
    Void,
}

/// Which tickets.
#[derive(Deserialize, JsonSchema)]
struct Which {
    /// Only those that stand so.
    state: Option<Standing>,
    /// Only those of a product.
    product: Option<ItemId>,
    /// Only those whose holder's name or mail address, or whose own or order's id, contains this.
    #[serde(default)]
    search: String,
}

/// A ticket at a door.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DoorTicket")]
struct Row {
    id: TicketId,
    order: OrderId,
    product: ItemId,
    variation: ItemId,
    /// What its holder, or else its buyer, is called.
    holder: String,
    /// Their mail address, for whoever may manage orders.
    email: Option<String>,
    state: Standing,
    /// The last look that let them in or out.
    last: Option<Last>,
    #[serde(skip)]
    found_by: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LastLook")]
struct Last {
    id: CommandId,
    at: When,
    gate: String,
    device: String,
    outcome: Outcome,
}

fn row(office: &BoxOffice, door: (DoorId, &Door), id: TicketId) -> Option<(Row, Holder)> {
    let known = office.ticket(id)?;
    let (admitted, inside) = office.doors().state(door.0, id);
    let is_for = door.1.products.is_empty() || door.1.products.contains(&known.choice.product);
    let state = match (inside, admitted) {
        (true, _) => Standing::Inside,
        (false, true) => Standing::Outside,
        _ if known.cancelled || !is_for => Standing::Void,
        _ => Standing::Expected,
    };
    let counts = |seen: &&Seen| {
        use records::booking::ScanOutcome::{Admitted, Left};
        matches!(seen.outcome, Admitted | Left)
    };
    let last = office.doors().seen(door.0, id).iter().rfind(counts).map(|seen| Last {
        id: seen.scan,
        at: When(seen.scanned),
        gate: seen.gate.clone(),
        device: seen.device.clone(),
        outcome: seen.outcome.into(),
    });
    let (order, product, variation) = (known.order, known.choice.product, known.choice.variation);
    let (holder, email, found_by) = (String::new(), None, String::new());
    Some((Row { id, order, product, variation, holder, email, state, last, found_by }, holder_of(office, id)?))
}

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(door))): Named<OfDoor>,
    Params(which): Params<Which>,
    paging: Paging,
) -> Result<Page<Row>, Problem> {
    caller.may(Act::CheckIn, &On::event(organization, event))?;
    let shows_mail = caller.may(Act::ManageOrders, &On::event(organization, event)).is_ok();
    let after: Option<TicketId> = paging.after()?;
    let rows = api.office((organization, event), |office| {
        let spec = office.catalogue().doors().get(&door)?;
        let mut ids: Vec<TicketId> = office.tickets().map(|(id, _)| id).collect();
        ids.sort_unstable();
        let rest = ids.into_iter().filter(|id| after.is_none_or(|after| *id > after));
        let rows = rest.filter_map(|id| row(office, (door, spec), id));
        let wanted = rows.filter(|(row, _)| {
            which.state.is_none_or(|state| row.state == state)
                && which.product.is_none_or(|product| row.product == product)
        });
        Some(wanted.collect::<Vec<_>>())
    })?;
    let rows = rows.ok_or_else(|| Problem::new(Code::NotFound, "there is no such door"))?;
    let search = which.search.trim().to_lowercase();
    let named = rows.into_iter().map(|(mut row, (subject, sealed))| {
        let contact = api.contact(organization, subject, &sealed);
        row.found_by = format!("{} {} {} {}", row.id, row.order, contact.name.to_lowercase(), contact.email);
        (row.holder, row.email) = (contact.name, shows_mail.then_some(contact.email));
        row
    });
    Ok(paging.page(named.filter(|row| search.is_empty() || row.found_by.contains(&search)), |row| row.id))
}

/// A ticket with all that was seen of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TicketDetail")]
struct Detail {
    id: TicketId,
    order: OrderId,
    product: ItemId,
    variation: ItemId,
    revision: u32,
    cancelled: bool,
    holder: String,
    looks: Vec<AtDoor>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LookAtDoor")]
struct AtDoor {
    id: CommandId,
    door: DoorId,
    at: When,
    exit: bool,
    gate: String,
    device: String,
    outcome: Outcome,
}

async fn one(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(ticket))): Named<OfTicket>,
) -> Result<One<Detail>, Problem> {
    caller.may(Act::CheckIn, &On::event(organization, event))?;
    let found =
        api.office((organization, event), |office| Some((detail(office, ticket)?, holder_of(office, ticket)?)))?;
    let (mut data, (subject, sealed)) = found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such ticket"))?;
    data.holder = api.contact(organization, subject, &sealed).name;
    Ok(One { data })
}

fn detail(office: &BoxOffice, id: TicketId) -> Option<Detail> {
    let known = office.ticket(id)?;
    let looks = office.catalogue().doors().keys().flat_map(|door| {
        office.doors().seen(*door, id).iter().map(|seen| AtDoor {
            id: seen.scan,
            door: *door,
            at: When(seen.scanned),
            exit: seen.exit,
            gate: seen.gate.clone(),
            device: seen.device.clone(),
            outcome: seen.outcome.into(),
        })
    });
    let mut looks: Vec<AtDoor> = looks.collect();
    looks.sort_by_key(|look| (look.at.0, look.id));
    let (order, product, variation) = (known.order, known.choice.product, known.choice.variation);
    let (revision, cancelled) = (known.revision, known.cancelled);
    Some(Detail { id, order, product, variation, revision, cancelled, holder: String::new(), looks })
}

/// What a feed of doors tells.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DoorCounts")]
pub(crate) struct Counts {
    /// Everything up to here is counted, and nothing else.
    offset: Offset,
    doors: Vec<DoorCounts>,
    /// The newest looks, and what became of looks, the newest first.
    lately: Vec<LatelyShown>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CountedDoor")]
struct DoorCounts {
    id: DoorId,
    title: String,
    /// Tickets that are valid and may pass.
    expected: u32,
    admitted: u32,
    inside: u32,
    products: Vec<ProductCounts>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CountedProduct")]
struct ProductCounts {
    id: ItemId,
    title: String,
    expected: u32,
    admitted: u32,
    inside: u32,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LatelyAtDoor")]
struct LatelyShown {
    offset: Offset,
    id: CommandId,
    door: DoorId,
    ticket: TicketId,
    product: ItemId,
    at: When,
    exit: bool,
    gate: String,
    device: String,
    /// What it comes to now.
    outcome: Outcome,
    /// Whether that is otherwise than it was told at first.
    corrected: bool,
}

impl Api {
    /// What is counted at the doors of an event, and how often that has changed.
    pub(crate) fn door_counts(&self, at: (OrganizationId, EventId)) -> Option<(u64, Counts)> {
        self.booking.ask_gate(at, |office, gate, (partition, head)| {
            let doors = office.catalogue().doors().iter().map(|(id, door)| door_counts(office, gate, *id, door));
            let lately = gate.lately().filter_map(|look| {
                let seen = office.doors().seen(look.door, look.ticket).iter().find(|seen| seen.scan == look.scan)?;
                Some(LatelyShown {
                    offset: Offset { partition, offset: look.offset },
                    id: seen.scan,
                    door: look.door,
                    ticket: look.ticket,
                    product: office.ticket(look.ticket)?.choice.product,
                    at: When(seen.scanned),
                    exit: seen.exit,
                    gate: seen.gate.clone(),
                    device: seen.device.clone(),
                    outcome: seen.outcome.into(),
                    corrected: look.corrected,
                })
            });
            let offset = Offset { partition, offset: head };
            (gate.changes, Counts { offset, doors: doors.collect(), lately: lately.collect() })
        })
    }
}

fn door_counts(office: &BoxOffice, gate: &Gate, id: DoorId, door: &Door) -> DoorCounts {
    let counted: std::collections::BTreeMap<ItemId, DoorCount> = gate.counts(id).collect();
    let all = office.catalogue().products().iter().filter(|(_, product)| product.is_ticket());
    let may_pass = |product: &ItemId| door.products.is_empty() || door.products.contains(product);
    // Who was let in before the list was made shorter is still in; nobody who was refused is counted.
    let came = |product: &ItemId| counted.get(product).is_some_and(|count| count.admitted > 0);
    let mine = all.filter(|(id, _)| may_pass(id) || came(id));
    let products: Vec<ProductCounts> = mine
        .map(|(id, product)| {
            let choice = records::booking::Choice { product: *id, ..Default::default() };
            let DoorCount { admitted, inside } = counted.get(id).copied().unwrap_or_default();
            let expected = if may_pass(id) { office.stock().count(choice).sold } else { 0 };
            ProductCounts { id: *id, title: product.title.clone(), expected, admitted, inside }
        })
        .collect();
    let DoorCount { admitted, inside } = office.doors().count(id);
    let expected = products.iter().map(|product| product.expected).sum();
    DoorCounts { id, title: door.title.clone(), expected, admitted, inside, products }
}
