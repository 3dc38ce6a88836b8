//! The parts of HTTP/1.1 that the fault proxy needs: heads, bodies and truncated responses.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::answer::Answer;

/// The first line of a message, and its headers with lower-case names.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) first: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Head {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Determines how the body ends.
    fn length(&self) -> Length {
        if self.header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
            return Length::Chunked;
        }
        let length = self.header("content-length").and_then(|value| value.parse().ok());
        length.map_or(Length::Unsaid, Length::Bytes)
    }
}

enum Length {
    Bytes(usize),
    Chunked,
    Unsaid,
}

/// Reads the head of the next message. Returns `None` if the peer has closed the connection or
/// speaks TLS.
pub(super) fn read_head(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Head>> {
    const TLS_HANDSHAKE: u8 = 22;
    if reader.fill_buf()?.first().is_none_or(|&byte| byte == TLS_HANDSHAKE) {
        return Ok(None);
    }
    let first = read_line(reader)?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Some(Head { first, headers }))
}

fn read_line(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Reads at most `limit` bytes of a request body.
pub(super) fn read_request_body(
    reader: &mut BufReader<TcpStream>,
    head: &Head,
    limit: usize,
) -> io::Result<Vec<u8>> {
    match head.length() {
        Length::Bytes(length) => read_exactly(reader, length.min(limit)),
        Length::Chunked => read_chunks(reader, limit),
        Length::Unsaid => Ok(Vec::new()),
    }
}

fn read_exactly(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut body = Vec::with_capacity(length);
    reader.take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(body)
}

fn read_chunks(reader: &mut BufReader<TcpStream>, limit: usize) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader)?;
        let length = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
            .map_err(io::Error::other)?;
        body.extend(read_exactly(reader, length)?);
        read_line(reader)?;
        if length == 0 || body.len() >= limit {
            return Ok(body);
        }
    }
}

/// Forwards a request to the upstream on a new connection.
pub(super) fn forward(
    to: &str,
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(to)?;
    let mut text = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
    for (name, value) in headers {
        if !matches!(name.as_str(), "connection" | "transfer-encoding" | "content-length") {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    if !matches!(method, "GET" | "HEAD") {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    stream.write_all(format!("{text}\r\n").as_bytes())?;
    // A registry that rejects a request may close the connection early. Its response counts.
    let _early = stream.write_all(body);
    let mut reader = BufReader::new(stream);
    let head = read_head(&mut reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let mut answer = Answer::status(status.ok_or(io::ErrorKind::InvalidData)?);
    let empty = method == "HEAD" || matches!(answer.status, 204 | 304);
    answer.body = match head.length() {
        _ if empty => Vec::new(),
        Length::Bytes(length) => read_exactly(&mut reader, length)?,
        Length::Chunked => read_chunks(&mut reader, usize::MAX)?,
        Length::Unsaid => {
            let mut body = Vec::new();
            reader.read_to_end(&mut body)?;
            body
        }
    };
    answer.headers = head.headers;
    answer.headers.retain(|(name, _)| {
        !matches!(name.as_str(), "connection" | "transfer-encoding")
            && (method == "HEAD" || name != "content-length")
    });
    Ok(answer)
}

/// Sends a response. Returns `false` if the connection cannot be reused.
pub(super) fn send(stream: &mut TcpStream, answer: &Answer, head_only: bool) -> io::Result<bool> {
    std::thread::sleep(answer.wait);
    if answer.dropped {
        return Ok(false);
    }
    let mut text = format!("HTTP/1.1 {} Fault\r\n", answer.status);
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let announces = answer.headers.iter().any(|(name, _)| name == "content-length");
    if answer.chunked {
        text.push_str("transfer-encoding: chunked\r\n");
    } else if !announces && !matches!(answer.status, 204 | 304) {
        text.push_str(&format!("content-length: {}\r\n", answer.body.len()));
    }
    stream.write_all(format!("{text}\r\n").as_bytes())?;
    if head_only {
        return Ok(true);
    }
    let sent = &answer.body[..answer.cut.unwrap_or(usize::MAX).min(answer.body.len())];
    for piece in sent.chunks(answer.piece.max(1)) {
        if answer.chunked {
            stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
        }
        stream.write_all(piece)?;
        if answer.chunked {
            stream.write_all(b"\r\n")?;
        }
        if answer.pause > Duration::ZERO {
            std::thread::sleep(answer.pause);
        }
    }
    if answer.chunked && answer.cut.is_none() {
        stream.write_all(b"0\r\n\r\n")?;
    }
    Ok(answer.cut.is_none() && !announces)
}

/// Shuts down the write side and drains the read side, so that the response is not lost.
pub(super) fn hang_up(stream: &mut TcpStream, reader: &mut BufReader<TcpStream>) -> io::Result<()> {
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    io::copy(reader, &mut io::sink()).map(drop)
}

/// Copies bytes in both directions between a client and an address until one side closes.
pub(super) fn tunnel(mut client: TcpStream, to: &str) -> io::Result<()> {
    let mut server = TcpStream::connect(to)?;
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let (mut upward, mut from) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ended = io::copy(&mut from, &mut upward);
        let _closed = upward.shutdown(std::net::Shutdown::Write);
    });
    io::copy(&mut server, &mut client)?;
    client.shutdown(std::net::Shutdown::Both)
}
