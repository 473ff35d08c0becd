//! Registration forms: whether one is sound, and whether somebody has answered it.
//!
//! Answers are personal and sealed: only their fields' names and types are known to the rules, and which edition they answer.

use std::collections::{BTreeMap, BTreeSet};

use records::ItemId;
use records::programme::{Answers, Asked, Field, FieldKind, Form};
use records::zone::Day;

use super::refusal::Refusal;
use super::valid;

/// Fields of a form.
pub const FIELDS_MAX: usize = 60;
/// Options of a field: there are fewer countries.
const OPTIONS_MAX: usize = 500;
/// Bytes of an answer.
pub const ANSWER_BYTES_MAX: usize = 4_000;

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field's name.
    pub field: String,
    /// What is wrong, in a sentence for whoever fills it in.
    pub problem: String,
}

/// Whether a form may be asked.
///
/// # Errors
/// `Invalid`, with the first field that is not sound.
pub fn check(form: &Form) -> Result<(), Refusal> {
    valid::title("title", &form.title)?;
    if form.fields.len() > FIELDS_MAX || (form.fields.is_empty() && !form.withdrawn) {
        return Err(Refusal::invalid("fields", format!("has between 1 and {FIELDS_MAX}")));
    }
    let mut known: BTreeMap<&str, &Field> = BTreeMap::new();
    for (number, field) in form.fields.iter().enumerate() {
        let place = |part: &str| format!("fields[{number}].{part}");
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if field.id.is_empty() || field.id.len() > 40 || !field.id.bytes().all(plain) {
            return Err(Refusal::invalid(place("id"), "has 1 to 40 of `a-z`, `0-9` and `_`"));
        }
        valid::title(&place("label"), &field.label)?;
        valid::text(&place("help"), &field.help)?;
        options(field).map_err(|problem| Refusal::invalid(place("options"), problem))?;
        if let (Some(min), Some(max)) = (field.min, field.max)
            && min > max
        {
            return Err(Refusal::invalid(place("max"), "is not below `min`"));
        }
        if let Some(when) = &field.when {
            let Some(other) = known.get(when.field.as_str()) else {
                return Err(Refusal::invalid(place("when.field"), "is a field that stands before this one"));
            };
            let possible = |is: &String| other.options.is_empty() || other.options.iter().any(|one| one.value == *is);
            if when.is.is_empty() || !when.is.iter().all(possible) {
                return Err(Refusal::invalid(place("when.is"), "has answers that the other field takes"));
            }
        }
        if known.insert(&field.id, field).is_some() {
            return Err(Refusal::invalid(place("id"), "is there twice"));
        }
    }
    Ok(())
}

fn options(field: &Field) -> Result<(), String> {
    let chosen = matches!(field.kind, FieldKind::Choice | FieldKind::Several);
    if chosen == field.options.is_empty() || field.options.len() > OPTIONS_MAX {
        return Err(format!("has 1 to {OPTIONS_MAX} for `choice` and `several`, and none otherwise"));
    }
    let mut seen = BTreeSet::new();
    for option in &field.options {
        let plain = !option.value.is_empty() && option.value.len() <= 200 && !option.value.contains(['\n', '\r']);
        if !plain || !seen.insert(&option.value) {
            return Err("has values of one line, each once".into());
        }
        valid::title("label", &option.label).map_err(|refusal| refusal.to_string())?;
    }
    Ok(())
}

impl Fault {
    fn new(field: &str, problem: impl Into<String>) -> Self {
        Self { field: field.to_owned(), problem: problem.into() }
    }
}

/// Whether a form is asked when this product is bought.
pub fn is_asked_with(form: &Form, product: ItemId) -> bool {
    !form.withdrawn && (form.products.is_empty() || form.products.contains(&product))
}

/// The answers as they are kept: of fields that are asked, trimmed, none that is empty.
///
/// # Errors
/// Everything that is wrong with them.
pub fn answered(form: &Form, given: &Answers) -> Result<Answers, Vec<Fault>> {
    let (mut kept, mut faults) = (Answers::new(), Vec::new());
    for name in given.keys().filter(|name| !form.fields.iter().any(|field| field.id == **name)) {
        faults.push(Fault::new(name, "is not asked"));
    }
    for field in &form.fields {
        let answer = given.get(&field.id).map(|text| text.trim()).unwrap_or_default();
        if !is_asked(field, &kept) {
            // Pages may send what was filled in before another answer made the question go away.
            continue;
        }
        if answer.is_empty() {
            if field.required {
                faults.push(Fault::new(&field.id, missing(field.kind)));
            }
            continue;
        }
        match normal(field, answer) {
            Ok(answer) => _ = kept.insert(field.id.clone(), answer),
            Err(problem) => faults.push(Fault::new(&field.id, problem)),
        }
    }
    if faults.is_empty() { Ok(kept) } else { Err(faults) }
}

