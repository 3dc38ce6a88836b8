//! What a component exports and imports: its kind, and whether it may be linked at all.

use longshore_plugin_pack::{Kind, Metadata};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre};

use super::bindings::exports::longshore::plugin::{
    chart_render, list_format, list_render, repo_type, rewrite,
};
use super::error::LoadProblem;
use super::escape::shown;
use super::guest::Guest;

/// Version of the contract that this host speaks.
const CONTRACT: &str = "0.1.0-draft";

/// What of WASI 0.2 is linked.
const WASI: [&str; 6] =
    ["wasi:io/", "wasi:clocks/", "wasi:cli/", "wasi:filesystem/", "wasi:random/", "wasi:sockets/"];

/// Interfaces that a plugin may import from longshore.
const OURS: [&str; 4] = ["types", "log", "config", "endpoints"];

/// The plugin interfaces that a component exports, looked up once.
#[derive(Default)]
pub(super) struct Exports {
    pub(super) list_format: Option<list_format::GuestIndices>,
    /// Optional beside `list_format`.
    pub(super) list_render: Option<list_render::GuestIndices>,
    pub(super) rewrite: Option<rewrite::GuestIndices>,
    pub(super) repo_type: Option<repo_type::GuestIndices>,
    chart_render: Option<chart_render::GuestIndices>,
}

impl Exports {
    pub(super) fn of(component: &InstancePre<Guest>) -> Self {
        Self {
            list_format: list_format::GuestIndices::new(component).ok(),
            list_render: list_render::GuestIndices::new(component).ok(),
            rewrite: rewrite::GuestIndices::new(component).ok(),
            repo_type: repo_type::GuestIndices::new(component).ok(),
            chart_render: chart_render::GuestIndices::new(component).ok(),
        }
    }

    fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::ListFormat => self.list_format.is_some(),
            Kind::Rewrite => self.rewrite.is_some(),
            Kind::RepoType => self.repo_type.is_some(),
            Kind::ChartRender => self.chart_render.is_some(),
        }
    }

    /// Checks that it is what was asked for and what its metadata says.
    pub(super) fn check(
        &self,
        wanted: Kind,
        metadata: Option<&Metadata>,
        component: &Component,
        engine: &Engine,
    ) -> Result<(), LoadProblem> {
        let says = metadata.map_or(wanted, |metadata| metadata.kind);
        if says != wanted || !self.has(wanted) {
            let exports = exported(component, engine);
            return Err(if self.has(says) || metadata.is_none() {
                LoadProblem::Kind { wanted, exports }
            } else {
                LoadProblem::Contradiction { says, exports }
            });
        }
        Ok(())
    }
}

/// Which interfaces of longshore it exports, in words.
fn exported(component: &Component, engine: &Engine) -> String {
    let ty = component.component_type();
    let names: Vec<_> = ty
        .exports(engine)
        .filter(|(name, _)| name.starts_with("longshore:plugin/"))
        .map(|(name, _)| format!("`{}`", shown(name)))
        .collect();
    if names.is_empty() {
        format!("it exports no interface of longshore:plugin@{CONTRACT}")
    } else {
        format!("it exports {}", names.join(", "))
    }
}

/// Refuses imports that nothing is linked to, by name.
pub(super) fn check_imports(component: &Component, engine: &Engine) -> Result<(), LoadProblem> {
    let ty = component.component_type();
    for (import, _) in ty.imports(engine) {
        if let Some(why) = refusal(import) {
            return Err(LoadProblem::Import { import: shown(import), why });
        }
    }
    Ok(())
}

fn refusal(import: &str) -> Option<String> {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    if let Some(ours) = interface.strip_prefix("longshore:plugin/") {
        if version != CONTRACT {
            let version = shown(version);
            return Some(format!("so it needs longshore:plugin {version}, this is {CONTRACT}"));
        }
        return (!OURS.contains(&ours)).then(|| "which is not in the contract".to_owned());
    }
    if interface.starts_with("wasi:http/") {
        return Some("but plugins reach no network of their own".to_owned());
    }
    if interface.starts_with("wasi:") && !version.starts_with("0.2.") {
        return Some("but plugins are given WASI 0.2".to_owned());
    }
    (!WASI.iter().any(|known| interface.starts_with(known)))
        .then(|| "which no plugin is given".to_owned())
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn imports_are_refused_by_name() {
        for (import, why) in [
            ("longshore:plugin/log@0.1.0-draft", None),
            ("wasi:sockets/tcp@0.2.3", None),
            ("wasi:cli/environment@0.2.0", None),
            ("wasi:http/outgoing-handler@0.2.0", Some("no network")),
            ("wasi:cli/environment@0.3.0", Some("WASI 0.2")),
            ("wasi:keyvalue/store@0.2.0", Some("no plugin is given")),
            (
                "longshore:plugin/log@0.1.3",
                Some("needs longshore:plugin 0.1.3, this is 0.1.0-draft"),
            ),
            ("longshore:plugin/secrets@0.1.0-draft", Some("not in the contract")),
            ("run", Some("no plugin is given")),
        ] {
            let refused = refusal(import);
            match why {
                None => assert_eq!(refused, None, "{import} was refused"),
                Some(why) => assert!(
                    refused.as_ref().is_some_and(|refused| refused.contains(why)),
                    "{import}: {refused:?}"
                ),
            }
        }
    }
}
