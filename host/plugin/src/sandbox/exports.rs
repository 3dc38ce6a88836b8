//! The exports of a component, which are its kind, and the imports that it may have.

use std::sync::Arc;

use longshore_plugin_pack::{Kind, Metadata};
use semver::Version;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre};

use super::guest::Guest;
use super::run_use::RunUse;
use crate::bindings::exports::longshore::plugin::{
    chart_render, list_format, list_render, repo_type, rewrite,
};
use crate::error::LoadProblem;
use crate::escape::shown;
use crate::load::info::ComponentInfo;

/// The version of the contract that this host implements. It also accepts older versions of 0.1.
const CONTRACT: &str = "0.1.0";

/// What the contract's names start with.
const PACKAGE: &str = "longshore:plugin/";

/// The parts of WASI 0.2 that the host links.
const WASI: [&str; 6] =
    ["wasi:io/", "wasi:clocks/", "wasi:cli/", "wasi:filesystem/", "wasi:random/", "wasi:sockets/"];

/// The interfaces of longshore that a plugin may import.
const OURS: [&str; 4] = ["types", "log", "config", "endpoints"];

/// A component that is ready to be instantiated.
pub(crate) struct LinkedComponent {
    pub(crate) component: InstancePre<Guest>,
    pub(crate) exports: Exports,
    /// What it may still use in this run.
    pub(crate) run: Arc<RunUse>,
}

/// The plugin interfaces that a component exports, looked up once.
#[derive(Default)]
pub(crate) struct Exports {
    pub(crate) list_format: Option<list_format::GuestIndices>,
    /// Optional beside `list_format`.
    pub(crate) list_render: Option<list_render::GuestIndices>,
    pub(crate) rewrite: Option<rewrite::GuestIndices>,
    pub(crate) repo_type: Option<repo_type::GuestIndices>,
    pub(crate) chart_render: Option<chart_render::GuestIndices>,
}

impl Exports {
    /// Looks for each interface. Fails if the component exports one with other types than the contract.
    pub(crate) fn of(component: &InstancePre<Guest>, engine: &Engine) -> Result<Self, LoadProblem> {
        let ty = component.component().component_type();
        let names: Vec<&str> = ty
            .exports(engine)
            .filter_map(|(name, _)| Some(name.strip_prefix(PACKAGE)?.split_once('@')?.0))
            .collect();
        let find = Finder { names };
        Ok(Self {
            list_format: find.found("list-format", list_format::GuestIndices::new(component))?,
            list_render: find.found("list-render", list_render::GuestIndices::new(component))?,
            rewrite: find.found("rewrite", rewrite::GuestIndices::new(component))?,
            repo_type: find.found("repo-type", repo_type::GuestIndices::new(component))?,
            chart_render: find.found("chart-render", chart_render::GuestIndices::new(component))?,
        })
    }

    fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::ListFormat => self.list_format.is_some(),
            Kind::Rewrite => self.rewrite.is_some(),
            Kind::RepoType => self.repo_type.is_some(),
            Kind::ChartRender => self.chart_render.is_some(),
        }
    }

    /// Checks that the component has the wanted kind, and the kind in its metadata.
    pub(crate) fn check(
        &self,
        wanted: Kind,
        metadata: Option<&Metadata>,
        component: &Component,
        engine: &Engine,
    ) -> Result<(), LoadProblem> {
        let declared = metadata.map_or(wanted, |metadata| metadata.kind);
        if declared != wanted || !self.has(wanted) {
            let exports = exported(component, engine);
            return Err(if self.has(declared) || metadata.is_none() {
                LoadProblem::Kind { wanted, exports }
            } else {
                LoadProblem::Contradiction { declared, exports }
            });
        }
        Ok(())
    }
}

/// Tells interfaces that a component lacks from those that it has with wrong types.
struct Finder<'a> {
    /// The interfaces of longshore that it exports.
    names: Vec<&'a str>,
}

impl Finder<'_> {
    fn found<T>(&self, name: &str, found: wasmtime::Result<T>) -> Result<Option<T>, LoadProblem> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(_) if !self.names.contains(&name) => Ok(None),
            Err(error) => {
                let reason = shown(&format!("{error:#}"));
                Err(LoadProblem::Component(format!(
                    "its `{name}` is not that of longshore:plugin {CONTRACT}: {reason}"
                )))
            }
        }
    }
}

