//! Finds the repository types of destinations: `--repo-type auto`.

use std::collections::{BTreeMap, BTreeSet};

use longshore_engine::event::{EventSender, Level};
use longshore_engine::job::Jobs;
use longshore_oci::{Registry, StoreName};
use longshore_registry::Registries;

/// The value of `--repo-type` that asks each registry.
pub(crate) const AUTO: &str = "auto";

/// Asks each destination which product it is, and says so. Returns the registries by the name of the
/// repository type. A registry that nothing gives away has none, so that nothing is created on a guess.
pub(crate) async fn recognise(
    jobs: &Jobs,
    registries: &Registries,
    events: &EventSender,
) -> BTreeMap<&'static str, BTreeSet<Registry>> {
    let all: BTreeSet<&Registry> = jobs.destinations().filter_map(StoreName::registry).collect();
    let mut found: BTreeMap<&'static str, BTreeSet<Registry>> = BTreeMap::new();
    for registry in all {
        let (level, text) = match registries.client(registry).product().await {
            Ok(Some(product)) => {
                found.entry(product.name).or_default().insert(registry.clone());
                let text = format!(
                    "{registry} has the repository type {}: {}",
                    product.name, product.sign
                );
                (Level::Info, text)
            }
            Ok(None) => {
                let text = format!(
                    "{registry} shows no sign of a known repository type, so nothing is prepared there; \
                     name the type with --repo-type"
                );
                (Level::Info, text)
            }
            Err(error) => (Level::Warning, format!("{error}; nothing is prepared there")),
        };
        events.note(0, None, level, text);
    }
    found
}
