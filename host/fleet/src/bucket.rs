//! A bucket of keys and values, laid out as `nats kv` knows it.
//!
//! The client's own bucket cannot set a time to live when a key that lapsed is created again, so this
//! module writes the messages itself.

use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamErrorKind, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{
    Config, DirectGetErrorKind, DiscardPolicy, StorageType, Stream,
};
use bytes::Bytes;

use crate::connection::{Connection, SILENCE, chain};
use crate::error::FleetError;

/// The header of a deletion, and its value.
const OPERATION: (&str, &str) = ("KV-Operation", "DEL");

/// How long anything of a run is kept if nobody deletes it.
pub(crate) const KEPT: Duration = Duration::from_hours(24);

/// A bucket of keys and values.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    connection: Connection,
    stream: Stream<()>,
    name: String,
}

/// A value, and the revision that a write must name.
#[derive(Debug)]
pub(crate) struct Found {
    /// The subject's last sequence.
    pub(crate) revision: u64,
    /// The value; `None` if the key was deleted.
    pub(crate) value: Option<Bytes>,
}

/// Why a write failed.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// The key has another revision by now.
    Conflict,
    /// The server did not answer, or refused.
    Failed(FleetError),
}

impl Bucket {
    /// Creates the bucket unless it exists.
    ///
    /// # Errors
    /// If the server refuses it.
    pub(crate) async fn create(connection: &Connection, name: &str) -> Result<Self, FleetError> {
        let config = Config {
            name: format!("KV_{name}"),
            subjects: vec![format!("$KV.{name}.>")],
            max_messages_per_subject: 1,
            max_age: KEPT,
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            num_replicas: 1,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            allow_message_ttl: true,
            ..Config::default()
        };
        match connection.jetstream.create_stream(config).await {
            Ok(_) => {}
            // It exists with other limits, which its operator chose.
            Err(error)
                if matches!(error.kind(), CreateStreamErrorKind::JetStream(found)
                    if found.error_code() == async_nats::jetstream::ErrorCode::STREAM_NAME_EXIST) =>
                {}
            Err(error) => {
                return Err(connection.failed(format!("create the bucket {name}"), &error));
            }
        }
        Self::open(connection, name).await
    }

    /// Opens a bucket, which may not exist.
    ///
    /// # Errors
    /// If its name is wrong.
    pub(crate) async fn open(connection: &Connection, name: &str) -> Result<Self, FleetError> {
        let stream = connection.jetstream.get_stream_no_info(format!("KV_{name}")).await;
        let stream =
            stream.map_err(|error| connection.failed(format!("open the bucket {name}"), &error))?;
        Ok(Self { connection: connection.clone(), stream, name: name.to_owned() })
    }

    fn subject(&self, key: &str) -> String {
        format!("$KV.{}.{key}", self.name)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// If the server does not answer, or has no such bucket.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Found>, FleetError> {
        match self.stream.direct_get_last_for_subject(self.subject(key)).await {
            Ok(message) => Ok(Some(Found {
                revision: message.sequence,
                value: message.headers.get(OPERATION.0).is_none().then_some(message.payload),
            })),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(self
                .connection
                .failed(format!("read {key} of the bucket {}", self.name), &error)),
        }
    }

    /// Returns the values of the keys that match `filter`, oldest first.
    ///
    /// # Errors
    /// If the server does not answer. A missing bucket has no values.
    pub(crate) async fn values(&self, filter: &str) -> Result<Vec<Bytes>, FleetError> {
        let (mut values, mut next) = (Vec::new(), 1);
        loop {
            let found = self.stream.direct_get_next_for_subject(self.subject(filter), Some(next));
            match found.await {
                Ok(message) => {
                    next = message.sequence + 1;
                    if message.headers.get(OPERATION.0).is_none() {
                        values.push(message.payload);
                    }
                }
                Err(error) if error.kind() == DirectGetErrorKind::NotFound => return Ok(values),
                Err(error) => {
                    let operation = format!("read the bucket {}", self.name);
                    let failed = self.connection.failed(operation, &error);
                    let is_permission = failed.is_permission();
                    // Nobody answers for a bucket that no coordinator has created yet.
                    let text = chain(&error);
                    let is_missing = SILENCE.iter().any(|silence| text.contains(silence));
                    if is_permission || !is_missing || !self.connection.is_up() {
                        return Err(failed);
                    }
                    return Ok(values);
                }
            }
        }
    }

    /// Writes a key whose revision is `expected` (0: it does not exist), or whatever its revision is. It
    /// lapses after `ttl`.
    ///
    /// # Errors
    /// If the revision is another one, or the server does not answer.
    pub(crate) async fn write(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        expected: Option<u64>,
        ttl: Option<Duration>,
    ) -> Result<u64, WriteError> {
        let mut message = PublishMessage::build().payload(value.into());
        if let Some(ttl) = ttl {
            message = message.ttl(ttl);
        }
        self.publish(key, message, expected).await
    }

    /// Deletes a key whose revision is `expected`, or whatever its revision is.
    ///
    /// # Errors
    /// If the revision is another one, or the server does not answer.
    pub(crate) async fn delete(&self, key: &str, expected: Option<u64>) -> Result<u64, WriteError> {
        let message = PublishMessage::build().header(OPERATION.0, OPERATION.1);
        self.publish(key, message, expected).await
    }

    async fn publish(
        &self,
        key: &str,
        mut message: PublishMessage,
        expected: Option<u64>,
    ) -> Result<u64, WriteError> {
        if let Some(revision) = expected {
            message = message.expected_last_subject_sequence(revision);
        }
        let sent = async {
            let ack = self.connection.jetstream.send_publish(self.subject(key), message).await?;
            ack.await
        };
        match sent.await {
            Ok(ack) => Ok(ack.sequence),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {
                Err(WriteError::Conflict)
            }
            Err(error) => {
                let operation = format!("write {key} of the bucket {}", self.name);
                Err(WriteError::Failed(self.connection.failed(operation, &error)))
            }
        }
    }
}
