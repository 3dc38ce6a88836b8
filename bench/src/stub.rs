//! A stub registry that generates 100,000 images on request. Of a copy it only remembers which
//! content exists. It implements nothing else.

mod images;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode};
use longshore_content::digest;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

pub(crate) use images::Images;
use images::MANIFEST;

/// Larger than any manifest or blob of the stub.
const BODY: usize = 1 << 20;

/// The received content.
#[derive(Default)]
struct Taken {
    /// Digests of the manifests by `repository:tag`.
    tags: HashMap<String, String>,
    /// The size of manifests and blobs, in bytes, by `repository@digest`.
    content: HashMap<String, usize>,
    requests: u64,
    first: Option<Instant>,
}

/// A stub on a free loopback port. Dropping it ends the stub.
pub(crate) struct Stub {
    address: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    /// The images to serve, if the stub is a source.
    images: Option<Images>,
    taken: Mutex<Taken>,
}

impl Shared {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stub {
    /// Starts a stub that serves these images or accepts any content.
    pub(crate) fn start(runtime: &Handle, images: Option<Images>) -> Result<Self> {
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .context("failed to listen on loopback")?;
        let address = listener.local_addr().context("failed to find the port")?.to_string();
        let shared = Arc::new(Shared { images, taken: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let task = runtime.spawn(async move {
            // Ends with the task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, task })
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the time of the first request.
    pub(crate) fn first_request(&self) -> Option<Instant> {
        self.shared.taken().first
    }

    /// Returns the number of requests.
    pub(crate) fn requests(&self) -> u64 {
        self.shared.taken().requests
    }

    /// Returns the number of received tags, and how many of them differ from `images`.
    pub(crate) fn tags(&self, images: &Images) -> (usize, usize) {
        let taken = self.shared.taken();
        let wrong = taken.tags.iter().filter(|(name, found)| {
            let tag = name.rsplit_once(':').map_or("", |(_, tag)| tag);
            images.manifest(tag).is_none_or(|manifest| digest(&manifest) != **found)
        });
        (taken.tags.len(), wrong.count())
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    {
        let mut taken = shared.taken();
        taken.requests += 1;
        taken.first.get_or_insert_with(Instant::now);
    }
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY).await else {
        return status(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let path = head.uri.path().trim_start_matches("/v2/");
    if let Some((repository, reference)) = path.split_once("/manifests/") {
        return shared.manifest(&head.method, repository, reference, &body);
    }
    if let Some((repository, session)) = path.split_once("/blobs/uploads/") {
        return shared.upload(&head.method, repository, session, head.uri.query(), &body);
    }
    if let Some((repository, name)) = path.split_once("/blobs/") {
        return shared.blob(&head.method, repository, name);
    }
    status(if path.is_empty() { StatusCode::OK } else { StatusCode::NOT_FOUND })
}

impl Shared {
    fn manifest(
        &self,
        method: &Method,
        repository: &str,
        reference: &str,
        body: &[u8],
    ) -> Response<Body> {
        if method == Method::PUT {
            let name = digest(body);
            let mut taken = self.taken();
            taken.content.insert(format!("{repository}@{name}"), body.len());
            if !reference.contains(':') {
                taken.tags.insert(format!("{repository}:{reference}"), name.clone());
            }
            return with_digest(StatusCode::CREATED, &name, Body::empty());
        }
        if let Some(images) = &self.images {
            let Some(bytes) = images.manifest(reference) else {
                return status(StatusCode::NOT_FOUND);
            };
            let name = digest(&bytes);
            return with_digest(StatusCode::OK, &name, Body::from(bytes));
        }
        let taken = self.taken();
        let found = match taken.tags.get(&format!("{repository}:{reference}")) {
            Some(name) => Some(name.as_str()),
            None => taken
                .content
                .contains_key(&format!("{repository}@{reference}"))
                .then_some(reference),
        };
        // Nothing copied here is read again.
        match found {
            Some(name) if method == Method::HEAD => {
                with_digest(StatusCode::OK, name, Body::empty())
            }
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    fn upload(
        &self,
        method: &Method,
        repository: &str,
        session: &str,
        query: Option<&str>,
        body: &[u8],
    ) -> Response<Body> {
        match *method {
            Method::POST => {
                if let Some(mounted) = self.mount(repository, query.unwrap_or_default()) {
                    return with_digest(StatusCode::CREATED, &mounted, Body::empty());
                }
                let mut answer = status(StatusCode::ACCEPTED);
                if let Ok(location) = format!("/v2/{repository}/blobs/uploads/one").parse() {
                    answer.headers_mut().insert("location", location);
                }
                answer
            }
            Method::PUT => {
                let name = digest(body);
                self.taken().content.insert(format!("{repository}@{name}"), body.len());
                with_digest(StatusCode::CREATED, &name, Body::empty())
            }
            Method::DELETE if !session.is_empty() => status(StatusCode::NO_CONTENT),
            _ => status(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    /// Returns the digest of a mounted blob, if the request was a mount that succeeded.
    fn mount(&self, repository: &str, query: &str) -> Option<String> {
        let parameter = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(key, _)| *key == name)?;
            Some(value.replace("%3A", ":").replace("%2F", "/"))
        };
        let (digest, from) = (parameter("mount")?, parameter("from")?);
        let mut taken = self.taken();
        let size = *taken.content.get(&format!("{from}@{digest}"))?;
        taken.content.insert(format!("{repository}@{digest}"), size);
        Some(digest)
    }

    fn blob(&self, method: &Method, repository: &str, name: &str) -> Response<Body> {
        if let Some(images) = &self.images {
            return match images.blob(name) {
                Some(bytes) => with_digest(StatusCode::OK, name, Body::from(bytes)),
                None => status(StatusCode::NOT_FOUND),
            };
        }
        let size = self.taken().content.get(&format!("{repository}@{name}")).copied();
        match size {
            Some(size) if method == Method::HEAD => {
                let mut answer = with_digest(StatusCode::OK, name, Body::empty());
                answer.headers_mut().insert("content-length", size.into());
                answer
            }
            _ => status(StatusCode::NOT_FOUND),
        }
    }
}

fn status(code: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = code;
    answer
}

fn with_digest(code: StatusCode, digest: &str, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = code;
    if let Ok(value) = digest.parse() {
        answer.headers_mut().insert("docker-content-digest", value);
    }
    if let Ok(value) = MANIFEST.parse() {
        answer.headers_mut().insert("content-type", value);
    }
    answer
}

#[cfg(test)]
mod tests {
    use longshore_content::{Endpoint, Image, digest};
    use tokio::runtime::Runtime;

    use super::{Images, Stub};

    #[test]
    fn a_source_serves_what_its_manifests_name() {
        let runtime = Runtime::new().expect("a runtime can be made");
        let stub = Stub::start(runtime.handle(), Some(Images::new(3))).expect("it starts");
        let endpoint = Endpoint::new(stub.address());
        assert_eq!(endpoint.broken("a/b", "t1").expect("it answers"), Vec::<String>::new());
        let one = endpoint.manifest("a/b", "t1").expect("it answers");
        let other = endpoint.manifest("c", "t4").expect("it answers");
        assert_eq!(one, other, "tag 4 of three images is image 1");
        assert!(endpoint.manifest("c", "latest").expect("it answers").is_none());
        assert_eq!(stub.requests(), 5);
    }

    #[test]
    fn a_destination_counts_wrong_tags() {
        let runtime = Runtime::new().expect("a runtime can be made");
        let stub = Stub::start(runtime.handle(), None).expect("it starts");
        let endpoint = Endpoint::new(stub.address());
        let images = Images::new(3);
        let right = images.manifest("t2").expect("there are three");
        let kind = "application/vnd.oci.image.manifest.v1+json";
        endpoint.push_manifest("a", "t2", kind, &right).expect("it takes it");
        endpoint.push_manifest("a", &digest(&right), kind, &right).expect("it takes it");
        let image = Image::new("linux/amd64").build();
        endpoint.push("b", "t1", &image).expect("it takes it");
        assert_eq!(stub.tags(&images), (2, 1));
    }
}
