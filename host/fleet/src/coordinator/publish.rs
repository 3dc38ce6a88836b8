//! Publishes jobs in batches, each of one source repository.

use std::collections::HashMap;
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

/// Groups jobs by source repository, because tags of a repository share most layers. Each group has at most
/// 32 numbers, in order, and more than 4 only up to a 128th of the run. Groups are in the order of their first
/// job.
pub(super) fn groups(jobs: &Jobs, wanted: impl Fn(u32) -> bool) -> Vec<Vec<u32>> {
    let mut open: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<Vec<u32>> = Vec::new();
    let most = (jobs.len() / PARTS).clamp(SMALL, BATCH);
    for job in jobs.iter().filter(|job| wanted(job.number)) {
        let repository = format!("{}/{}", job.source.store, job.source.repository);
        let next = groups.len();
        let group = open.entry(repository).or_insert(next);
        if *group < next && groups[*group].len() < most {
            groups[*group].push(job.number);
        } else {
            *group = next;
            groups.push(vec![job.number]);
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
        let is_permission = matches!(error, FleetError::JetStream { is_permission: true, .. });
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

    #[test]
    fn a_batch_has_one_repository_and_a_part_of_the_run() {
        let source = |number: u32| match number % 3 {
            0 => format!("a.io/x:{number}"),
            1 => format!("a.io/y:{number}"),
            _ => format!("c.io/x:{number}"),
        };
        // Of three repositories.
        let expected =
            [(3, 1, 3), (12, 4, 3), (13, 4, 4), (300, 4, 75), (3000, 23, 132), (9600, 32, 300)];
        for (count, most, batches) in expected {
            let jobs: Jobs = (1..=count).map(|number| job(number, &source(number))).collect();
            let all = groups(&jobs, |_| true);
            assert_eq!(all.len(), batches, "{count} jobs");
            assert!(all.iter().all(|group| group.len() <= most), "{count} jobs");
            assert!(all.iter().all(|group| group.iter().all(|job| job % 3 == group[0] % 3)));
            assert!(all.windows(2).all(|pair| pair[0][0] < pair[1][0]));
            let mut numbers: Vec<u32> = all.concat();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(1..=count));
            assert_eq!(groups(&jobs, |number| number == 3), [[3]]);
        }
    }

    #[test]
    fn a_batch_that_is_too_large_is_split() {
        let source = format!("a.io/{}:1", vec!["x".repeat(100); 2].join("/"));
        let jobs: Vec<Job> = (1..=10_000).map(|number| job(number, &source)).collect();
        let parts = encoded("r", jobs);
        assert!(parts.len() > 1 && parts.iter().all(|part| part.len() <= crate::message::LARGEST));
    }
}
