//! Many images between real registries: four workers send what one sends.

use std::collections::BTreeMap;

use longshore_content::{Content, Image};

use super::{assert_clean, end, start_worker};
use crate::support::{Nats, Pair, Registry};

const IMAGES: u64 = 500;
const REPOSITORIES: u64 = 50;
/// The distinct layers that images share, in bytes. Blobs below 128 KiB are not claimed.
const BASES: (u64, usize) = (5, 140_000);

fn image(number: u64) -> Content {
    let image = Image::new("linux/amd64").label("number", &number.to_string());
    image.layer(1 + number % BASES.0, BASES.1).layer(1000 + number, 200).build()
}

fn repository(number: u64) -> String {
    format!("team/app-{}", number % REPOSITORIES)
}

/// The requests of a registry with this method: the path after `/v2/`, and the status.
fn sent(registry: &Registry, method: &str) -> Vec<(String, String)> {
    let start = format!("\"{method} /v2/");
    let request = |line: &String| {
        let (_, rest) = line.split_once(&start)?;
        let (target, rest) = rest.split_once(" HTTP/1.1\" ")?;
        Some((target.to_owned(), rest.split(' ').next().unwrap_or_default().to_owned()))
    };
    registry.requests().iter().filter_map(request).collect()
}

/// The uploads that a registry completed, by digest.
fn uploads(registry: &Registry) -> BTreeMap<String, usize> {
    let mut uploads = BTreeMap::new();
    for (target, status) in sent(registry, "PUT") {
        let digest = target.split_once("digest=").map(|(_, rest)| rest.split('&').next());
        if let (Some(Some(digest)), "201") = (digest, &*status) {
            *uploads.entry(digest.replace("%3A", ":")).or_default() += 1;
        }
    }
    uploads
}

/// The mounts from another repository that a registry refused, by digest. Distribution writes the link of a blob
/// again when another worker mounts the blob into the repository where it is, and refuses to mount it from there in
/// this moment. The content is sent again then.
fn refused_mounts(registry: &Registry) -> BTreeMap<String, usize> {
    let mut mounts = BTreeMap::new();
    for (target, status) in sent(registry, "POST") {
        let target = target.replace("%3A", ":").replace("%2F", "/");
        let Some((repository, query)) = target.split_once("/blobs/uploads/?") else { continue };
        let field = |name: &str| query.split('&').find_map(|field| field.strip_prefix(name));
        if let (Some(from), Some(digest), "202") = (field("from="), field("mount="), &*status)
            && from != repository
        {
            *mounts.entry(digest.to_owned()).or_default() += 1;
        }
    }
    mounts
}

/// The blobs of the images whose manifest a registry refused. Distribution writes the link of a blob again when
/// another worker mounts the blob into the same repository, and a manifest that comes in this moment lacks the blob.
/// Its content is sent again then.
fn refused(registry: &Registry) -> Vec<String> {
    let manifests = sent(registry, "PUT").into_iter().filter(|(_, status)| status.starts_with('4'));
    let tags =
        manifests.filter_map(|(target, _)| target.rsplit_once("/manifests/")?.1.parse().ok());
    let digests = |number: u64| -> Vec<String> {
        image(number).blobs().iter().map(|blob| blob.digest().to_owned()).collect()
    };
    tags.flat_map(digests).collect()
}

#[test]
fn four_workers_upload_what_one_uploads() {
    let Some(nats) = Nats::start() else { return };
    let (Some(source), Some(destination)) =
        (Registry::docker().start(), Registry::docker().start())
    else {
        return;
    };
    let Some(alone) = Registry::docker().start() else { return };
    let mut alone = Some(alone);
    std::thread::scope(|scope| {
        for part in 0..4 {
            let source = &source;
            scope.spawn(move || {
                for number in (part..IMAGES).step_by(4) {
                    source.push(&repository(number), &number.to_string(), &image(number));
                }
            });
        }
    });
    let line = |number| format!("{0} {0} {number}\n", repository(number));
    let list: String = (0..IMAGES).map(line).collect();
    let mut pair = Pair { source, destination };
    let fleet = ["--fleet", &nats.url(), "--output=json"];
    let (mut seen, mut again, mut not_mounted) = (Vec::new(), Vec::new(), Vec::new());
    for names in [&["one", "two", "three", "four"][..], &["single"]] {
        let workers: Vec<_> = names.iter().map(|name| start_worker(&nats, name)).collect();
        let report = pair.mirror(&list).args(fleet).run().exits(0).json();
        for worker in workers {
            end(worker);
        }
        let entries = report["entries"].as_array().expect("there are entries");
        let copied = entries.iter().filter(|entry| entry["status"] == "copied").count();
        let shares = report["workers"].as_array().expect("there are workers");
        let jobs: u64 = shares.iter().filter_map(|worker| worker["jobs"].as_u64()).sum();
        assert_eq!(
            (copied as u64, jobs, shares.len()),
            (IMAGES, IMAGES, names.len()),
            "{report:#}"
        );
        seen.push(uploads(&pair.destination));
        again.extend(refused(&pair.destination));
        not_mounted.push(refused_mounts(&pair.destination));
        for number in (0..IMAGES).step_by(71) {
            pair.assert_arrived(&repository(number), &number.to_string(), &image(number));
        }
        if let Some(alone) = alone.take() {
            pair.destination = alone;
        }
    }
    // Each image has a configuration and a layer of its own.
    assert_eq!(seen[0].len() as u64, IMAGES * 2 + BASES.0);
    let not_mounted = &not_mounted[0];
    let may_be_sent = |digest: &String| 1 + not_mounted.get(digest).copied().unwrap_or(0);
    let twice: Vec<_> = seen[0]
        .iter()
        .filter(|(digest, times)| **times > may_be_sent(digest) && !again.contains(digest))
        .collect();
    assert!(twice.is_empty(), "blobs were uploaded again: {twice:?}; not mounted: {not_mounted:?}");
    // Mounts from where the blob is not would all be refused.
    assert!(not_mounted.values().sum::<usize>() <= 5, "mounts were refused: {not_mounted:?}");
    assert!(seen[0].keys().eq(seen[1].keys()), "four workers do not upload what one does");
    assert_clean(&nats);
}
