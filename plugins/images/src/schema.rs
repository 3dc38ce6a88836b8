//! The defaults in schemas of other objects. An object that leaves out the field gets them.

use longshore_plugin_sdk::yaml::Node;

use crate::finding::Found;
use crate::likeness::{Likeness, is_certain};
use crate::name::is_image;
use crate::rule::Rule;

/// The field of a schema that holds a default.
const DEFAULT: &str = "default";

/// Names the defaults that look like images.
pub(crate) fn defaults(schema: &Node, found: &mut Found) {
    below(schema, "", found);
}

/// Walks a part of a schema, which describes the property `name`.
fn below(part: &Node, name: &str, found: &mut Found) {
    for (index, item) in part.items().iter().enumerate() {
        let mark = found.item(index);
        below(item, name, found);
        found.back(mark);
    }
    for (key, value) in part.members() {
        let mark = found.key(&key.text);
        match key.text.as_str() {
            DEFAULT => texts(value, name, found),
            // These lie between a property and its schema.
            "properties" | "items" | "additionalProperties" => below(value, name, found),
            property => below(value, property, found),
        }
        found.back(mark);
    }
}

/// Names the texts of a default that look like images.
fn texts(value: &Node, name: &str, found: &mut Found) {
    if let Some(text) = value.as_text() {
        if is_certain(text) || is_image(name) && Likeness::of(text).has_version() {
            let why = format!("it is the default of `{name}` in a schema");
            found.doubtful(value.place, Rule::Text, text, why);
        }
        return;
    }
    for item in value.items() {
        texts(item, name, found);
    }
    for (key, member) in value.members() {
        texts(member, &key.text, found);
    }
}
