//! Event names that Segment's own specs give, and the kinds that they are here. One table.
//!
//! | Segment event | kind | columns |
//! |---|---|---|
//! | Product Viewed | `item_viewed` | `product_id` or `sku` → `item` |
//! | Product Added | `item_carted` | the same, `quantity` |
//! | Product Added to Wishlist | `item_favored` | the same |
//! | Promotion Viewed | `offer_shown` | `promotion_id` → `item` |
//! | Promotion Clicked | `offer_clicked` | the same |
//! | Order Completed | `order_reported` | `order_id` → `order`; `total`, else `revenue`, else `value` → `amount_minor`; `products` → `quantity`, and `item` when it is one product |
//! | any other | `tracked` | `revenue` → `amount_minor` |
//!
//! Without a `currency` an amount is in US dollars, as Segment's spec says. Other properties follow the common rules:
//! declared columns by their names (`category`, `quantity`), the rest sealed. An event that
//! lacks the id its kind needs stays `tracked` under its own name: the sender meant no kind of ours. Names compare
//! without case. Source: Segment, "V2 Ecommerce Events".

use records::json::FieldError;
use records::{Column, Currency, ItemId, Kind, Money, OrderId, Record};
use serde_json::{Map, Value};

use super::personal::{NO_ADDRESS, holds_address};
use super::properties::set;

/// What a property of a known event fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The item.
    Item,
    /// The order.
    Order,
    /// The amount, a decimal in units of the currency.
    Amount,
    /// The list of products: quantity and item.
    Products,
}

/// One row of the table.
#[derive(Debug)]
pub struct Known {
    /// The event's name in Segment's spec, lower case.
    pub event: &'static str,
    /// The kind that it is.
    pub kind: Kind,
    /// Properties in order of preference: the first one present fills its target.
    pub fields: &'static [(&'static str, Target)],
}

const PRODUCT: &[(&str, Target)] =
    &[("product_id", Target::Item), ("productId", Target::Item), ("sku", Target::Item), ("id", Target::Item)];
const PROMOTION: &[(&str, Target)] = &[("promotion_id", Target::Item), ("promotionId", Target::Item)];
const ORDER: &[(&str, Target)] = &[
    ("order_id", Target::Order),
    ("orderId", Target::Order),
    ("total", Target::Amount),
    ("revenue", Target::Amount),
    ("value", Target::Amount),
    ("products", Target::Products),
];
const REVENUE: &[(&str, Target)] = &[("revenue", Target::Amount)];

/// The table.
pub const KNOWN: &[Known] = &[
    Known { event: "product viewed", kind: Kind::ItemViewed, fields: PRODUCT },
    Known { event: "product added", kind: Kind::ItemCarted, fields: PRODUCT },
    Known { event: "product added to wishlist", kind: Kind::ItemFavored, fields: PRODUCT },
    Known { event: "promotion viewed", kind: Kind::OfferShown, fields: PROMOTION },
    Known { event: "promotion clicked", kind: Kind::OfferClicked, fields: PROMOTION },
    Known { event: "order completed", kind: Kind::OrderReported, fields: ORDER },
];

/// The row of an event whose properties bring what its kind needs.
pub fn find(event: &str, properties: &Map<String, Value>) -> Option<&'static Known> {
    let known = KNOWN.iter().find(|known| known.event.eq_ignore_ascii_case(event))?;
    let brings = |column: Column| {
        let target = if column == Column::order { Target::Order } else { Target::Item };
        let named = |field: &str| properties.get(field).is_some_and(|value| !value.is_null());
        named(column.name()) || known.fields.iter().any(|(field, fills)| *fills == target && named(field))
    };
    known.kind.required().iter().all(|column| brings(*column)).then_some(known)
}

/// Takes the properties that the table names out of `properties` and fills the record.
pub(crate) fn fill(
    record: &mut Record,
    known: Option<&Known>,
    properties: &mut Map<String, Value>,
    prefix: &str,
    errors: &mut Vec<FieldError>,
) {
    let mut filled = Vec::new();
    for (field, target) in known.map_or(REVENUE, |known| known.fields) {
        if filled.contains(target) || properties.get(*field).is_none_or(Value::is_null) {
            continue;
        }
        filled.push(*target);
        let place = || format!("{prefix}{field}");
        match target {
            Target::Item => {
                let value = properties.remove(*field).unwrap_or_default();
                id(&value, &place(), errors).into_iter().for_each(|bits| record.item = ItemId(bits));
            }
            Target::Order => {
                let value = properties.remove(*field).unwrap_or_default();
                id(&value, &place(), errors).into_iter().for_each(|bits| record.order = OrderId(bits));
            }
            Target::Amount => amount(record, properties, field, prefix, errors),
            // The list itself stays: the columns hold only its sum.
            Target::Products => products(record, &properties[*field]),
        }
    }
}

