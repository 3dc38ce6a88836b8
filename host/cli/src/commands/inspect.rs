//! Runs `longshore tags` and `longshore inspect`.

use std::sync::Arc;

use longshore_engine::event::Level;
use longshore_engine::plan::{parse_store_flag, valid_tags};
use longshore_engine::{counted, inspect};
use longshore_oci::{Reference, ReferenceError, Registry, Repository, StoreName, version_of_tag};
use longshore_registry::InsecureRegistries;
use longshore_store::{Destination, Source, Stores as _};

use super::layout_tag::{untagged, with_only_tag};
use crate::error::{Exit, Fatal};
use crate::flags::{Inspect, NO_PROJECT, Tags};
use crate::report::{self, Log, OutputFormat};
use crate::settings::{NamedImage, Origin, Origins, SettingsError};
use crate::setup::{RegistrySettings, StoreSetup, destination_of_environment};

/// Lists the tags of a repository.
pub(crate) async fn tags(
    flags: Tags,
    origins: &Origins,
    insecure: &InsecureRegistries,
    log: &Log,
) -> Result<Exit, Fatal> {
    let text = bare(&flags.repository);
    let source = source(flags.source.as_deref(), origins, text)?;
    if let Some(image) = layout(text, source.as_ref())? {
        if !image.lacks_tag() {
            return Err(SettingsError::NotRepository { text: flags.repository }.into());
        }
        return list_tags(&image.store, &image.repository, flags.output, insecure, log).await;
    }
    let wanted = reference(text, source.as_ref())?;
    if wanted.version.digest().is_some() || text.ends_with(&format!(":{}", tag_of(&wanted))) {
        let text = flags.repository;
        return Err(SettingsError::NotRepository { text }.into());
    }
    list_tags(&wanted.store, &wanted.repository, flags.output, insecure, log).await
}

async fn list_tags(
    name: &StoreName,
    repository: &Repository,
    output: OutputFormat,
    insecure: &InsecureRegistries,
    log: &Log,
) -> Result<Exit, Fatal> {
    let store = open(name, None, insecure)?;
    let tags = match longshore_engine::list_tags(&*store, repository).await {
        Ok(tags) => tags,
        Err(error) => return Ok(failed(&error, error.hint.as_deref(), log)),
    };
    let untagged = match tags.as_slice() {
        [] => untagged(&*store, repository).await,
        _ => Vec::new(),
    };
    let from = format!("{name}/{repository}");
    let mut valid = valid_tags(&tags, &from);
    // Registries list tags in an order of their own. Versions come first; equal ones are sorted by name.
    valid.sort_by_cached_key(|tag| {
        let version = version_of_tag(tag);
        (version.is_none(), version, (*tag).to_owned())
    });
    report::print_tags(&valid, output)?;
    if let Some(first) = untagged.first() {
        let all = counted(untagged.len(), "manifest", "manifests");
        let text = format!(
            "{name}/{repository} has no tags, but {all} without one; name it as {name}/{repository}@{first}"
        );
        log.write(Level::Warning, &text);
    }
    Ok(Exit::Done)
}

/// Reads `oci:DIR[:TAG]`, unless `-s` names the store.
fn layout(text: &str, source: Option<&StoreName>) -> Result<Option<NamedImage>, SettingsError> {
    match source {
        Some(_) => Ok(None),
        None => NamedImage::of_layout(text).transpose(),
    }
}

fn tag_of(reference: &Reference) -> &str {
    reference.version.tag().map_or("", |tag| tag.as_str())
}

/// Shows an image.
pub(crate) async fn inspect(
    flags: Inspect,
    origins: &Origins,
    insecure: &InsecureRegistries,
    log: &Log,
) -> Result<Exit, Fatal> {
    let text = bare(&flags.reference);
    let source = source(flags.source.as_deref(), origins, text)?;
    let destination = store("-d", flags.destination.as_deref())?;
    let bound = destination.as_ref().and_then(StoreName::registry);
    let (wanted, opened) = match layout(text, source.as_ref())? {
        Some(image) => {
            let opened = open(&image.store, bound, insecure)?;
            (with_only_tag(image, &*opened).await?.reference(), opened)
        }
        None => {
            let wanted = reference(text, source.as_ref())?;
            let opened = open(&wanted.store, bound, insecure)?;
            (wanted, opened)
        }
    };
    let found = match inspect::inspect(&opened, &wanted).await {
        Ok(found) => found,
        Err(error) => return Ok(failed(&error.without_side(), error.hint().as_deref(), log)),
    };
    let configurations = match flags.config {
        false => None,
        true => match inspect::configurations(&found, &opened, &wanted).await {
            Ok(read) => Some(read),
            Err(error) => return Ok(failed(&error.without_side(), error.hint().as_deref(), log)),
        },
    };
    let configurations = configurations.as_ref();
    let Some(store) = destination else {
        report::print_inspection(&wanted, &found, configurations, None, flags.output)?;
        return Ok(Exit::Done);
    };
    let copy = place(&wanted, store, &flags.default_project)?;
    let opened = open_to_look(&copy.store, insecure)?;
    let located = inspect::find(&found, &opened, &copy).await;
    let copied = Some((&copy, located.as_ref()));
    report::print_inspection(&wanted, &found, configurations, copied, flags.output)?;
    match located {
        Ok(_) => Ok(Exit::Done),
        Err(error) => Ok(failed(&error.without_side(), error.hint().as_deref(), log)),
    }
}