/// Describes the interfaces of longshore that the component exports.
fn exported(component: &Component, engine: &Engine) -> String {
    let ty = component.component_type();
    described(ty.exports(engine).map(|(name, _)| name))
}

fn described<'a>(exports: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = exports
        .filter(|name| name.starts_with(PACKAGE))
        .map(|name| format!("`{}`", shown(name)))
        .collect();
    if names.is_empty() {
        format!("it exports no interface of longshore:plugin@{CONTRACT}")
    } else {
        format!("it exports {}", names.join(", "))
    }
}

/// Fails if the component imports something that the host does not link, or exports another kind than
/// the wanted one or the one in its metadata. Nothing is compiled for it.
pub(crate) fn check_names(info: &ComponentInfo, wanted: Kind) -> Result<(), LoadProblem> {
    for import in &info.imports {
        if let Some(why) = refusal(import) {
            return Err(LoadProblem::Import { import: shown(import), why });
        }
    }
    for export in &info.exports {
        let version = export.strip_prefix(PACKAGE).map(|name| name.split_once('@'));
        let version = version.map(|named| named.map_or("", |(_, version)| version));
        if let Some(needs) = version.filter(|version| !is_known(version)) {
            return Err(LoadProblem::Contract { needs: shown(needs), here: CONTRACT });
        }
    }
    let declared = info.metadata.as_ref().map_or(wanted, |metadata| metadata.kind);
    let kinds = info.kinds();
    if declared == wanted && kinds.contains(&wanted) {
        return Ok(());
    }
    let exports = described(info.exports.iter().map(String::as_str));
    Err(if kinds.contains(&declared) || info.metadata.is_none() {
        LoadProblem::Kind { wanted, exports }
    } else {
        LoadProblem::Contradiction { declared, exports }
    })
}

/// Returns whether this host has what a version of the contract promises. Within 0.1 a newer version has
/// all that an older one has.
fn is_known(version: &str) -> bool {
    let parsed = |text| Version::parse(text).ok().filter(|version| version.pre.is_empty());
    parsed(version).zip(parsed(CONTRACT)).is_some_and(|(needs, here)| {
        (needs.major, needs.minor) == (here.major, here.minor) && needs.patch <= here.patch
    })
}

/// Returns why the host does not link an import.
fn refusal(import: &str) -> Option<String> {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    if let Some(ours) = interface.strip_prefix(PACKAGE) {
        if version.is_empty() {
            return Some("which names no version of the contract".to_owned());
        }
        if !is_known(version) {
            let version = shown(version);
            return Some(format!("which needs longshore:plugin {version}, this is {CONTRACT}"));
        }
        return (!OURS.contains(&ours)).then(|| "which is not in the contract".to_owned());
    }
    if interface.starts_with("wasi:http/") {
        return Some("but a plugin has no direct access to the network".to_owned());
    }
    if interface.starts_with("wasi:") && !version.starts_with("0.2.") {
        return Some("but plugins get WASI 0.2".to_owned());
    }
    (!WASI.iter().any(|known| interface.starts_with(known)))
        .then(|| "which no plugin gets".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{is_known, refusal};

    #[test]
    fn only_older_versions_of_the_same_contract_are_known() {
        assert!(is_known("0.1.0"));
        for unknown in ["0.1.1", "0.1.3", "0.2.0", "0.0.9", "1.1.0", "0.1.0-draft", "0.1", ""] {
            assert!(!is_known(unknown), "{unknown}");
        }
    }

    #[test]
    fn imports_are_refused_by_name() {
        for (import, why) in [
            ("longshore:plugin/log@0.1.0", None),
            ("wasi:sockets/tcp@0.2.3", None),
            ("wasi:cli/environment@0.2.0", None),
            ("wasi:http/outgoing-handler@0.2.0", Some("no direct access to the network")),
            ("wasi:cli/environment@0.3.0", Some("WASI 0.2")),
            ("wasi:keyvalue/store@0.2.0", Some("no plugin gets")),
            ("longshore:plugin/log@0.1.3", Some("needs longshore:plugin 0.1.3, this is 0.1.0")),
            ("longshore:plugin/log@0.1.0-draft", Some("0.1.0-draft, this is 0.1.0")),
            ("longshore:plugin/log", Some("names no version")),
            ("longshore:plugin/secrets@0.1.0", Some("not in the contract")),
            ("run", Some("no plugin gets")),
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
