//! A verified blob as a request body.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::Stream;
use longshore_store::{Prefix, StoreError, VerifiedBlob};
use reqwest::Body;
use tokio::sync::Mutex;

use crate::limits::rate::Rates;

/// A blob that the connection reads as its body, while the upload can still inspect it.
#[derive(Clone)]
pub(crate) struct UploadBody(Arc<Mutex<State>>);

struct State {
    blob: VerifiedBlob,
    failure: Option<StoreError>,
}

impl UploadBody {
    pub(crate) fn new(blob: VerifiedBlob) -> Self {
        Self(Arc::new(Mutex::new(State { blob, failure: None })))
    }

    /// The source's error, if it ended the body early; the upload itself only sees a broken body.
    pub(crate) async fn take_failure(&self) -> Option<StoreError> {
        self.0.lock().await.failure.take()
    }

    /// The part of the blob that was handed over.
    pub(crate) async fn prefix(&self) -> Prefix {
        self.0.lock().await.blob.prefix()
    }

    /// The next `length` bytes as a body, at the speed of `rates`; `moved` counts them.
    pub(crate) fn body(&self, length: u64, moved: &Arc<AtomicU64>, rates: &Arc<Rates>) -> Body {
        Body::wrap_stream(self.pieces(length, moved, rates))
    }

    fn pieces(
        &self,
        length: u64,
        moved: &Arc<AtomicU64>,
        rates: &Arc<Rates>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let begun = Some((self.clone(), Arc::clone(moved), Arc::clone(rates), length));
        futures_util::stream::unfold(begun, |begun| async {
            let (outgoing, moved, rates, left) = begun.filter(|(.., left)| *left > 0)?;
            let mut state = outgoing.0.lock().await;
            match state.blob.next(left).await {
                Ok(Some(piece)) => {
                    drop(state);
                    rates.sent.take(piece.len()).await;
                    let length = piece.len() as u64;
                    moved.fetch_add(length, Ordering::Relaxed);
                    Some((Ok(piece), Some((outgoing, moved, rates, left - length))))
                }
                Ok(None) => None,
                Err(error) => {
                    let broken = io::Error::other(error.to_string());
                    state.failure = Some(error);
                    Some((Err(broken), None))
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use bytes::Bytes;
    use futures_util::{StreamExt as _, stream};
    use longshore_oci::{Descriptor, Digest};
    use longshore_store::{BlobStream, Operation, Prefix, Progress, VerifiedBlob};

    use super::{Rates, UploadBody};

    fn outgoing(content: &'static [u8]) -> UploadBody {
        let json = format!(r#"{{"digest":"{}","size":5}}"#, Digest::of(b"hello"));
        let blob: Descriptor = serde_json::from_str(&json).unwrap();
        let operation = Operation::new("fetch blob", &blob.digest);
        let pieces = stream::iter([Ok(Bytes::from_static(content))]);
        let (stream, prefix) = (BlobStream::new(operation, pieces), Prefix::empty(&blob));
        UploadBody::new(VerifiedBlob::new(stream, blob, prefix, Progress::ignored()))
    }

    #[tokio::test]
    async fn a_body_is_counted_and_wrong_content_breaks_it() {
        let moved = Arc::new(AtomicU64::new(0));
        let right = outgoing(b"hello");
        let rates = Arc::new(Rates::new(None));
        let first: Vec<_> = right.pieces(2, &moved, &rates).collect().await;
        assert_eq!(first[0].as_ref().unwrap(), &b"he"[..]);
        assert_eq!((right.prefix().await.bytes, moved.load(Ordering::Relaxed)), (2, 2));
        let wrong = outgoing(b"hellx");
        let all: Vec<_> = wrong.pieces(5, &moved, &rates).collect().await;
        assert!(all.iter().any(Result::is_err));
        assert!(wrong.take_failure().await.unwrap().is_wrong_content());
    }
}