fn id(value: &Value, field: &str, errors: &mut Vec<FieldError>) -> Option<u128> {
    let text = super::stamps::name_of(value, field, errors);
    if holds_address(&text) {
        errors.push(FieldError::new(field, NO_ADDRESS));
        return None;
    }
    match records::id::bits_of(&text) {
        Ok(bits) => Some(bits),
        Err(error) => {
            errors.push(FieldError::new(field, format!("is no id: {error}")));
            None
        }
    }
}

fn amount(
    record: &mut Record,
    properties: &mut Map<String, Value>,
    field: &str,
    prefix: &str,
    errors: &mut Vec<FieldError>,
) {
    let value = properties.remove(field).unwrap_or_default();
    match properties.remove("currency") {
        Some(code) if !code.is_null() => {
            let before = errors.len();
            set(record, Column::currency, &code, prefix, errors);
            if errors.len() > before {
                return;
            }
        }
        _ => record.currency = Currency::USD,
    }
    match decimal(&value, record.currency) {
        Ok(minor) => record.amount_minor = minor,
        Err(problem) => errors.push(FieldError::new(format!("{prefix}{field}"), problem)),
    }
}

/// Minor units of a decimal. JSON numbers of JavaScript carry the noise of binary fractions (`0.1 + 0.2`): a number
/// within a thousandth of a minor unit is that minor unit; anything further off is an error, not a rounding.
fn decimal(value: &Value, currency: Currency) -> Result<i64, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            let scale = 10f64.powi(i32::from(currency.exponent().unwrap_or(2)));
            let minor = number.as_f64().unwrap_or(f64::NAN) * scale;
            // Beyond 2^53 a double no longer tells neighbouring integers apart.
            let exact = minor.abs() < 9_007_199_254_740_992.0 && (minor - minor.round()).abs() < 1e-3;
            return if exact { Ok(minor.round() as i64) } else { Err("has more decimals than its currency".into()) };
        }
        Value::Number(number) => number.to_string(),
        _ => return Err("is not a decimal amount such as 12.50".into()),
    };
    Money::parse(&text, currency)
        .map(|money| money.minor)
        .map_err(|_| "is not a decimal amount of its currency such as 12.50".into())
}

fn products(record: &mut Record, list: &Value) {
    let Some(list) = list.as_array() else { return };
    let quantity = |product: &Value| product.get("quantity").and_then(Value::as_u64).unwrap_or(1);
    let sum = list.iter().map(quantity).fold(0u64, u64::saturating_add);
    record.quantity = u32::try_from(sum).unwrap_or(u32::MAX);
    if let [product] = list.as_slice() {
        let item = PRODUCT.iter().find_map(|(field, _)| product.get(*field));
        let text = item.map(|value| super::stamps::name_of(value, "products", &mut Vec::new())).unwrap_or_default();
        record.item = ItemId::parse(&text).unwrap_or(ItemId::NONE);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(event: &str, properties: Value) -> (Record, Vec<FieldError>) {
        let Value::Object(mut properties) = properties else { panic!("an object") };
        let known = find(event, &properties);
        let mut record = Record::new(known.map_or(Kind::Track, |known| known.kind));
        let mut errors = Vec::new();
        fill(&mut record, known, &mut properties, "properties.", &mut errors);
        (record, errors)
    }

    #[test]
    fn an_order_is_read() {
        let (record, errors) = check(
            "Order Completed",
            json!({"order_id": "A-7", "total": 27.5, "revenue": 25, "currency": "EUR",
                   "products": [{"product_id": "p1", "quantity": 2}, {"sku": "p2"}]}),
        );
        assert!(errors.is_empty());
        assert_eq!((record.kind, record.amount_minor, record.quantity), (Kind::OrderReported, 2750, 3));
        assert_eq!((record.order.to_string().as_str(), record.currency), ("A-7", Currency::EUR));
        assert!(!record.item.is_some());
    }

    #[test]
    fn dollars_are_assumed_and_noise_is_rounded() {
        let (record, _) =
            check("order completed", json!({"orderId": 7, "revenue": 0.1 + 0.2, "products": [{"sku": "x"}]}));
        assert_eq!((record.amount_minor, record.currency, record.quantity), (30, Currency::USD, 1));
        assert_eq!(record.item.to_string(), "x");
        let (_, errors) = check("order completed", json!({"orderId": 7, "revenue": 1.005}));
        assert_eq!(errors[0].field, "properties.revenue");
    }

    #[test]
    fn an_event_without_its_id_stays_tracked() {
        assert!(find("Product Viewed", json!({"name": "Monopoly"}).as_object().unwrap()).is_none());
        let (record, _) = check("Upgraded", json!({"revenue": "19.99", "currency": "usd"}));
        assert_eq!((record.kind, record.amount_minor), (Kind::Track, 1999));
    }

    #[test]
    fn wrong_money_names_its_field() {
        let (_, errors) = check("Order Completed", json!({"order_id": 1, "total": "many", "currency": "EUR"}));
        assert_eq!(errors[0].field, "properties.total");
        let (_, errors) = check("Order Completed", json!({"order_id": 1, "total": 1, "currency": "XXX"}));
        assert_eq!(errors[0].field, "properties.currency");
    }
}
