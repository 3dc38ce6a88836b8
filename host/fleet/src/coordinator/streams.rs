//! The streams of a run: which are missing, and how they are deleted.

use crate::connection::Connection;
use crate::error::FleetError;
use crate::name::RunName;

/// Deletes the streams of a run; missing ones are fine.
///
/// # Errors
/// The first request that fails.
pub(super) async fn delete_streams(
    connection: &Connection,
    name: &RunName,
) -> Result<(), FleetError> {
    for stream in [name.jobs_stream(), name.outcomes_stream(), format!("KV_{}", name.places())] {
        if let Err(error) = connection.jetstream.delete_stream(&stream).await
            && !is_missing_stream(&error)
        {
            return Err(connection.failed(format!("delete the stream {stream}"), &error));
        }
    }
    Ok(())
}

/// Whether an error says that a stream does not exist.
pub(super) fn is_missing_stream(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<async_nats::jetstream::Error>() {
            return error.error_code() == async_nats::jetstream::ErrorCode::STREAM_NOT_FOUND;
        }
        next = error.source();
    }
    error.to_string().contains("stream not found")
}
