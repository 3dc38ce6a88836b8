//! A NATS server with JetStream for one test, and a client that knows its text protocol.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::certificate::{Certificate, Tls};
use super::process::Process;
use super::skip::{found, skip};

/// Time limit for the server, far above what it needs.
const LIMIT: Duration = Duration::from_secs(30);

/// A server on loopback. Dropping it kills the process by its ID.
#[derive(Debug)]
pub(crate) struct Nats {
    program: PathBuf,
    port: u16,
    process: Option<Process>,
    scratch: TempDir,
}

impl Nats {
    /// Starts a server without users. Returns `None` and skips the test if `nats-server` is missing.
    pub(crate) fn start() -> Option<Self> {
        Self::configured("")
    }

    /// Starts a server that speaks TLS. Clients must trust the second value.
    pub(crate) fn secure() -> Option<(Self, PathBuf)> {
        let mut authority = PathBuf::new();
        let server = Self::configured_by(|folder| {
            let files = Certificate::write(folder, Tls::Issued);
            authority = files.authority;
            let (certificate, key) = (files.certificate.display(), files.key.display());
            format!("tls {{ cert_file: \"{certificate}\", key_file: \"{key}\" }}")
        })?;
        Some((server, authority))
    }

    /// Starts a server with more configuration, such as users.
    pub(crate) fn configured(configuration: &str) -> Option<Self> {
        Self::configured_by(|_| configuration.to_owned())
    }

    /// Starts a server with a configuration that may name files in its folder.
    pub(crate) fn configured_by(configuration: impl FnOnce(&Path) -> String) -> Option<Self> {
        let Some(program) = found("nats-server") else {
            skip("nats-server is missing");
            return None;
        };
        let scratch = tempfile::tempdir().expect("a scratch directory can be made");
        let configuration = configuration(scratch.path());
        let folder = scratch.path().display().to_string();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port is free")
            .port();
        let jetstream = match configuration.contains("jetstream") {
            true => String::new(),
            false => format!("jetstream {{ store_dir: \"{folder}/store\" }}\n"),
        };
        let text = format!("listen: \"127.0.0.1:{port}\"\n{jetstream}{configuration}\n");
        std::fs::write(scratch.path().join("server.conf"), text).expect("it can be written");
        let mut server = Self { program, port, process: None, scratch };
        server.again();
        Some(server)
    }

    /// Starts the server again, with what it stored.
    pub(crate) fn again(&mut self) {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.scratch.path().join("server.conf"));
        let process = Process::start("nats-server", &mut command);
        process.line(LIMIT, |line| line.contains("Server is ready").then_some(()));
        self.process = Some(process);
    }

    /// Kills the server.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Sends a signal to the server by its name, without `SIG`.
    pub(crate) fn signal(&self, signal: &str) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// Removes what a killed server stored.
    pub(crate) fn lose_storage(&self) {
        std::fs::remove_dir_all(self.scratch.path().join("store")).expect("there is a store");
    }

    /// Returns the address for `--fleet`.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Returns the port.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Connects a client.
    pub(crate) fn wire(&self) -> Wire {
        Wire::connect(self.port, "{\"verbose\":false,\"headers\":true,\"no_responders\":true}")
    }

    /// Connects a client as a user.
    pub(crate) fn wire_as(&self, user: &str, password: &str) -> Wire {
        let options = format!(
            "{{\"verbose\":false,\"headers\":true,\"no_responders\":true,\"user\":\"{user}\",\"pass\":\"{password}\"}}"
        );
        Wire::connect(self.port, &options)
    }
}

/// A client that sends and reads messages as they are.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    inboxes: u32,
}

/// A message: its subject, and its headers and payload as they are.
pub(crate) type Message = (String, Vec<u8>);

