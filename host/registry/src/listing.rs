//! Lists of tags, repositories and referrers, page by page.

pub(crate) mod names;
pub(crate) mod pages;
