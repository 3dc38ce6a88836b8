//! Writes a command so that a shell reads it back.

use std::borrow::Cow;

/// Joins `words` to a line for a POSIX shell, and quotes what needs it. Of `--flag=value` only the value is
/// quoted.
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
    // Only a NUL is an error, and no argument can hold one.
    shlex::Quoter::new().allow_nul(true).quote(text).unwrap_or(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests {
    use super::shell_command;

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
