//! The command line from outside: help, settings, applying without a process.

#![expect(clippy::unwrap_used, reason = "helpers of tests, like the tests themselves")]

mod accounts;
mod analysts;
mod apply;
mod fills;
mod help;
mod letters;
mod mails;
mod payments;
mod personal;
mod process;
mod run;
mod serving;
mod settings;
mod slips;
mod tables;
mod terminal;
mod tls;
