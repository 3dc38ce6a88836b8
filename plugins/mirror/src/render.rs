//! Writes the format.

use longshore_plugin_sdk::list::{Entry, Pinned, Selection};
use longshore_plugin_sdk::reference::without_host;

use crate::terms::Terms;

/// Writes one line per entry, with a comment for platforms, a destination tag and attributes.
///
/// # Errors
/// Names the entry that three columns cannot express.
pub fn render(entries: &[Entry]) -> Result<String, String> {
    let mut text = String::new();
    for entry in entries {
        let version = version(entry)
            .map_err(|why| format!("line {}: {}: {why}", entry.line, entry.source))?;
        let renamed = match &entry.select {
            Selection::ByTag(tag) => entry.destination_tag.as_deref().filter(|to| to != tag),
            _ => None,
        };
        text.extend(Terms::comment(&entry.platforms, renamed, &entry.attributes));
        let destination = match &entry.destination {
            Some(destination) => destination.as_str(),
            None => without_host(&entry.source),
        };
        for word in [&entry.source, " ", destination, " ", &version, "\n"] {
            text.push_str(word);
        }
    }
    Ok(text)
}

/// Returns the text of column 3.
fn version(entry: &Entry) -> Result<String, &'static str> {
    if entry.repositories.is_some() {
        return Err("three columns cannot express which repositories of a registry are mirrored");
    }
    match (&entry.select, &entry.destination_tag) {
        (Selection::ByTag(tag), _) => Ok(tag.clone()),
        (Selection::ByDigest(Pinned { digest, tag }), to) => {
            Ok(match to.as_ref().or(tag.as_ref()) {
                Some(tag) => format!("{tag}@{digest}"),
                None => digest.clone(),
            })
        }
        (Selection::All | Selection::Matching(_), _) => {
            Err("three columns cannot express a pattern for tags")
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::list::{Entry, Selection};

    use super::render;
    use crate::parse;

    fn entry(selection: Selection) -> Entry {
        Entry::new("h:5000/a/b", selection, 7)
    }

    #[test]
    fn written_lists_are_read_back() {
        let text = "# longshore: platforms=linux/amd64,linux/arm/v7\nh:5000/a/b r.io/c 1.0\n\
                    a b sha256:00\n# longshore: platforms=all\na b 1@sha256:00\n\
                    # longshore: platforms=all destination-tag=stable\na b 1\n\
                    # longshore: attribute=a%3Db=c%20d\na b 1\n";
        assert_eq!(render(&parse("", text).entries).as_deref(), Ok(text));
    }

    #[test]
    fn without_a_destination_the_path_is_kept() {
        let tag = Selection::ByTag("1".to_owned());
        assert_eq!(render(&[entry(tag)]).as_deref(), Ok("h:5000/a/b a/b 1\n"));
    }

    #[test]
    fn a_digest_gets_the_tag_of_the_destination() {
        let pinned = |tag: Option<&str>| Selection::pinned("sha256:00", tag.map(str::to_owned));
        let to = Entry { destination_tag: Some("2".to_owned()), ..entry(pinned(Some("1"))) };
        assert_eq!(render(&[to]).as_deref(), Ok("h:5000/a/b a/b 2@sha256:00\n"));
    }

    #[test]
    fn inexpressible_entries_are_named() {
        let tag = || Selection::ByTag("1".to_owned());
        for (entry, why) in [
            (entry(Selection::All), "a pattern for tags"),
            (
                Entry { repositories: Some(Default::default()), ..entry(tag()) },
                "which repositories",
            ),
        ] {
            let error = render(&[entry]).expect_err("cannot be expressed");
            assert!(error.starts_with("line 7: h:5000/a/b: three columns"), "{error}");
            assert!(error.contains(why), "{error}");
        }
    }
}
