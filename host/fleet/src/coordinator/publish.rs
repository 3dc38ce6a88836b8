//! Publishes jobs in batches.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use longshore_engine::job::{Job, Jobs};
use tokio::time::sleep;

use super::streams::is_missing_stream;
use crate::connection::Connection;
use crate::error::FleetError;
use crate::message::{BATCH, Batch, encode};
use crate::name::RunName;

/// A batch has at most one in so many jobs of the run, so that the last batches end at about the same time.
const PARTS: usize = 128;
/// A batch may have so many jobs in a run of any size.
const SMALL: usize = 4;
/// Batches that are published at once.
const AT_ONCE: usize = 256;
/// The pause before a batch is published again.
const AGAIN: Duration = Duration::from_millis(500);

/// Why batches cannot be published.
#[derive(Debug)]
pub(super) enum PublishError {
    /// The stream is gone.
    Gone(String),
    /// The user lacks a permission, or the server takes nothing.
    Refused(FleetError),
}

/// Groups jobs by source repository, because tags of a repository share most layers. A group has at most 32
/// numbers, in order, and more than 4 only up to a 128th of the run. In a long run, small groups of the same two
/// registries share a batch of up to a 128th: 100,000 messages of one job each would be most of the coordinator's
/// work. Groups are in the order of their first job.
pub(super) fn groups(jobs: &Jobs, wanted: impl Fn(u32) -> bool) -> Vec<Vec<u32>> {
    let part = (jobs.len() / PARTS).min(BATCH);
    let tags = jobs.all_shown().filter(|job| wanted(job.number)).map(|job| {
        let stores = [job.source.store.as_str(), job.destination.store.as_str()];
        ((stores[0], job.source.repository), [job.number], stores)
    });
    let repositories = gathered(tags, part.max(SMALL)).into_iter();
    let repositories = repositories.map(|(numbers, stores)| (stores, numbers, ()));
    let mut groups: Vec<Vec<u32>> =
        gathered(repositories, part).into_iter().map(|(numbers, ())| numbers).collect();
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups
}

/// Puts numbers with the same key together, up to `most`. Each group keeps the rest of its first part.
fn gathered<K: Eq + Hash, N: AsRef<[u32]>, T>(
    parts: impl Iterator<Item = (K, N, T)>,
    most: usize,
) -> Vec<(Vec<u32>, T)> {
    let mut open: HashMap<K, usize> = HashMap::new();
    let mut groups: Vec<(Vec<u32>, T)> = Vec::new();
    for (key, numbers, rest) in parts {
        let (next, numbers) = (groups.len(), numbers.as_ref());
        let group = open.entry(key).or_insert(next);
        if *group < next && groups[*group].0.len() + numbers.len() <= most {
            groups[*group].0.extend_from_slice(numbers);
        } else {
            *group = next;
            groups.push((numbers.to_vec(), rest));
        }
    }
    groups
}

/// Encodes a batch; one that is too large becomes several.
fn encoded(run: &str, jobs: Vec<Job>) -> Vec<Bytes> {
    let mut batch = Batch { run: run.to_owned(), jobs, unreached: Vec::new() };
    match encode(&batch) {
        Ok(bytes) => vec![bytes],
        // One job is a few kilobytes: its references and its filter are bounded.
        Err(_) if batch.jobs.len() < 2 => Vec::new(),
        Err(_) => {
            let rest = batch.jobs.split_off(batch.jobs.len() / 2);
            let mut all = encoded(run, batch.jobs);
            all.extend(encoded(run, rest));
            all
        }
    }
}

/// Publishes `groups`, and waits for the server as long as it is away. `round` distinguishes a job that is
/// published again from one that is published twice.
///
/// # Errors
/// If the stream is gone, or the user may not publish, or the server accepts nothing for longer than
/// `patience` although it answers: its storage is full.
pub(super) async fn publish(
    (connection, name): (&Connection, &RunName),
    (jobs, run): (&Jobs, &str),
    groups: &[Vec<u32>],
    round: u32,
    patience: Duration,
) -> Result<(), PublishError> {
    let mut sent = FuturesUnordered::new();
    for group in groups {
        let first = group.first().copied().unwrap_or_default();
        let batch = group.iter().filter_map(|number| jobs.get(*number)).collect();
        for (part, bytes) in encoded(run, batch).into_iter().enumerate() {
            let id = format!("{round}.{first}.{part}");
            sent.push(send(connection, name, id, bytes, patience));
            if sent.len() >= AT_ONCE
                && let Some(result) = sent.next().await
            {
                result?;
            }
        }
    }
    while let Some(result) = sent.next().await {
        result?;
    }
    Ok(())
}

