//! Asking a registry that is 50 ms away: what a person waits for, less the Git side. The
//! server counts, so that a figure is never that of other requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use divan::Bencher;
use kubectl_gitops::image::{Digest, Reference, Repository};
use kubectl_gitops::registry::{ManifestQuery, Registries, Settings};

use crate::http::{Arrives, Asked, Server, Told};

/// From asking to the answer.
const ROUND_TRIP: Duration = Duration::from_millis(50);

/// A registry with a token service on the same port.
struct Far {
    server: Server,
    requests: Arc<AtomicUsize>,
}

impl Far {
    /// Lists have a thousand tags a page, and so many pages.
    fn start(pages: usize) -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        let server = Server::start(move |asked| {
            count.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(ROUND_TRIP);
            answer(&asked, pages)
        });
        Self { server, requests }
    }

    fn images(&self, count: usize) -> Vec<Reference> {
        let host = self.server.address();
        let image = |at| format!("{host}/shop/s{at}:v1.0.0").parse().unwrap();
        (0..count).map(image).collect()
    }

    /// Runs from a client that knows nothing, and fails when it asked more or less.
    fn asked(&self, wanted: usize, run: impl Fn(&Registries)) {
        let before = self.requests.load(Ordering::SeqCst);
        run(&Registries::new(Settings::default()).unwrap());
        let asked = self.requests.load(Ordering::SeqCst) - before;
        assert_eq!(asked, wanted, "requests");
    }
}

fn answer(asked: &Asked, pages: usize) -> Told {
    let mut told = Told {
        status: 200,
        headers: Vec::new(),
        body: Vec::new(),
        arrives: Arrives::Whole,
    };
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    if path == "/token" {
        told.body = br#"{"token":"t"}"#.to_vec();
    } else if asked.header("authorization").is_none() {
        let host = asked.header("host").unwrap_or_default();
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"far\"");
        told.status = 401;
        told.headers = vec![("WWW-Authenticate".into(), challenge)];
    } else if path.ends_with("/tags/list") {
        let page: usize = query
            .strip_prefix("page=")
            .map_or(0, |at| at.parse().unwrap());
        let tags: Vec<String> = (0..1000).map(|at| format!("v1.{page}.{at}")).collect();
        if page + 1 < pages {
            let link = format!("<?page={}>; rel=\"next\"", page + 1);
            told.headers = vec![("Link".into(), link)];
        }
        told.body = serde_json::json!({ "tags": tags }).to_string().into_bytes();
    } else {
        told.body = path.as_bytes().to_vec();
        let digest = Digest::sha256(&told.body).to_string();
        told.headers = vec![("Docker-Content-Digest".into(), digest)];
    }
    told
}

fn manifests(registries: &Registries, images: &[Reference]) {
    let query = |image: &Reference| ManifestQuery {
        reference: image.clone(),
        platforms: false,
    };
    let queries: Vec<ManifestQuery> = images.iter().map(query).collect();
    assert!(registries.manifests(&queries).iter().all(Result::is_ok));
}

/// What is written is read, so that its digest is proven: a request for each image.
fn proofs(registries: &Registries, images: &[Reference]) {
    assert!(registries.proven(images).iter().all(Result::is_ok));
}

fn lists(registries: &Registries, images: &[Reference], tags: usize) {
    let repositories: Vec<Repository> = images.iter().map(Reference::repository).collect();
    for list in registries.tags(&repositories) {
        assert_eq!(list.unwrap().len(), tags);
    }
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn fifty_named_tags(bencher: Bencher<'_, '_>) {
    let far = Far::start(1);
    let images = far.images(50);
    bencher.bench_local(|| {
        far.asked(102, |registries| {
            manifests(registries, &images);
            proofs(registries, &images);
        });
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn fifty_policies_on_a_thousand_tags(bencher: Bencher<'_, '_>) {
    let far = Far::start(1);
    let images = far.images(50);
    bencher.bench_local(|| {
        far.asked(152, |registries| {
            lists(registries, &images, 1000);
            manifests(registries, &images);
            proofs(registries, &images);
        });
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn ten_thousand_tags(bencher: Bencher<'_, '_>) {
    let far = Far::start(10);
    let images = far.images(1);
    bencher.bench_local(|| far.asked(12, |registries| lists(registries, &images, 10_000)));
}
