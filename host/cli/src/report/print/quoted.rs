//! Text in documents, without characters that steer a terminal.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};

use serde::{Serialize, Serializer};
use serde_saphyr::DoubleQuoted;

use crate::report::escape::is_unsafe;
use crate::report::row::End;

/// Text in double quotes, if it has characters that [`Escaping`] escapes: YAML reads escapes only there.
/// (JSON has no other quotes.)
pub(super) struct Quoted<T>(pub(super) T);

impl Serialize for Quoted<&str> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.contains(steers) {
            DoubleQuoted(self.0).serialize(serializer)
        } else {
            serializer.serialize_str(self.0)
        }
    }
}

impl Serialize for Quoted<End<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            // References have no characters to quote.
            End::Reference(reference) => serializer.serialize_str(&reference.to_string()),
            End::Text(text) => Quoted(*text).serialize(serializer),
        }
    }
}

/// All texts of a value, such as the platforms of a manifest.
impl Serialize for Quoted<&serde_json::Value> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            serde_json::Value::String(text) => Quoted(&**text).serialize(serializer),
            serde_json::Value::Array(items) => serializer.collect_seq(items.iter().map(Quoted)),
            serde_json::Value::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| (Quoted(&**key), Quoted(value)));
                serializer.collect_map(fields)
            }
            other => other.serialize(serializer),
        }
    }
}

/// Says whether a character steers a terminal and neither serializer escapes it: DEL, and those beyond
/// ASCII.
fn steers(character: char) -> bool {
    character >= '\u{7f}' && is_unsafe(character)
}

/// The text that is looked through at a time, in bytes.
const PIECE: usize = 64 * 1024;

/// Escapes what a serializer writes to `out`. Serializers write many small pieces, each of which is whole
/// characters. They gather first, so whoever writes must flush.
pub(super) fn escaping<W: Write>(out: W) -> BufWriter<Escaping<W>> {
    BufWriter::with_capacity(PIECE, Escaping(out))
}

/// Writes characters that steer a terminal as escapes that JSON and YAML share. Both have them in quoted
/// text only.
pub(super) struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Most pieces are ASCII, which is found several bytes at a time.
        if bytes.is_ascii() && !bytes.contains(&0x7f) {
            return self.0.write(bytes);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if text.contains(steers) => {
                let mut escaped = String::with_capacity(text.len() + 16);
                for character in text.chars() {
                    if steers(character) {
                        // Writing into a string cannot fail.
                        let _ok = write!(escaped, "\\u{:04x}", u32::from(character));
                    } else {
                        escaped.push(character);
                    }
                }
                self.0.write_all(escaped.as_bytes())
            }
            _ => self.0.write_all(bytes),
        }?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
