//! Diagnostics that services share because a YAML anchor gives them the same text.

use std::collections::HashMap;

use longshore_plugin_sdk::diagnostic::{Diagnostic, Severity};
use longshore_plugin_sdk::list::Parsed;

/// The number of services to name.
const NAMED: usize = 100;

/// The services of each diagnostic, by its position among the diagnostics.
#[derive(Default)]
pub(crate) struct Shared {
    known: HashMap<Diagnostic, usize>,
    services: HashMap<usize, Vec<String>>,
}

impl Shared {
    /// Removes the diagnostics of `service`, from the position `before` on, that another service has
    /// already.
    pub(crate) fn unite(&mut self, parsed: &mut Parsed, before: usize, service: &str) {
        for diagnostic in parsed.diagnostics.split_off(before) {
            let position = *self.known.entry(diagnostic.clone()).or_insert_with(|| {
                parsed.diagnostics.push(diagnostic);
                parsed.diagnostics.len() - 1
            });
            let services = self.services.entry(position).or_default();
            if services.last().is_none_or(|last| last != service) {
                services.push(service.to_owned());
            }
        }
    }

    /// Names the services of each error that several services share.
    pub(crate) fn name_services(self, parsed: &mut Parsed) {
        for (position, services) in self.services {
            let Some(diagnostic) = parsed.diagnostics.get_mut(position) else { continue };
            if services.len() > 1 && diagnostic.severity == Severity::Error {
                let names: Vec<String> =
                    services.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
                let more = match services.len().saturating_sub(NAMED) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let names = format!(" (services {}{more})", names.join(", "));
                diagnostic.message.push_str(&names);
            }
        }
    }
}
