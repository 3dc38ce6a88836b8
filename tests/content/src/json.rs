//! Writes manifests: compact, or with unusual white space.

use serde_json::{Map, Value, json};

/// The annotation that pads a manifest.
pub(crate) const PADDING: &str = "org.example.padding";

/// White space in a manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    /// No white space.
    #[default]
    Compact,
    /// Indented, with Windows line endings, and with blanks before and after the document.
    Odd,
}

impl Style {
    /// Writes the document.
    pub(crate) fn write(self, document: &Value) -> Vec<u8> {
        match self {
            Self::Compact => document.to_string().into_bytes(),
            Self::Odd => format!("\n \t{document:#}\r\n\t \n")
                .replace(": ", "  :\t")
                .replace('\n', "\r\n")
                .into_bytes(),
        }
    }
}

/// Adds an annotation to a document.
pub(crate) fn annotate(document: &mut Map<String, Value>, key: &str, value: &str) {
    document.entry("annotations").or_insert_with(|| json!({}))[key] = json!(value);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Style;

    #[test]
    fn odd_white_space_is_still_the_same_document() {
        let document = json!({"schemaVersion": 2, "layers": [{"size": 1}, {"size": 2}]});
        let odd = Style::Odd.write(&document);
        let read: Value = serde_json::from_slice(&odd).expect("odd JSON is JSON");
        assert_eq!(read, document);
        assert_ne!(odd, Style::Compact.write(&document));
    }
}
