//! `log.txt`: which log a directory holds. Text, so that an operator can read it; replaced in one step.

use std::io;

use super::options::{FileOptions, OpenError};
use crate::disk::{Disk, read_whole, replace};
use crate::lane::Partitions;
use crate::log::Incarnation;

/// The file's name in the log's directory.
const NAME: &str = "log.txt";

const FIRST_LINE: &str = "eventra log 1";

/// What a log is, for as long as it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) incarnation: Incarnation,
    pub(crate) partitions: Partitions,
}

impl Description {
    fn encode(&self) -> String {
        let Self { incarnation, partitions } = self;
        let body = format!(
            "{FIRST_LINE}\nincarnation {}\nordinal {}\nfacts {}\nactivity {}\nsystem {}\n",
            incarnation.id, incarnation.ordinal, partitions.facts, partitions.activity, partitions.system
        );
        format!("{body}checksum {}\n", crc32c::crc32c(body.as_bytes()))
    }

    fn decode(text: &str) -> Option<Self> {
        let (body, checksum) = text.split_at(text.rfind("checksum ")?);
        let checksum: u32 = checksum.strip_prefix("checksum ")?.trim().parse().ok()?;
        let mut lines = body.lines();
        if checksum != crc32c::crc32c(body.as_bytes()) || lines.next() != Some(FIRST_LINE) {
            return None;
        }
        let mut number = |name: &str| lines.next()?.strip_prefix(name)?.trim().parse::<u64>().ok();
        let incarnation = Incarnation { id: number("incarnation")?, ordinal: number("ordinal")?.try_into().ok()? };
        let mut count = |name: &str| number(name)?.try_into().ok().filter(|count| *count > 0);
        let partitions = Partitions { facts: count("facts")?, activity: count("activity")?, system: count("system")? };
        Some(Self { incarnation, partitions })
    }

    /// Reads a directory's description, if it has one.
    pub(crate) fn read(disk: &dyn Disk, directory: &str) -> Result<Option<Self>, OpenError> {
        let file = format!("{directory}/{NAME}");
        let text = match read_whole(disk, &file, 4096) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            content => content.map_err(OpenError::io(format!("reading `{file}`")))?,
        };
        let reason = "a line is missing or changed".to_owned();
        let text = String::from_utf8(text).unwrap_or_default();
        Self::decode(&text).map(Some).ok_or(OpenError::Description { file, reason })
    }

    /// Reads the description of a log to be opened, or makes it.
    pub(crate) fn settle(disk: &dyn Disk, options: &FileOptions) -> Result<Self, OpenError> {
        let directory = &options.directory;
        if let Some(found) = Self::read(disk, directory)? {
            let asked = options.partitions;
            if found.partitions != asked {
                return Err(OpenError::Partitions { found: found.partitions, asked });
            }
            return Ok(found);
        }
        let entries = disk.list(directory).map_err(OpenError::io("listing the log"))?;
        if let Some(entry) = entries.iter().find(|entry| entry.name.ends_with(".seg")) {
            // Making a new description would give the old segments a new identity: all their checksums would fail.
            let reason = format!("it is missing, but there is `{}`", entry.name);
            return Err(OpenError::Description { file: format!("{directory}/{NAME}"), reason });
        }
        let new = Self { incarnation: options.incarnation, partitions: options.partitions };
        let action = || OpenError::io("creating the log");
        replace(disk, &format!("{directory}/{NAME}"), new.encode().as_bytes()).map_err(action())?;
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_come_back_and_changes_are_noticed() {
        let description = Description {
            incarnation: Incarnation { id: u64::MAX, ordinal: 3 },
            partitions: Partitions { facts: 2, activity: 300, system: 1 },
        };
        let text = description.encode();
        assert_eq!(Description::decode(&text), Some(description));
        assert_eq!(Description::decode(&text.replace("300", "301")), None);
        assert_eq!(Description::decode("checksum 0\n"), None);
    }
}
