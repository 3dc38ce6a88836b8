//! Parses the configuration file.

use std::path::{Path, PathBuf};

use longshore_files::{ReadError, read_any, read_regular};
use longshore_oci::{Reference, Registry, Repository};
use longshore_plugin_sdk::diagnostic::{Place, Severity};
use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::yaml::{Mapping, Node, Value};
use regex::Regex;
use url::Url;

use super::error::{ConfigError, Problem};
use super::{
    AddedImage, Config, IgnorePattern, ImageOptions, Origin, Target, Upstream, ValuesFile,
    VersionWish,
};

/// The largest configuration, in bytes. Its parsed form needs 40 times the memory.
const CONFIG_LIMIT: u64 = 4 * 1024 * 1024;
/// The largest file of values, in bytes.
const VALUES_LIMIT: u64 = 16 * 1024 * 1024;
/// The most bytes in all files of values together.
const ALL_VALUES_LIMIT: u64 = 2 * VALUES_LIMIT;

/// The keys of the file.
pub(super) const TOP: [&str; 2] = ["target", "upstreams"];
/// The keys of `target`.
pub(super) const TARGET: [&str; 3] = ["url", "insecure", "charts-prefix"];
/// The keys of an upstream.
pub(super) const UPSTREAM: [&str; 15] = [
    "type",
    "repo",
    "registry",
    "path",
    "chart",
    "versions",
    "values",
    "kube-version",
    "api-versions",
    "namespace",
    "release",
    "skip-tests",
    "images",
    "ignore",
    "allow-empty",
];
/// The key of each type that says where the chart comes from.
const ORIGINS: [(&str, &str); 3] = [("repo", "repo"), ("oci", "registry"), ("local", "path")];

impl Config {
    /// Reads the file at `path` and the files of values that it names.
    ///
    /// # Errors
    /// If a file cannot be read, or the content is wrong; the error names each fault with its place.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        // A pipe may be the output of another program.
        let text = read_any(path, CONFIG_LIMIT)
            .and_then(text_of)
            .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
        Self::parse(path, &text)
    }

    /// Parses the text of the file at `path`.
    ///
    /// # Errors
    /// Like [`read`](Self::read).
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let (parsed, root) = Parsed::of_one_yaml(text);
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut reader = Reader { parsed, folder, room: ALL_VALUES_LIMIT };
        let config = match &root {
            Some(root) => reader.config(path, root),
            None => {
                if reader.parsed.diagnostics.is_empty() {
                    reader.parsed.error(Place { line: 0, column: 0 }, "the file is empty");
                }
                None
            }
        };
        let mut errors = reader.parsed.diagnostics;
        errors.retain(|found| found.severity == Severity::Error);
        errors.sort_by_key(|found| (found.line, found.column));
        match config.filter(|_| errors.is_empty()) {
            Some(config) => Ok(config),
            None => Err(ConfigError::Wrong {
                path: path.to_owned(),
                problems: errors
                    .into_iter()
                    .map(|found| Problem {
                        line: found.line,
                        column: found.column,
                        message: found.message,
                    })
                    .collect(),
            }),
        }
    }
}

/// Reports whether a text is a configuration: a mapping with both keys of one. It may be a wrong one.
#[must_use]
pub fn is_config(text: &str) -> bool {
    let has = |key: &&str| text.contains(key);
    TOP.iter().all(has)
        && Parsed::of_one_yaml(text)
            .1
            .and_then(|root| {
                let mapping = root.as_mapping()?;
                TOP.iter().all(|key| mapping.entry(key).is_some()).then_some(())
            })
            .is_some()
}

fn text_of(bytes: Vec<u8>) -> Result<String, ReadError> {
    String::from_utf8(bytes).map_err(|_| ReadError::NotText)
}

/// Reads nodes, and collects the faults.
struct Reader {
    parsed: Parsed,
    /// Bytes of values that may still be read.
    room: u64,
    /// The folder of the file, to which paths are relative.
    folder: PathBuf,
}

impl Reader {
    fn config(&mut self, path: &Path, root: &Node) -> Option<Config> {
        let root_map = root.expect_mapping("the configuration", &mut self.parsed)?;
        self.known_keys(root_map, &TOP);
        let target = self.required(root_map, root.place, "target").and_then(|node| {
            let map = node.expect_mapping("target", &mut self.parsed)?;
            self.target(map, node.place)
        });
        let upstreams = self.required(root_map, root.place, "upstreams").and_then(|node| {
            let map = node.expect_mapping("upstreams", &mut self.parsed)?;
            let upstreams = map.iter().filter_map(|(key, node)| {
                let map =
                    node.expect_mapping(&format!("upstream {:?}", key.text), &mut self.parsed)?;
                self.upstream(&key.text, key.place, map)
            });
            Some(upstreams.collect::<Vec<_>>())
        });
        Some(Config { path: path.to_owned(), target: target?, upstreams: upstreams? })
    }

