//! Deletes what is left of runs whose coordinator never came back.
//!
//! Their messages and their record expire, but an empty stream stays.

use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;

use super::streams::delete_streams;
use crate::bucket::Bucket;
use crate::connection::Connection;
use crate::error::FleetError;
use crate::lease::Lease;
use crate::name::RunName;

/// Deletes the streams of runs that have no record any more. `machine` is this coordinator's.
pub(super) async fn sweep(connection: Connection, runs: Bucket, machine: String) {
    if let Err(error) = try_sweep(&connection, &runs, &machine).await {
        tracing::debug!("streams of runs without a record may be left: failed to {error}");
    }
}

async fn try_sweep(
    connection: &Connection,
    runs: &Bucket,
    machine: &str,
) -> Result<(), FleetError> {
    let streams = connection.jetstream.stream_names().try_collect::<Vec<String>>().await;
    let streams = streams.map_err(|error| connection.failed("list the streams", &error))?;
    let names: BTreeSet<RunName> =
        streams.iter().filter_map(|stream| RunName::of_stream(stream)).collect();
    for name in names {
        if has_record(runs, &name).await? {
            continue;
        }
        // Nobody can begin a run of this name meanwhile.
        let id = connection.client.new_inbox();
        let Some(lease) = Lease::take_free(runs, &name, &id, machine).await? else { continue };
        let deleted = match has_record(runs, &name).await {
            Ok(false) => delete_streams(connection, &name).await.map(|()| {
                tracing::info!("deleted the streams of the run {name}, which nobody finished");
            }),
            other => other.map(drop),
        };
        lease.release(runs).await;
        deleted?;
    }
    Ok(())
}

/// Whether the run is in the bucket of all runs. Its record is kept for 24 h after its coordinator wrote it.
async fn has_record(runs: &Bucket, name: &RunName) -> Result<bool, FleetError> {
    Ok(runs.get(&name.key()).await?.is_some_and(|found| found.value.is_some()))
}
