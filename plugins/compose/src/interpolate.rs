//! Expands variables in values as the Compose Specification describes.

use crate::variables::Variables;

/// Maximum depth of variables inside operands.
const MAX_DEPTH: usize = 16;

/// The operators between a variable and its operand. Those with a colon treat empty as unset.
const OPERATORS: [&str; 6] = [":-", ":?", ":+", "-", "?", "+"];

/// A hint on how to set a variable.
const HINT: &str = "--plugin-config compose.variables=@FILE sets it";

/// A hint on how to set several variables.
const SEVERAL: &str = "--plugin-config compose.variables=@FILE sets them";

/// A text with all variables expanded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interpolated {
    pub(crate) text: String,
    /// Warnings about variables that are not set and were replaced by a default or nothing.
    pub(crate) remarks: Vec<String>,
}

/// Expands the variables of a text.
///
/// # Errors
/// Fails for a variable without value and default, and for malformed variables.
pub(crate) fn interpolated(text: &str, variables: &Variables) -> Result<Interpolated, String> {
    let mut expansion = Expansion::default();
    expansion.append(text, variables, 0)?;
    let Expansion { result, unset } = expansion;
    match &unset[..] {
        [] => Ok(result),
        [name] => Err(format!("the variable `{name}` is not set and has no default; {HINT}")),
        names => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let names = names.join(", ");
            Err(format!("the variables {names} are not set and have no default; {SEVERAL}"))
        }
    }
}

/// An expansion of a text, as far as it got.
#[derive(Default)]
struct Expansion {
    result: Interpolated,
    /// The variables without value and default.
    unset: Vec<String>,
}

impl Expansion {
    fn append(&mut self, text: &str, variables: &Variables, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err("variables are nested too deeply".into());
        }
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            self.result.text.push_str(&rest[..dollar]);
            let after = &rest[dollar + 1..];
            if let Some(literal) = after.strip_prefix('$') {
                self.result.text.push('$');
                rest = literal;
            } else if let Some(braced) = after.strip_prefix('{') {
                let end = closing(braced).ok_or("a `${` has no `}`")?;
                self.braced(&braced[..end], variables, depth)?;
                rest = &braced[end + 1..];
            } else {
                let name = name_of(after);
                match name {
                    // A dollar sign without a name after it stays as it is.
                    "" => self.result.text.push('$'),
                    _ => self.value(name, variables)?,
                }
                rest = &after[name.len()..];
            }
        }
        self.result.text.push_str(rest);
        Ok(())
    }

    /// Expands an expression in braces.
    fn braced(&mut self, braced: &str, variables: &Variables, depth: usize) -> Result<(), String> {
        let name = name_of(braced);
        let behind = &braced[name.len()..];
        if !name.is_empty() && behind.is_empty() {
            return self.value(name, variables);
        }
        let operator = OPERATORS.into_iter().find(|operator| behind.starts_with(operator));
        let Some(operator) = operator.filter(|_| !name.is_empty()) else {
            return Err(format!("`${{{braced}}}` is not a variable"));
        };
        let operand = &behind[operator.len()..];
        let found = variables.get(name);
        let is_set = match found {
            Some(Ok(value)) => !operator.starts_with(':') || !value.text.is_empty(),
            // An error in the value is reported where the value is used.
            Some(Err(_)) => true,
            None => false,
        };
        match (operator.trim_start_matches(':'), is_set) {
            ("+", true) => self.append(operand, variables, depth + 1),
            ("+", false) => {
                if found.is_none() {
                    let message =
                        format!("the variable `{name}` is not set: it expands to nothing");
                    self.result.remarks.push(message);
                }
                Ok(())
            }
            (_, true) => self.value(name, variables),
            ("-", false) => {
                if found.is_none() {
                    let message = format!("the variable `{name}` is not set: its default is used");
                    self.result.remarks.push(message);
                }
                self.append(operand, variables, depth + 1)
            }
            (_, false) => {
                let mut reason = Self::default();
                reason.append(operand, variables, depth + 1)?;
                let reason = match reason.result.text.as_str() {
                    "" => String::new(),
                    reason => format!(" ({reason})"),
                };
                let state = if found.is_some() { "empty" } else { "not set" };
                Err(format!("the variable `{name}` is {state}{reason}; {HINT}"))
            }
        }
    }

    /// Adds the value of a variable.
    fn value(&mut self, name: &str, variables: &Variables) -> Result<(), String> {
        match variables.get(name) {
            Some(Ok(value)) => {
                self.result.text.push_str(&value.text);
                self.result.remarks.extend_from_slice(&value.remarks);
                Ok(())
            }
            Some(Err(message)) => Err(format!("the variable `{name}` has no value: {message}")),
            None => {
                if !self.unset.iter().any(|unset| unset == name) {
                    self.unset.push(name.to_owned());
                }
                Ok(())
            }
        }
    }
}

