//! The rewrite `registry` as a component; what it does is in the crate's root.

#[expect(
    unsafe_code,
    reason = "the canonical ABI passes pointers; wit-bindgen writes that code, none of it is ours"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "rewrite-plugin",
    });
    export!(Component);

    use super::Component;
}

use bindings::exports::longshore::plugin::rewrite::{Guest, Item, Verdict};
use bindings::longshore::plugin::config;
use bindings::longshore::plugin::types::PluginError;

use crate::Target;

struct Component;

impl Guest for Component {
    fn apply(batch: Vec<Item>) -> Result<Vec<Verdict>, PluginError> {
        let target = Target::from_config(&config::get()).map_err(PluginError::InvalidConfig)?;
        Ok(batch
            .into_iter()
            .map(|item| match target.apply(item.destination) {
                Ok(destination) => Verdict::Destination(destination),
                Err(refusal) => Verdict::Refuse(refusal),
            })
            .collect())
    }
}
