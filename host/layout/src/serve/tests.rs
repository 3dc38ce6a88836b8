//! The registry as a client sees it, over HTTP.

mod access;
mod damaged;
mod in_use;
mod kept;
mod lists;
mod load;
mod manifests;
mod planted;
mod read_only;
mod tls;
mod uploads;
mod web;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{ServeError, ServeOptions, serve};
use longshore_oci::Digest;

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry that runs until it is stopped.
struct Running {
    address: SocketAddr,
    root: PathBuf,
    client: Client,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<(), ServeError>>,
}

fn options(root: Option<&Path>) -> ServeOptions {
    ServeOptions {
        root: root.map(Path::to_owned),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        htpasswd: None,
        hosts: Vec::new(),
        read_only: false,
        access_log: false,
        tls: None,
    }
}

impl Running {
    async fn start(options: ServeOptions) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        let served = tokio::spawn(async move {
            let on_ready = |address, root: &Path| ready.send((address, root.to_owned())).unwrap();
            serve(options, on_ready, async { drop(stopped.await) }).await
        });
        let (address, root) = is_ready.await.expect("the registry did not start");
        let client = Client::builder().no_proxy().build().unwrap();
        Self { address, root, client, stop, served }
    }

    async fn temporary() -> Self {
        Self::start(options(None)).await
    }

    async fn at(root: &Path) -> Self {
        Self::start(options(Some(root))).await
    }

    async fn stop(self) {
        drop(self.client);
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn head(&self, path: &str) -> Response {
        self.request(Method::HEAD, path).send().await.unwrap()
    }

    async fn delete(&self, path: &str) -> Response {
        self.request(Method::DELETE, path).send().await.unwrap()
    }

    async fn post(&self, path: &str) -> Response {
        self.request(Method::POST, path).send().await.unwrap()
    }

    async fn put(&self, path: &str, media_type: &str, body: impl Into<reqwest::Body>) -> Response {
        let request = self.request(Method::PUT, path).header("content-type", media_type);
        request.body(body).send().await.unwrap()
    }

    /// Pushes a blob in a single request.
    async fn push_blob(&self, repository: &str, content: &[u8]) -> Digest {
        let digest = Digest::of(content);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        let request = self.request(Method::POST, &path).body(content.to_vec());
        let pushed = request.send().await.unwrap();
        assert_eq!(pushed.status(), StatusCode::CREATED, "{pushed:?}");
        digest
    }

    /// Pushes an image whose only layer is `content`, and returns its manifest.
    async fn push_image(
        &self,
        repository: &str,
        reference: Option<&str>,
        content: &[u8],
    ) -> String {
        self.push_blob(repository, b"{}").await;
        self.push_blob(repository, content).await;
        let manifest = image(content, &json!({}));
        let digest = Digest::of(manifest.as_bytes()).to_string();
        let path = format!("/v2/{repository}/manifests/{}", reference.unwrap_or(&digest));
        let pushed = self.put(&path, OCI_MANIFEST, manifest.clone()).await;
        assert_eq!(pushed.status(), StatusCode::CREATED, "{pushed:?}");
        assert_eq!(header(&pushed, "docker-content-digest"), digest);
        manifest
    }

    /// The folder of what is not complete yet.
    fn incoming(&self) -> PathBuf {
        let folders = std::fs::read_dir(self.root.join(".longshore/incoming")).unwrap();
        let folders: Vec<PathBuf> = folders.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(folders.len(), 1, "{folders:?}");
        folders.into_iter().next().unwrap()
    }

    /// How many blobs are not complete yet.
    fn incomplete(&self) -> usize {
        // One file is the lock.
        std::fs::read_dir(self.incoming()).unwrap().count() - 1
    }

    async fn index_json(&self, repository: &str) -> Value {
        let text = std::fs::read(self.root.join(repository).join("index.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(content), "size": content.len()})
}

/// An image manifest with one layer, and what else is given.
fn image(layer: &[u8], more: &Value) -> String {
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", b"{}"),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
    });
    let fields = more.as_object().unwrap().clone();
    manifest.as_object_mut().unwrap().extend(fields);
    manifest.to_string()
}

/// An index over these manifests.
fn index(children: &[&str]) -> String {
    let children = children.iter().map(|child| descriptor(OCI_MANIFEST, child.as_bytes()));
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": children.collect::<Vec<Value>>(),
    })
    .to_string()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    let value = value.unwrap_or_else(|| panic!("no {name} in {response:?}"));
    value.to_str().unwrap()
}

/// The status and the code of a response that is an error.
async fn refused(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let error = &document["errors"][0];
    assert!(!error["message"].as_str().unwrap().is_empty());
    (status, error["code"].as_str().unwrap().to_owned())
}

fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
