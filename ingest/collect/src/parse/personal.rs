//! Which field names are personal: their values are sealed wherever they appear.

use records::MessageId;
use records::id::IdError;

/// Names of personal fields, lower case without separators, so that `firstName`, `first_name` and `First-Name` are one.
const PERSONAL: &[&str] = &[
    "address",
    "age",
    "avatar",
    "birthdate",
    "birthday",
    "city",
    "dateofbirth",
    "displayname",
    "dob",
    "email",
    "emailaddress",
    "familyname",
    "fax",
    "firstname",
    "fullname",
    "gender",
    "givenname",
    "iban",
    "ip",
    "ipaddress",
    "lastname",
    "latitude",
    "login",
    "longitude",
    "mail",
    "middlename",
    "mobile",
    "msisdn",
    "name",
    "nickname",
    "passport",
    "phone",
    "phonenumber",
    "postalcode",
    "sex",
    "ssn",
    "street",
    "surname",
    "taxid",
    "telephone",
    "userid",
    "username",
    "zip",
    "zipcode",
];

/// Why an id was refused that is an e-mail address.
pub(crate) const NO_ADDRESS: &str =
    "is an e-mail address; ids are kept for ever, so send it as `userId`, `actor` or a personal field";

/// The canonical name of a personal field, or none.
pub(crate) fn canonical(field: &str) -> Option<&'static str> {
    // Longer than any name on the list, separators included.
    if field.len() > 32 {
        return None;
    }
    let plain: String = field
        .chars()
        .filter(|letter| !matches!(letter, '_' | '-' | ' ' | '.'))
        .collect::<String>()
        .to_ascii_lowercase();
    PERSONAL.binary_search(&plain.as_str()).ok().map(|at| PERSONAL[at])
}

/// Whether something in the text looks like an e-mail address, percent-encoded or not.
pub(crate) fn holds_address(text: &str) -> bool {
    let mark = text.find('@').map(|at| (at, 1)).or_else(|| text.find("%40").map(|at| (at, 3)));
    let Some((at, length)) = mark else { return false };
    let before = text[..at].ends_with(|letter: char| letter.is_alphanumeric());
    let host = text[at + length..].split(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '.' | '-'));
    before && host.take(1).any(|host| host.contains('.'))
}

/// A message's id. Short ids carry their text and outlive an erasure, so one that holds an e-mail address is hashed.
pub(crate) fn message_id(text: &str) -> Result<MessageId, IdError> {
    if !holds_address(text) {
        return MessageId::parse(text);
    }
    let hash = blake3::derive_key("eventra 2026 message id that holds an address v1", text.as_bytes());
    let mut cut = [0; 16];
    cut.copy_from_slice(&hash[..16]);
    Ok(MessageId(u128::from_be_bytes(cut).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_for_its_search() {
        assert!(PERSONAL.is_sorted());
    }

    #[test]
    fn addresses_are_noticed() {
        for text in ["ada@a.example", "/people/ada%40a.example/talks", "mail ada@a.example now"] {
            assert!(holds_address(text), "{text}");
        }
        for text in ["", "@ada", "a@b", "50 @ 3.50", "talk@", "/@scope/package.js"] {
            assert!(!holds_address(text), "{text}");
        }
    }

    #[test]
    fn an_address_in_a_message_id_is_hashed() {
        let id = message_id("a@b.example").unwrap();
        assert!(!id.to_string().contains("b.example"));
        assert_eq!(id, message_id("a@b.example").unwrap());
        assert_eq!(message_id("m-1").unwrap().to_string(), "m-1");
    }

    #[test]
    fn spellings_of_a_name_are_one() {
        for spelling in ["firstName", "first_name", "First-Name", "FIRSTNAME", "first name"] {
            assert_eq!(canonical(spelling), Some("firstname"));
        }
        assert_eq!(canonical("plan"), None);
    }
}
