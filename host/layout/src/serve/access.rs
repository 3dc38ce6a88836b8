//! Access control: host names, passwords, and the limits for wrong passwords.

mod attempts;
mod hosts;
mod htpasswd;

pub(super) use hosts::Hosts;
pub(super) use htpasswd::Htpasswd;
