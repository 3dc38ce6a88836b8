//! A rewrite. This example puts a prefix before each destination, and skips items with the label
//! `stage=test`.

use longshore_plugin_sdk::rewrite::{Item, Rewrite, Verdict};
use serde_json::Value;

longshore_plugin_sdk::export_rewrite!(Prefix);

/// The prefix of the configuration.
pub struct Prefix(String);

impl Rewrite for Prefix {
    fn from_config(json: &str) -> Result<Self, String> {
        let config: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        match config["prefix"].as_str() {
            Some(prefix) if !prefix.is_empty() => Ok(Self(prefix.to_owned())),
            _ => Err("prefix must be a path such as `mirror`".to_owned()),
        }
    }

    fn apply(&self, item: Item) -> Verdict {
        if item.attribute("stage") == Some("test") {
            return Verdict::Skip("it is for tests only".to_owned());
        }
        match item.destination.split_once('/') {
            Some((registry, path)) => {
                Verdict::Destination(format!("{registry}/{}/{path}", self.0))
            }
            None => Verdict::Refuse("the destination names no registry".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::Attribute;
    use longshore_plugin_sdk::rewrite::{Artifact, Item, Rewrite as _, Verdict};

    use super::Prefix;

    fn item(attributes: Vec<Attribute>) -> Item {
        Item {
            artifact: Artifact::Image,
            source: "docker.io/library/redis:7".to_owned(),
            destination: "registry.example.com/library/redis:7".to_owned(),
            attributes,
        }
    }

    #[test]
    fn the_prefix_comes_first() {
        let prefix = Prefix::from_config(r#"{"prefix":"hub"}"#).expect("a prefix");
        let expected = "registry.example.com/hub/library/redis:7".to_owned();
        assert_eq!(prefix.apply(item(Vec::new())), Verdict::Destination(expected));
        let test = vec![Attribute::new("stage", "test")];
        assert!(matches!(prefix.apply(item(test)), Verdict::Skip(_)));
        assert!(Prefix::from_config("{}").is_err());
    }
}