/// Finds the brace that closes a variable. Skips the braces of variables in its operand.
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

/// Returns the name at the start of the text.
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
    use crate::variables::Variables;

    fn variables() -> Variables {
        Variables::of_file("SET=1\nEMPTY=\nBROKEN=$NOBODY\nLITERAL='$SET'\n").expect("variables")
    }

    #[test]
    fn operators_select_value_default_or_error() {
        for (text, expected, unset) in [
            ("nginx:1", "nginx:1", &[][..]),
            ("a:$SET", "a:1", &[]),
            ("a:${SET}b", "a:1b", &[]),
            ("a:$SET-x$EMPTY", "a:1-x", &[]),
            ("a:$LITERAL", "a:$SET", &[]),
            ("a:${SET:-2}${SET-2}", "a:11", &[]),
            ("a:${EMPTY:-2}b${EMPTY-2}", "a:2b", &[]),
            ("a:${T:-2}b${T-3}", "a:2b3", &["T", "T"]),
            ("a:${SET:+2}b${SET+3}", "a:2b3", &[]),
            ("a:${EMPTY:+2}b${EMPTY+3}", "a:b3", &[]),
            ("a:${T:+2}b${T+3}", "a:b", &["T", "T"]),
            ("a:${SET:?no}${SET?no}${EMPTY?no}", "a:11", &[]),
            ("a:${T:-${U:-$SET}}", "a:1", &["T", "U"]),
            ("a:${SET:-${BROKEN}}", "a:1", &[]),
            ("a:${EMPTY:+${BROKEN}}", "a:", &[]),
            ("a:${SET:+${SET}}}", "a:1}", &[]),
            ("${R:-r.io}/${N:-a}:1", "r.io/a:1", &["R", "N"]),
            ("a$$SET:$1$", "a$SET:$1$", &[]),
        ] {
            let found = interpolated(text, &variables()).expect(text);
            assert_eq!(found.text, expected, "{text}");
            let names: Vec<&str> =
                found.remarks.iter().map(|remark| remark.split('`').nth(1).unwrap_or("")).collect();
            assert_eq!(names, unset, "{text}");
        }
    }

    #[test]
    fn variables_without_a_value_are_rejected() {
        let deep = "${A:-".repeat(20) + &"}".repeat(20);
        let unset = "the variable `T` is not set and has no default; --plugin-config compose.variables=@FILE sets it";
        for (text, expected) in [
            ("a:${T}", unset),
            ("a:$T-x", unset),
            ("a:${U:-${T}}", unset),
            ("$T:$T", unset),
            (
                "$R/${N}:${T:-${R}}",
                "the variables `R`, `N` are not set and have no default; --plugin-config compose.variables=@FILE sets them",
            ),
            ("a:${SET:+$T}", unset),
            (
                "a:${T:?set the $SET}",
                "the variable `T` is not set (set the 1); --plugin-config compose.variables=@FILE sets it",
            ),
            (
                "a:${T?}",
                "the variable `T` is not set; --plugin-config compose.variables=@FILE sets it",
            ),
            (
                "a:${EMPTY:?}",
                "the variable `EMPTY` is empty; --plugin-config compose.variables=@FILE sets it",
            ),
            (
                "a:${BROKEN}",
                "the variable `BROKEN` has no value: the variable `NOBODY` is not set and has no default; --plugin-config compose.variables=@FILE sets it",
            ),
            ("a:${T", "a `${` has no `}`"),
            ("a:${T:-${U}", "a `${` has no `}`"),
            ("a:${}", "`${}` is not a variable"),
            ("a:${:-1}", "`${:-1}` is not a variable"),
            ("a:${SET/x/y}", "`${SET/x/y}` is not a variable"),
            ("a:${SET:x}", "`${SET:x}` is not a variable"),
            (&deep, "variables are nested too deeply"),
        ] {
            assert_eq!(interpolated(text, &variables()).expect_err(text), expected, "{text}");
        }
    }
}