/// Returns where `mirror` puts an image without rewrites.
fn place(image: &Reference, store: StoreName, project: &str) -> Result<Reference, SettingsError> {
    let wrong = |error| SettingsError::Reference { text: project.to_owned(), error };
    let repository = match project {
        NO_PROJECT | "" => image.repository.clone(),
        project if image.repository.is_one_part() => {
            image.repository.inside(project).map_err(wrong)?
        }
        _ => image.repository.clone(),
    };
    Ok(Reference { store, repository, version: image.version.clone() })
}

/// Returns the text without `docker://`, which other tools write before a reference.
fn bare(text: &str) -> &str {
    text.strip_prefix("docker://").unwrap_or(text)
}

/// Says whether the text is `HOST[:PORT]`. A reference to Docker Hub would mean a repository with a dot there,
/// which it does not have.
fn is_registry(text: &str) -> bool {
    text.parse::<Registry>().is_ok_and(|registry| {
        let host = registry.host();
        // Of these, only an IPv6 address has a colon.
        host == "localhost" || host.contains(['.', ':'])
    })
}

/// Returns the store of `-s`. That of the settings file is only for references that name none: they would
/// not mean what they say.
fn source(
    flag: Option<&str>,
    origins: &Origins,
    text: &str,
) -> Result<Option<StoreName>, SettingsError> {
    let store = store("-s", flag)?;
    let names_store = || {
        let parsed: Result<Reference, ReferenceError> = text.parse();
        NamedImage::of_layout(text).is_some()
            || !matches!(parsed, Err(ReferenceError::NoRegistry(_)))
    };
    Ok(store.filter(|_| origins.of("source") != Origin::SettingsFile || !names_store()))
}

fn store(flag: &'static str, text: Option<&str>) -> Result<Option<StoreName>, SettingsError> {
    Ok(text.map(|text| parse_store_flag(flag, text)).transpose()?)
}

fn reference(text: &str, source: Option<&StoreName>) -> Result<Reference, SettingsError> {
    if source.is_none() && is_registry(text) {
        return Err(SettingsError::OnlyRegistry { text: text.to_owned() });
    }
    Reference::of_image_in(text, source)
        .map_err(|error: ReferenceError| SettingsError::Reference { text: text.to_owned(), error })
}

/// Opens the store of `-d` to look at it. A folder that does not exist holds nothing.
fn open_to_look(
    name: &StoreName,
    insecure: &InsecureRegistries,
) -> Result<Arc<dyn Destination>, Fatal> {
    let settings = RegistrySettings { insecure: insecure.clone(), ..RegistrySettings::default() };
    let setup =
        StoreSetup::of_environment(settings, None)?.with_folders(None, Some(name), false)?;
    Ok(setup.stores(name.registry())?.destination(name)?)
}

/// Opens a store to read it.
///
/// The credential of the environment is for the registry of `-d`, or else of `DOCKER_REGISTRY`.
fn open(
    name: &StoreName,
    destination: Option<&Registry>,
    insecure: &InsecureRegistries,
) -> Result<Arc<dyn Source>, Fatal> {
    let settings = RegistrySettings { insecure: insecure.clone(), ..RegistrySettings::default() };
    let of_environment = destination_of_environment();
    let bound = destination.or(of_environment.as_ref());
    let stores = StoreSetup::of_environment(settings, None)?.stores(bound)?;
    Ok(stores.source(name)?)
}

fn failed(error: &impl std::fmt::Display, hint: Option<&str>, log: &Log) -> Exit {
    log.failure(None, &format!("failed to {error}"), hint);
    Exit::SomeFailed
}
