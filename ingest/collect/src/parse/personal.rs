//! Which field names are personal: their values are sealed wherever they appear.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_for_its_search() {
        assert!(PERSONAL.is_sorted());
    }

    #[test]
    fn spellings_of_a_name_are_one() {
        for spelling in ["firstName", "first_name", "First-Name", "FIRSTNAME", "first name"] {
            assert_eq!(canonical(spelling), Some("firstname"));
        }
        assert_eq!(canonical("plan"), None);
    }
}
