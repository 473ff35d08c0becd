//! Short words shared by many records: names, paths, countries. Never personal; personal text is sealed.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest text that a column takes, in bytes. Longer ones are a field error at the door.
pub const TEXT_BYTES_MAX: usize = 512;

/// A cheap-to-clone text; the empty text stands for an absent one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Text(Option<Arc<str>>);

impl Text {
    /// The absent text.
    pub const NONE: Self = Self(None);

    /// Shares a text.
    pub fn new(text: &str) -> Self {
        Self((!text.is_empty()).then(|| text.into()))
    }

    /// The text; empty when absent.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }

    /// Returns whether there is a text.
    pub fn is_some(&self) -> bool {
        self.0.is_some()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl std::ops::Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
