//! The command line from outside: help, settings, applying without a process.

mod apply;
mod help;
mod run;
mod settings;