impl Wire {
    fn connect(port: u16, options: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_millis(200))).expect("it is a valid time");
        let reader = BufReader::new(stream.try_clone().expect("a stream can be cloned"));
        let mut wire = Self { stream, reader, inboxes: 0 };
        wire.send(format!("CONNECT {options}\r\nPING\r\n").as_bytes());
        wire
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// Subscribes.
    pub(crate) fn subscribe(&mut self, subject: &str) {
        self.inboxes += 1;
        let line = format!("SUB {subject} {}\r\nPING\r\n", self.inboxes);
        self.send(line.as_bytes());
    }

    /// Publishes a message.
    pub(crate) fn publish(&mut self, subject: &str, payload: &[u8]) {
        let mut bytes = format!("PUB {subject} {}\r\n", payload.len()).into_bytes();
        bytes.extend(payload);
        bytes.extend(b"\r\nPING\r\n");
        self.send(&bytes);
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            match self.line().as_deref() {
                Some("PONG") => return,
                Some(line) => drop(self.message(line)),
                None => {}
            }
        }
        panic!("the server does not answer");
    }

    /// Asks JetStream, and returns its answer.
    pub(crate) fn api(&mut self, subject: &str, payload: &str) -> Value {
        self.inboxes += 1;
        let inbox = format!("_INBOX.test.{}.{}", std::process::id(), self.inboxes);
        let line = format!(
            "SUB {inbox} {}\r\nPUB $JS.API.{subject} {inbox} {}\r\n{payload}\r\n",
            self.inboxes,
            payload.len()
        );
        self.send(line.as_bytes());
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            let Some(line) = self.line() else { continue };
            if let Some((subject, payload)) = self.message(&line)
                && subject == inbox
            {
                // Headers end with an empty line.
                let text = String::from_utf8_lossy(&payload);
                let body = text.split_once("\r\n\r\n").map_or(&*text, |(_, body)| body);
                return serde_json::from_str(body).unwrap_or(Value::Null);
            }
        }
        panic!("JetStream does not answer {subject}");
    }

    /// Returns the id of a run.
    pub(crate) fn run_id(&mut self, name: &str) -> String {
        self.record(name)["id"].as_str().expect("a run has an id").to_owned()
    }

    /// Waits until all batches of a run are published.
    pub(crate) fn published(&mut self, name: &str) {
        let deadline = Instant::now() + LIMIT;
        while self.record(name)["state"] != "running" {
            assert!(Instant::now() < deadline, "the batches of {name} are not published");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until so many batches of a run are stored.
    pub(crate) fn stored(&mut self, name: &str, batches: u64) {
        let deadline = Instant::now() + LIMIT;
        let stream = format!("STREAM.INFO.longshore-{name}-jobs");
        while self.api(&stream, "")["state"]["messages"].as_u64().unwrap_or(0) < batches {
            assert!(Instant::now() < deadline, "{batches} batches of {name} are not stored");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Returns the numbers of the jobs in all stored batches of a run, sorted.
    pub(crate) fn jobs(&mut self, name: &str) -> Vec<u64> {
        let state = self.api(&format!("STREAM.INFO.longshore-{name}-jobs"), "");
        let state = &state["state"];
        let ends = ["first_seq", "last_seq"].map(|end| state[end].as_u64().unwrap_or(0));
        let mut numbers = Vec::new();
        for sequence in ends[0]..=ends[1] {
            let asked = format!("{{\"seq\":{sequence}}}");
            let batch = self.api(&format!("DIRECT.GET.longshore-{name}-jobs"), &asked);
            let jobs = batch["jobs"].as_array().cloned().unwrap_or_default();
            numbers.extend(jobs.iter().filter_map(|job| job["number"].as_u64()));
        }
        numbers.sort_unstable();
        numbers
    }

    /// Returns the record of a run.
    pub(crate) fn record(&mut self, name: &str) -> Value {
        let last = format!("{{\"last_by_subj\":\"$KV.longshore.run.{name}\"}}");
        self.api("DIRECT.GET.KV_longshore", &last)
    }

    /// Returns the names of all streams.
    pub(crate) fn streams(&mut self) -> Vec<String> {
        let names = self.api("STREAM.NAMES", "");
        let names = names["streams"].as_array().cloned().unwrap_or_default();
        names.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect()
    }

    /// Waits for a stream whose name ends so, and returns the name.
    pub(crate) fn stream(&mut self, ending: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            if let Some(name) = self.streams().into_iter().find(|name| name.ends_with(ending)) {
                return name;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("there is no stream …{ending}");
    }

    /// Takes the next batch of the workers' consumer with `inbox`, which is subscribed. Returns the subject of
    /// its acknowledgement.
    pub(crate) fn next_batch(&mut self, stream: &str, inbox: &str) -> String {
        let names = self.api(&format!("CONSUMER.NAMES.{stream}"), "");
        let consumer = names["consumers"][0].as_str().expect("there is a consumer").to_owned();
        let request = "{\"batch\":1,\"expires\":5000000000}";
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        let line = format!("PUB {subject} {inbox} {}\r\n{request}\r\n", request.len());
        self.send(line.as_bytes());
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            let Some(line) = self.line() else { continue };
            let reply =
                line.split(' ').find(|word| word.starts_with("$JS.ACK.")).map(str::to_owned);
            self.message(&line);
            if let Some(reply) = reply {
                return reply;
            }
        }
        panic!("the stream {stream} has no batch");
    }

    /// Returns the messages until the server is silent for a while.
    pub(crate) fn messages(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        let mut silent = 0;
        while silent < 3 {
            match self.line() {
                Some(line) => messages.extend(self.message(&line)),
                None => silent += 1,
            }
        }
        messages
    }

    /// Reads a line; `None` if there is none for a while.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) | Err(_) if line.is_empty() => None,
            _ => {
                while !line.ends_with('\n') {
                    self.reader.read_line(&mut line).ok()?;
                }
                let line = line.trim_end().to_owned();
                if line == "PING" {
                    self.send(b"PONG\r\n");
                }
                Some(line)
            }
        }
    }

    /// Reads the message that a line announces.
    fn message(&mut self, line: &str) -> Option<Message> {
        let words: Vec<&str> = line.split(' ').collect();
        let size: usize = match words.as_slice() {
            ["MSG" | "HMSG", .., size] => size.parse().ok()?,
            _ => return None,
        };
        let mut payload = vec![0; size + 2];
        let mut filled = 0;
        while filled < payload.len() {
            match self.reader.read(&mut payload[filled..]) {
                Ok(0) => return None,
                Ok(count) => filled += count,
                Err(_) => {}
            }
        }
        payload.truncate(size);
        Some(((*words.get(1)?).to_owned(), payload))
    }
}