async fn send(
    connection: &Connection,
    name: &RunName,
    id: String,
    bytes: Bytes,
    patience: Duration,
) -> Result<(), PublishError> {
    let mut left = patience;
    loop {
        let message = PublishMessage::build().payload(bytes.clone()).message_id(&id);
        let sent = async { connection.jetstream.send_publish(name.jobs(), message).await?.await };
        let Err(error) = sent.await else { return Ok(()) };
        if connection.is_up() {
            match connection.jetstream.get_stream(name.jobs_stream()).await {
                Err(missing) if is_missing_stream(&missing) => {
                    let gone = format!("the stream {} was deleted", name.jobs_stream());
                    return Err(PublishError::Gone(gone));
                }
                _ => {}
            }
        }
        let error = connection.failed(format!("publish to {}", name.jobs()), &error);
        let is_permission = error.is_permission();
        if connection.is_up() {
            left = left.saturating_sub(AGAIN);
        }
        if is_permission || left.is_zero() {
            return Err(PublishError::Refused(error));
        }
        connection.complain(&error);
        sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use longshore_engine::job::{Job, Jobs};
    use longshore_oci::PlatformFilter;

    use super::{encoded, groups};

    fn job(number: u32, source: &str) -> Job {
        Job {
            number,
            line: number,
            source: source.parse().unwrap(),
            destination: "b.io/x:1".parse().unwrap(),
            filter: PlatformFilter::default(),
        }
    }

    /// Returns the groups of a run. Checks that they have each job once, and are in order.
    fn groups_of(count: u32, source: impl Fn(u32) -> String) -> Vec<Vec<u32>> {
        let jobs: Jobs = (1..=count).map(|number| job(number, &source(number))).collect();
        let all = groups(&jobs, |_| true);
        let is_in_order = |numbers: &[u32]| numbers.is_sorted_by(|one, other| one < other);
        assert!(all.iter().all(|group| is_in_order(group)));
        assert!(is_in_order(&all.iter().map(|group| group[0]).collect::<Vec<_>>()));
        let mut numbers: Vec<u32> = all.concat();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(1..=count));
        assert_eq!(groups(&jobs, |number| number == 3), [[3]]);
        all
    }

    #[test]
    fn the_tags_of_a_repository_are_in_few_batches() {
        let source = |number: u32| match number % 3 {
            0 => format!("a.io/x:{number}"),
            1 => format!("b.io/y:{number}"),
            _ => format!("c.io/x:{number}"),
        };
        // Of three repositories.
        let expected =
            [(3, 1, 3), (12, 4, 3), (13, 4, 4), (300, 4, 75), (3000, 23, 132), (9600, 32, 300)];
        for (count, most, batches) in expected {
            let all = groups_of(count, source);
            assert_eq!(all.len(), batches, "{count} jobs");
            assert!(all.iter().all(|group| group.len() <= most), "{count} jobs");
            assert!(all.iter().all(|group| group.iter().all(|job| job % 3 == group[0] % 3)));
        }
    }

    #[test]
    fn small_repositories_of_a_long_run_share_batches() {
        let one_each = |number: u32| format!("a.io/app{number}:1");
        for (count, most, batches) in [(40, 1, 40), (255, 1, 255), (256, 2, 128), (9600, 32, 300)] {
            let all = groups_of(count, one_each);
            assert_eq!(all.len(), batches, "{count} jobs");
            assert!(all.iter().all(|group| group.len() <= most), "{count} jobs");
        }
        let of_two = groups_of(512, |number| format!("r{}.io/app{number}:1", number % 2));
        assert!(of_two.iter().all(|group| group.iter().all(|job| job % 2 == group[0] % 2)));
        assert_eq!(of_two.len(), 128);
        // A repository with many tags has its batches, and the others share theirs and its last one.
        let mixed = |number: u32| match number {
            ..=1000 => format!("a.io/large:{number}"),
            _ => format!("a.io/app{number}:1"),
        };
        let all = groups_of(2000, mixed);
        let of_large = all.iter().filter(|group| group[0] <= 1000);
        assert_eq!((of_large.count(), all.len()), (67, 134));
    }

    #[test]
    fn a_batch_that_is_too_large_is_split() {
        let source = format!("a.io/{}:1", vec!["x".repeat(100); 2].join("/"));
        let jobs: Vec<Job> = (1..=10_000).map(|number| job(number, &source)).collect();
        let parts = encoded("r", jobs);
        assert!(parts.len() > 1 && parts.iter().all(|part| part.len() <= crate::message::LARGEST));
    }
}
