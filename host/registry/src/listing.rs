//! Paged lists of tags, repositories and referrers.

pub(crate) mod names;
pub(crate) mod pages;
