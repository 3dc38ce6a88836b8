//! The digest-like tags of the sources: of cosign, and the fallback tags of referrers.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use longshore_oci::{Name, Tag};
use longshore_store::BoundedCells;
use tokio::sync::OnceCell;

/// The most digest-like tags that a run keeps in memory.
const KEPT: usize = 200_000;

/// The digest-like tags of the repositories of a run, each listed once.
#[derive(Debug)]
pub(crate) struct DigestTags {
    repositories: BoundedCells<Name, OnceCell<KnownTags>>,
    /// How many more tags the run keeps.
    left: Arc<AtomicUsize>,
}

impl Default for DigestTags {
    fn default() -> Self {
        Self::with_room(KEPT)
    }
}

/// What is known of one repository's tags.
#[derive(Debug)]
enum KnownTags {
    All(Kept),
    /// They are too many to keep in memory, so the source is asked for each.
    TooMany,
}

/// Tags, whose room is returned on drop.
#[derive(Debug)]
struct Kept {
    tags: HashSet<Tag>,
    left: Arc<AtomicUsize>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.left.fetch_add(self.tags.len(), Ordering::Relaxed);
    }
}

impl DigestTags {
    fn with_room(count: usize) -> Self {
        Self { repositories: BoundedCells::default(), left: Arc::new(AtomicUsize::new(count)) }
    }

    /// Whether `repository` has `tag`; `None` if it has too many tags to keep them in memory. `list` lists
    /// its digest-like tags.
    ///
    /// # Errors
    /// Those of `list`.
    pub(crate) async fn has<E>(
        &self,
        repository: Name,
        tag: &Tag,
        list: impl Future<Output = Result<HashSet<Tag>, E>>,
    ) -> Result<Option<bool>, E> {
        let known = self.repositories.of(repository);
        let known = known.get_or_try_init(|| async { Ok(self.keep(list.await?)) }).await?;
        Ok(match known {
            KnownTags::All(kept) => Some(kept.tags.contains(tag)),
            KnownTags::TooMany => None,
        })
    }

    fn keep(&self, mut tags: HashSet<Tag>) -> KnownTags {
        let take = |left: usize| left.checked_sub(tags.len());
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            return KnownTags::TooMany;
        }
        tags.shrink_to_fit();
        KnownTags::All(Kept { tags, left: Arc::clone(&self.left) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::Ordering;

    use futures_util::FutureExt as _;
    use longshore_oci::{Name, Reference, Tag};

    use super::{DigestTags, KnownTags};

    const ROOM: usize = 100;

    fn tags(count: usize) -> HashSet<Tag> {
        (0..count).map(|number| format!("sha256-{number:064x}").parse().unwrap()).collect()
    }

    fn repository(number: usize) -> Name {
        let reference: Reference = format!("r.example/team/app{number}:1").parse().unwrap();
        reference.name()
    }

    async fn has(known: &DigestTags, number: usize, tag: &str, count: usize) -> Option<bool> {
        let listed = async { Ok::<_, ()>(tags(count)) };
        known.has(repository(number), &tag.parse().unwrap(), listed).await.unwrap()
    }

    #[tokio::test]
    async fn a_run_keeps_so_many_tags_and_asks_for_the_others() {
        let (first, none) = (format!("sha256-{:064x}", 0), format!("sha256-{:064x}", ROOM));
        let known = DigestTags::with_room(ROOM);
        assert_eq!(has(&known, 0, &first, 3).await, Some(true));
        assert_eq!(has(&known, 0, &none, 0).await, Some(false), "it is listed once");
        assert_eq!(has(&known, 1, &first, ROOM).await, None, "3 are kept already");
        assert_eq!(has(&known, 2, &first, ROOM - 3).await, Some(true));
        assert_eq!(has(&known, 3, &first, 1).await, None);
        assert_eq!(has(&known, 4, &first, 0).await, Some(false), "none needs no room");
    }

    #[test]
    fn room_is_returned() {
        let known = DigestTags::with_room(ROOM);
        for _ in 0..3 {
            let KnownTags::All(kept) = known.keep(tags(ROOM / 2)) else { panic!("there is room") };
            assert_eq!(known.left.load(Ordering::Relaxed), ROOM - ROOM / 2);
            drop(kept);
        }
    }

    #[test]
    fn a_failed_list_is_asked_for_again() {
        let (known, tag) = (DigestTags::with_room(ROOM), tags(1).into_iter().next().unwrap());
        let refused = known.has(repository(0), &tag, async { Err(()) }).now_or_never();
        assert_eq!(refused, Some(Err(())));
        let listed = known.has(repository(0), &tag, async { Ok::<_, ()>(tags(1)) }).now_or_never();
        assert_eq!(listed, Some(Ok(Some(true))));
    }
}
