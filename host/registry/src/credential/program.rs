//! Docker's credential helpers: programs that keep credentials in a keychain, or get them from a cloud's
//! tool.
//!
//! The protocol (docker/docker-credential-helpers): `docker-credential-NAME get` reads the server's
//! address from standard input and writes `{"ServerURL", "Username", "Secret"}` to standard output.
//! Without a credential it writes a message to standard output and exits with a code other than 0.
//! `store` reads such a document, and `erase` reads the server's address.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::secret::Secret;
use longshore_oci::Registry;

use super::kind::Credential;

/// Timeout of a helper, which may have to ask a person or a cloud.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The largest accepted answer, in bytes.
const ANSWER_LIMIT: u64 = 1 << 20;
/// The most bytes kept of a helper's standard error.
const STDERR_LIMIT: u64 = 16 << 10;

/// The message of helpers that have no credential.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user name that marks the secret as an identity token.
const TOKEN: &str = "<token>";

/// Why a credential helper failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProgramFailure {
    /// The name is not allowed, as it could start another program.
    #[error("its name has characters other than letters, digits, '.', '_' and '-'")]
    Name,
    /// The program does not exist.
    #[error("program {program} is not on PATH")]
    Missing {
        /// The program's name.
        program: String,
    },
    /// The program could not be started, or its pipes broke.
    #[error("cannot run {}: {cause}", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// The error of the operating system.
        cause: Arc<io::Error>,
    },
    /// The program timed out and was killed.
    #[error("it did not answer within {} s", patience.as_secs_f32())]
    Timeout {
        /// The timeout.
        patience: Duration,
    },
    /// The program's output was too large, and it was killed.
    #[error("its answer is larger than {limit} bytes")]
    TooMuch {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The program exited with an error. Neither its standard output nor its standard error is shown,
    /// as either may hold the secret.
    #[error("it ended with {status}; `echo {server} | {program} get` shows why")]
    Exit {
        /// The exit status.
        status: ExitStatus,
        /// The server it was asked for.
        server: String,
        /// The program's name.
        program: String,
    },
    /// The program could not store or erase a credential. Its output is not shown: it was given the
    /// secret.
    #[error("it ended with {status}")]
    Change {
        /// The exit status.
        status: ExitStatus,
    },
    /// The output does not follow the protocol.
    #[error("its answer is not the JSON of a credential helper")]
    Answer,
}

/// A helper's answer.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: Secret,
}

/// The result of a helper that exited.
struct Ended {
    status: ExitStatus,
    answer: Vec<u8>,
    complaint: Vec<u8>,
}

/// Asks the helper `name` (without `docker-credential-`) for a registry's credential.
///
/// The program is searched in `directories`.
pub(super) async fn ask(
    name: &str,
    registry: &Registry,
    directories: &[PathBuf],
    patience: Duration,
) -> Result<Option<Credential>, ProgramFailure> {
    let server = server_of(registry);
    let (program, ended) = run_named(name, "get", &server, directories, patience).await?;
    if !ended.status.success() {
        if ended.has_no_credential() {
            return Ok(None);
        }
        return Err(ProgramFailure::Exit { status: ended.status, server, program });
    }
    let answer: Answer =
        serde_json::from_slice(&ended.answer).map_err(|_| ProgramFailure::Answer)?;
    Ok(match answer {
        Answer { username, secret } if username.is_empty() && secret.is_empty() => None,
        Answer { username, secret } if username == TOKEN => Some(Credential::IdentityToken(secret)),
        Answer { username, secret } => Some(Credential::Basic { username, password: secret }),
    })
}

/// Lets the helper `name` store a registry's credential.
pub(super) async fn store(
    name: &str,
    registry: &Registry,
    (username, password): (&str, &Secret),
    directories: &[PathBuf],
) -> Result<(), ProgramFailure> {
    let document = serde_json::json!({
        "ServerURL": server_of(registry),
        "Username": username,
        "Secret": password.expose(),
    });
    change(name, "store", &document.to_string(), directories).await
}

/// Lets the helper `name` erase a registry's credential. A credential that it does not have is not an
/// error.
pub(super) async fn erase(
    name: &str,
    registry: &Registry,
    directories: &[PathBuf],
) -> Result<(), ProgramFailure> {
    change(name, "erase", &server_of(registry), directories).await
}

