//! What a walk finds, and where.

use longshore_plugin_sdk::diagnostic::Place;

use crate::likeness::Likeness;
use crate::rule::Rule;

/// The longest path that a finding keeps, in bytes.
const LONGEST_PATH: usize = 1024;

/// Something that a walk found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its position in the text that was walked.
    pub place: Place,
    /// The object and field that hold it.
    pub origin: Origin,
    /// What it is.
    pub what: What,
}

/// The object and field that hold a finding, and the rule that found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `KIND/NAME` of the object; empty where a document is none.
    pub object: String,
    /// Path of the field: `spec.template.spec.containers[0].image`. `//` stands between the path of a
    /// text and the path inside it. A path over 1 KiB is cut off.
    pub path: String,
    /// The rule.
    pub rule: Rule,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A reference: `[registry/]repository[:tag][@digest]`. The host validates it.
    Image(String),
    /// A text that is a reference by two signs, but stands where any text may stand.
    Likely {
        /// The text.
        reference: String,
        /// A lower-case fragment that names the place.
        why: String,
    },
    /// A text that looks like a reference, and why it is not one for sure.
    Doubtful {
        /// The text.
        reference: String,
        /// A lower-case fragment that names the place.
        why: String,
    },
    /// A tag or version whose image is known to the operator only.
    Unnamed {
        /// The tag or version.
        version: String,
        /// A lower-case fragment that names the field.
        why: String,
    },
    /// A part of the document that is not read: a lower-case fragment.
    Remark(String),
}

/// Collects findings with the path of the walk.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) findings: Vec<Finding>,
    /// `KIND/NAME` of the object that is walked.
    pub(crate) object: String,
    path: String,
    /// The place of the text that is walked, if it stands inside another document.
    text: Option<Place>,
    /// Number of texts around the current one.
    depth: usize,
}

/// The state before a step, to return to.
#[derive(Debug)]
#[must_use]
pub(crate) struct Mark {
    path: usize,
    text: Option<Place>,
    depth: usize,
}

impl Found {
    fn mark(&self) -> Mark {
        Mark { path: self.path.len(), text: self.text, depth: self.depth }
    }

    fn step(&mut self, step: &str) {
        if self.path.len() + step.len() <= LONGEST_PATH {
            self.path.push_str(step);
        } else if !self.path.ends_with('…') {
            self.path.push('…');
        }
    }

    /// Steps into the value of a key.
    pub(crate) fn key(&mut self, key: &str) -> Mark {
        let mark = self.mark();
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$');
        if key.is_empty() || !key.bytes().all(is_plain) {
            self.step(&format!("[{key:?}]"));
        } else if self.path.is_empty() || self.path.ends_with("//") {
            self.step(key);
        } else {
            self.step(&format!(".{key}"));
        }
        mark
    }

    /// Stays where it is.
    pub(crate) fn here(&self) -> Mark {
        self.mark()
    }

    /// Steps into an item of a list.
    pub(crate) fn item(&mut self, index: usize) -> Mark {
        let mark = self.mark();
        self.step(&format!("[{index}]"));
        mark
    }

    /// Steps into the text of a value. All findings in it have the place of the value.
    pub(crate) fn text(&mut self, place: Place) -> Mark {
        let mark = self.mark();
        self.step("//");
        self.text.get_or_insert(place);
        self.depth += 1;
        mark
    }

    /// Returns to where a step began.
    pub(crate) fn back(&mut self, mark: Mark) {
        self.path.truncate(mark.path);
        self.text = mark.text;
        self.depth = mark.depth;
    }

    /// Returns the number of texts around the current one.
    pub(crate) const fn depth(&self) -> usize {
        self.depth
    }

    fn add(&mut self, place: Place, rule: Rule, what: What) {
        let origin = Origin { object: self.object.clone(), path: self.path.clone(), rule };
        self.findings.push(Finding { place: self.text.unwrap_or(place), origin, what });
    }

    /// Adds an image. In a text inside another document, it needs a tag or digest.
    pub(crate) fn image(&mut self, place: Place, rule: Rule, reference: impl Into<String>) {
        let reference = reference.into();
        if self.depth == 0 || Likeness::of(&reference).has_version() {
            self.add(place, rule, What::Image(reference));
        }
    }

    /// Adds a reference that stands where any text may stand.
    pub(crate) fn likely(&mut self, place: Place, rule: Rule, reference: &str, why: String) {
        self.add(place, rule, What::Likely { reference: reference.to_owned(), why });
    }

    /// Adds a text that only looks like a reference.
    pub(crate) fn doubtful(&mut self, place: Place, rule: Rule, reference: &str, why: String) {
        self.add(place, rule, What::Doubtful { reference: reference.to_owned(), why });
    }

    /// Adds a version without a name. A text may hold settings of anything, so it adds none.
    pub(crate) fn unnamed(&mut self, place: Place, version: &str, why: String) {
        if self.depth == 0 {
            self.add(place, Rule::Version, What::Unnamed { version: version.to_owned(), why });
        }
    }

    /// Adds a remark on the document itself, and none on a text in it.
    pub(crate) fn remark(&mut self, place: Place, rule: Rule, message: impl Into<String>) {
        if self.depth == 0 {
            self.add(place, rule, What::Remark(message.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::diagnostic::Place;

    use super::{Found, LONGEST_PATH};
    use crate::rule::Rule;

    const PLACE: Place = Place { line: 3, column: 4 };

    #[test]
    fn a_path_names_keys_items_and_texts() {
        let mut found = Found::default();
        let data = found.key("data");
        let _ = found.key("a.yaml");
        let _ = found.text(PLACE);
        let _ = found.key("images");
        let _ = found.item(2);
        let _ = found.key("");
        found.likely(Place { line: 9, column: 9 }, Rule::Text, "a", String::new());
        found.back(data);
        found.image(Place { line: 1, column: 1 }, Rule::Field, "b");
        let paths: Vec<_> = found
            .findings
            .iter()
            .map(|finding| (finding.origin.path.as_str(), finding.place.line))
            .collect();
        assert_eq!(paths, [("data[\"a.yaml\"]//images[2][\"\"]", 3), ("", 1)]);
    }

    #[test]
    fn a_long_path_is_cut_off_and_left_again() {
        let mut found = Found::default();
        let start = found.key("start");
        let long = "k".repeat(LONGEST_PATH);
        let _ = found.key(&long);
        let _ = found.key(&long);
        found.image(PLACE, Rule::Field, "a");
        found.back(start);
        let _ = found.key("next");
        found.image(PLACE, Rule::Field, "a");
        assert_eq!(found.findings[0].origin.path, "start…");
        assert_eq!(found.findings[1].origin.path, "next");
    }
}
