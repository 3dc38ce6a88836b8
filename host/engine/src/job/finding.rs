//! Differences that `mirror-validate` found at an entry's destination.

use serde::{Deserialize, Serialize};

use longshore_oci::{Descriptor, Digest, Platform};

/// The kind of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The destination does not exist.
    Missing,
    /// The destination is complete, and the source still holds it by digest: the source's tag has
    /// moved on.
    MovedOn,
    /// The destination is complete, but the source does not hold it.
    Altered,
    /// Content of the destination is missing or corrupt.
    Broken,
}

impl Verdict {
    /// The word shown to users, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::MovedOn => "moved-on",
            Self::Altered => "altered",
            Self::Broken => "broken",
        }
    }
}

/// One difference between the expected and the actual destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The platform of the child that the finding is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The field that differs: `arch`, `os`, `variant`, `os.version`, `digest`, `mediaType`,
    /// `length`, `manifest`, `blob`, `size`, `order`, `referrer`, or a key of an index or a
    /// descriptor.
    pub field: String,
    /// The expected value; `None` if it should not exist.
    pub source: Option<String>,
    /// The actual value; `None` if it does not exist.
    pub destination: Option<String>,
    /// The finding as a sentence.
    pub text: String,
}

/// The most bytes kept of each text of a finding. Registries choose them.
const TEXT: usize = 512;

/// The first bytes of a text.
fn cut(mut text: String) -> String {
    if text.len() > TEXT {
        text.truncate(text.floor_char_boundary(TEXT));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

impl Finding {
    /// A finding that `field` has another value, in Hangar's words.
    pub fn differs(field: &str, source: impl ToString, destination: impl ToString) -> Self {
        let (source, destination) = (cut(source.to_string()), cut(destination.to_string()));
        let field = &cut(field.to_owned());
        let text = format!("source {field} \"{source}\" != dest {field} \"{destination}\"");
        Self { source: Some(source), destination: Some(destination), ..Self::said(field, text) }
    }

    /// A finding that the destination lacks `digest`, a `field`.
    pub fn lacks(field: &str, digest: &Digest) -> Self {
        let text = format!("destination lacks {field} {digest}");
        Self { source: Some(digest.to_string()), ..Self::said(field, text) }
    }

    /// A finding with a text of its own.
    pub fn said(field: &str, text: impl Into<String>) -> Self {
        Self {
            platform: None,
            field: cut(field.to_owned()),
            source: None,
            destination: None,
            text: text.into(),
        }
    }

    /// Whether the bytes of something at the destination do not match its digest.
    pub fn is_of_bytes(&self) -> bool {
        matches!(&*self.field, "blob" | "size" | "manifest") && self.destination.is_some()
    }

    /// Names the child that the finding is about, unless it names one already.
    #[must_use]
    pub fn about(mut self, child: &Descriptor) -> Self {
        if let (None, Some(platform)) = (&self.platform, &child.platform)
            && !platform.is_unspecified()
        {
            let platform = cut(platform.to_string());
            self.text = format!("{} ({platform})", self.text);
            self.platform = Some(platform);
        }
        self
    }
}

/// A child of a manifest list, as shown in `srcSpec` and `dstSpec`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The child's digest.
    pub digest: Digest,
    /// The child's platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

impl Spec {
    /// The shown part of `child`.
    pub fn of(child: &Descriptor) -> Self {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty()).map(cut);
        let platform = child.platform.as_ref().map(|platform| Platform {
            architecture: cut(platform.architecture.clone()),
            os: cut(platform.os.clone()),
            variant: set(&platform.variant),
            os_version: set(&platform.os_version),
            os_features: platform.os_features.clone().filter(|all| all.concat().len() <= TEXT),
        });
        let platform = platform.filter(|platform| *platform != Platform::default());
        Self { digest: child.digest.clone(), platform }
    }
}

/// Why an entry is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The kind of difference.
    pub verdict: Verdict,
    /// All findings.
    pub findings: Vec<Finding>,
    /// The expected children, if the lists differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub src_spec: Vec<Spec>,
    /// The children that there are, where the lists differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dst_spec: Vec<Spec>,
}

impl Comparison {
    /// Whether the bytes of something at the destination do not match its digest.
    pub fn has_wrong_bytes(&self) -> bool {
        self.findings.iter().any(Finding::is_of_bytes)
    }
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
    fn long_texts_of_registries_are_cut() {
        let long = "é".repeat(4 << 20);
        let differs = Finding::differs("arch", &long, "arm64");
        let platform =
            format!(r#"{{"os":"{long}","architecture":"{long}","os.features":["{long}"]}}"#);
        let child =
            format!(r#"{{"digest":"{}","size":1,"platform":{platform}}}"#, Digest::of(b"x"));
        let child: Descriptor = serde_json::from_str(&child).unwrap();
        let finding = Finding::differs(&long, &long, &long).about(&child);
        for finding in [differs, finding] {
            let size = serde_json::to_string(&finding).unwrap().len();
            assert!(size < 5000, "it has {size} bytes");
        }
        let size = serde_json::to_string(&Spec::of(&child)).unwrap().len();
        assert!(size < 2500, "it has {size} bytes");
    }

    #[test]
    fn a_finding_has_hangar_s_words() {
        let finding = Finding::differs("arch", "amd64", "arm64");
        assert_eq!(finding.text, r#"source arch "amd64" != dest arch "arm64""#);
        assert_eq!(finding.destination.as_deref(), Some("arm64"));
    }
}