async fn change(
    name: &str,
    verb: &str,
    input: &str,
    directories: &[PathBuf],
) -> Result<(), ProgramFailure> {
    let (_, ended) = run_named(name, verb, input, directories, PATIENCE).await?;
    if ended.status.success() || ended.has_no_credential() {
        return Ok(());
    }
    Err(ProgramFailure::Change { status: ended.status })
}

impl Ended {
    /// Says whether the program said that it has no credential for the server.
    fn has_no_credential(&self) -> bool {
        let texts = [&self.answer, &self.complaint];
        texts.into_iter().any(|text| String::from_utf8_lossy(text).contains(NOT_FOUND))
    }
}

/// Runs the helper `name` to its end. Returns the name of its program too.
async fn run_named(
    name: &str,
    verb: &str,
    input: &str,
    directories: &[PathBuf],
    patience: Duration,
) -> Result<(String, Ended), ProgramFailure> {
    if !is_plain(name) {
        return Err(ProgramFailure::Name);
    }
    let program = format!("docker-credential-{name}");
    let Some(path) = find(&program, directories) else {
        return Err(ProgramFailure::Missing { program });
    };
    let ended = tokio::time::timeout(patience, run(&path, verb, input))
        .await
        .map_err(|_| ProgramFailure::Timeout { patience })??;
    Ok((program, ended))
}

/// Runs the program. It is killed on an error, or if the future is dropped.
async fn run(path: &Path, verb: &str, input: &str) -> Result<Ended, ProgramFailure> {
    let broken = |cause| ProgramFailure::Run { program: path.to_owned(), cause: Arc::new(cause) };
    let mut child = Command::new(path)
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(broken)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write_question = async {
        match stdin {
            None => Ok(()),
            Some(mut stdin) => match stdin.write_all(input.as_bytes()).await {
                // A helper with only one credential need not read the question.
                Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => Err(broken(cause)),
                _ => Ok(()),
            },
        }
    };
    let read_answer = async {
        let mut answer = Vec::new();
        let rest = read_start(stdout, ANSWER_LIMIT + 1, &mut answer).await;
        rest.map_err(broken)?;
        if answer.len() as u64 > ANSWER_LIMIT {
            return Err(ProgramFailure::TooMuch { limit: ANSWER_LIMIT });
        }
        Ok(answer)
    };
    let read_stderr = async {
        let mut complaint = Vec::new();
        let rest = read_start(stderr, STDERR_LIMIT, &mut complaint).await;
        if let Some(mut rest) = rest.map_err(broken)? {
            tokio::io::copy(&mut rest, &mut tokio::io::sink()).await.map_err(broken)?;
        }
        Ok(complaint)
    };
    // All pipes are served at once, so that no full pipe blocks the helper.
    let ((), answer, complaint) = tokio::try_join!(write_question, read_answer, read_stderr)?;
    let status = child.wait().await.map_err(broken)?;
    Ok(Ended { status, answer, complaint })
}

/// Reads at most `limit` bytes, and returns the reader for the rest.
async fn read_start<R: AsyncRead + Unpin>(
    reader: Option<R>,
    limit: u64,
    into: &mut Vec<u8>,
) -> io::Result<Option<R>> {
    let Some(reader) = reader else {
        return Ok(None);
    };
    let mut start = reader.take(limit);
    start.read_to_end(into).await?;
    Ok(Some(start.into_inner()))
}

/// Whether the name is neither a path nor anything a shell or a person could misread.
fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.chars().all(is_plain)
}

/// Finds the program in the first absolute directory that has it.
fn find(program: &str, directories: &[PathBuf]) -> Option<PathBuf> {
    let is_executable = |path: &PathBuf| {
        std::fs::metadata(path)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    directories
        .iter()
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(program))
        .find(is_executable)
}

/// The server address under which `docker login` stores a registry's credential.
pub(super) fn server_of(registry: &Registry) -> String {
    if registry.is_docker_hub() {
        "https://index.docker.io/v1/".to_owned()
    } else {
        registry.to_string()
    }
}

#[cfg(test)]
mod tests;
