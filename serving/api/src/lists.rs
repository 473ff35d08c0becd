//! Lists in pages: `limit`, `cursor`, `sort`, and filters that the document names.
//!
//! Filters and the order are fields of the handler's own parameters, so that nothing can be asked for that is not there:
//!
//! ```
//! use api::lists::{Page, Paging, Sort, Sortable};
//! use api::problem::Problem;
//!
//! #[derive(Clone, Copy, PartialEq, Debug)]
//! enum By {
//!     Name,
//!     Made,
//! }
//! impl Sortable for By {
//!     const NAME: &'static str = "ThingOrder";
//!     const ALL: &'static [(&'static str, Self)] = &[("name", Self::Name), ("made", Self::Made)];
//! }
//!
//! /// Things after those that the caller has seen, in the order of their names.
//! fn list(paging: &Paging, all: &[&'static str]) -> Result<Page<&'static str>, Problem> {
//!     let after: Option<String> = paging.after()?;
//!     let rest = all.iter().copied().filter(|name| after.as_deref().is_none_or(|after| *name > after));
//!     Ok(paging.page(rest, |name| name.to_string()))
//! }
//! let newest: Sort<By> = "-made".parse()?;
//! assert_eq!((newest.by, newest.descending), (By::Made, true));
//! # let first = list(&Paging::new(2, "/v1/things"), &["a", "b", "c"]).unwrap();
//! # assert_eq!((first.data.len(), first.next.is_some()), (2, true));
//! # Ok::<(), String>(())
//! ```

mod cursor;
mod paging;
mod sort;

pub use paging::{LIMIT_DEFAULT, LIMIT_MAX, One, Page, Paging};
pub use sort::{Sort, Sortable};
