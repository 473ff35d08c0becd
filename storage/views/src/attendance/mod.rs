//! Live attendance of sessions: who joined, who is there now, the peak, the drop-off, the time spent.
//!
//! *Joined* counts distinct actors. An actor is *present* from joining (or a heartbeat, for whoever joined before we
//! listened) until leaving, or until 90 s of log time passed without a sign; the end is then the last sign. *Focused*
//! time is what heartbeats report, at most the log time since the actor's last sign, so that a client cannot report more
//! time than has passed. The *drop-off* of minute n is the share of those who joined whose stay, from their first to
//! their last sign by log time, lasted n minutes or more.

pub mod answer;
pub mod fold;
pub mod room;

pub use answer::{Attendance, DropOff};
pub use fold::{AttendanceRow, Input, Place, Rooms, Sign, Standing};
