//! The platform of an image, as configs and descriptors write it.

use serde_json::{Map, Value, json};

/// `os/architecture[/variant]`, with an optional OS version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
    os_version: Option<String>,
}

impl Platform {
    /// Parses `linux/amd64` or `linux/arm/v7`.
    ///
    /// # Panics
    /// Panics if the text has fewer than two or more than three parts.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant)),
            _ => panic!("`{text}` is not os/architecture[/variant]"),
        };
        Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
            os_version: None,
        }
    }

    /// Sets `os.version`, as in Windows images.
    #[must_use]
    pub fn os_version(mut self, version: &str) -> Self {
        self.os_version = Some(version.to_owned());
        self
    }

    /// Returns the fields in Docker's order.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("architecture".to_owned(), json!(self.architecture));
        fields.insert("os".to_owned(), json!(self.os));
        if let Some(version) = &self.os_version {
            fields.insert("os.version".to_owned(), json!(version));
        }
        if let Some(variant) = &self.variant {
            fields.insert("variant".to_owned(), json!(variant));
        }
        fields
    }
}
