//! Patterns with `*` and `?`.

/// Reports whether a text matches a pattern. `*` stands for any characters, `?` for one. Neither has
/// a special meaning for `/`: a caller splits paths first.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut position) = (0, 0);
    // Where the last `*` was, and how much it has taken.
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[position] => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                position = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}

/// Reports whether the components of a path match those of a pattern. The component `**` stands for
/// any number of components.
pub(crate) fn matches_path(pattern: &[String], path: &[&str]) -> bool {
    // Row by row: whether the pattern up to here matches the first N components.
    let mut row = vec![false; path.len() + 1];
    row[0] = true;
    for part in pattern {
        let mut next = vec![false; path.len() + 1];
        if part == "**" {
            let mut any = false;
            for (length, matched) in row.iter().enumerate() {
                any |= matched;
                next[length] = any;
            }
        } else {
            for (length, component) in path.iter().enumerate() {
                next[length + 1] = row[length] && matches(part, component);
            }
        }
        row = next;
    }
    row[path.len()]
}

#[cfg(test)]
mod tests {
    use super::{matches, matches_path};

    #[test]
    fn stars_and_question_marks_stand_for_characters() {
        for (pattern, text) in
            [("", ""), ("*", ""), ("a*", "abc"), ("*c", "abc"), ("a*c*", "abcbc"), ("?b?", "abc")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("a", "ab"), ("?", ""), ("*b", "abc"), ("a?", "a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
        // Quick even if each star may end anywhere.
        assert!(!matches(&"*a".repeat(200), &"a".repeat(2_000).replace('a', "b")));
    }

    #[test]
    fn two_stars_stand_for_components() {
        let is = |pattern: &str, path: &str| {
            let pattern: Vec<String> = pattern.split('/').map(str::to_owned).collect();
            matches_path(&pattern, &path.split('/').collect::<Vec<_>>())
        };
        for (pattern, path) in
            [("a/**", "a/b/c"), ("a/**", "a"), ("**/c", "a/b/c"), ("a/**/c", "a/c"), ("*/b", "a/b")]
        {
            assert!(is(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("a/*", "a/b/c"), ("a/*", "a"), ("**/b", "a/b/c"), ("a", "a/b")] {
            assert!(!is(pattern, path), "{pattern} {path}");
        }
    }
}
