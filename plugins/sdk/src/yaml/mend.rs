//! Mends what the parser refuses and other YAML readers accept: in quoted scalars, after them, and tabs
//! between brackets.
//!
//! YAML wants every line of a quoted scalar to be indented more than its key. libyaml, PyYAML and
//! the readers of Go do not check this, and generators write such lines:
//!
//! ```text
//! description: "a long text
//! that goes on here"
//! ```
//!
//! Folding drops the blanks at the start of these lines. So more of them change no value, and the
//! text keeps its line numbers. The same readers accept a comment right behind the closing quote, and
//! those of Go accept JSON with tabs in a block of YAML.

use granit_parser::{ErrorKind, Marker, Scanner, StrInput, TokenType};

/// Maximum column of the opening quote. Keys are not longer.
const MAX_COLUMN: usize = 1024;

/// Returns the text without these faults, or `None` if it has none. Scans the text once, as each scan
/// goes on at the line behind the fault.
#[must_use]
pub fn mended(text: &str) -> Option<String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some(Stop { at, fault }) = first_error(rest) {
        let line = line_start(rest, at);
        let continued = match &fault {
            Fault::Scalar(scalar) => scalar.continued(rest, line),
            Fault::Tabs(start) => brackets(rest, *start, line),
            Fault::Comment | Fault::Other => None,
        };
        let end = match (fault, continued) {
            (Fault::Comment, _) => {
                let end = line_end(rest, at);
                result.extend([&rest[..at], " ", &rest[at..end]]);
                end
            }
            (_, Some((indentation, closing))) => {
                result.push_str(&rest[..line]);
                indent(&mut result, &rest[line..closing], indentation);
                let comment = rest[closing + 1..].starts_with('#');
                result.extend([&rest[closing..=closing], if comment { " " } else { "" }]);
                let end = line_end(rest, closing);
                result.push_str(&rest[closing + 1..end]);
                end
            }
            (_, None) => {
                let end = next_document(rest, line);
                result.push_str(&rest[..end]);
                end
            }
        };
        rest = &rest[end..];
    }
    result.push_str(rest);
    (result != text).then_some(result)
}

/// The first error of a text.
struct Stop {
    /// Byte offset of the error.
    at: usize,
    fault: Fault,
}

enum Fault {
    /// A quoted scalar goes on with too little indentation.
    Scalar(Quoted),
    /// A comment follows a quoted scalar without a blank.
    Comment,
    /// A line between brackets starts with a tab. The outermost bracket opens at this offset.
    Tabs(usize),
    /// All that cannot be mended.
    Other,
}

/// The start of a quoted scalar.
struct Quoted {
    quote: u8,
    column: usize,
}

fn first_error(text: &str) -> Option<Stop> {
    let options = granit_parser::options! { emit_comments: false };
    let mut scanner = Scanner::with_options(StrInput::new(text), options);
    let (mut end, mut depth, mut outermost) = (0, 0_usize, 0);
    loop {
        match scanner.next()? {
            Ok(token) => {
                let (span, token) = token.into_parts();
                end = offset(text, &span.end);
                match token {
                    TokenType::FlowSequenceStart | TokenType::FlowMappingStart => {
                        if depth == 0 {
                            outermost = offset(text, &span.start);
                        }
                        depth += 1;
                    }
                    TokenType::FlowSequenceEnd | TokenType::FlowMappingEnd => {
                        depth = depth.saturating_sub(1);
                    }
                    _ => {}
                }
            }
            Err(error) => {
                let at = offset(text, error.marker());
                let scalar = || Quoted::after(text, end).map(Fault::Scalar);
                // The scanner holds back the tokens of what may be a key, such as brackets.
                let held_back = || text[end.min(at)..at].find(['[', '{']).map(|after| end + after);
                let is_tab = matches!(
                    error.kind(),
                    ErrorKind::TabInIndentation
                        | ErrorKind::TabInBlockIndentation
                        | ErrorKind::TabNotAllowed
                );
                let fault = match error.kind() {
                    _ if is_tab && depth > 0 => Some(Fault::Tabs(outermost)),
                    // A scan cannot go on inside brackets.
                    _ if depth > 0 => None,
                    ErrorKind::InvalidQuotedScalarIndent => scalar(),
                    ErrorKind::TabInIndentation => {
                        scalar().or_else(|| held_back().map(Fault::Tabs))
                    }
                    _ if is_tab => held_back().map(Fault::Tabs),
                    ErrorKind::CommentNotSeparated => Some(Fault::Comment),
                    _ => None,
                };
                return Some(Stop { at, fault: fault.unwrap_or(Fault::Other) });
            }
        }
    }
}

