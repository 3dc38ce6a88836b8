//! The settings of `copy`: a run of `mirror` whose list is one entry.

mod end;

use longshore_engine::list::{Entry, Filter, Pinned, Selection};
use longshore_engine::plan::check_pattern;
use longshore_oci::{
    Digest, Name, Platform, Reference, Registry, Repository, StoreName, Tag, Version,
};

use self::end::{End, Side};
use super::layers::Origins;
use super::{RunSettings, SettingsError, SettingsFile, Task};
use crate::flags::{Copy, Global, ListFlags, NO_PROJECT, OF_ONE_COPY};
use crate::report::shell_command;

/// An image, as a command names it.
#[derive(Clone, Debug)]
pub(crate) struct NamedImage {
    pub(crate) store: StoreName,
    pub(crate) repository: Repository,
    pub(crate) tag: Option<Tag>,
    pub(crate) digest: Option<Digest>,
}

impl NamedImage {
    /// Reads `oci:DIR[:TAG]`, an image layout; `None` for another text.
    pub(crate) fn of_layout(text: &str) -> Option<Result<Self, SettingsError>> {
        if !end::names_folder(text) {
            return None;
        }
        let image = End::parse(Side::Source, text)
            .and_then(|end| Self::of(&end).ok_or_else(|| end.without_repository()));
        Some(image)
    }

    fn of(end: &End) -> Option<Self> {
        Some(Self {
            store: end.store.clone(),
            repository: end.repository.clone()?,
            tag: end.tag.clone(),
            digest: end.digest.clone(),
        })
    }

    /// Says whether the tag of an image layout is missing. An image of a registry is `latest` then.
    pub(crate) const fn lacks_tag(&self) -> bool {
        matches!(self.store, StoreName::Layouts(_)) && self.tag.is_none() && self.digest.is_none()
    }

    /// Returns the reference; its tag is `latest` unless it has one or a digest.
    pub(crate) fn reference(&self) -> Reference {
        let version = match (&self.tag, &self.digest) {
            (Some(tag), Some(digest)) => Version::Pinned(tag.clone(), digest.clone()),
            (None, Some(digest)) => Version::Digest(digest.clone()),
            (tag, None) => Version::Tag(tag.clone().unwrap_or_else(Tag::latest)),
        };
        Reference { store: self.store.clone(), repository: self.repository.clone(), version }
    }
}

/// The settings of one copy.
#[derive(Debug)]
pub(crate) struct CopySettings {
    /// The settings that a run of `mirror` has too.
    pub(crate) run: RunSettings,
    /// What is copied.
    pub(crate) entry: Entry,
    /// The source; `None` if tags of a repository are selected.
    pub(crate) source: Option<NamedImage>,
    /// The platform whose manifest alone is copied.
    pub(crate) platform: Option<Platform>,
    /// The words of the command that repeats the copy of one image. The failed list of tags is repeated
    /// with `mirror`.
    pub(crate) again: Option<Vec<String>>,
}

impl CopySettings {
    /// Reads source and destination, and resolves the flags.
    ///
    /// # Errors
    /// Returns an error that names the flag, or the end that cannot be read.
    pub(crate) fn new(
        mut flags: Copy,
        global: &Global,
        origins: &Origins,
        file: SettingsFile,
    ) -> Result<Self, SettingsError> {
        let source = End::parse(Side::Source, &flags.source)?;
        let destination = End::parse(Side::Destination, &flags.destination)?;
        for pattern in &flags.tags {
            check_pattern(pattern)
                .map_err(|why| SettingsError::TagPattern { pattern: pattern.clone(), why })?;
        }
        let entry = entry(&flags, &source, &destination)?;
        let named = NamedImage::of(&source).filter(|_| !flags.selects_tags());
        let platform = flags.platform.take();
        if platform.is_some() {
            // Those of the settings file, as the command line cannot have both.
            (flags.images.arch, flags.images.os) = (Vec::new(), Vec::new());
        }
        let again = (!flags.selects_tags()).then(|| again(&flags, origins, &file));
        let tags: Vec<String> = flags.tags.iter().map(|text| format!("--tags={text}")).collect();
        let mut list = ListFlags::without_list(flags.images);
        list.destination = Some(destination.store.to_string());
        if let StoreName::Layouts(_) = source.store {
            list.source = Some(source.store.to_string());
        }
        let failed = format!("--failed={}", flags.copy.failed.display());
        let from = list.source.as_ref().map(|store| format!("--source={store}"));
        let mut run = RunSettings::new(list, Task::Mirror(flags.copy), global, origins, file)?;
        run.repeat
            .retain(|word| !OF_ONE_COPY.iter().any(|flag| word.starts_with(&format!("--{flag}="))));
        run.repeat.extend(from);
        // A destination without a project stays without one.
        run.repeat.extend([failed, format!("--default-project={NO_PROJECT}")]);
        run.part = (!tags.is_empty()).then(|| shell_command(tags));
        Ok(Self { run, entry, source: named, platform, again })
    }
}

