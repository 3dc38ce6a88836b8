//! Writes the format.

use longshore_plugin_sdk::list::{Entry, Pinned, Selection};
use longshore_plugin_sdk::reference::without_host;

use crate::PATTERN;
use crate::terms::Terms;

/// Writes one line per entry, with a comment for what three columns cannot say.
///
/// # Errors
/// Names the entry that neither can express.
pub fn render(entries: &[Entry]) -> Result<String, String> {
    let mut text = String::new();
    for entry in entries {
        let version = version(entry)
            .map_err(|why| format!("line {}: {}: {why}", entry.line, entry.source))?;
        let renamed = match &entry.select {
            Selection::ByTag(tag) => entry.destination_tag.as_deref().filter(|to| to != tag),
            // With a digest, the tag stands in column 3.
            Selection::ByDigest(_) => None,
            _ => entry.destination_tag.as_deref(),
        };
        text.extend(Terms::comment(entry, renamed));
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
    let repositories = entry.repositories.as_ref();
    if repositories.is_some_and(|filter| filter.versions.is_some() || filter.latest.is_some()) {
        return Err("no comment can express a version range of repositories");
    }
    match (&entry.select, &entry.destination_tag) {
        (Selection::ByTag(tag), _) => Ok(tag.clone()),
        (Selection::ByDigest(Pinned { digest, tag }), to) => {
            Ok(match to.as_ref().or(tag.as_ref()) {
                Some(tag) => format!("{tag}@{digest}"),
                None => digest.clone(),
            })
        }
        (Selection::All | Selection::Matching(_), _) => Ok(PATTERN.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::list::{Entry, Filter, Selection};

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
                    # longshore: attribute=a%3Db=c%20d\na b 1\n\
                    # longshore: tags=^1\\.%20 not-tags=-rc versions=>=1%20<2 latest=3\na b *\na b *\n\
                    # longshore: repositories=*\na.io b.io *\n\
                    # longshore: platforms=all repositories=^x not-repositories=y tags=(?:)\na.io b.io *\n\
                    # longshore: repositories=x\na.io b.io 1\n";
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
    fn an_empty_expression_stays_one_that_matches_every_name() {
        let filter = Filter { allow: vec![String::new()], ..Filter::default() };
        let select = Selection::Matching(filter.clone());
        let entry = Entry { repositories: Some(filter), ..entry(select) };
        let text = render(&[entry]).expect("it can be expressed");
        assert!(text.starts_with("# longshore: repositories=(?:) tags=(?:)\n"), "{text}");
    }

    #[test]
    fn inexpressible_entries_are_named() {
        for filter in [
            Filter { latest: Some(1), ..Filter::default() },
            Filter { versions: Some("1".to_owned()), ..Filter::default() },
        ] {
            let error = render(&[Entry { repositories: Some(filter), ..entry(Selection::All) }]);
            let error = error.expect_err("cannot be expressed");
            assert_eq!(
                error,
                "line 7: h:5000/a/b: no comment can express a version range of repositories"
            );
        }
    }
}
