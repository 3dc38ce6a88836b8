//! Fuzzes the list format `dockerfile` with arbitrary text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use longshore_plugin_dockerfile::{parse, probe};
use longshore_plugin_sdk::testing::check;

fuzz_target!(|text: &str| {
    let _any = probe("list", text);
    check(text, &parse("list", text));
});
