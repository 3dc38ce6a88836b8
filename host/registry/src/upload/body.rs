//! A verified blob as a request body.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use longshore_store::{Prefix, StoreError, VerifiedBlob};
use reqwest::Body;
use tokio::sync::Mutex;

use crate::limits::rate::Rates;
use crate::upload::stall::Moved;

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
    pub(crate) fn body(&self, length: u64, moved: &Arc<Moved>, rates: &Arc<Rates>) -> Body {
        Body::wrap_stream(self.pieces(length, moved, rates))
    }

    fn pieces(
        &self,
        length: u64,
        moved: &Arc<Moved>,
        rates: &Arc<Rates>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let begun = Some((self.clone(), Arc::clone(moved), Arc::clone(rates), length));
        futures_util::stream::unfold(begun, |begun| async {
            let (outgoing, moved, rates, left) = begun.filter(|(.., left)| *left > 0)?;
            let mut state = outgoing.0.lock().await;
            match moved.wait_for(state.blob.next(left)).await {
                Ok(Some(piece)) => {
                    drop(state);
                    moved.wait_for(rates.sent.take(piece.len())).await;
                    let length = piece.len() as u64;
                    moved.add(length);
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

    use bytes::Bytes;
    use futures_util::{StreamExt as _, stream};
    use longshore_oci::{Descriptor, Digest};
    use longshore_store::{BlobStream, Operation, Prefix, Progress, VerifiedBlob};

    use super::{Moved, Rates, UploadBody};

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
        let moved = Arc::new(Moved::default());
        let right = outgoing(b"hello");
        let rates = Arc::new(Rates::new(None));
        let first: Vec<_> = right.pieces(2, &moved, &rates).collect().await;
        assert_eq!(first[0].as_ref().unwrap(), &b"he"[..]);
        assert_eq!((right.prefix().await.bytes, moved.bytes()), (2, 2));
        let wrong = outgoing(b"hellx");
        let all: Vec<_> = wrong.pieces(5, &moved, &rates).collect().await;
        assert!(all.iter().any(Result::is_err));
        assert!(wrong.take_failure().await.unwrap().is_wrong_content());
    }

    #[tokio::test]
    async fn a_source_that_is_waited_for_is_told_from_a_slow_connection() {
        let json = format!(r#"{{"digest":"{}","size":5}}"#, Digest::of(b"hello"));
        let blob: Descriptor = serde_json::from_str(&json).unwrap();
        // A piece is handed over when the next one is there.
        let come = [b"he", b"ll"].map(|piece| Ok(Bytes::from_static(piece)));
        let pieces = stream::iter(come).chain(stream::pending());
        let stream = BlobStream::new(Operation::new("fetch blob", &blob.digest), pieces);
        let prefix = Prefix::empty(&blob);
        let body = UploadBody::new(VerifiedBlob::new(stream, blob, prefix, Progress::ignored()));
        let (moved, rates) = (Arc::new(Moved::default()), Arc::new(Rates::new(None)));
        let mut pieces = Box::pin(body.pieces(5, &moved, &rates));
        assert!(pieces.next().await.is_some());
        assert_eq!(
            (moved.bytes(), moved.lacks_content()),
            (2, false),
            "the connection has the piece"
        );
        assert!(futures_util::poll!(pieces.next()).is_pending());
        assert!(moved.lacks_content());
    }
}
