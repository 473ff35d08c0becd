//! The API from outside: through the router, and over real sockets with Segment's own libraries.

#![expect(clippy::unwrap_used, reason = "helpers of tests, like the tests themselves")]

mod accounts;
mod booking;
mod books;
mod calendars;
mod clients;
mod conditional;
mod document;
mod doors;
mod edge;
mod exports;
mod feeds;
mod foreign;
mod house;
mod libraries;
mod offers;
mod oidc;
mod organizers;
mod page;
mod pages;
mod papers;
mod presence;
mod programme;
mod reads;
mod shop;
mod sockets;
mod stripe;
mod tls;
mod tracking;
mod trend;
mod webhooks;
mod wire;
mod writes;