fn offset(text: &str, marker: &Marker) -> usize {
    text.floor_char_boundary(marker.byte_offset().unwrap_or(text.len()))
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |length| at + length + 1)
}

impl Quoted {
    /// Finds the quote after a token. Between them stand only blanks, comments, anchors and tags.
    /// The spans of the tokens `:`, `-` and `?` end before these characters.
    fn after(text: &str, token_end: usize) -> Option<Self> {
        let mut at = token_end;
        loop {
            let rest = &text[at..];
            at += rest.len() - rest.trim_start().len();
            match text.as_bytes().get(at)? {
                quote @ (b'"' | b'\'') => {
                    let column = at - line_start(text, at);
                    return Some(Self { quote: *quote, column });
                }
                b'#' => at += text[at..].find('\n')?,
                b':' | b'-' | b'?' if at == token_end => at += 1,
                b'&' | b'!' => at += text[at..].find(char::is_whitespace)?,
                _ => return None,
            }
        }
    }

    /// Returns how far to indent the lines from `at`, and where the closing quote is. Returns
    /// `None` if the scalar does not end in its document.
    fn continued(&self, text: &str, at: usize) -> Option<(usize, usize)> {
        let closing = at + self.closing(&text[at..])?;
        let is_inside = next_document(&text[..closing], at) == closing;
        (is_inside && self.column <= MAX_COLUMN).then_some((self.column + 1, closing))
    }

    /// Finds the quote that closes the scalar.
    fn closing(&self, text: &str) -> Option<usize> {
        let mut bytes = text.bytes().enumerate().peekable();
        while let Some((at, byte)) = bytes.next() {
            let is_escape = byte == b'\\' && self.quote == b'"';
            let is_pair = byte == b'\''
                && self.quote == b'\''
                && bytes.peek().is_some_and(|&(_, next)| next == b'\'');
            if is_escape || is_pair {
                bytes.next();
            } else if byte == self.quote {
                return Some(at);
            }
        }
        None
    }
}

/// Returns how far to indent the lines from `at`, and where the bracket closes that opens at `start`.
/// Returns `None` if it does not close in its document.
fn brackets(text: &str, start: usize, at: usize) -> Option<(usize, usize)> {
    let closing = start + closing_bracket(&text[start..])?;
    let column = start - line_start(text, start);
    let is_inside = closing >= at && next_document(&text[..closing], at) == closing;
    (is_inside && column <= MAX_COLUMN).then_some((column + 1, closing))
}

/// Finds the bracket that closes the one that the text starts with. Quotes open behind a blank or a mark.
fn closing_bracket(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut before) = (0_usize, None, b' ');
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        let is_apart = before.is_ascii_whitespace() || b"[{,:".contains(&before);
        match (quote, byte) {
            (Some(b'"'), b'\\') => drop(bytes.next()),
            (Some(open), _) if open == byte => quote = None,
            (None, b'"' | b'\'') if is_apart => quote = Some(byte),
            (None, b'#') if before.is_ascii_whitespace() => {
                bytes.find(|&(_, byte)| byte == b'\n')?;
            }
            (None, b'[' | b'{') => depth += 1,
            (None, b']' | b'}') => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
        before = byte;
    }
    None
}

/// Adds lines with more indentation, and with spaces for tabs before the text.
fn indent(result: &mut String, lines: &str, indentation: usize) {
    for line in lines.split_inclusive('\n') {
        let content = line.trim_start_matches([' ', '\t']);
        result.extend(std::iter::repeat_n(' ', indentation + line.len() - content.len()));
        result.push_str(content);
    }
}

/// Returns where the first line from `at` starts that ends the document. It is never the first line
/// of the text, so that the scan gets on.
fn next_document(text: &str, at: usize) -> usize {
    let is_marker = |line: &str| {
        let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
    };
    let mut start = at;
    for line in text[at..].split_inclusive('\n') {
        if start > 0 && is_marker(line) {
            return start;
        }
        start += line.len();
    }
    text.len()
}
