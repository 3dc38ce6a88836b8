//! Black-box tests: the binary against real registries, and the structure of its source.
//!
//! A single test binary, so that it is linked only once. `support/` holds shared code.

mod architecture;
mod auth;
mod bad_input;
mod bounds;
mod chart_images;
mod charts;
mod command_line;
mod control_characters;
mod convert;
mod dry_run;
mod failed_list;
mod faults;
mod hangar_flags;
mod harbor;
mod hints;
mod index_mode;
mod inspect;
mod interrupt;
mod kill;
mod list_errors;
mod lists;
mod lists_more;
mod manifest_cache;
mod mirror;
mod odd_content;
mod odd_registries;
mod planted;
mod platforms;
mod plugin;
mod prompt;
mod proxies;
mod pull_through;
mod referrers;
mod rendering;
mod repeat;
mod requests;
mod rewrites;
mod settings;
mod shard;
mod smoke;
mod stores;
mod support;
mod tls;
mod validate;
