//! The users of the registry: names and bcrypt hashes from a file as `htpasswd -B` writes it.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::attempts::Attempts;
use crate::folder::lock;
use crate::serve::error::ServeError;
use crate::serve::net::Peer;
use crate::serve::response::Refusal;
use crate::serve::start_file::read_bounded;

/// The largest cost of a hash. With it, a check takes some ten seconds, and each step more doubles the
/// time.
const COST_LIMIT: u32 = 17;

/// bcrypt ignores what comes after this many bytes of a password.
const PASSWORD_LIMIT: usize = 72;

/// How often a check of an address that failed often may begin.
const LIMITED_PACE: Duration = Duration::from_millis(250);

/// The users, and the passwords that were verified.
pub(crate) struct Htpasswd {
    hashes: HashMap<String, String>,
    /// One hash for each cost in the file.
    costs: Vec<(u32, String)>,
    /// Makes the fingerprints below differ from those of every other process.
    salt: [u64; 4],
    /// Fingerprints of the passwords that were right: bcrypt is slow on purpose, and every request
    /// brings the password again.
    verified: Mutex<HashMap<String, [u8; 32]>>,
    attempts: Attempts,
}

impl fmt::Debug for Htpasswd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Htpasswd({} users, ***)", self.hashes.len())
    }
}

impl Htpasswd {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, ServeError> {
        let text = read_text(path)
            .map_err(|cause| ServeError::Htpasswd { path: path.to_owned(), cause })?;
        let (mut hashes, mut costs) = (HashMap::new(), HashMap::new());
        for (position, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (user, hash, cost) = user_and_hash(line).map_err(|why| {
                ServeError::HtpasswdLine { path: path.to_owned(), line: position + 1, why }
            })?;
            costs.entry(cost).or_insert_with(|| hash.clone());
            // The first line of a user counts, as in Apache's httpd.
            hashes.entry(user).or_insert(hash);
        }
        if hashes.is_empty() {
            return Err(ServeError::HtpasswdEmpty { path: path.to_owned() });
        }
        Ok(Self {
            hashes,
            costs: costs.into_iter().collect(),
            salt: std::array::from_fn(|position| RandomState::new().hash_one(position)),
            verified: Mutex::default(),
            attempts: Attempts::new(),
        })
    }

    /// Lets a request through if it names a user and the password. A password that was right before
    /// costs no time.
    pub(crate) async fn check(
        self: &Arc<Self>,
        headers: &HeaderMap,
        peer: Peer,
    ) -> Result<(), Refusal> {
        let needed = || Refusal::unauthorized("a user and a password are needed");
        let (user, password) = credential(headers).ok_or_else(needed)?;
        // bcrypt repeats a password with a NUL after it, so "x" and "x\0x" have one hash.
        if password.contains('\0') {
            return Err(Refusal::unauthorized("a password must not contain a NUL"));
        }
        if password.len() > PASSWORD_LIMIT {
            let message = "a password may have at most 72 bytes: bcrypt ignores the rest";
            return Err(Refusal::unauthorized(message));
        }
        let fingerprint = self.fingerprint(&user, &password);
        if self.is_verified(&user, fingerprint) {
            return Ok(());
        }
        let turn = self.attempts.turn(peer).await.ok_or_else(Refusal::too_many_attempts)?;
        if self.is_verified(&user, fingerprint) {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        let users = Arc::clone(self);
        // In a task of its own: the turn lasts as long as the work, even if the client goes away.
        tokio::spawn(async move {
            let began = Instant::now();
            let at_work = Arc::clone(&users);
            let is_right = tokio::task::spawn_blocking(move || {
                let is_right = at_work.is_right(&user, &password);
                if is_right {
                    lock(&at_work.verified).insert(user, fingerprint);
                }
                is_right
            });
            let is_right = is_right.await.unwrap_or_default();
            if !is_right {
                users.attempts.failed(peer);
            }
            let _ = answer.send(is_right);
            if turn.is_limited() {
                sleep_until(began + LIMITED_PACE).await;
            }
            drop(turn);
        });
        if answered.await.unwrap_or_default() { Ok(()) } else { Err(needed()) }
    }

    /// Checks a password. Every name costs the same time, whether there is such a user or not: one hash of
    /// each cost in the file. Blocks.
    fn is_right(&self, user: &str, password: &str) -> bool {
        let hash = self.hashes.get(user);
        let cost = hash.and_then(|hash| cost_of(hash));
        let mut is_right = false;
        for (other_cost, other) in &self.costs {
            let of_user = hash.filter(|_| cost == Some(*other_cost));
            let matches = bcrypt::verify(password, of_user.unwrap_or(other)).unwrap_or_default();
            is_right |= matches && of_user.is_some();
        }
        is_right
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

fn read_text(path: &Path) -> io::Result<String> {
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text");
    String::from_utf8(read_bounded(path)?).map_err(not_text)
}

fn cost_of(hash: &str) -> Option<u32> {
    hash.parse::<bcrypt::HashParts>().ok().map(|parts| parts.get_cost())
}

fn user_and_hash(line: &str) -> Result<(String, String, u32), &'static str> {
    let (user, hash) = line.split_once(':').ok_or("it is not of the form USER:HASH")?;
    if user.is_empty() {
        return Err("it names no user");
    }
    if !["$2y$", "$2a$", "$2b$"].iter().any(|start| hash.starts_with(start)) {
        return Err("only bcrypt hashes are supported");
    }
    match cost_of(hash) {
        Some(cost @ 4..=COST_LIMIT) => Ok((user.to_owned(), hash.to_owned(), cost)),
        Some(18..=31) => Err("the cost of the bcrypt hash is over 17"),
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
    fn every_name_costs_one_hash_of_each_cost() {
        let (cheap, dear) = (bcrypt::hash("cheap", 4).unwrap(), bcrypt::hash("dear", 6).unwrap());
        let users = read(&format!("ada:{cheap}\neve:{dear}\nbob:{dear}\n")).unwrap();
        let mut costs: Vec<u32> = users.costs.iter().map(|(cost, _)| *cost).collect();
        costs.sort_unstable();
        assert_eq!(costs, [4, 6]);
        for (user, password, right) in [
            ("ada", "cheap", true),
            ("eve", "dear", true),
            ("bob", "dear", true),
            ("ada", "dear", false),
            ("eve", "cheap", false),
            ("nobody", "cheap", false),
            ("nobody", "dear", false),
            ("", "dear", false),
        ] {
            assert_eq!(users.is_right(user, password), right, "{user}:{password}");
        }
        let costly = dear.replacen("$06$", "$18$", 1);
        let error = read(&format!("ada:{costly}")).unwrap_err().to_string();
        assert!(error.contains("over 17"), "{error}");
    }

    #[test]
    fn a_file_without_an_end_is_refused() {
        let error = Htpasswd::read("/dev/zero".as_ref()).unwrap_err().to_string();
        assert!(error.contains("more than 4194304 bytes"), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Htpasswd::read("/nowhere/htpasswd".as_ref()).unwrap_err();
        assert!(error.to_string().starts_with("read the htpasswd file /nowhere/htpasswd: "));
    }
}
