//! Runs `longshore tags` and `longshore inspect`.

use std::sync::Arc;

use longshore_engine::inspect;
use longshore_engine::plan::parse_store_flag;
use longshore_oci::{Reference, ReferenceError, Registry, Repository, StoreName};
use longshore_store::{Source, Stores as _};

use super::layout_tag::with_only_tag;
use crate::error::{Exit, Fatal};
use crate::flags::{Inspect, Tags};
use crate::report::{self, Log, OutputFormat};
use crate::settings::{NamedImage, SettingsError};
use crate::setup::{RegistrySettings, StoreSetup, destination_of_environment};

/// Lists the tags of a repository.
pub(crate) async fn tags(flags: Tags, tls_verify: bool, log: &Log) -> Result<Exit, Fatal> {
    let source = store("-s", flags.source.as_deref())?;
    if let Some(image) = layout(&flags.repository, source.as_ref())? {
        if !image.lacks_tag() {
            return Err(SettingsError::NotRepository { text: flags.repository }.into());
        }
        return list_tags(&image.store, &image.repository, flags.output, tls_verify, log).await;
    }
    let wanted = reference(&flags.repository, source.as_ref())?;
    if wanted.version.digest().is_some()
        || flags.repository.ends_with(&format!(":{}", tag_of(&wanted)))
    {
        let text = flags.repository;
        return Err(SettingsError::NotRepository { text }.into());
    }
    list_tags(&wanted.store, &wanted.repository, flags.output, tls_verify, log).await
}

async fn list_tags(
    store: &StoreName,
    repository: &Repository,
    output: OutputFormat,
    tls_verify: bool,
    log: &Log,
) -> Result<Exit, Fatal> {
    let store = open(store, None, tls_verify)?;
    match store.tags(repository).await {
        Ok(tags) => report::print_tags(&tags, output)?,
        Err(error) => return Ok(failed(&error, error.hint.as_deref(), log)),
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
pub(crate) async fn inspect(flags: Inspect, tls_verify: bool, log: &Log) -> Result<Exit, Fatal> {
    let source = store("-s", flags.source.as_deref())?;
    let destination = store("-d", flags.destination.as_deref())?;
    let bound = destination.as_ref().and_then(StoreName::registry);
    let (wanted, opened) = match layout(&flags.reference, source.as_ref())? {
        Some(image) => {
            let opened = open(&image.store, bound, tls_verify)?;
            (with_only_tag(image, &*opened).await?.reference(), opened)
        }
        None => {
            let wanted = reference(&flags.reference, source.as_ref())?;
            let opened = open(&wanted.store, bound, tls_verify)?;
            (wanted, opened)
        }
    };
    let found = match inspect::inspect(&opened, &wanted).await {
        Ok(found) => found,
        Err(error) => return Ok(failed(&error, error.hint().as_deref(), log)),
    };
    let copy = match destination {
        Some(store) => {
            let copy = Reference { store, ..wanted.clone() };
            let opened = open(&copy.store, copy.store.registry(), tls_verify)?;
            match inspect::find(&found, &opened, &copy).await {
                Ok(presence) => Some((copy, presence)),
                Err(error) => return Ok(failed(&error, error.hint().as_deref(), log)),
            }
        }
        None => None,
    };
    report::print_inspection(&wanted, &found, copy.as_ref(), flags.output)?;
    Ok(Exit::Done)
}

fn store(flag: &'static str, text: Option<&str>) -> Result<Option<StoreName>, SettingsError> {
    Ok(text.map(|text| parse_store_flag(flag, text)).transpose()?)
}

fn reference(text: &str, source: Option<&StoreName>) -> Result<Reference, SettingsError> {
    Reference::of_image_in(text, source)
        .map_err(|error: ReferenceError| SettingsError::Reference { text: text.to_owned(), error })
}

/// Opens a store to read it.
///
/// The credential of the environment is for the registry of `-d`, or else of `DOCKER_REGISTRY`.
fn open(
    name: &StoreName,
    destination: Option<&Registry>,
    tls_verify: bool,
) -> Result<Arc<dyn Source>, Fatal> {
    let settings = RegistrySettings { tls_verify, ..RegistrySettings::default() };
    let of_environment = destination_of_environment();
    let bound = destination.or(of_environment.as_ref());
    let stores = StoreSetup::of_environment(settings, None)?.stores(bound)?;
    Ok(stores.source(name)?)
}

fn failed(error: &impl std::fmt::Display, hint: Option<&str>, log: &Log) -> Exit {
    log.failure(None, &format!("failed to {error}"), hint);
    Exit::SomeFailed
}
