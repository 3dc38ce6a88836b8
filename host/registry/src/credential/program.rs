//! Docker's credential helpers: programs that keep credentials in a keychain or a cloud's tool.
//!
//! The protocol (docker/docker-credential-helpers): `docker-credential-NAME get`, the server's
//! address on standard input, `{"ServerURL", "Username", "Secret"}` on standard output; a message
//! on standard output and an exit code other than 0 where there is none.

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

/// How long a helper may take: it may have to ask a person or a cloud.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The largest answer that is read, in bytes.
const ANSWER_LIMIT: u64 = 1 << 20;
/// How much of what a helper complains about is kept, in bytes.
const COMPLAINT_LIMIT: u64 = 16 << 10;
/// How much of that is shown, in characters.
const COMPLAINT_SHOWN: usize = 300;

/// What helpers say where they have no credential.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user name with which a helper says that the secret is an identity token.
const TOKEN: &str = "<token>";

/// Why a credential helper gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProgramFailure {
    /// The name could start some other program.
    #[error("its name has characters other than letters, digits, '.', '_' and '-'")]
    Name,
    /// There is no such program.
    #[error("there is no program {program} on PATH")]
    Missing {
        /// The program's name.
        program: String,
    },
    /// The operating system did not start it, or lost touch with it.
    #[error("cannot run {}: {cause}", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// What the operating system says.
        cause: Arc<io::Error>,
    },
    /// It did not end in time, and was killed.
    #[error("it did not answer within {} s", patience.as_secs_f32())]
    Timeout {
        /// How long it had.
        patience: Duration,
    },
    /// It wrote more than any credential has, and was killed.
    #[error("its answer is larger than {limit} bytes")]
    TooMuch {
        /// The size that is still read.
        limit: u64,
    },
    /// It ended with an error. What it wrote to standard output is not shown: that is where the
    /// secret goes.
    #[error("it ended with {status}{complaint}; `echo {server} | {program} get` shows why")]
    Exit {
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to standard error, on one line and cut short, after `: `; or nothing.
        complaint: String,
        /// What it was asked for.
        server: String,
        /// The program's name.
        program: String,
    },
    /// Its answer is not what the protocol wants.
    #[error("its answer is not the JSON that a credential helper has to write")]
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

/// What became of a helper that ran to its end.
struct Ended {
    status: ExitStatus,
    answer: Vec<u8>,
    complaint: Vec<u8>,
}

/// Asks the helper `name` (without `docker-credential-`) for the credential of a registry, looking
/// for the program in `directories`.
pub(super) async fn ask(
    name: &str,
    registry: &Registry,
    directories: &[PathBuf],
    patience: Duration,
) -> Result<Option<Credential>, ProgramFailure> {
    if !is_plain(name) {
        return Err(ProgramFailure::Name);
    }
    let program = format!("docker-credential-{name}");
    let Some(path) = find(&program, directories) else {
        return Err(ProgramFailure::Missing { program });
    };
    let server = server_of(registry);
    let ended = tokio::time::timeout(patience, run(&path, &server))
        .await
        .map_err(|_| ProgramFailure::Timeout { patience })??;
    if !ended.status.success() {
        if [&ended.answer, &ended.complaint]
            .into_iter()
            .any(|text| String::from_utf8_lossy(text).contains(NOT_FOUND))
        {
            return Ok(None);
        }
        return Err(ProgramFailure::Exit {
            status: ended.status,
            complaint: one_line(&ended.complaint),
            server,
            program,
        });
    }
    let answer: Answer =
        serde_json::from_slice(&ended.answer).map_err(|_| ProgramFailure::Answer)?;
    Ok(match answer {
        Answer { username, secret } if username.is_empty() && secret.is_empty() => None,
        Answer { username, secret } if username == TOKEN => Some(Credential::IdentityToken(secret)),
        Answer { username, secret } => Some(Credential::Basic { username, password: secret }),
    })
}

/// Runs the program. Where this is dropped or fails, the program is killed.
async fn run(path: &Path, server: &str) -> Result<Ended, ProgramFailure> {
    let broken = |cause| ProgramFailure::Run { program: path.to_owned(), cause: Arc::new(cause) };
    let mut child = Command::new(path)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(broken)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let tell = async {
        match stdin {
            None => Ok(()),
            Some(mut stdin) => match stdin.write_all(server.as_bytes()).await {
                // A helper that has one answer only need not read the question.
                Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => Err(broken(cause)),
                _ => Ok(()),
            },
        }
    };
    let hear = async {
        let mut answer = Vec::new();
        let rest = read_start(stdout, ANSWER_LIMIT + 1, &mut answer).await;
        rest.map_err(broken)?;
        if answer.len() as u64 > ANSWER_LIMIT {
            return Err(ProgramFailure::TooMuch { limit: ANSWER_LIMIT });
        }
        Ok(answer)
    };
    let overhear = async {
        let mut complaint = Vec::new();
        let rest = read_start(stderr, COMPLAINT_LIMIT, &mut complaint).await;
        if let Some(mut rest) = rest.map_err(broken)? {
            tokio::io::copy(&mut rest, &mut tokio::io::sink()).await.map_err(broken)?;
        }
        Ok(complaint)
    };
    // All at once, so that no full pipe blocks the helper; the first failure ends it.
    let ((), answer, complaint) = tokio::try_join!(tell, hear, overhear)?;
    let status = child.wait().await.map_err(broken)?;
    Ok(Ended { status, answer, complaint })
}

/// Reads at most `limit` bytes and gives back the reader for the rest.
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

/// Is this a name, and neither a path nor anything that a shell or a person could misread?
fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.chars().all(is_plain)
}

/// The program in the first of the absolute directories that has it.
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

/// The address under which `docker login` keeps the credential of a registry.
fn server_of(registry: &Registry) -> String {
    if registry.is_docker_hub() {
        "https://index.docker.io/v1/".to_owned()
    } else {
        registry.to_string()
    }
}

/// The start of a complaint on one line, after `: `; nothing for an empty one.
fn one_line(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = String::new();
    for c in words.join(" ").chars().take(COMPLAINT_SHOWN) {
        match c {
            '"' | '\'' => line.push(c),
            // Escapes what would steer a terminal or turn the direction of the text.
            _ => line.extend(c.escape_debug()),
        }
    }
    if !line.is_empty() {
        line.insert_str(0, ": ");
    }
    line
}

#[cfg(test)]
mod tests;
