//! Text and figures for HTML.

use indicatif::HumanBytes;
use std::fmt;

use crate::report::escape::is_unsafe;

/// Returns text that prints as itself in HTML, in attributes in double quotes too. Control and bidirectional
/// characters print as escapes.
pub(super) const fn safe(text: &str) -> Safe<'_> {
    Safe(text)
}

/// See [`safe`].
pub(super) struct Safe<'a>(&'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plain = 0;
        for (at, character) in self.0.char_indices() {
            let entity = match character {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                // A line of a message.
                '\n' => "<br>",
                character if is_unsafe(character) => "",
                _ => continue,
            };
            f.write_str(&self.0[plain..at])?;
            match entity {
                "" => write!(f, "{}", character.escape_default())?,
                entity => f.write_str(entity)?,
            }
            plain = at + character.len_utf8();
        }
        f.write_str(&self.0[plain..])
    }
}

/// Returns bytes for people; a dash for none.
pub(super) fn size(bytes: u64) -> String {
    if bytes == 0 { "–".to_owned() } else { HumanBytes(bytes).to_string() }
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn nothing_in_a_text_is_markup() {
        for (text, shown) in [
            ("plain größer → 日本", "plain größer → 日本"),
            (
                "</script><script>alert(1)</script>",
                "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;",
            ),
            ("a\" onload='x' b", "a&quot; onload=&#39;x&#39; b"),
            ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
            ("<!-- \u{202e}x\u{0}\u{1b}[2J\u{2028}", "&lt;!-- \\u{202e}x\\u{0}\\u{1b}[2J\\u{2028}"),
            ("one\ntwo\r\n", "one<br>two\\r<br>"),
            ("", ""),
        ] {
            assert_eq!(safe(text).to_string(), shown);
        }
    }
}
