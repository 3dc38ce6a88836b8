//! moto's server: the APIs of AWS with a real check of signatures and rights.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::Process;
use super::skip::{found_in, skip};

/// Time limit for the server to start on a machine that is also compiling.
const START: Duration = Duration::from_secs(60);

/// The account of everything in moto.
pub(crate) const ACCOUNT: &str = "123456789012";

/// A running server with one user, who may do what the policy says.
#[derive(Debug)]
pub(crate) struct Moto {
    address: String,
    /// The name of the user's key.
    pub(crate) key_id: String,
    /// The user's key.
    pub(crate) key: String,
    _process: Process,
}

impl Moto {
    /// Starts a server whose user may perform these actions, such as `ecr:*`. Skips the test if the program
    /// is not installed.
    pub(crate) fn start(actions: &[&str]) -> Option<Self> {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let Some(program) = found_in("moto_server", &home.join(".local/bin")) else {
            skip("moto_server is not installed; .ci/run installs it with pip");
            return None;
        };
        let mut command = Command::new(&program);
        command.args(["-H", "127.0.0.1", "-p", "0"]).stdin(Stdio::null());
        // The calls that make the user. Every later one must be signed by it.
        command.env("INITIAL_NO_AUTH_ACTION_COUNT", "3");
        let process = Process::start(&program.to_string_lossy(), &mut command);
        let address = process.line(START, |line| {
            let (_, rest) = line.split_once("Running on http://")?;
            Some(rest.trim().to_owned())
        });
        call(&address, "Action=CreateUser&UserName=mirror");
        let keys = call(&address, "Action=CreateAccessKey&UserName=mirror");
        let text = |name: &str| {
            let (_, rest) = keys.split_once(&format!("<{name}>")).expect("there is a key");
            rest.split('<').next().unwrap_or_default().to_owned()
        };
        let (key_id, key) = (text("AccessKeyId"), text("SecretAccessKey"));
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
        });
        let policy: String =
            url::form_urlencoded::byte_serialize(policy.to_string().as_bytes()).collect();
        let named = "Action=PutUserPolicy&UserName=mirror&PolicyName=p";
        call(&address, &format!("{named}&PolicyDocument={policy}"));
        Some(Self { address, key_id, key, _process: process })
    }

    /// Returns `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

/// Calls IAM without a signature.
fn call(address: &str, form: &str) -> String {
    let body = format!("{form}&Version=2010-05-08");
    let mut stream = TcpStream::connect(address).expect("moto listens");
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/iam/aws4_request, \
         SignedHeaders=host, Signature=x\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("moto reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("moto answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{form}: {answer}");
    answer
}
