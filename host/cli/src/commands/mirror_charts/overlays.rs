//! `--values-overlay DIR`: writes the values that make each chart pull its images from the target.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use futures_util::stream::{self, StreamExt as _};
use longshore_chart::overlay::{Overlay, Pulls, Stays, overlay};
use longshore_chart::{RenderError, Renderer};
use longshore_oci::Reference;

use super::gather::{place, renderings_at_once};
use super::versions::{FoundChart, Renderings};
use crate::error::Fatal;
use crate::report::{ChartFailure, ChartPlan, ChartVersion, NotMoved, WrittenOverlay, escape};
use crate::settings::SettingsError;

/// The file for the folder `registries.conf.d` of CRI-O, Podman and Buildah.
const REGISTRIES: &str = "registries.conf";
/// The folder for containerd, with one folder for each registry.
const HOSTS: &str = "certs.d";

/// The folder of the overlays, and what they need.
pub(super) struct Overlays<'a> {
    pub(super) folder: &'a Path,
    pub(super) renderer: &'a dyn Renderer,
    /// Whether the target may be reached over plain HTTP.
    pub(super) insecure: bool,
}

/// The name of a set of values, and the overlay over it.
type OfOneSet = (String, Overlay);

/// The overlays of one version.
type OfValues = Vec<OfOneSet>;

/// One file to write, and what the report says about it.
struct File {
    text: String,
    written: WrittenOverlay,
    path: PathBuf,
}

/// Makes the folder, so that a run that cannot write ends before it copies.
pub(super) fn create(folder: &Path) -> Result<(), Fatal> {
    let failed =
        |error| SettingsError::Folder { flag: "values-overlay", path: folder.to_owned(), error };
    std::fs::create_dir_all(folder).map_err(failed)?;
    Ok(tempfile::tempfile_in(folder).map(drop).map_err(failed)?)
}

impl Overlays<'_> {
    /// Computes and writes the overlays of all charts, and tells the plan about them.
    pub(super) async fn write(&self, found: &[FoundChart], plan: &mut ChartPlan) {
        let versions = found.iter().flat_map(|chart| &chart.versions);
        let renderings = versions.map(|version| version.renderings.as_ref());
        let planned: Vec<&ChartVersion> = plan.versions().collect();
        let computed: Vec<Option<Result<OfValues, RenderError>>> =
            stream::iter(renderings.zip(planned))
                .map(|(renderings, version)| async move {
                    Some(self.compute(renderings?, version).await)
                })
                .buffered(renderings_at_once())
                .collect()
                .await;
        let mut pulls = Pulls::new(self.insecure);
        let mut taken = HashSet::new();
        let target = plan.base.clone();
        let mut computed = computed.into_iter();
        for group in &mut plan.groups {
            for version in &mut group.versions {
                let Some(Some(result)) = computed.next() else { continue };
                let of = format!("{} {}", group.chart, version.version);
                let made = result.map_err(|error| format!("compute the values of {of}: {error}"));
                let stem = stem(&group.key, &version.version, &mut taken);
                let written = made.and_then(|overlays| {
                    let files = self.files(&stem, &of, &target, overlays, &mut pulls);
                    write_files(files).map_err(|(path, error)| failed_to_write(&path, &error))
                });
                match written {
                    Ok(written) => version.overlays = written,
                    Err(error) => {
                        version.overlay_failure = Some(ChartFailure { error, hint: None })
                    }
                }
            }
        }
        if let Err((path, error)) = self.write_pulls(&pulls) {
            let error = failed_to_write(&path, &error);
            // The charts whose images stay need these files.
            let mut versions = plan.groups.iter_mut().flat_map(|group| &mut group.versions);
            let lacks = |version: &&mut ChartVersion| {
                version.overlays.iter().any(|overlay| !overlay.not_moved.is_empty())
            };
            if let Some(version) = versions.find(lacks) {
                version.overlay_failure = Some(ChartFailure { error, hint: None });
            }
        }
    }

    async fn compute(
        &self,
        renderings: &Renderings,
        version: &ChartVersion,
    ) -> Result<OfValues, RenderError> {
        let targets: HashMap<&str, Reference> = version
            .images
            .iter()
            .filter_map(|image| Some((image.source.as_str(), image.target.parse().ok()?)))
            .collect();
        let mut overlays = Vec::new();
        for (name, input) in &renderings.inputs {
            let destination = |image: &Reference| targets.get(&*image.to_string()).cloned();
            let found = overlay(&renderings.chart, input, self.renderer, destination).await?;
            overlays.push((name.clone(), found));
        }
        Ok(overlays)
    }

    /// The files of one version: one for each set of values, or one for all if they are the same.
    fn files(
        &self,
        stem: &str,
        of: &str,
        target: &str,
        overlays: OfValues,
        pulls: &mut Pulls,
    ) -> Vec<File> {
        let (mut overlays, mut names) = (united(overlays), Vec::new());
        if let [(_, one)] = &overlays[..] {
            overlays = vec![(String::new(), one.clone())];
            names.push(format!("{stem}.yaml"));
        } else {
            names.extend((1..=overlays.len()).map(|number| format!("{stem}.{number}.yaml")));
        }
        let file = |((values, overlay), name): (OfOneSet, String)| {
            let path = self.folder.join(name);
            let stays: Vec<(&Stays, bool)> =
                overlay.stays.iter().map(|stays| (stays, pulls.add(stays))).collect();
            let text = text(of, target, &values, &overlay, &stays);
            let not_moved = stays.iter().map(|(stays, _)| not_moved(stays)).collect();
            let (file, moved) = (path.display().to_string(), overlay.moved.len());
            File { text, written: WrittenOverlay { file, values, moved, not_moved }, path }
        };
        overlays.into_iter().zip(names).map(file).collect()
    }

    /// Writes what sends the pulls of the other images to the target.
    fn write_pulls(&self, pulls: &Pulls) -> Result<(), (PathBuf, io::Error)> {
        if pulls.is_empty() {
            return Ok(());
        }
        write(&self.folder.join(REGISTRIES), &pulls.registries_conf())?;
        for (registry, text) in pulls.hosts_toml() {
            let folder = self.folder.join(HOSTS).join(registry);
            std::fs::create_dir_all(&folder).map_err(|error| (folder.clone(), error))?;
            write(&folder.join("hosts.toml"), &text)?;
        }
        Ok(())
    }
}

