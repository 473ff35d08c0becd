//! What a desk needs of rules: decide, apply, and nothing else. Pure: time is an argument, chance is in the command.

use std::fmt::{Debug, Display};

use records::{FactRow, Timestamp};

/// The state that commands of one partition are decided on, and the rules that decide them.
///
/// Laws, which a desk relies on:
/// * `decide` changes nothing, and gives the same for the same state, command and time;
/// * what `decide` or `due` gives, `apply` takes, in that order;
/// * `apply` never decides: the state is a function of the facts alone, whatever rules this build has;
/// * `decode(encode(x))` decides as `x` does, and encodes to the same bytes.
pub trait Domain: Default + Debug + Send + 'static {
    /// What it decides about, for logs and file names.
    const NAME: &'static str;
    /// Raised when the meaning or encoding of the state changes; the state is then made again from the log.
    const VERSION: u32;
    /// What is asked.
    type Command: Debug + Send + 'static;
    /// Why it is not done. It says what would help.
    type Refusal: Debug + Display + Clone + Send + 'static;

    /// The aggregate that a command touches, by its hash: it decides the partition.
    fn aggregate(command: &Self::Command) -> u64;

    /// The aggregate that a fact is about.
    fn aggregate_of(row: &FactRow) -> u64;

    /// The facts after which the command is done; none when everything stands already. All are about the command's aggregate.
    ///
    /// # Errors
    /// When the rules refuse it.
    fn decide(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<FactRow>, Self::Refusal>;

    /// The next fact that is due because time has passed; none when nothing is. Once it is taken, the one after it.
    fn due(&self, now: Timestamp) -> Option<FactRow>;

    /// Takes one fact.
    ///
    /// # Errors
    /// When this build does not know it: whoever decides without it might decide wrongly.
    fn apply(&mut self, row: &FactRow) -> Result<(), UnknownFact>;

    /// Appends the state's bytes. The same state always gives the same bytes.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads a state back.
    ///
    /// # Errors
    /// When the bytes are damaged, or of a version that this build does not read.
    fn decode(bytes: &[u8]) -> Result<Self, StateError>;
}

/// Splits bytes that begin with their length, eight bytes with the lowest first, from what follows them.
pub(crate) fn section(bytes: &[u8]) -> Result<(&[u8], &[u8]), StateError> {
    let short = || StateError("it is cut short".into());
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|error| StateError(error.to_string()))?;
    rest.split_at_checked(length).ok_or_else(short)
}

/// A fact that this build does not know, written by a newer one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this build does not know the fact `{0}`: use the eventra that wrote it, or a newer one")]
pub struct UnknownFact(pub String);

/// Why bytes are not a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state is damaged: {0}")]
pub struct StateError(pub String);

impl UnknownFact {
    /// Names the fact of a row.
    pub fn of(row: &FactRow) -> Self {
        let name = match &row.fact {
            records::fact::Known::Unknown(fields) => {
                fields.get("fact").and_then(|name| name.as_str()).map(str::to_owned)
            }
            records::fact::Known::Fact(fact) => serde_json::to_value(fact)
                .ok()
                .and_then(|value| value.get("fact").and_then(|name| name.as_str()).map(str::to_owned)),
        };
        Self(name.unwrap_or_else(|| "without a name".to_owned()))
    }
}
