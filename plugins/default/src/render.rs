//! Writes the format.

use longshore_plugin_sdk::list::{Entry, Selection};
use longshore_plugin_sdk::reference::without_host;

/// Writes one reference per entry.
///
/// # Errors
/// Names the entry that a reference alone cannot express.
pub fn render(entries: &[Entry]) -> Result<String, String> {
    let mut text = String::new();
    for entry in entries {
        let version = version(entry)
            .map_err(|why| format!("line {}: {}: {why}", entry.line, entry.source))?;
        for word in [&entry.source, version.as_str(), "\n"] {
            text.push_str(word);
        }
    }
    Ok(text)
}

/// Returns the text after the name: tag, digest or both.
fn version(entry: &Entry) -> Result<String, &'static str> {
    if entry.repositories.is_some() {
        return Err("a reference cannot express which repositories of a registry are mirrored");
    }
    if !entry.platforms.is_empty() {
        return Err("a reference cannot express which platforms are mirrored");
    }
    if entry.destination.as_deref().is_some_and(|to| to != without_host(&entry.source)) {
        return Err("a reference cannot express a destination");
    }
    let (tag, digest) = match &entry.select {
        Selection::ByTag(tag) => (Some(tag), None),
        Selection::ByDigest(pinned) => (pinned.tag.as_ref(), Some(&pinned.digest)),
        Selection::All | Selection::Matching(_) => {
            return Err("a reference cannot express a pattern for tags");
        }
    };
    if entry.destination_tag.as_ref().is_some_and(|to| Some(to) != tag) {
        return Err("a reference cannot express another tag at the destination");
    }
    let tag = tag.map_or_else(String::new, |tag| format!(":{tag}"));
    Ok(digest.map_or_else(|| tag.clone(), |digest| format!("{tag}@{digest}")))
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::list::{Entry, Selection};

    use super::render;
    use crate::parse;

    #[test]
    fn written_lists_are_read_back() {
        let text = "h:5000/a:1\na@sha256:00\na/b:2@sha256:00\n";
        assert_eq!(render(&parse("", text).entries).as_deref(), Ok(text));
    }

    #[test]
    fn inexpressible_entries_are_named() {
        let entry = |selection| Entry::new("h:5000/a", selection, 3);
        let tag = || Selection::ByTag("1".to_owned());
        assert_eq!(render(&[entry(tag()).to("a")]).as_deref(), Ok("h:5000/a:1\n"));
        for (entry, why) in [
            (entry(Selection::All), "a pattern for tags"),
            (entry(tag()).to("r.io/a"), "a destination"),
            (Entry { platforms: vec!["all".to_owned()], ..entry(tag()) }, "which platforms"),
            (Entry { destination_tag: Some("2".to_owned()), ..entry(tag()) }, "another tag"),
        ] {
            let error = render(&[entry]).expect_err("cannot be expressed");
            assert!(error.starts_with("line 3: h:5000/a: a reference cannot"), "{error}");
            assert!(error.contains(why), "{error}");
        }
    }
}
