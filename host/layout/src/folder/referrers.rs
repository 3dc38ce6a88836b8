//! The referrers of a manifest, a page at a time.
//!
//! What a list says of a referrer is read from its file for each list: annotations can have megabytes,
//! and would stay in memory for every manifest.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use longshore_oci::{Digest, LARGEST_MANIFEST, MediaType, Repository};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::blocking::blocking;
use super::contents::MEDIA_TYPE_LIMIT;
use super::disk::Disk;
use super::repositories::Folder;

/// A page ends when its artifact types and annotations have more bytes.
const PAGE: usize = 1024 * 1024;

/// A page ends when more bytes of manifests were read for it.
const READ: usize = 32 * 1024 * 1024;

/// A manifest with a subject, as a list shows it.
#[derive(Debug)]
pub(crate) struct ListedReferrer {
    pub(crate) media_type: MediaType,
    pub(crate) digest: Digest,
    /// In bytes.
    pub(crate) size: u64,
    /// The manifest's `artifactType`, else the type of its configuration.
    pub(crate) artifact_type: Option<String>,
    /// The manifest's annotations, as they are written there.
    pub(crate) annotations: Option<Box<RawValue>>,
}

/// A part of a list.
#[derive(Debug, Default)]
pub(crate) struct ReferrersPage {
    pub(crate) referrers: Vec<ListedReferrer>,
    /// Where the next page starts, if there is one: after this referrer.
    pub(crate) last: Option<Digest>,
}

impl Folder {
    /// The manifests whose subject is `subject`, in order, after `after`; only those of the type `wanted`,
    /// if it is given. Damaged ones are left out.
    ///
    /// # Errors
    /// The index or a manifest cannot be read.
    pub(crate) async fn list_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        wanted: Option<&str>,
        after: Option<&Digest>,
    ) -> io::Result<ReferrersPage> {
        let listed = self.look_up(repository, |contents| {
            let all = contents.referrers_of(subject);
            let behind = all.filter(|known| after.is_none_or(|after| known.digest > *after));
            behind.map(|known| (known.digest.clone(), known.media_type.clone())).collect()
        });
        let listed: Vec<(Digest, MediaType)> = listed.await?.unwrap_or_default();
        let (disk, repository) = (Arc::clone(&self.disk), repository.clone());
        let wanted = wanted.map(str::to_owned);
        blocking(move || page(&disk, &repository, listed, wanted.as_deref())).await
    }
}

fn page(
    disk: &Disk,
    repository: &Repository,
    listed: Vec<(Digest, MediaType)>,
    wanted: Option<&str>,
) -> io::Result<ReferrersPage> {
    let mut page = ReferrersPage::default();
    let (mut read, mut taken) = (0, 0);
    let mut listed = listed.into_iter().peekable();
    while let Some((digest, media_type)) = listed.next() {
        let path = disk.blob_path(repository, &digest);
        let bytes = disk.read_whole(&path, &digest, LARGEST_MANIFEST)?;
        if let Some(bytes) = bytes {
            read += bytes.len();
            let referrer = referrer(digest.clone(), media_type, &bytes);
            if wanted.is_none_or(|wanted| referrer.artifact_type.as_deref() == Some(wanted)) {
                taken += referrer.annotations.as_ref().map_or(0, |text| text.get().len());
                page.referrers.push(referrer);
            }
        }
        if (taken > PAGE || read > READ) && listed.peek().is_some() {
            page.last = Some(digest);
            break;
        }
    }
    Ok(page)
}

fn referrer(digest: Digest, media_type: MediaType, bytes: &Bytes) -> ListedReferrer {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Fields {
        artifact_type: Option<String>,
        annotations: Option<Box<RawValue>>,
        config: Option<Config>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Config {
        media_type: Option<String>,
    }
    let fields: Fields = serde_json::from_slice(bytes).unwrap_or_default();
    let stated = fields.artifact_type.filter(|stated| !stated.is_empty());
    let artifact_type = stated.or_else(|| fields.config?.media_type);
    ListedReferrer {
        media_type,
        digest,
        size: bytes.len() as u64,
        artifact_type: artifact_type.filter(|found| found.len() <= MEDIA_TYPE_LIMIT),
        annotations: fields.annotations.filter(|found| found.get() != "null"),
    }
}
