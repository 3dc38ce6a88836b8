//! Writes a command so that a shell takes it back.

/// Joins `words` to a line for a POSIX shell, quoting what needs it.
pub(crate) fn shell_command<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    let mut command = String::new();
    for word in words {
        if !command.is_empty() {
            command.push(' ');
        }
        quote(&mut command, word.as_ref());
    }
    command
}

fn quote(command: &mut String, word: &str) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        command.push_str(word);
        return;
    }
    command.push('\'');
    // Inside single quotes everything is literal but the quote itself.
    command.push_str(&word.replace('\'', "'\\''"));
    command.push('\'');
}

#[cfg(test)]
mod tests {
    use super::shell_command;

    #[test]
    fn what_a_shell_would_touch_is_quoted() {
        assert_eq!(
            shell_command([
                "longshore",
                "mirror",
                "-f",
                "my list.txt",
                "-d",
                "r.io:5000",
                "",
                "it's"
            ]),
            "longshore mirror -f 'my list.txt' -d r.io:5000 '' 'it'\\''s'",
        );
        assert_eq!(shell_command(["--rewrite=$HOME", "a*b"]), "'--rewrite=$HOME' 'a*b'");
    }
}
