//! Registry names that replace folders of image layouts in the input of rewrites.
//!
//! Rewrites know registries only, and must not see local paths. Names below `.invalid` are never
//! real registries (RFC 2606).

use std::sync::LazyLock;

use longshore_oci::{Reference, ReferenceError, Registry, StoreName};

static SOURCE: LazyLock<Registry> = LazyLock::new(|| registry("source.oci-layout.invalid"));
static DESTINATION: LazyLock<Registry> =
    LazyLock::new(|| registry("destination.oci-layout.invalid"));

fn registry(name: &str) -> Registry {
    // Both names are valid hosts.
    name.parse().unwrap_or_else(|_| Registry::docker_hub())
}

/// The stand-ins of one plan.
pub(super) struct StandIns(Vec<(StoreName, &'static Registry)>);

impl StandIns {
    /// Makes stand-ins for `-s` and `-d`, if they are folders.
    pub(super) fn of(source: Option<&StoreName>, destination: Option<&StoreName>) -> Self {
        let both = [(destination, &*DESTINATION), (source, &*SOURCE)];
        let folder = |(name, stand_in): (Option<&StoreName>, &'static Registry)| {
            let name = name.filter(|name| name.registry().is_none())?;
            Some((name.clone(), stand_in))
        };
        Self(both.into_iter().filter_map(folder).collect())
    }

    /// The text of `reference` for a rewrite.
    pub(super) fn text(&self, reference: &Reference) -> String {
        match self.0.iter().find(|(name, _)| *name == reference.store) {
            None => String::from(reference),
            Some((_, stand_in)) => {
                let store = StoreName::Registry((*stand_in).clone());
                String::from(&Reference { store, ..reference.clone() })
            }
        }
    }

    /// Puts the folders back into what a rewrite said, for people.
    pub(super) fn shown(&self, text: String) -> String {
        self.0
            .iter()
            .fold(text, |text, (name, stand_in)| text.replace(stand_in.as_str(), name.as_str()))
    }

    /// Parses the answer of a rewrite. Parts that are equal in one of `others` share memory.
    ///
    /// # Errors
    /// If the answer is not a complete reference.
    pub(super) fn parse(
        &self,
        answer: &str,
        others: &[&Reference],
    ) -> Result<Reference, ReferenceError> {
        let reference = Reference::parse_beside(answer, others)?;
        let known = self.0.iter().find(|(_, stand_in)| {
            reference.store.registry().is_some_and(|registry| registry == *stand_in)
        });
        Ok(match known {
            None => reference,
            Some((name, _)) => Reference { store: name.clone(), ..reference },
        })
    }
}

/// The registry to use for `destination` in a rewrite: its own, or its stand-in.
pub fn rewritten_registry(destination: &StoreName) -> &Registry {
    destination.registry().unwrap_or(&DESTINATION)
}

#[cfg(test)]
mod tests {
    use longshore_oci::{LayoutsName, Reference, Registry, StoreName};

    use super::{StandIns, rewritten_registry};

    #[test]
    fn a_rewrite_never_sees_a_folder() {
        let folder = |path| StoreName::Layouts(LayoutsName::new(path));
        let (source, destination) = (folder("/in"), folder("/out"));
        let stand_ins = StandIns::of(Some(&source), Some(&destination));
        for store in [&source, &destination] {
            let reference: Reference = "a.io/team/app:1".parse().unwrap();
            let reference = Reference { store: store.clone(), ..reference };
            let text = stand_ins.text(&reference);
            assert!(text.ends_with(".invalid/team/app:1"), "{text}");
            assert_eq!(stand_ins.parse(&text, &[]).unwrap(), reference);
        }
        let rewritten = format!("{}/library/app:1", rewritten_registry(&destination));
        let parsed = stand_ins.parse(&rewritten, &[]).unwrap();
        assert_eq!(parsed.to_string(), "oci:/out/library/app:1");
        let other = stand_ins.parse("b.io/app:1", &[]).unwrap();
        assert_eq!(other.to_string(), "b.io/app:1");
    }

    #[test]
    fn people_see_the_folder() {
        let folder = |path| StoreName::Layouts(LayoutsName::new(path));
        let (source, destination) = (folder("/in"), folder("/out"));
        let stand_ins = StandIns::of(Some(&source), Some(&destination));
        let said = |destination: &StoreName| {
            format!("{}/a:1 has no digest", rewritten_registry(destination))
        };
        assert_eq!(stand_ins.shown(said(&destination)), "oci:/out/a:1 has no digest");
        let both = "source.oci-layout.invalid/a to destination.oci-layout.invalid".to_owned();
        assert_eq!(stand_ins.shown(both), "oci:/in/a to oci:/out");
        assert_eq!(stand_ins.shown("nothing to show".to_owned()), "nothing to show");
        let one = StandIns::of(Some(&"r.io".parse::<Registry>().unwrap().into()), Some(&source));
        assert_eq!(one.shown(said(&source)), "oci:/in/a:1 has no digest");
    }

    #[test]
    fn one_folder_may_be_both_ends() {
        let folder = StoreName::Layouts(LayoutsName::new("x"));
        let stand_ins = StandIns::of(Some(&folder), Some(&folder));
        let reference: Reference = "a.io/app:1".parse().unwrap();
        let reference = Reference { store: folder, ..reference };
        assert_eq!(stand_ins.parse(&stand_ins.text(&reference), &[]).unwrap(), reference);
    }
}