/// Whether a field is asked, after these answers to the ones before it.
pub fn is_asked(field: &Field, before: &Answers) -> bool {
    let Some(when) = &field.when else { return true };
    let Some(answer) = before.get(&when.field) else { return false };
    answer.lines().any(|one| when.is.iter().any(|is| is == one))
}

fn missing(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Consent => "has to be agreed to",
        FieldKind::Choice | FieldKind::Several => "has to be chosen",
        _ => "has to be filled in",
    }
}

fn normal(field: &Field, answer: &str) -> Result<String, String> {
    if answer.len() > ANSWER_BYTES_MAX
        || answer.chars().any(|one| one.is_control() && !matches!(one, '\n' | '\r' | '\t'))
    {
        return Err(format!("has at most {ANSWER_BYTES_MAX} bytes"));
    }
    let one_line = !answer.contains(['\n', '\r']);
    match field.kind {
        FieldKind::Text if !one_line => Err("is one line".into()),
        FieldKind::Text | FieldKind::LongText => length(field, answer).map(|()| answer.to_owned()),
        FieldKind::Number => number(field, answer),
        FieldKind::Date => Day::parse(answer)
            .filter(|day| day.date() == answer)
            .map(|day| day.date())
            .ok_or_else(|| "is a day such as 2026-11-20".into()),
        FieldKind::Choice => chosen(field, answer),
        FieldKind::Several => several(field, answer),
        FieldKind::Consent if answer == "yes" => Ok(answer.to_owned()),
        FieldKind::Consent => Err("is `yes`, or nothing".into()),
        FieldKind::Email => email(answer),
        FieldKind::Phone => phone(answer),
        FieldKind::Country => {
            let code = answer.to_ascii_uppercase();
            let plain = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
            plain.then_some(code).ok_or_else(|| "is a country such as DE".into())
        }
    }
}

fn length(field: &Field, answer: &str) -> Result<(), String> {
    let count = i64::try_from(answer.chars().count()).unwrap_or(i64::MAX);
    if field.min.is_some_and(|min| count < min) {
        return Err(format!("has at least {} characters", field.min.unwrap_or_default()));
    }
    if field.max.is_some_and(|max| count > max) {
        return Err(format!("has at most {} characters", field.max.unwrap_or_default()));
    }
    Ok(())
}

/// A decimal number, with a point: at most 15 digits before it and 6 after, so that nobody rounds it.
fn number(field: &Field, answer: &str) -> Result<String, String> {
    let wrong = || "is a number such as 3 or 2.5".to_owned();
    let (negative, digits) = answer.strip_prefix('-').map_or((false, answer), |rest| (true, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str, most: usize| text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole, 15) || !plain(part, 6) || digits.ends_with('.') {
        return Err(wrong());
    }
    let value: i64 = whole.parse().map_err(|_| wrong())?;
    let has_part = part.bytes().any(|byte| byte != b'0');
    let (value, has_part_up, has_part_down) =
        if negative { (-value, false, has_part) } else { (value, has_part, false) };
    if field.min.is_some_and(|min| value < min || (value == min && has_part_down)) {
        return Err(format!("is at least {}", field.min.unwrap_or_default()));
    }
    if field.max.is_some_and(|max| value > max || (value == max && has_part_up)) {
        return Err(format!("is at most {}", field.max.unwrap_or_default()));
    }
    Ok(answer.to_owned())
}

fn chosen(field: &Field, answer: &str) -> Result<String, String> {
    let known = field.options.iter().any(|option| option.value == answer);
    if known { Ok(answer.to_owned()) } else { Err("is not one of the answers to choose from".into()) }
}

fn several(field: &Field, answer: &str) -> Result<String, String> {
    let asked: BTreeSet<&str> = answer.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let kept: Vec<&str> =
        field.options.iter().map(|option| option.value.as_str()).filter(|value| asked.contains(value)).collect();
    if kept.len() != asked.len() {
        return Err("has answers that are not there to choose from".into());
    }
    Ok(kept.join("\n"))
}

/// As far as a form can say: something, `@`, something with no space (RFC 5321 leaves the rest to the server).
fn email(answer: &str) -> Result<String, String> {
    let sound = answer.len() <= 254
        && !answer.chars().any(char::is_whitespace)
        && answer.rsplit_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && local.len() <= 64
                && !domain.is_empty()
                && !domain.starts_with('.')
                && !domain.ends_with('.')
        });
    if sound { Ok(answer.to_owned()) } else { Err("is a mail address".into()) }
}

