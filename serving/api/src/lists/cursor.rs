//! Cursors: the place where a page ended, good for the same list with the same filters only.
//!
//! A cursor holds the key of the last row, not a count of rows: what comes or goes meanwhile shifts nothing. It is bound
//! to its list by a hash. It is no secret and no permission: the next page is decided on as the first was.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::{Code, Problem};

/// Bytes of the hash that binds a cursor to its list.
const BOUND_BYTES: usize = 8;
/// The longest cursor that is looked at, characters: keys are names and times.
pub(super) const CURSOR_MAX: usize = 2_048;

/// The hash of a list: its address without `cursor` and `limit`.
pub(super) fn list_of(address: &str) -> blake3::Hash {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let mut filters: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    filters.retain(|pair| !pair.starts_with("cursor=") && !pair.starts_with("limit="));
    // The order of parameters means nothing.
    filters.sort_unstable();
    blake3::hash(format!("{path}?{}", filters.join("&")).as_bytes())
}

fn bound(list: &blake3::Hash, key: &[u8]) -> [u8; BOUND_BYTES] {
    let hash = blake3::keyed_hash(list.as_bytes(), key);
    hash.as_bytes()[..BOUND_BYTES].try_into().expect("a hash has 32 bytes")
}

/// Writes the cursor after a row with this key.
pub(super) fn write(list: &blake3::Hash, key: &impl Serialize) -> String {
    let key = serde_json::to_vec(key).expect("keys are names, numbers and times");
    URL_SAFE_NO_PAD.encode([&bound(list, &key)[..], &key].concat())
}

/// Reads a cursor of this list.
pub(super) fn read<K: DeserializeOwned>(list: &blake3::Hash, text: &str) -> Result<K, Problem> {
    let wrong = || Problem::new(Code::CursorWrong, "");
    if text.len() > CURSOR_MAX {
        return Err(wrong());
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    let (bound_to, key) = bytes.split_at_checked(BOUND_BYTES).ok_or_else(wrong)?;
    if bound(list, key) != bound_to {
        return Err(wrong());
    }
    serde_json::from_slice(key).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_by_its_own_list_only(name in ".{0,80}", number: u32) {
            let list = list_of("/v1/organizations/acme/members?role=analyst&sort=name");
            let text = write(&list, &(&name, number));
            prop_assert_eq!(read::<(String, u32)>(&list, &text).unwrap(), (name, number));
            for other in ["/v1/organizations/other/members?role=analyst&sort=name", "/v1/organizations/acme/members?sort=name"] {
                prop_assert_eq!(read::<(String, u32)>(&list_of(other), &text).unwrap_err().code, Code::CursorWrong);
            }
        }

        #[test]
        fn no_text_breaks_the_reader(text in ".{0,200}") {
            prop_assert!(read::<String>(&list_of("/v1/me/logins"), &text).is_err());
        }
    }

    #[test]
    fn the_page_and_the_order_of_parameters_are_no_part_of_the_list() {
        let list = list_of("/v1/things?a=1&b=2");
        assert_eq!(list, list_of("/v1/things?b=2&limit=5&a=1&cursor=x"));
        assert_ne!(list, list_of("/v1/things?a=1"));
    }
}
