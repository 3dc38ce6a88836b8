//! Fuzzes the list format `cyclonedx` with arbitrary text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use longshore_plugin_cyclonedx::{parse, probe};
use longshore_plugin_sdk::testing::check;

fuzz_target!(|text: &str| {
    let _any = probe("list", text);
    check(text, &parse("list", text));
});
