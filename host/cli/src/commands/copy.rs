//! Runs `longshore copy`: plans one entry, and goes on as `longshore mirror` does.

use std::sync::Arc;

use longshore_engine::event::Level;
use longshore_engine::inspect;
use longshore_engine::list::{Entry, Format, List, ListText, Pinned, STANDARD_FORMAT, Selection};
use longshore_oci::{Platform, StoreName};
use longshore_store::Stores as _;

use super::layout_tag::with_only_tag;
use super::mirror::{self, Records, session::Session};
use crate::error::{Exit, Fatal};
use crate::report::{Log, shell_command};
use crate::settings::{CopySettings, NamedImage};

/// Copies one image, or the tags of one repository.
pub(crate) async fn run(settings: CopySettings, log: &Arc<Log>) -> Result<Exit, Fatal> {
    let CopySettings { run, mut entry, source: image, platform, again } = settings;
    if is_untagged(&entry) {
        let text = "the destination gets no tag, as only a digest is given";
        log.write(Level::Warning, text);
    }
    let has_list = again.is_none() || !run.failed_is_default;
    let session = Session::new(run, log)?;
    if let Some(image) = image.filter(|image| platform.is_some() || image.lacks_tag()) {
        let chosen = choose(&session, &mut entry, image, platform.as_ref());
        match session.unless_interrupted(chosen).await? {
            None => return Ok(Exit::Interrupted),
            Some(Err(NotChosen { error, hint })) => {
                log.failure(None, &format!("failed to {error}"), hint.as_deref());
                return Ok(Exit::SomeFailed);
            }
            Some(Ok(())) => {}
        }
    }
    let (page, source) = (session.page("the image list", false)?, entry.source.clone());
    let list = List {
        format: format(),
        text: ListText::new("", Vec::new()),
        entries: vec![entry],
        diagnostics: Vec::new(),
    };
    let rewrites = session.rewrites().await?;
    let Some(planned) = session.plan_list(list, rewrites, 1).await? else {
        return Ok(Exit::Interrupted);
    };
    let command = match again.filter(|_| !has_list) {
        Some(words) => shell_command(words),
        None => session.repeat_command(&format()),
    };
    let (entries, private_list) = (planned.failed_entries(), has_list.then_some(false));
    let records = Records { command: &command, private_list, page, asked: ("Source", source) };
    let completed = mirror::complete(&session, planned, entries, records).await?;
    Ok(match (completed.exit, completed.totals) {
        // An entry of a list may be left out, but `copy` has only the one that it names.
        (Exit::Done, Some(totals)) if totals.is_nothing() => Exit::SomeFailed,
        (exit, _) => exit,
    })
}

/// Why no manifest of the source was chosen.
struct NotChosen {
    error: String,
    hint: Option<String>,
}

/// Chooses the tag of an image layout that is named without one, and the manifest of `--platform`.
async fn choose(
    session: &Session,
    entry: &mut Entry,
    image: NamedImage,
    platform: Option<&Platform>,
) -> Result<Result<(), NotChosen>, Fatal> {
    let bound = session.settings.destination.as_ref().and_then(StoreName::registry);
    let source = session.stores.stores(bound)?.source(&image.store)?;
    let image = with_only_tag(image, &*source).await?;
    // Without a tag to keep, the copy gets the one that a reference has by default.
    let mut kept = None;
    if let Selection::ByTag(tag) = &mut entry.select {
        if let Some(chosen) = &image.tag {
            *tag = chosen.to_string();
        } else if let Some(digest) = &image.digest {
            kept = Some(std::mem::take(tag));
            let pinned = Pinned { digest: digest.to_string(), tag: kept.clone() };
            entry.select = Selection::ByDigest(pinned);
        }
    }
    let Some(platform) = platform else { return Ok(Ok(())) };
    let reference = image.reference();
    let found = match inspect::of_platform(&source, &reference, platform).await {
        Ok(found) => found,
        Err(error) => {
            return Ok(Err(NotChosen { hint: error.hint(), error: error.without_side() }));
        }
    };
    let Some(digest) = found.manifests.first() else {
        let error = match found.platforms.as_slice() {
            [] => format!("copy {platform} of {reference}: it names no platform"),
            all => format!("copy {platform} of {reference}: its platforms are {}", all.join(", ")),
        };
        let hint = "name one of them with --platform, or leave it out to copy all".to_owned();
        return Ok(Err(NotChosen { error, hint: Some(hint) }));
    };
    if found.manifests.len() > 1 {
        let text = format!(
            "{} manifests of {reference} are for {platform}; the first, {digest}, is copied",
            found.manifests.len()
        );
        session.log.write(Level::Warning, &text);
    }
    if found.is_index && session.settings.referrers() {
        let text = format!(
            "--platform copies one manifest of {reference}, so --referrers copies the referrers of that manifest, and \
             not those of the index"
        );
        session.log.write(Level::Warning, &text);
    }
    let tag = reference.version.tag().map(ToString::to_string).or(kept);
    entry.select = Selection::ByDigest(Pinned { digest: digest.to_string(), tag });
    Ok(Ok(()))
}

/// Says whether only a digest leads to the copy.
const fn is_untagged(entry: &Entry) -> bool {
    match &entry.select {
        Selection::ByDigest(pinned) => pinned.tag.is_none() && entry.destination_tag.is_none(),
        _ => false,
    }
}

/// Returns the format of the failed list. It counts as a format without lines, so that the list states
/// everything of an entry, even that every platform is copied.
fn format() -> Format {
    let name = STANDARD_FORMAT.to_owned();
    Format { flag: name.clone(), name, ..Format::default() }
}