/// Digits, with what people put between them; 15 at most (ITU-T E.164).
fn phone(answer: &str) -> Result<String, String> {
    let digits = answer.bytes().filter(u8::is_ascii_digit).count();
    let rest = answer.strip_prefix('+').unwrap_or(answer);
    let plain = rest.bytes().all(|byte| byte.is_ascii_digit() || b" -/().".contains(&byte));
    if plain && (3..=15).contains(&digits) { Ok(answer.to_owned()) } else { Err("is a telephone number".into()) }
}

/// A form with the edition that is asked now.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    /// Its number, from 1.
    pub edition: u32,
    /// What is asked.
    pub form: &'a Form,
}

/// What answers of an order are named by: `FORM.FIELD` for what the buyer is asked, `FORM.POSITION.FIELD` for what is
/// asked of the ticket at that place of the order, from 0; `products` says of each position whether it is a ticket. `form:FORM` is the edition that they answer.
///
/// # Errors
/// Everything that is wrong with them, by those names.
pub fn order_answers<'a>(
    forms: impl Iterator<Item = (String, Current<'a>)>,
    products: &[(ItemId, bool)],
    given: &Answers,
) -> Result<Answers, Vec<Fault>> {
    let (mut kept, mut faults, mut used) = (Answers::new(), Vec::new(), BTreeSet::new());
    for (name, current) in forms {
        let asked: Vec<usize> = (0..products.len())
            .filter(|place| {
                let (product, is_ticket) = products[*place];
                is_asked_with(current.form, product) && (is_ticket || current.form.asked == Asked::Order)
            })
            .collect();
        if asked.is_empty() {
            continue;
        }
        let edition = format!("form:{name}");
        used.insert(edition.clone());
        if given.get(&edition).is_some_and(|told| *told != current.edition.to_string()) {
            faults.push(Fault::new(&edition, "has changed meanwhile: look at the questions again"));
            continue;
        }
        kept.insert(edition, current.edition.to_string());
        let prefixes = match current.form.asked {
            Asked::Order => vec![format!("{name}.")],
            Asked::Ticket => asked.iter().map(|place| format!("{name}.{place}.")).collect(),
        };
        for prefix in prefixes {
            let own: Answers = given
                .iter()
                .filter_map(|(of, answer)| Some((of.strip_prefix(&prefix)?.to_owned(), answer.clone())))
                .collect();
            used.extend(own.keys().map(|field| format!("{prefix}{field}")));
            match answered(current.form, &own) {
                Ok(own) => kept.extend(own.into_iter().map(|(field, answer)| (format!("{prefix}{field}"), answer))),
                Err(own) => faults.extend(
                    own.into_iter().map(|fault| Fault::new(&format!("{prefix}{}", fault.field), fault.problem)),
                ),
            }
        }
    }
    faults.extend(given.keys().filter(|name| !used.contains(*name)).map(|name| Fault::new(name, "is not asked")));
    if faults.is_empty() { Ok(kept) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use records::programme::{Choosable, Condition};

    use super::*;

    fn field(id: &str, kind: FieldKind) -> Field {
        Field { id: id.into(), label: id.into(), kind, ..Field::default() }
    }

    fn options(values: &[&str]) -> Vec<Choosable> {
        values.iter().map(|value| Choosable { value: (*value).into(), label: (*value).into() }).collect()
    }

    fn form() -> Form {
        let diet =
            Field { required: true, options: options(&["none", "vegan", "other"]), ..field("diet", FieldKind::Choice) };
        let when = Some(Condition { field: "diet".into(), is: vec!["other".into()] });
        let which = Field { required: true, when, ..field("which", FieldKind::Text) };
        let fields = vec![
            diet,
            which,
            Field { min: Some(18), max: Some(120), ..field("age", FieldKind::Number) },
            Field { options: options(&["a", "b", "c"]), ..field("topics", FieldKind::Several) },
            Field { required: true, ..field("terms", FieldKind::Consent) },
        ];
        Form { title: "Attendee".into(), fields, ..Form::default() }
    }

    fn answers(pairs: &[(&str, &str)]) -> Answers {
        pairs.iter().map(|(of, answer)| ((*of).into(), (*answer).into())).collect()
    }

    #[test]
    fn a_field_is_asked_only_when_its_condition_holds() {
        assert_eq!(check(&form()), Ok(()));
        let kept = answered(&form(), &answers(&[("diet", "vegan"), ("which", "left over"), ("terms", "yes")])).unwrap();
        assert_eq!(kept, answers(&[("diet", "vegan"), ("terms", "yes")]));
        let faults = answered(&form(), &answers(&[("diet", "other"), ("terms", "yes")])).unwrap_err();
        assert_eq!(faults, [Fault::new("which", "has to be filled in")]);
    }

    #[test]
    fn each_kind_takes_its_own_answers() {
        for (kind, right, wrong) in [
            (FieldKind::Text, "a b", "a\nb"),
            (FieldKind::Number, "-2.5", "1e3"),
            (FieldKind::Number, "15", "1."),
            (FieldKind::Date, "2028-02-29", "2026-02-29"),
            (FieldKind::Consent, "yes", "no"),
            (FieldKind::Email, "a@b", "a b@c"),
            (FieldKind::Phone, "+49 (30) 123-45", "call me"),
            (FieldKind::Country, "de", "Germany"),
        ] {
            assert!(normal(&field("f", kind), right).is_ok(), "{kind:?} {right}");
            assert!(normal(&field("f", kind), wrong).is_err(), "{kind:?} {wrong}");
        }
        let age = &form().fields[2];
        for (answer, sound) in [("18", true), ("17.9", false), ("120", true), ("120.5", false), ("120.0", true)] {
            assert_eq!(normal(age, answer).is_ok(), sound, "{answer}");
        }
        assert_eq!(normal(&form().fields[3], "c\na").unwrap(), "a\nc");
        assert!(normal(&form().fields[3], "d").is_err());
    }

    #[test]
    fn answers_of_an_order_name_their_form_edition_and_ticket() {
        let (pass, dinner) = (ItemId(1), ItemId(2));
        let mut badge = form();
        badge.asked = Asked::Ticket;
        badge.products = vec![pass];
        badge.fields.truncate(1);
        let asked = || [("badge".to_owned(), Current { edition: 3, form: &badge })].into_iter();
        let given = answers(&[("badge.0.diet", "vegan"), ("badge.2.diet", "none"), ("form:badge", "3")]);
        assert_eq!(order_answers(asked(), &[pass, dinner, pass].map(|id| (id, true)), &given).unwrap(), given);
        let faults = order_answers(asked(), &[(pass, true)], &given).unwrap_err();
        assert_eq!(faults, [Fault::new("badge.2.diet", "is not asked")]);
        let faults =
            order_answers(asked(), &[(pass, true)], &answers(&[("badge.0.diet", "none"), ("form:badge", "2")]));
        assert!(faults.unwrap_err()[0].problem.contains("changed"));
        assert_eq!(order_answers(asked(), &[(dinner, true)], &Answers::new()), Ok(Answers::new()));
        assert_eq!(order_answers(asked(), &[(pass, false)], &Answers::new()), Ok(Answers::new()), "no ticket");
    }

    #[test]
    fn forms_that_nobody_could_answer_are_refused() {
        let broken: [fn(&mut Form); 7] = [
            |form| form.fields[0].id = "Diet".into(),
            |form| form.fields[1].id = "diet".into(),
            |form| form.fields[0].options.clear(),
            |form| form.fields.swap(0, 1),
            |form| form.fields[1].when.as_mut().unwrap().is = vec!["meat".into()],
            |form| form.fields[2].min = Some(200),
            |form| form.fields.clear(),
        ];
        for (number, bend) in broken.iter().enumerate() {
            let mut form = form();
            bend(&mut form);
            assert!(check(&form).is_err(), "{number}");
        }
    }
}
