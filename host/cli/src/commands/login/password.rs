//! Asks for a user name and a password.

use std::io::{self, IsTerminal as _, Read as _, Write as _};

use longshore_oci::Registry;
use longshore_registry::Secret;

use super::error::{LoginError, Part};

/// The most bytes of a password; some access tokens have a few kilobytes.
const LIMIT: u64 = 64 << 10;

/// Returns the user name and the password, from the flags, standard input or the terminal.
pub(super) fn ask(
    username: Option<String>,
    from_stdin: bool,
    registry: &Registry,
) -> Result<(String, Secret), LoginError> {
    let username = match username {
        Some(username) => username,
        None if from_stdin => return Err(LoginError::NoTerminal(Part::Username)),
        None => ask_name(registry)?,
    };
    if let Some(why) = wrong_name(&username) {
        return Err(LoginError::Unusable { part: Part::Username, from_stdin: false, why });
    }
    let password = if from_stdin {
        let mut bytes = Vec::new();
        let read = io::stdin().lock().take(LIMIT + 1).read_to_end(&mut bytes);
        read.map_err(|error| LoginError::Read { part: Part::Password, error })?;
        of_bytes(bytes)
    } else if io::stdin().is_terminal() {
        let prompt = format!("Password for {username} at {registry}: ");
        let typed = rpassword::prompt_password(prompt);
        of_bytes(typed.map_err(|error| LoginError::Read { part: Part::Password, error })?.into())
    } else {
        return Err(LoginError::NoTerminal(Part::Password));
    };
    let unusable = |why| LoginError::Unusable { part: Part::Password, from_stdin, why };
    let password = password.map_err(unusable)?;
    Ok((username, Secret::new(password)))
}

fn ask_name(registry: &Registry) -> Result<String, LoginError> {
    if !io::stdin().is_terminal() {
        return Err(LoginError::NoTerminal(Part::Username));
    }
    let mut name = String::new();
    let mut stderr = io::stderr();
    write!(stderr, "User name at {registry}: ")
        .and_then(|()| stderr.flush())
        .and_then(|()| io::stdin().read_line(&mut name))
        .map_err(|error| LoginError::Read { part: Part::Username, error })?;
    Ok(name.trim().to_owned())
}

/// Says what is wrong with a user name (RFC 7617, section 2).
fn wrong_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.contains(':') {
        Some("it has a colon, which ends it in HTTP's Basic scheme")
    } else {
        name.contains(char::is_control).then_some("it has a control character")
    }
}

/// Returns a password without the line ending after it.
fn of_bytes(bytes: Vec<u8>) -> Result<String, &'static str> {
    if bytes.len() as u64 > LIMIT {
        return Err("it is larger than 64 KiB");
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.contains(char::is_control) {
        return Err("it has a control character or several lines");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{of_bytes, wrong_name};

    #[test]
    fn one_line_ending_is_not_part_of_a_password() {
        for (bytes, expected) in [
            ("hunter2", "hunter2"),
            ("hunter2\n", "hunter2"),
            ("hunter2\r\n", "hunter2"),
            (" hunter 2 ", " hunter 2 "),
            ("pä:ss\n", "pä:ss"),
        ] {
            assert_eq!(of_bytes(bytes.into()).as_deref(), Ok(expected));
        }
        for wrong in ["", "\n", "two\nlines\n", "tab\there"] {
            assert!(of_bytes(wrong.into()).is_err(), "{wrong:?}");
        }
        assert!(of_bytes(vec![0xff, 0xfe]).is_err());
        assert!(of_bytes(vec![b'a'; (64 << 10) + 1]).is_err());
    }

    #[test]
    fn a_user_name_must_fit_into_a_header() {
        for wrong in ["", "me:you", "me\nyou", "\u{1b}[0m"] {
            assert!(wrong_name(wrong).is_some(), "{wrong:?}");
        }
        for name in ["me", "robot$ci", "me@example.com", "jürgen", "with space"] {
            assert_eq!(wrong_name(name), None, "{name}");
        }
    }
}
