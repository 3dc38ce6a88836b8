//! Charts of registries.

use std::sync::Arc;

use longshore_oci::{
    Content, Descriptor, ManifestReference, MediaType, Reference, Registry, Repository, Single,
    Tag, Version,
};
use longshore_registry::Client;
use longshore_store::Source as _;

use super::error::SourceError;
use super::fetched::Fetched;
use super::sources::{Sources, checked, no_version};
use crate::archive::ARCHIVE_LIMIT;

impl Sources {
    /// The versions of a chart in a registry.
    pub(super) async fn oci_versions(
        &self,
        registry: &Registry,
        path: Option<&Repository>,
        chart: &str,
    ) -> Result<Vec<String>, SourceError> {
        self.tags(registry, &repository(path, chart)?).await
    }

    async fn tags(
        &self,
        registry: &Registry,
        repository: &Repository,
    ) -> Result<Vec<String>, SourceError> {
        let tags = self.registries.client(registry).tags(repository).await?;
        Ok(tags.into_iter().map(|tag| tag.replace('_', "+")).collect())
    }

    /// Fetches a version of a chart from a registry.
    pub(super) async fn fetch_oci(
        &self,
        registry: &Registry,
        path: Option<&Repository>,
        chart: &str,
        version: &str,
    ) -> Result<Fetched, SourceError> {
        let repository = repository(path, chart)?;
        let reference = Reference {
            store: registry.clone().into(),
            repository,
            version: Version::Tag(tag(version)?),
        };
        self.fetch_reference(reference, chart, version).await
    }

    /// Looks for a version of a chart in a registry, and fetches only its manifest. Returns the artifact,
    /// pinned to its digest, and its place for messages.
    ///
    /// # Errors
    /// If there is no such version, or it is not a chart.
    pub async fn find_oci(
        &self,
        registry: &Registry,
        path: Option<&Repository>,
        chart: &str,
        version: &str,
    ) -> Result<(Reference, String), SourceError> {
        let repository = repository(path, chart)?;
        let version_wanted = Version::Tag(tag(version)?);
        let reference =
            Reference { store: registry.clone().into(), repository, version: version_wanted };
        let found = self.find_reference(&reference, chart, version).await?;
        Ok((Reference { version: found.pinned, ..reference }, found.place))
    }

    /// Fetches the chart at `reference`, whose store is a registry.
    pub(super) async fn fetch_reference(
        &self,
        reference: Reference,
        chart: &str,
        version: &str,
    ) -> Result<Fetched, SourceError> {
        let Found { layer, pinned, place, client } =
            self.find_reference(&reference, chart, version).await?;
        let archive = match self.kept(&layer.digest).await {
            Some(kept) => kept,
            None => {
                let fetched =
                    client.small_blob(&reference.repository, &layer, ARCHIVE_LIMIT).await?;
                self.keep(&layer.digest, &fetched).await;
                fetched
            }
        };
        let unpacked = checked(archive.clone(), &place, chart, version).await?;
        Ok(Fetched {
            chart: unpacked,
            archive,
            provenance: None,
            created: None,
            place,
            reference: Some(Reference { version: pinned, ..reference }),
        })
    }

    /// Fetches the manifest of the chart at `reference`.
    async fn find_reference(
        &self,
        reference: &Reference,
        chart: &str,
        version: &str,
    ) -> Result<Found, SourceError> {
        let not_a_chart = |why: &str| SourceError::NotAChart {
            reference: reference.to_string(),
            why: why.to_owned(),
        };
        let registry =
            reference.store.registry().ok_or_else(|| not_a_chart("it is in a folder"))?;
        let client = self.registries.client(registry);
        let repository = &reference.repository;
        let wanted = ManifestReference::to_fetch(&reference.version);
        let manifest = match client.manifest(repository, &wanted).await {
            Ok(manifest) => manifest,
            Err(error) if error.is_not_found() => {
                // The list of tags is only for the message.
                let Ok(existing) = self.tags(registry, repository).await else {
                    return Err(error.into());
                };
                let existing: Vec<&str> = existing.iter().map(String::as_str).collect();
                let place = format!("oci://{registry}/{repository}");
                return Err(no_version(chart, version, &place, &existing));
            }
            Err(error) => return Err(error.into()),
        };
        let Content::Single(single) = &manifest.content else {
            return Err(not_a_chart("it is an index of several manifests"));
        };
        let layer = content_layer(single).map_err(|why| not_a_chart(&why))?.clone();
        let pinned = match reference.version.tag() {
            Some(tag) => Version::Pinned(tag.clone(), manifest.raw.digest.clone()),
            None => reference.version.clone(),
        };
        let place = format!("oci://{registry}/{repository}:{version}");
        Ok(Found { layer, pinned, place, client })
    }
}

/// A chart whose manifest was fetched.
struct Found {
    /// The layer with the archive.
    layer: Descriptor,
    /// The version of the artifact with its digest.
    pinned: Version,
    /// For messages.
    place: String,
    client: Arc<Client>,
}

/// The layer with the archive of a chart.
fn content_layer(single: &Single) -> Result<&Descriptor, String> {
    let (config, content) = (MediaType::HELM_CONFIG, MediaType::HELM_CONTENT);
    match &single.config {
        Some(found) if found.media_type == config => {}
        found => {
            let found = found.as_ref().map_or("", |found| found.media_type.as_str());
            return Err(format!(
                "its configuration has the type {found:?}, expected {:?}",
                config.as_str()
            ));
        }
    }
    single
        .chart_content()
        .ok_or_else(|| format!("it has no layer of the type {:?}", content.as_str()))
}

/// The repository of a chart.
fn repository(path: Option<&Repository>, chart: &str) -> Result<Repository, SourceError> {
    let text = path.map_or_else(|| chart.to_owned(), |path| format!("{path}/{chart}"));
    text.parse().map_err(|error| SourceError::Name { what: "chart name", text, error })
}

/// The tag of a version: Helm writes `_` in the place of `+`.
fn tag(version: &str) -> Result<Tag, SourceError> {
    let text = version.replace('+', "_");
    text.parse().map_err(|error| SourceError::Name { what: "version", text, error })
}
