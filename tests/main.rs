//! Black-box tests: the binary against real registries, and the shape of its source.
//!
//! One binary for all of them, so that it is linked once. `support/` has what they share.

mod architecture;
mod auth;
mod faults;
mod interrupt;
mod kill;
mod requests;
mod smoke;
mod support;
mod tls;
