//! A list format. This example reads YAML of the form `mirror: [{image: REFERENCE, team: LABEL}]`.

use longshore_plugin_sdk::Attribute;
use longshore_plugin_sdk::list::{Confidence, ListFormat, Parsed, no_config};
use longshore_plugin_sdk::yaml::{Node, outline};

longshore_plugin_sdk::export_list_format!(Format);

/// The format. It has no configuration.
pub struct Format;

impl ListFormat for Format {
    fn probe(_file_name: &str, head: &str) -> Confidence {
        match &outline(head)[..] {
            [root] if root.get("mirror").is_some() => Confidence::Certain,
            _ => Confidence::No,
        }
    }

    fn from_config(json: &str) -> Result<Self, String> {
        no_config(json).map(|()| Self)
    }

    fn parse(&self, _file_name: &str, text: &str) -> Parsed {
        let (mut parsed, root) = Parsed::of_one_yaml(text);
        let Some(root) = root else { return parsed };
        let Some(items) = root.get("mirror").and_then(Node::as_sequence) else {
            parsed.error(root.place, "there is no list `mirror`");
            return parsed;
        };
        for item in items {
            let Some(image) = item.text_of("image") else {
                parsed.error(item.place, "there is no `image`");
                continue;
            };
            if let Some(entry) = parsed.image(item.place, image)
                && let Some(team) = item.text_of("team")
            {
                entry.attributes.push(Attribute::new("team", team));
            }
        }
        parsed.in_order()
    }
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::list::{Confidence, ListFormat as _};

    use super::Format;

    const LIST: &str = "\
mirror:
  - image: docker.io/library/redis:7.2
  - image: quay.io/app/server:1.4
    team: payments
  - team: nobody
";

    #[test]
    fn images_are_entries_with_their_labels() {
        let parsed = Format.parse("list.yaml", LIST);
        let sources: Vec<_> = parsed.entries.iter().map(|entry| &*entry.source).collect();
        assert_eq!(sources, ["docker.io/library/redis", "quay.io/app/server"]);
        assert_eq!(parsed.entries[1].attributes[0].value, "payments");
        assert_eq!(parsed.diagnostics.len(), 1, "the item without an image");
    }

    #[test]
    fn what_is_not_read_is_an_error() {
        for (text, message) in [
            ("mirror: [", "not"),
            ("other: []\n", "there is no list `mirror`"),
            ("mirror: {image: a}\n", "there is no list `mirror`"),
            ("mirror: [b]\n", "there is no `image`"),
            ("mirror: [{image: null}]\n", "there is no `image`"),
        ] {
            let parsed = Format.parse("list.yaml", text);
            assert!(parsed.entries.is_empty(), "{text}");
            assert!(parsed.diagnostics[0].message.contains(message), "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_recognised() {
        assert_eq!(Format::probe("list.yaml", LIST), Confidence::Certain);
        assert_eq!(Format::probe("list.yaml", "services: {}\n"), Confidence::No);
    }
}
