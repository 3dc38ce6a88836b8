//! Who may use the registry: users and bcrypt hashes of a file as `htpasswd -B` writes it.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::Mutex;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::error::ServeError;
use super::response::Refusal;
use crate::folder::lock;

/// The users, and what was checked already.
pub(super) struct Htpasswd {
    hashes: HashMap<String, String>,
    /// Sets the fingerprints below apart from those of every other process.
    salt: [u64; 4],
    /// Fingerprints of the passwords that were right: bcrypt is slow on purpose, and every request
    /// brings the password again.
    verified: Mutex<HashMap<String, [u8; 32]>>,
    /// One bcrypt at a time: of many first requests one computes, and guessing stays slow.
    turn: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Htpasswd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Htpasswd({} users, ***)", self.hashes.len())
    }
}

impl Htpasswd {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, ServeError> {
        let text = fs::read_to_string(path)
            .map_err(|cause| ServeError::Htpasswd { path: path.to_owned(), cause })?;
        let mut hashes = HashMap::new();
        for (position, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (user, hash) = user_and_hash(line).map_err(|why| ServeError::HtpasswdLine {
                path: path.to_owned(),
                line: position + 1,
                why,
            })?;
            // The first line of a user counts, as in Apache's httpd.
            hashes.entry(user).or_insert(hash);
        }
        if hashes.is_empty() {
            return Err(ServeError::HtpasswdEmpty { path: path.to_owned() });
        }
        Ok(Self {
            hashes,
            salt: std::array::from_fn(|position| RandomState::new().hash_one(position)),
            verified: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// Lets a request through if it names a user and the password.
    pub(super) async fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let (user, password) = credential(headers).ok_or_else(Refusal::unauthorized)?;
        let fingerprint = self.fingerprint(&user, &password);
        if self.is_verified(&user, fingerprint) {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        if self.is_verified(&user, fingerprint) {
            return Ok(());
        }
        // An unknown user costs the same time as a known one with a wrong password.
        let hash = self.hashes.get(&user).or_else(|| self.hashes.values().next());
        let hash = hash.cloned().unwrap_or_default();
        let right = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash)).await;
        if !matches!(right, Ok(Ok(true))) || !self.hashes.contains_key(&user) {
            return Err(Refusal::unauthorized());
        }
        lock(&self.verified).insert(user, fingerprint);
        Ok(())
    }

    fn is_verified(&self, user: &str, fingerprint: [u8; 32]) -> bool {
        lock(&self.verified).get(user) == Some(&fingerprint)
    }

    fn fingerprint(&self, user: &str, password: &str) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for part in self.salt {
            hasher.update(part.to_ne_bytes());
        }
        // A user holds no colon, so this cannot be read in two ways.
        hasher.update(user);
        hasher.update(":");
        hasher.update(password);
        hasher.finalize().into()
    }
}

fn user_and_hash(line: &str) -> Result<(String, String), &'static str> {
    let (user, hash) = line.split_once(':').ok_or("it is not of the form USER:HASH")?;
    if user.is_empty() {
        return Err("it names no user");
    }
    if !["$2y$", "$2a$", "$2b$"].iter().any(|start| hash.starts_with(start)) {
        return Err("only bcrypt hashes are supported");
    }
    match hash.parse::<bcrypt::HashParts>() {
        Ok(parts) if (4..=31).contains(&parts.get_cost()) => Ok((user.to_owned(), hash.to_owned())),
        _ => Err("the bcrypt hash is broken"),
    }
}

/// The user and the password of Basic authentication (RFC 7617).
fn credential(headers: &HeaderMap) -> Option<(String, String)> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::Htpasswd;
    use crate::ServeError;

    fn read(text: &str) -> Result<Htpasswd, ServeError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Htpasswd::read(file.path())
    }

    #[test]
    fn bcrypt_lines_are_read_and_others_named() {
        let hash = bcrypt::hash("secret", 4).unwrap();
        for version in ["$2a$", "$2b$", "$2y$"] {
            let hash = hash.replacen("$2b$", version, 1);
            let users = read(&format!("# us\r\n\r\nada:{hash}\r\n")).unwrap();
            assert_eq!(users.hashes["ada"], hash);
            assert!(!format!("{users:?}").contains("ada"));
        }
        for bad in ["ada", ":x", "ada:$apr1$x$y", "ada:{SHA}x", "ada:secret", "ada:$2y$05$short"] {
            match read(&format!("ada:{hash}\n{bad}\n")) {
                Err(ServeError::HtpasswdLine { line: 2, .. }) => {}
                other => panic!("{bad}: {other:?}"),
            }
        }
        let error = read("a:b").unwrap_err().to_string();
        assert!(error.contains("at line 1") && error.contains("htpasswd -B"), "{error}");
        assert!(matches!(read("\n# nobody\n"), Err(ServeError::HtpasswdEmpty { .. })));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Htpasswd::read("/nowhere/htpasswd".as_ref()).unwrap_err();
        assert!(error.to_string().starts_with("read the htpasswd file /nowhere/htpasswd: "));
    }
}