/// Makes one overlay of all, if each has the same values.
fn united(mut overlays: OfValues) -> OfValues {
    let Some((_, first)) = overlays.first() else { return overlays };
    if overlays.iter().any(|(_, overlay)| overlay.values != first.values) {
        return overlays;
    }
    let others = overlays.split_off(1);
    if let [(_, first)] = &mut overlays[..] {
        for (_, other) in others {
            first.moved.extend(other.moved);
            first.stays.extend(other.stays);
        }
        let mut seen = HashSet::new();
        first.moved.retain(|reference| seen.insert(reference.clone()));
        seen.clear();
        first.stays.retain(|stays| seen.insert(stays.image.reference.clone()));
    }
    overlays
}

fn failed_to_write(path: &Path, error: &io::Error) -> String {
    format!("write {}: {error}", path.display())
}

/// The name of a version's files without their ending. Keys are free texts, so two may give one name.
fn stem(key: &str, version: &str, taken: &mut HashSet<String>) -> String {
    let is_safe = |letter: char| letter.is_ascii_alphanumeric() || "-_+.".contains(letter);
    let text: String = format!("{key}-{version}")
        .chars()
        .map(|letter| if is_safe(letter) { letter } else { '_' })
        .collect();
    let text = text.trim_start_matches('.').to_owned();
    let mut stem = text.clone();
    let mut number = 2;
    // Some file systems ignore case.
    while !taken.insert(stem.to_ascii_lowercase()) {
        stem = format!("{text}_{number}");
        number += 1;
    }
    stem
}

fn not_moved(stays: &Stays) -> NotMoved {
    NotMoved {
        source: stays.image.reference.to_string(),
        target: stays.destination.to_string(),
        provenance: stays.image.provenance.iter().map(place).collect(),
    }
}

/// The text of a file: comments that say what it is for, and the values.
fn text(
    of: &str,
    target: &str,
    values: &str,
    overlay: &Overlay,
    stays: &[(&Stays, bool)],
) -> String {
    let mut text =
        format!("# Values of chart {} that pull images from {}.\n", escape(of), escape(target));
    let mut line = |line: String| {
        let _infallible = writeln!(text, "# {line}");
    };
    if !values.is_empty() {
        line(format!("They go over {}.", escape(values)));
    }
    if !stays.is_empty() {
        line(format!(
            "No value moves these images; {REGISTRIES} in this folder sends their pulls there:"
        ));
    }
    for (stays, in_hosts) in stays {
        let note = if *in_hosts { "" } else { " (not with containerd: the path is another one)" };
        let source = stays.image.reference.to_string();
        line(format!("  {} → {}{note}", escape(&source), stays.destination));
    }
    text.push_str(overlay.values.as_deref().unwrap_or("{}\n"));
    text
}

fn write_files(files: Vec<File>) -> Result<Vec<WrittenOverlay>, (PathBuf, io::Error)> {
    let write = |file: File| write(&file.path, &file.text).map(|()| file.written);
    files.into_iter().map(write).collect()
}

/// Replaces a file as a whole.
fn write(path: &Path, text: &str) -> Result<(), (PathBuf, io::Error)> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let write = || {
        let mut file = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(path).map_err(|error| error.error)
    };
    write().map(drop).map_err(|error| (path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::stem;

    #[test]
    fn no_key_names_a_file_outside_or_that_of_another_key() {
        let mut taken = HashSet::new();
        for (key, version, expected) in [
            ("vault", "1.0.0+x", "vault-1.0.0+x"),
            ("../../etc/x", "1", "_.._etc_x-1"),
            ("a/b", "1", "a_b-1"),
            ("a b", "1", "a_b-1_2"),
            ("A_B", "1", "A_B-1_3"),
            (".hidden", "1", "hidden-1"),
            ("ä", "1", "_-1"),
        ] {
            assert_eq!(stem(key, version, &mut taken), expected);
        }
    }
}
