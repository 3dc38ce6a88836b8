//! Variables in values, as the Compose Specification has them, where none is set.

/// How deep defaults may hold variables of their own.
const MAX_DEPTH: usize = 16;

/// The text as it is where no variable is set, and the variables whose defaults are in it.
///
/// # Errors
/// Which variable has no default, or what is no variable at all.
pub(crate) fn interpolated(text: &str) -> Result<(String, Vec<String>), String> {
    let mut defaults = Vec::new();
    let text = replaced(text, &mut defaults, 0)?;
    Ok((text, defaults))
}

fn replaced(text: &str, defaults: &mut Vec<String>, depth: usize) -> Result<String, String> {
    if depth > MAX_DEPTH {
        return Err("variables are nested too deeply".into());
    }
    let mut result = String::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        result.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        if let Some(literal) = after.strip_prefix('$') {
            result.push('$');
            rest = literal;
        } else if let Some(braced) = after.strip_prefix('{') {
            let end = closing(braced).ok_or("a `${` has no `}`")?;
            result.push_str(&value(&braced[..end], defaults, depth)?);
            rest = &braced[end + 1..];
        } else {
            let name = name_of(after);
            if name.is_empty() {
                return Err("a `$` is no variable; write `$$` for a dollar sign".into());
            }
            return Err(unset(name));
        }
    }
    result.push_str(rest);
    Ok(result)
}

/// Where the brace is that ends a variable: those of variables in its default do not.
fn closing(braced: &str) -> Option<usize> {
    let mut open = 0_usize;
    let bytes = braced.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes[at - 1] == b'$' => open += 1,
            b'}' if open == 0 => return Some(at),
            b'}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// What stands in braces, where the variable is not set.
fn value(braced: &str, defaults: &mut Vec<String>, depth: usize) -> Result<String, String> {
    let name = name_of(braced);
    let operator = &braced[name.len()..];
    if name.is_empty() {
        return Err(format!("`${{{braced}}}` is no variable"));
    }
    let default = operator.strip_prefix(":-").or_else(|| operator.strip_prefix('-'));
    if let Some(default) = default {
        defaults.push(name.to_owned());
        return replaced(default, defaults, depth + 1);
    }
    if operator.starts_with(":+") || operator.starts_with('+') {
        // What would stand here if it were set.
        defaults.push(name.to_owned());
        return Ok(String::new());
    }
    match operator {
        "" => Err(unset(name)),
        _ if operator.starts_with([':', '?']) => {
            let reason = operator.trim_start_matches([':', '?']);
            let because = if reason.is_empty() { "" } else { ": " };
            Err(format!("{}{because}{reason}", unset(name)))
        }
        _ => Err(format!("`${{{braced}}}` is no variable")),
    }
}

fn unset(name: &str) -> String {
    format!("variables are not read, and `{name}` has no default")
}

/// The name that the text starts with.
fn name_of(text: &str) -> &str {
    let first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    if !text.starts_with(first) {
        return "";
    }
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    &text[..text.find(|letter| !word(letter)).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::interpolated;

    #[test]
    fn defaults_are_taken_and_named() {
        for (text, expected, variables) in [
            ("nginx:1", "nginx:1", &[][..]),
            ("a:${T:-1}", "a:1", &["T"]),
            ("a:${T-1}b", "a:1b", &["T"]),
            ("${R:-r.io}/${N:-a}:1", "r.io/a:1", &["R", "N"]),
            ("a:${T:-${U:-2}}", "a:2", &["T", "U"]),
            ("a${T:+-x}:1", "a:1", &["T"]),
            ("a:${T:-}", "a:", &["T"]),
            ("a$$b:1", "a$b:1", &[]),
        ] {
            let (found, defaults) = interpolated(text).expect(text);
            assert_eq!(found, expected, "{text}");
            assert_eq!(defaults, variables, "{text}");
        }
    }

    #[test]
    fn what_has_no_default_is_refused() {
        let deep = "${A:-".repeat(20) + &"}".repeat(20);
        for (text, part) in [
            ("a:${T}", "`T` has no default"),
            ("a:$T_1-x", "`T_1` has no default"),
            ("a:${T:?set the tag}", "`T` has no default: set the tag"),
            ("a:${T?}", "`T` has no default"),
            ("a:${T:-${U}}", "`U` has no default"),
            ("a:${T", "a `${` has no `}`"),
            ("a:${T:-${U}", "a `${` has no `}`"),
            ("a:${}", "`${}` is no variable"),
            ("a:${T/x/y}", "`${T/x/y}` is no variable"),
            ("a:$", "a `$` is no variable"),
            ("a:$1", "a `$` is no variable"),
            (&deep, "nested too deeply"),
        ] {
            let message = interpolated(text).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
