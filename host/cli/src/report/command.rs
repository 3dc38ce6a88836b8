//! Writes a command so that a shell reads it back.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::escape::is_unsafe_text;

/// Joins `words` to a line for a POSIX shell, and quotes what needs it. Of `--flag=value` only the value is
/// quoted. The line itself has no control characters.
pub(crate) fn shell_command<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| quoted(word.as_ref())).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let is_flag = |name: &str| {
        let name = name.strip_prefix("--").unwrap_or_default();
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
    };
    match word.split_once('=').filter(|(name, _)| is_flag(name)) {
        Some((name, value)) => format!("{name}={}", quote(value)),
        None => quote(word).into_owned(),
    }
}

fn quote(text: &str) -> Cow<'_, str> {
    if is_unsafe_text(text) {
        return Cow::Owned(printed(text));
    }
    // Only a NUL is an error, and no argument can hold one.
    shlex::Quoter::new().allow_nul(true).quote(text).unwrap_or(Cow::Borrowed(text))
}

/// Returns a word of printable ASCII that any POSIX shell turns into `text`: quotes alone would show its
/// control characters to a terminal. (A shell drops line breaks at the end of what a command prints.)
fn printed(text: &str) -> String {
    let mut word = String::from("\"$(printf '");
    for byte in text.bytes() {
        match byte {
            b'%' => word.push_str("%%"),
            b' ' | b'/' | b'.' | b':' | b'=' | b',' | b'_' => word.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => word.push(char::from(byte)),
            // Writing into a string cannot fail.
            byte => drop(write!(word, "\\{byte:03o}")),
        }
    }
    word + "')\""
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::shell_command;

    #[test]
    fn control_characters_are_printed_by_the_shell() {
        for word in ["a\u{1b}[2Jb", "it's 100%\n\tü \\", "-\u{202e}$HOME`x`\"\u{7f}", "--a=b\u{9b}"]
        {
            let command = shell_command(["printf", "%s", word]);
            assert!(command.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{command}");
            let output = Command::new("sh").args(["-c", &command]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word, "{command}");
        }
    }

    #[test]
    fn words_that_a_shell_would_change_are_quoted() {
        let words = ["longshore", "mirror", "-f", "my list.txt", "-d", "r.io:5000", "", "it's"];
        let command = shell_command(words);
        assert_eq!(command, "longshore mirror -f 'my list.txt' -d r.io:5000 '' \"it's\"");
        assert_eq!(shlex::split(&command).unwrap(), words);
        assert_eq!(
            shell_command(["--rewrite=$HOME", "--jobs=3", "--arch=a,b", "a*b", "--a b=c"]),
            "--rewrite='$HOME' --jobs=3 --arch='a,b' 'a*b' '--a b=c'"
        );
    }
}