    fn known_keys(&mut self, map: &Mapping, known: &[&str]) {
        for (key, _) in map.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
            let message = format!("unknown key {:?}; the keys are {}", key.text, known.join(", "));
            self.parsed.error(key.place, message);
        }
    }

    fn required<'a>(&mut self, map: &'a Mapping, place: Place, key: &str) -> Option<&'a Node> {
        let found = map.get(key);
        if found.is_none() {
            self.parsed.error(place, format!("the key `{key}` is missing"));
        }
        found
    }

    /// The text of a key, if it is there and not empty.
    fn text<'a>(&mut self, map: &'a Mapping, key: &str) -> Option<(Place, &'a str)> {
        let node = map.get(key)?;
        if matches!(node.value, Value::Null) || node.is_blank() {
            return None;
        }
        Some((node.place, node.expect_text(&format!("`{key}`"), &mut self.parsed)?.trim()))
    }

    fn required_text<'a>(
        &mut self,
        map: &'a Mapping,
        place: Place,
        key: &str,
    ) -> Option<(Place, &'a str)> {
        let errors = self.parsed.diagnostics.len();
        let found = self.text(map, key);
        if found.is_none() && self.parsed.diagnostics.len() == errors {
            let place = map.get(key).map_or(place, |node| node.place);
            self.parsed.error(place, format!("the key `{key}` is missing or empty"));
        }
        found
    }

    fn switch(&mut self, map: &Mapping, key: &str) -> bool {
        let Some(node) = map.get(key) else { return false };
        if matches!(node.value, Value::Null) {
            return false;
        }
        node.as_bool().unwrap_or_else(|| {
            self.parsed.error(node.place, format!("`{key}` must be true or false"));
            false
        })
    }

    fn texts(&mut self, map: &Mapping, key: &str) -> Vec<(Place, String)> {
        let Some(node) = map.get(key) else { return Vec::new() };
        let texts = node.expect_texts(&format!("`{key}`"), &mut self.parsed).unwrap_or_default();
        texts.into_iter().map(|(place, text)| (place, text.to_owned())).collect()
    }

    fn repository(&mut self, place: Place, text: &str) -> Option<Repository> {
        let text = text.trim_matches('/');
        if text.is_empty() {
            return None;
        }
        text.parse().map_err(|error| self.parsed.error(place, format!("{error}"))).ok()
    }

    fn target(&mut self, map: &Mapping, place: Place) -> Option<Target> {
        self.known_keys(map, &TARGET);
        let insecure = self.switch(map, "insecure");
        let charts_prefix = self.text(map, "charts-prefix");
        let charts_prefix = charts_prefix.and_then(|(place, text)| self.repository(place, text));
        let (place, url) = self.required_text(map, place, "url")?;
        if let Some((scheme, rest)) = url.split_once("://") {
            let insecure = if scheme == "http" { ", and insecure: true" } else { "" };
            let message = format!("`url` has a scheme; write url: {rest}{insecure}");
            self.parsed.error(place, message);
            return None;
        }
        let (registry, path) = self.registry(place, url)?;
        Some(Target { registry, path, insecure, charts_prefix })
    }

    /// Splits `host[:port][/path]`.
    fn registry(&mut self, place: Place, text: &str) -> Option<(Registry, Option<Repository>)> {
        if let Some(folder) = text.strip_prefix("oci:") {
            let message = format!(
                "{text:?} is a folder of image layouts; serve it with `longshore serve {folder} --listen 127.0.0.1:5000`, \
                 and write 127.0.0.1:5000 in its place"
            );
            self.parsed.error(place, message);
            return None;
        }
        let (host, path) = text.split_once('/').unwrap_or((text, ""));
        if !Registry::looks_like_one(host) {
            let message = format!(
                "{host:?} is not a registry, which has a dot or a port, as in registry.example.com"
            );
            self.parsed.error(place, message);
            return None;
        }
        let errors = self.parsed.diagnostics.len();
        let registry =
            host.parse().map_err(|error| self.parsed.error(place, format!("{error}"))).ok()?;
        let path = self.repository(place, path);
        (self.parsed.diagnostics.len() == errors).then_some((registry, path))
    }

    fn upstream(&mut self, key: &str, place: Place, map: &Mapping) -> Option<Upstream> {
        self.known_keys(map, &UPSTREAM);
        let chart = self.required_text(map, place, "chart");
        if let Some((place, name)) = chart.filter(|(_, name)| name.contains('/')) {
            let message = format!("chart {name:?} has a slash; the path belongs in the source");
            self.parsed.error(place, message);
        }
        let versions = self.texts(map, "versions");
        let versions = versions
            .iter()
            .filter_map(|(place, text)| {
                VersionWish::parse(text)
                    .map_err(|error| self.parsed.error(*place, error.to_string()))
                    .ok()
            })
            .collect();
        let images = self.images(map);
        let origin = self.origin(map, place)?;
        let (_, chart) = chart?;
        Some(Upstream {
            key: key.to_owned(),
            line: place.line,
            origin,
            chart: chart.to_owned(),
            versions,
            images,
        })
    }

    fn origin(&mut self, map: &Mapping, place: Place) -> Option<Origin> {
        let (kind_place, kind) = self.required_text(map, place, "type")?;
        let Some((_, own)) = ORIGINS.iter().find(|(name, _)| *name == kind) else {
            let message = format!("type {kind:?} is none of repo, oci and local");
            self.parsed.error(kind_place, message);
            return None;
        };
        for (name, key) in ORIGINS.iter().filter(|(_, key)| key != own) {
            if let Some((key, _)) = map.entry(key) {
                let message =
                    format!("`{}` belongs to type {name}, and this type is {kind}", key.text);
                self.parsed.error(key.place, message);
            }
        }
        let (place, text) = self.required_text(map, place, own)?;
        match kind {
            "repo" => match Url::parse(text) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                    if !url.username().is_empty() || url.password().is_some() {
                        let message = "the URL has a password; put it into the settings file or run `helm repo add`";
                        self.parsed.error(place, message);
                        return None;
                    }
                    Some(Origin::Repo(url))
                }
                Ok(url) if url.scheme() == "oci" => {
                    self.parsed
                        .error(place, "an oci:// source has type oci and the key `registry`");
                    None
                }
                _ => {
                    self.parsed.error(place, format!("{text:?} is not an http or https URL"));
                    None
                }
            },
            "oci" => {
                let rest = text.strip_prefix("oci://").unwrap_or(text);
                if rest.contains("://") {
                    let message = format!("{text:?} is not oci://HOST[:PORT][/PATH]");
                    self.parsed.error(place, message);
                    return None;
                }
                let (registry, path) = self.registry(place, rest)?;
                Some(Origin::Oci { registry, path })
            }
            _ => Some(Origin::Local(self.folder.join(text))),
        }
    }

    fn images(&mut self, map: &Mapping) -> ImageOptions {
        let own = |found: Option<(Place, &str)>| found.map(|(_, text)| text.to_owned());
        let kube_version = self.text(map, "kube-version");
        if let Some((place, text)) = kube_version
            && longshore_oci::version_of_tag(text).is_none()
        {
            self.parsed.error(place, format!("{text:?} is not a version such as 1.31"));
        }
        let namespace = own(self.text(map, "namespace"));
        let add = self.texts(map, "images");
        let ignore = self.texts(map, "ignore");
        ImageOptions {
            values: self.values(map),
            kube_version: own(kube_version),
            api_versions: self
                .texts(map, "api-versions")
                .into_iter()
                .map(|found| found.1)
                .collect(),
            namespace: namespace.unwrap_or_else(|| "default".to_owned()),
            release: own(self.text(map, "release")),
            skip_tests: self.switch(map, "skip-tests"),
            add: add.iter().filter_map(|(place, text)| self.added(*place, text)).collect(),
            ignore: ignore.into_iter().filter_map(|(_, text)| pattern(text)).collect(),
            allow_empty: self.switch(map, "allow-empty"),
        }
    }

    fn added(&mut self, place: Place, text: &str) -> Option<AddedImage> {
        let image = Reference::of_image(text.trim())
            .map_err(|error| self.parsed.error(place, error.to_string()));
        Some(AddedImage { image: image.ok()?, line: place.line })
    }

    fn values(&mut self, map: &Mapping) -> Vec<Vec<ValuesFile>> {
        let Some(node) = map.get("values").filter(|node| !matches!(node.value, Value::Null)) else {
            return vec![Vec::new()];
        };
        let items = match node.as_text() {
            Some(_) => std::slice::from_ref(node).iter().collect(),
            None => match node.expect_sequence("`values`", &mut self.parsed) {
                Some(items) => items.iter().map(|item| &**item).collect::<Vec<_>>(),
                None => return vec![Vec::new()],
            },
        };
        let renderings: Vec<_> = items.into_iter().map(|item| self.rendering(item)).collect();
        if renderings.is_empty() { vec![Vec::new()] } else { renderings }
    }

    fn rendering(&mut self, item: &Node) -> Vec<ValuesFile> {
        let files = item.expect_texts("an item of `values`", &mut self.parsed).unwrap_or_default();
        let mut read = Vec::new();
        for (place, path) in files {
            let limit = VALUES_LIMIT.min(self.room);
            match read_regular(&self.folder.join(path), limit).and_then(text_of) {
                Ok(text) => {
                    self.room -= text.len() as u64;
                    read.push(ValuesFile { path: path.to_owned(), text });
                }
                Err(ReadError::TooLarge { .. }) if limit < VALUES_LIMIT => {
                    let why =
                        format!("all files of values have more than {ALL_VALUES_LIMIT} bytes");
                    self.parsed.error(place, format!("read {path}: {why}"));
                }
                Err(error) => self.parsed.error(place, format!("read {path}: {error}")),
            }
        }
        read
    }
}

/// Compiles a pattern of images.
fn pattern(text: String) -> Option<IgnorePattern> {
    let mut expression = String::from("^(?s:");
    for character in text.chars() {
        match character {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            other => expression.push_str(&regex::escape(&other.to_string())),
        }
    }
    expression.push_str(")$");
    // Escaped text and dots are always valid.
    let expression = Regex::new(&expression).ok()?;
    Some(IgnorePattern { text, expression })
}
