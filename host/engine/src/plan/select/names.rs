//! Names that registries list, and that may be no names.

use longshore_oci::Tag;

/// The most names that a warning about left-out names shows.
const SHOWN: usize = 3;

/// Returns those of `names` that are tags, which a registry listed for the repository `from`. The others, such
/// as a digest, are left out with a warning.
pub fn valid_tags<'a>(names: &'a [String], from: &str) -> Vec<&'a str> {
    valid_names(names, from, "tags", |name| name.parse::<Tag>().is_ok())
}

/// Returns the valid ones of `names`, which a registry listed as the `what` (tags or repositories) of
/// `from`. The others, such as a digest among tags, are left out with a warning.
pub(super) fn valid_names<'a>(
    names: &'a [String],
    from: &str,
    what: &str,
    is_valid: impl Fn(&str) -> bool,
) -> Vec<&'a str> {
    let (valid, others): (Vec<&str>, Vec<&str>) =
        names.iter().map(String::as_str).partition(|name| is_valid(name));
    if !others.is_empty() {
        let shown: Vec<String> =
            others.iter().take(SHOWN).map(|name| format!("{:?}", shortened(name))).collect();
        let more = if others.len() > SHOWN { ", …" } else { "" };
        tracing::warn!(
            "{from} lists names that are not {what}, and {} left out: {}{more}",
            if others.len() == 1 { "1 is".to_owned() } else { format!("{} are", others.len()) },
            shown.join(", ")
        );
    }
    valid
}

/// The start of a name, which may have megabytes.
fn shortened(name: &str) -> &str {
    &name[..name.floor_char_boundary(255)]
}
