//! The text of an `index.json` in bounded memory: a short text may name very many things.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The most manifests that an index names. Each takes some 500 bytes.
const MANIFESTS: usize = 150_000;
/// The most other keys of an index.
const KEYS: usize = 1000;

/// The parts of an index, as they are written.
#[derive(Default)]
pub(super) struct IndexText<'a> {
    /// The descriptors.
    pub(super) manifests: Vec<&'a RawValue>,
    /// The other keys.
    pub(super) rest: BTreeMap<String, Box<RawValue>>,
}

impl<'de> Deserialize<'de> for IndexText<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Index)
    }
}

struct Index;

impl<'de> Visitor<'de> for Index {
    type Value = IndexText<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<IndexText<'de>, A::Error> {
        let mut index = IndexText::default();
        while let Some(key) = map.next_key::<String>()? {
            if key == "manifests" {
                index.manifests = map.next_value_seed(Manifests)?;
                continue;
            }
            index.rest.insert(key, map.next_value()?);
            if index.rest.len() > KEYS {
                return Err(A::Error::custom(format!("it has more than {KEYS} keys")));
            }
        }
        Ok(index)
    }
}

struct Manifests;

impl<'de> DeserializeSeed<'de> for Manifests {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Manifests {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of descriptors")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut manifests = Vec::new();
        while let Some(manifest) = list.next_element()? {
            if manifests.len() == MANIFESTS {
                return Err(A::Error::custom(format!("it names more than {MANIFESTS} manifests")));
            }
            manifests.push(manifest);
        }
        Ok(manifests)
    }
}

#[cfg(test)]
mod tests {
    use super::{IndexText, KEYS, MANIFESTS};

    fn parse(text: &str) -> Result<(usize, usize), String> {
        let index: Result<IndexText<'_>, _> = serde_json::from_str(text);
        index
            .map(|index| (index.manifests.len(), index.rest.len()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn all_keys_are_kept_as_they_are_written() {
        let text = r#"{"a": {"b" : 1.0}, "manifests":[1, {"x":2}], "c":null}"#;
        let index: IndexText<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(index.manifests[1].get(), r#"{"x":2}"#);
        assert_eq!(index.rest["a"].get(), r#"{"b" : 1.0}"#);
        assert_eq!((index.manifests.len(), index.rest.len()), (2, 2));
        assert_eq!(parse(r#"{"manifests":null}"#), Ok((0, 0)));
        assert_eq!(parse("{}"), Ok((0, 0)));
        for broken in ["", "[]", r#"{"manifests":1}"#, r#"{"manifests":{}}"#] {
            assert!(parse(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn the_number_of_manifests_and_keys_is_bounded() {
        let manifests = |count: usize| format!(r#"{{"manifests":[{}1]}}"#, "1,".repeat(count - 1));
        assert_eq!(parse(&manifests(MANIFESTS)), Ok((MANIFESTS, 0)));
        assert!(parse(&manifests(MANIFESTS + 1)).unwrap_err().contains("150000 manifests"));
        let keys = |count: usize| {
            let keys: Vec<String> = (0..count).map(|key| format!(r#""{key}":1"#)).collect();
            format!("{{{}}}", keys.join(","))
        };
        assert_eq!(parse(&keys(KEYS)), Ok((0, KEYS)));
        assert!(parse(&keys(KEYS + 1)).unwrap_err().contains("1000 keys"));
        let nested = format!(r#"{{"x":[{}1]}}"#, "1,".repeat(MANIFESTS * 2));
        assert_eq!(parse(&nested), Ok((0, 1)), "it is kept as text");
    }
}
