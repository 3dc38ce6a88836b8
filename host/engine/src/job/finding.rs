//! What `mirror-validate` found wrong with an entry's destination.

use serde::{Deserialize, Serialize};

use longshore_oci::{Descriptor, Digest, Platform};

/// What kind of wrong a destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// There is nothing.
    Missing,
    /// It is complete, and the source still has it by digest: the source has moved on.
    MovedOn,
    /// It is complete, and nothing that the source has.
    Altered,
    /// Something that it names is missing or has other bytes.
    Broken,
}

impl Verdict {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::MovedOn => "moved on",
            Self::Altered => "altered",
            Self::Broken => "broken",
        }
    }
}

/// One respect in which a destination is not what it shall be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The platform of the child, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// What differs: `arch`, `os`, `variant`, `os.version`, `digest`, `mediaType`, `length`,
    /// `manifest`, `blob`, `size`, `order`, `referrer`, or the key of an index or a descriptor.
    pub field: String,
    /// What it shall be; `None` where it shall not be there.
    pub source: Option<String>,
    /// What it is; `None` where it is not there.
    pub destination: Option<String>,
    /// It in words.
    pub text: String,
}

impl Finding {
    /// `field` has another value, in Hangar's words.
    pub fn differs(field: &str, source: impl ToString, destination: impl ToString) -> Self {
        let (source, destination) = (source.to_string(), destination.to_string());
        let text = format!("source {field} \"{source}\" != dest {field} \"{destination}\"");
        Self { source: Some(source), destination: Some(destination), ..Self::said(field, text) }
    }

    /// `digest`, a `field`, is not at the destination.
    pub fn lacks(field: &str, digest: &Digest) -> Self {
        let text = format!("destination lacks {field} {digest}");
        Self { source: Some(digest.to_string()), ..Self::said(field, text) }
    }

    /// A finding in words of its own.
    pub fn said(field: &str, text: impl Into<String>) -> Self {
        Self {
            platform: None,
            field: field.to_owned(),
            source: None,
            destination: None,
            text: text.into(),
        }
    }

    /// Has something at the destination other bytes than its digest says?
    pub fn is_of_bytes(&self) -> bool {
        matches!(&*self.field, "blob" | "size" | "manifest") && self.destination.is_some()
    }

    /// Says which child it is about, unless that is said already.
    #[must_use]
    pub fn about(mut self, child: &Descriptor) -> Self {
        if let (None, Some(platform)) = (&self.platform, &child.platform)
            && !platform.is_unspecified()
        {
            self.text = format!("{} ({platform})", self.text);
            self.platform = Some(platform.to_string());
        }
        self
    }
}

/// A child of a manifest list as `srcSpec` and `dstSpec` show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Its digest.
    pub digest: Digest,
    /// Its platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

impl Spec {
    /// What is shown of `child`.
    pub fn of(child: &Descriptor) -> Self {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let platform = child.platform.as_ref().map(|platform| Platform {
            variant: set(&platform.variant),
            os_version: set(&platform.os_version),
            ..platform.clone()
        });
        let platform = platform.filter(|platform| *platform != Platform::default());
        Self { digest: child.digest.clone(), platform }
    }
}

/// Why an entry is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// What kind of wrong it is.
    pub verdict: Verdict,
    /// Everything that is wrong.
    pub findings: Vec<Finding>,
    /// The children that there shall be, where the lists differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub src_spec: Vec<Spec>,
    /// The children that there are, where the lists differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dst_spec: Vec<Spec>,
    /// The command that mends it.
    pub mend: String,
}

#[cfg(test)]
mod tests {
    use super::{Finding, Spec};
    use longshore_oci::{Descriptor, Digest};

    #[test]
    fn empty_keys_are_left_out_of_a_spec() {
        let digest = Digest::of(b"x");
        let spec = |platform: &str| {
            let text = format!(r#"{{"digest":"{digest}","size":1{platform}}}"#);
            let child: Descriptor = serde_json::from_str(&text).unwrap();
            serde_json::to_value(Spec::of(&child)).unwrap()["platform"].to_string()
        };
        assert_eq!(spec(""), "null");
        assert_eq!(spec(r#","platform":{"os":"","architecture":"","variant":""}"#), "null");
        assert_eq!(
            spec(r#","platform":{"os":"linux","architecture":"arm","variant":""}"#),
            r#"{"architecture":"arm","os":"linux"}"#
        );
    }

    #[test]
    fn a_finding_has_hangar_s_words() {
        let finding = Finding::differs("arch", "amd64", "arm64");
        assert_eq!(finding.text, r#"source arch "amd64" != dest arch "arm64""#);
        assert_eq!(finding.destination.as_deref(), Some("arm64"));
    }
}
