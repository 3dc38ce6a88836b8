//! Expands `$NAME` and `${NAME}` with BuildKit's modifiers, and removes quotes and escapes.

/// What a text expands to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// The variables that have no value and stand for nothing.
    pub(crate) unset: Vec<String>,
}

/// Nested defaults deeper than this are an error.
const MAX_DEPTH: usize = 32;

/// Expands a word.
///
/// # Errors
/// Returns what is wrong with the word, or the message of `${NAME:?message}`.
pub(crate) fn expand(
    text: &str,
    escape: char,
    value: &dyn Fn(&str) -> Option<String>,
) -> Result<Expanded, String> {
    let mut result = Expanded::default();
    let mut reader = Reader { rest: text.chars().collect(), at: 0, escape, value };
    reader.until(None, 0, &mut result)?;
    Ok(result)
}

struct Reader<'a> {
    rest: Vec<char>,
    at: usize,
    escape: char,
    value: &'a dyn Fn(&str) -> Option<String>,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.get(self.at).copied();
        self.at += usize::from(next.is_some());
        next
    }

    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    /// Reads up to a character that ends the part, or to the end of the text.
    fn until(
        &mut self,
        end: Option<char>,
        depth: usize,
        result: &mut Expanded,
    ) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err("variables are nested too deeply".to_owned());
        }
        let mut quoted = false;
        while let Some(character) = self.next() {
            match character {
                _ if end == Some(character) && !quoted => return Ok(()),
                '\'' if !quoted => loop {
                    match self.next() {
                        Some('\'') => break,
                        Some(inner) => result.text.push(inner),
                        None => return Err("there is no closing '".to_owned()),
                    }
                },
                '"' => quoted = !quoted,
                '$' => self.variable(depth, result)?,
                _ if character == self.escape => match self.next() {
                    // Between quotes, only these characters can be escaped.
                    Some(next) if quoted && next != '"' && next != '$' && next != self.escape => {
                        result.text.extend([character, next]);
                    }
                    Some(next) => result.text.push(next),
                    None => {}
                },
                _ => result.text.push(character),
            }
        }
        match end {
            _ if quoted => Err("there is no closing \"".to_owned()),
            Some(end) => Err(format!("there is no closing {end}")),
            None => Ok(()),
        }
    }

    fn name(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|next| next == '_' || next.is_ascii_alphanumeric()) {
            self.at += 1;
        }
        self.rest[start..self.at].iter().collect()
    }

    /// Reads what follows a `$`.
    fn variable(&mut self, depth: usize, result: &mut Expanded) -> Result<(), String> {
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                result.text.push('$');
            } else {
                self.push(&name, result);
            }
            return Ok(());
        }
        self.at += 1;
        let name = self.name();
        if name.is_empty() {
            return Err("`${` has no name".to_owned());
        }
        let mut operator = self.next();
        // With a colon, an empty value counts as unset.
        let also_empty = operator == Some(':');
        if also_empty {
            operator = self.next();
        }
        let Some(operator) = operator else { return Err("there is no closing }".to_owned()) };
        if operator == '}' && !also_empty {
            self.push(&name, result);
            return Ok(());
        }
        let mut word = Expanded::default();
        if !matches!(operator, '-' | '+' | '?') {
            return Err(format!("`${{{name}{operator}…}}` is not supported"));
        }
        self.until(Some('}'), depth + 1, &mut word)?;
        let value = (self.value)(&name).filter(|value| !(also_empty && value.is_empty()));
        match (operator, value) {
            ('-', Some(value)) => result.text.push_str(&value),
            ('?', None) => {
                return Err(format!("`{name}` must have a value: {}", word.text));
            }
            ('?', Some(value)) => result.text.push_str(&value),
            ('-', None) | ('+', Some(_)) => {
                result.text.push_str(&word.text);
                result.unset.append(&mut word.unset);
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&self, name: &str, result: &mut Expanded) {
        match (self.value)(name) {
            Some(value) => result.text.push_str(&value),
            None => result.unset.push(name.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::expand;

    fn text(word: &str) -> Result<String, String> {
        let value = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "E" => Some(String::new()),
            _ => None,
        };
        expand(word, '\\', &value).map(|expanded| expanded.text)
    }

    #[test]
    fn modifiers_follow_buildkit() {
        for (word, expected) in [
            ("$A:${A}", "a:a"),
            ("$A-b", "a-b"),
            ("${A:-x}${E:-x}${E-x}${U-x}", "axx"),
            ("${A:+y}${E:+y}${E+y}${U+y}", "yy"),
            ("${U:-${A}/$A}", "a/a"),
            ("${U:-${V:-z}}", "z"),
            ("${A?}${A:?no}", "aa"),
            ("'$A'\"$A\"", "$Aa"),
            (r"\$A\\", r"$A\"),
            (r#""\a\"""#, r#"\a""#),
            ("a$", "a$"),
            ("${U}x", "x"),
        ] {
            assert_eq!(text(word).as_deref(), Ok(expected), "{word}");
        }
        for (word, part) in [
            ("${A", "closing }"),
            ("${U:-x", "closing }"),
            ("${}", "no name"),
            ("${U?why}", "why"),
            ("${E:?why}", "must have a value"),
            ("${A%.*}", "not supported"),
            ("'a", "closing '"),
            ("\"a", "closing \""),
            (&"${U:-".repeat(200), "nested too deeply"),
        ] {
            assert!(text(word).is_err_and(|why| why.contains(part)), "{word}: {:?}", text(word));
        }
    }

    #[test]
    fn variables_without_a_value_are_named() {
        let unset =
            expand("$A$B${C:-$D}${E-x}", '\\', &|name| (name == "A").then(|| "1".to_owned()));
        assert_eq!(unset.expect("a text").unset, ["B", "D"]);
    }
}
