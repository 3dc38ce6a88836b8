//! Who may ask: by which name, with which password, and how often a wrong one.

mod attempts;
mod hosts;
mod htpasswd;

pub(super) use hosts::Hosts;
pub(super) use htpasswd::Htpasswd;