/// Returns what is copied, as the entry of a list.
fn entry(flags: &Copy, source: &End, destination: &End) -> Result<Entry, SettingsError> {
    let Some(repository) = &source.repository else { return Err(source.without_repository()) };
    let to = destination.repository.as_ref().unwrap_or(repository);
    if source.store == destination.store && repository == to {
        let is_other = !flags.selects_tags()
            && destination.tag.as_ref().is_some_and(|to| *to != source.tag_or_latest());
        if !is_other {
            return Err(destination.is_source());
        }
    }
    let (select, destination_tag) = if flags.selects_tags() {
        source.check_is_repository()?;
        destination.check_is_repository()?;
        (selected_tags(&flags.tags), None)
    } else {
        (selected_image(source), tag_of_destination(source, destination)?)
    };
    Ok(Entry {
        source: written(&source.store, repository),
        repositories: None,
        select,
        destination: Some(written(&destination.store, to)),
        destination_tag,
        platforms: Vec::new(),
        line: 1,
        attributes: Vec::new(),
    })
}

fn selected_tags(patterns: &[String]) -> Selection {
    if patterns.is_empty() {
        return Selection::All;
    }
    let allow = patterns.to_vec();
    Selection::Matching(Filter { allow, deny: Vec::new(), versions: None, latest: None })
}

fn selected_image(source: &End) -> Selection {
    match &source.digest {
        Some(digest) => Selection::ByDigest(Pinned {
            digest: digest.to_string(),
            tag: source.tag.as_ref().map(Tag::to_string),
        }),
        None => Selection::ByTag(source.tag_or_latest().to_string()),
    }
}

/// Returns the tag of the destination, if it is not that of the source.
fn tag_of_destination(source: &End, destination: &End) -> Result<Option<String>, SettingsError> {
    if destination.digest.is_some() && destination.digest != source.digest {
        return Err(match source.digest {
            Some(_) => destination.another_digest(),
            None => destination.digest_of_tag(),
        });
    }
    Ok(destination.tag.as_ref().map(Tag::to_string))
}

/// Writes a repository as a list does. A flag names the folder of image layouts.
fn written(store: &StoreName, repository: &Repository) -> String {
    let first = repository.as_str().split('/').next().unwrap_or_default();
    let store = match store {
        StoreName::Registry(_) => Some(store.clone()),
        // Without a registry before it, the first component would be read as one.
        StoreName::Layouts(_) if Registry::looks_like_one(first) => {
            Some(Registry::docker_hub().into())
        }
        StoreName::Layouts(_) => None,
    };
    Name { store, repository: repository.clone() }.to_string()
}

/// Returns the words of the command that copies one image again.
fn again(flags: &Copy, origins: &Origins, file: &SettingsFile) -> Vec<String> {
    let mut words = vec!["longshore".to_owned(), "copy".to_owned()];
    words.extend([flags.source.clone(), flags.destination.clone()]);
    words.extend(origins.words(&["settings", "report"]));
    words.extend(file.path().map(|path| format!("--settings={}", path.display())));
    words
}
