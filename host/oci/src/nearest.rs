//! The known word that a mistyped word probably means.

/// Words that are less similar than this have nothing to do with each other (Jaro similarity; clap's
/// suggestions for flags use the same limit).
const SIMILAR: f64 = 0.7;

/// Returns the word of `known` that is most similar to `word`, if one is similar at all.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let known = known.into_iter().map(|known| (strsim::jaro(&word, known), known));
    let similar = known.filter(|(similarity, _)| *similarity > SIMILAR);
    similar.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, known)| known)
}

/// Returns the word of `known` that differs from `word` by one or two typing errors, such as swapped
/// letters. Unlike [`nearest`], it can tell an unknown word from a mistyped one.
pub fn mistyped<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let errors = known.into_iter().map(|known| (strsim::osa_distance(&word, known), known));
    let few = errors.filter(|(errors, known)| *errors <= if known.len() < 7 { 1 } else { 2 });
    few.min_by_key(|(errors, _)| *errors).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::{mistyped, nearest};

    #[test]
    fn a_name_of_its_own_is_not_mistyped() {
        let known = ["prefix", "harbor", "map", "flatten", "kubernetes"];
        for (word, expected) in [
            ("prefx", Some("prefix")),
            ("harobr", Some("harbor")),
            ("mpa", Some("map")),
            ("kubernets", Some("kubernetes")),
            ("Flaten", Some("flatten")),
            ("other", None),
            ("prefixes", None),
            ("mine", None),
            ("maps2", None),
        ] {
            assert_eq!(mistyped(word, known), expected, "{word}");
        }
    }

    #[test]
    fn typing_errors_find_their_word_and_other_words_find_none() {
        let known = ["linux", "windows", "darwin", "amd64", "arm64", "arm"];
        for (word, expected) in [
            ("linx", Some("linux")),
            ("Linux", Some("linux")),
            ("window", Some("windows")),
            ("amd46", Some("amd64")),
            ("amr64", Some("arm64")),
            ("arn", Some("arm")),
            ("qqqq", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
