//! What clients know: which commands they sent under which ids, and what they were answered.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use desk::{DeskError, Done, Pending, Place};
use eventlog::{Offset, PartitionId};
use records::fact::CommandTag;
use records::{CommandId, FactRow, Timestamp};
use rules::domains::{Command, Refusal};

/// One try of one command, with what is needed to judge its answer.
pub(crate) struct Try {
    pub(crate) tag: CommandTag,
    pub(crate) partition: PartitionId,
    /// What its writer knew at least.
    pub(crate) from: Offset,
    /// The time that it was decided at.
    pub(crate) now: Timestamp,
    pub(crate) pending: Pending<Refusal>,
}

/// An answer that put nothing into the log: there must have been a state on which it is right.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) tag: CommandTag,
    pub(crate) partition: PartitionId,
    pub(crate) from: Offset,
    pub(crate) to: Offset,
    pub(crate) now: Timestamp,
    /// Why it was refused; none when everything stood already.
    pub(crate) refusal: Option<Refusal>,
}

/// Everything that clients sent and heard.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    next: u128,
    /// What was asked under each id, by the hash of what was asked; mostly one thing.
    pub(crate) asked: BTreeMap<CommandId, BTreeMap<u64, Command>>,
    /// What was done.
    pub(crate) done: BTreeMap<CommandId, (u64, Place, Vec<FactRow>)>,
    /// Of whom nobody knows whether they were done: their last try got no answer.
    pub(crate) unsure: BTreeSet<(CommandId, u64)>,
    /// Sent again while nobody was sure, and then refused: by a writer that did not know yet that it is none any more, the
    /// first try may have been done by the other one.
    pub(crate) doubted: BTreeSet<CommandId>,
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) conflicts: BTreeSet<(CommandId, u64)>,
    pub(crate) again: u64,
}

impl Clients {
    /// A new id for a command.
    pub(crate) fn tag(&mut self, command: &Command) -> CommandTag {
        self.next += 1;
        let id = CommandId(self.next);
        self.tag_as(id, command)
    }

    /// An id that was used before, for a command that may be another one.
    pub(crate) fn tag_as(&mut self, id: CommandId, command: &Command) -> CommandTag {
        let asked = self.asked.entry(id).or_default();
        let mut hash = records::hash::bytes(format!("{command:?}").as_bytes());
        // What is sealed does not print: two requests that look alike need not be the same.
        while asked.get(&hash).is_some_and(|known| known != command) {
            hash = hash.wrapping_add(1);
        }
        asked.insert(hash, command.clone());
        CommandTag { id, hash }
    }

    pub(crate) fn command(&self, tag: CommandTag) -> Option<&Command> {
        self.asked.get(&tag.id)?.get(&tag.hash)
    }

    /// How many ids there are; they are numbered from 1.
    pub(crate) fn ids(&self) -> u64 {
        u64::try_from(self.next).expect("ids are counted")
    }

    /// Looks at each try whether it was answered, and keeps those that were not.
    pub(crate) fn hear(&mut self, tries: &mut Vec<Try>, ends: &[Offset]) -> Result<(), String> {
        let mut waiting = Vec::new();
        for mut one in tries.drain(..) {
            match Pin::new(&mut one.pending).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => waiting.push(one),
                Poll::Ready(answer) => self.take(&one, answer, ends[one.partition.index()])?,
            }
        }
        *tries = waiting;
        Ok(())
    }

    /// Nobody answers these any more.
    pub(crate) fn give_up(&mut self, tries: &mut Vec<Try>) {
        self.unsure.extend(tries.drain(..).map(|one| (one.tag.id, one.tag.hash)));
    }

    fn take(&mut self, one: &Try, answer: Result<Done, DeskError<Refusal>>, to: Offset) -> Result<(), String> {
        let CommandTag { id, hash } = one.tag;
        let key = (id, hash);
        let verdict = |refusal| {
            let Try { tag, partition, from, now, .. } = *one;
            Verdict { tag, partition, from, to, now, refusal }
        };
        match answer {
            Ok(Done { at: Some(place), rows, again }) => {
                self.again += u64::from(again);
                self.unsure.remove(&key);
                self.done_at(one.tag, place, rows)?;
            }
            Ok(Done { at: None, rows, .. }) if rows.is_empty() => {
                self.settle(key);
                self.verdicts.push(verdict(None));
            }
            Err(DeskError::Refused(refusal)) => {
                self.settle(key);
                self.verdicts.push(verdict(Some(refusal)));
            }
            Err(DeskError::Conflict(other)) if other == id => {
                self.unsure.remove(&key);
                self.conflicts.insert(key);
            }
            Err(DeskError::Again(_)) => _ = self.unsure.insert(key),
            other => return Err(format!("command {id} was answered {other:?}")),
        }
        Ok(())
    }

    fn settle(&mut self, key: (CommandId, u64)) {
        if self.unsure.remove(&key) {
            self.doubted.insert(key.0);
        }
    }

    /// The same command has one answer.
    fn done_at(&mut self, tag: CommandTag, place: Place, rows: Vec<FactRow>) -> Result<(), String> {
        let known = self.done.entry(tag.id).or_insert_with(|| (tag.hash, place, rows.clone()));
        if *known == (tag.hash, place, rows.clone()) {
            return Ok(());
        }
        Err(format!("command {} was answered {known:?}, and later {place:?} with {rows:?}", tag.id))
    }
}
