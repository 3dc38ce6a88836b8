//! A small server of files.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a path is answered with.
#[derive(Clone)]
pub(super) enum Answer {
    File(Vec<u8>),
    /// A file with this `Content-Encoding`.
    Encoded(&'static str, Vec<u8>),
    Redirect(String),
    /// A file for those who give this `Authorization`.
    Private(String, Vec<u8>),
    /// A body of zeros with this length.
    Zeros(u64),
    /// No answer while the test runs.
    Silence,
}

/// A path that was asked for, and its `Authorization`.
type Asked = (String, Option<String>);

/// A server on loopback that lives as long as the test process.
pub(super) struct Server {
    pub(super) url: String,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    requests: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Self { url, answers: Arc::default(), requests: Arc::default() };
        let (answers, requests) = (Arc::clone(&server.answers), Arc::clone(&server.requests));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, requests) = (Arc::clone(&answers), Arc::clone(&requests));
                thread::spawn(move || serve(stream, &answers, &requests));
            }
        });
        server
    }

    pub(super) fn set(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// The paths that were asked for, each with its `Authorization`.
    pub(super) fn requests(&self) -> Vec<Asked> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    stream: TcpStream,
    answers: &Mutex<HashMap<String, Answer>>,
    requests: &Mutex<Vec<Asked>>,
) {
    let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut authorization = None;
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            authorization = Some(value.to_owned());
        }
    }
    requests.lock().unwrap().push((path.clone(), authorization.clone()));
    let answer = answers.lock().unwrap().get(&path).cloned();
    let (status, header, body) = match answer {
        None => ("404 Not Found", String::new(), Vec::new()),
        Some(Answer::File(body)) => ("200 OK", String::new(), body),
        Some(Answer::Encoded(name, body)) => {
            ("200 OK", format!("Content-Encoding: {name}\r\n"), body)
        }
        Some(Answer::Redirect(to)) => ("302 Found", format!("Location: {to}\r\n"), Vec::new()),
        Some(Answer::Private(wanted, body)) => match authorization {
            Some(given) if given == wanted => ("200 OK", String::new(), body),
            _ => ("401 Unauthorized", String::new(), Vec::new()),
        },
        Some(Answer::Silence) => return thread::sleep(Duration::from_secs(600)),
        Some(Answer::Zeros(length)) => {
            let mut stream = stream;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            let _gone = stream.write_all(head.as_bytes());
            return;
        }
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{header}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let mut stream = stream;
    let _gone = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}
