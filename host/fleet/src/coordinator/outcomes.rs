//! Reads the outcomes of a run, whatever happens to the connection.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::streams::is_missing_stream;
use crate::connection::Connection;
use crate::error::FleetError;
use crate::name::RunName;

/// The most outcomes of one request, and how long it waits for the first.
const FETCH: (usize, Duration) = (1024, Duration::from_secs(1));
/// How long to gather outcomes before handling them together. Handled one at a time, waking up would be most
/// of the work.
const GATHER: Duration = Duration::from_millis(20);
/// The pause after an error.
const AGAIN: Duration = Duration::from_millis(500);
/// NATS removes the consumer if nobody reads for this long.
const IDLE: Duration = Duration::from_mins(5);

/// What the reader found.
#[derive(Debug)]
pub(super) enum Read {
    /// Messages of the stream, in order.
    Messages(Vec<Bytes>),
    /// All messages until now were read.
    CaughtUp,
    /// The stream is gone.
    Gone,
    /// The user may not read it.
    Refused(FleetError),
}

/// Reads the stream of outcomes from its beginning until `found` is dropped.
pub(super) async fn read(connection: Connection, name: RunName, found: mpsc::Sender<Read>) {
    let mut next = 1;
    loop {
        match read_on(&connection, &name, &mut next, &found).await {
            Ok(()) => return,
            Err(error) if is_missing_stream(&*error) && connection.is_up() => {
                let _over = found.send(Read::Gone).await;
                return;
            }
            Err(error) => {
                let operation = format!("read the stream {}", name.outcomes_stream());
                let error = connection.failed(operation, &*error);
                if error.is_permission() {
                    let _over = found.send(Read::Refused(error)).await;
                    return;
                }
                tracing::debug!("{error}");
                sleep(AGAIN).await;
            }
        }
    }
}

/// Reads from the message `next` on, until an error, or until nobody listens.
async fn read_on(
    connection: &Connection,
    name: &RunName,
    next: &mut u64,
    found: &mpsc::Sender<Read>,
) -> Result<(), async_nats::Error> {
    let config = Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: *next },
        ack_policy: AckPolicy::None,
        inactive_threshold: IDLE,
        ..Config::default()
    };
    let stream = name.outcomes_stream();
    let consumer: Consumer<Config> =
        connection.jetstream.create_consumer_on_stream(config, &stream).await?;
    loop {
        let batch = consumer.batch().max_messages(FETCH.0).expires(FETCH.1);
        let mut messages = batch.messages().await?.ready_chunks(FETCH.0);
        let mut is_idle = true;
        while let Some(chunk) = messages.next().await {
            is_idle = false;
            let mut payloads = Vec::with_capacity(chunk.len());
            let mut failed = None;
            for message in chunk {
                match message.and_then(|message| {
                    Ok((message.info()?.stream_sequence, message.payload.clone()))
                }) {
                    Ok((sequence, payload)) => {
                        *next = sequence + 1;
                        payloads.push(payload);
                    }
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            if found.send(Read::Messages(payloads)).await.is_err() {
                return Ok(());
            }
            if let Some(error) = failed {
                return Err(error);
            }
            sleep(GATHER).await;
        }
        if is_idle && !connection.is_up() {
            return Err("the connection broke".into());
        }
        // A request that the server refuses has no answer.
        if is_idle && connection.refuses("$JS.API.CONSUMER.MSG.NEXT.") {
            return Err("the request timed out".into());
        }
        if found.send(Read::CaughtUp).await.is_err() {
            return Ok(());
        }
        // A deleted consumer answers no request.
        if is_idle {
            consumer.get_info().await?;
        }
    }
}
