//! Unpacks the archives of subcharts, so that renderers get files only.

use super::unpack::{Budget, unpack};
use super::{ArchiveError, Files};

/// The deepest nesting of archives.
const DEPTH: usize = 8;

/// Replaces each `charts/NAME.tgz` by the files in it, below `charts/NAME/`, and those in it too.
///
/// Helm ignores archives whose names start with `_` or `.`, and so they stay as they are.
pub(super) fn expanded(files: Files, budget: &mut Budget) -> Result<Files, ArchiveError> {
    let mut expanded = Files::with_capacity(files.len());
    expand(files, "", 0, budget, &mut expanded)?;
    Ok(expanded)
}

fn expand(
    files: Files,
    folder: &str,
    depth: usize,
    budget: &mut Budget,
    into: &mut Files,
) -> Result<(), ArchiveError> {
    for (path, content) in files {
        let Some(stem) = archive_stem(&path) else {
            into.push((format!("{folder}{path}"), content));
            continue;
        };
        let archive = format!("{folder}{path}");
        if depth == DEPTH {
            return Err(ArchiveError::Depth { archive, limit: DEPTH });
        }
        let inside = format!("{folder}{stem}/");
        let nested = unpack(&content, budget).and_then(|nested| {
            drop(content);
            expand(nested, &inside, depth + 1, budget, into)
        });
        nested.map_err(|error| match error {
            // The outermost archive is named by the caller, and the path names the others.
            ArchiveError::Subchart { .. } | ArchiveError::Depth { .. } => error,
            other => ArchiveError::Subchart { archive, error: Box::new(other) },
        })?;
    }
    Ok(())
}

/// The path of a subchart's archive without its extension; `None` for any other file.
fn archive_stem(path: &str) -> Option<&str> {
    let stem = path.strip_suffix(".tgz")?;
    let (folder, name) = stem.rsplit_once('/')?;
    let is_subchart = folder == "charts" || folder.ends_with("/charts");
    (is_subchart && !name.is_empty() && !name.starts_with(['_', '.'])).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::expanded;
    use crate::archive::pack;
    use crate::archive::unpack::Budget;

    fn chart(name: &str, more: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut files = vec![(
            "Chart.yaml".to_owned(),
            format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n").into_bytes(),
        )];
        files.extend_from_slice(more);
        pack(name, &files)
    }

    #[test]
    fn subcharts_of_subcharts_become_files() {
        let inner = chart("inner", &[]);
        let outer = chart("outer", &[("charts/inner-1.tgz".to_owned(), inner.clone())]);
        let files = vec![
            ("charts/outer-1.tgz".to_owned(), outer),
            ("charts/_kept.tgz".to_owned(), b"x".to_vec()),
            ("files/other.tgz".to_owned(), b"x".to_vec()),
        ];
        let found = expanded(files, &mut Budget::new()).unwrap();
        let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "charts/outer-1/Chart.yaml",
                "charts/outer-1/charts/inner-1/Chart.yaml",
                "charts/_kept.tgz",
                "files/other.tgz"
            ]
        );
    }

    #[test]
    fn a_broken_or_endless_subchart_is_named() {
        let files = vec![("charts/a.tgz".to_owned(), b"no".to_vec())];
        let error = expanded(files, &mut Budget::new()).unwrap_err().to_string();
        assert_eq!(error, "charts/a.tgz: this is not a gzip archive");
        let mut nested = chart("a", &[]);
        for _ in 0..9 {
            nested = chart("a", &[("charts/a.tgz".to_owned(), nested)]);
        }
        let files = vec![("charts/a.tgz".to_owned(), nested)];
        let error = expanded(files, &mut Budget::new()).unwrap_err().to_string();
        assert!(error.contains("nested more than 8 levels"), "{error}");
    }
}
