//! Digests that are written are proven, and what a registry sends has an end: `bump-image`
//! against registries whose headers lie and whose lists never end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kubectl_gitops::image::Reference;
use kubectl_gitops::registry::{Registries, RegistryError, Settings};
use sha2::{Digest as _, Sha512};

use super::bump_image::says;
use super::support::Fixture;
use super::support::env::Outcome;
use super::support::images::{KUSTOMIZATION, pinned};
use super::support::registry::digest_of;
use super::support::scripted::{Say, Scripted};

/// An image without layers, of which two serve for a registry.
fn manifest(tag: &str) -> String {
    let config = digest_of(tag.as_bytes());
    format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":1}},"layers":[]}}"#
    )
}

fn sha512(bytes: &[u8]) -> String {
    let hex: String = Sha512::digest(bytes)
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    format!("sha512:{hex}")
}

/// A registry with the tags v1.0.0 and v1.1.0, and the headers with digests that it sends
/// with v1.1.0 by `HEAD` and by `GET`.
fn registry(head: Vec<String>, get: Vec<String>) -> Scripted {
    Scripted::start(Duration::ZERO, move |heard| {
        if heard.target == "/v2/" {
            return Say::new(200, "{}");
        }
        if heard.target.contains("/tags/list") {
            return Say::new(200, r#"{"tags":["v1.0.0","v1.1.0"]}"#);
        }
        let tag = heard.target.rsplit('/').next().unwrap_or_default();
        let headers = if heard.method == "HEAD" { &head } else { &get };
        let say = Say::new(200, manifest(tag));
        headers.iter().fold(say, |say, digest| {
            say.header("Docker-Content-Digest", digest)
        })
    })
}

/// One component whose site has a digest.
fn fixture(host: &str) -> Fixture {
    let fixture = pinned(&[("cart", format!("{host}/shop/cart"), "v1.0.0", "semver: ^1")]);
    let text = fixture.file_at("main", KUSTOMIZATION).unwrap();
    let digest = digest_of(manifest("v1.0.0").as_bytes());
    let text = format!("{text}  digest: {digest}\n");
    fixture.commit("main", "a digest", &[(KUSTOMIZATION, Some(&text))]);
    fixture
}

fn bump(fixture: &Fixture, more: &[&str]) -> Outcome {
    fixture.run(&[&["bump-image", "--env", "dev", "--yes"], more].concat())
}

#[test]
fn the_digest_that_is_written_is_that_of_the_manifest_that_was_read() {
    let own = digest_of(manifest("v1.1.0").as_bytes());
    let long = sha512(manifest("v1.1.0").as_bytes());
    let other = digest_of(b"other");
    let md5 = format!("md5:{}", "a".repeat(32));
    let short = "sha256:abcd".to_owned();
    let (none, one) = (Vec::new, |text: &str| vec![text.to_owned()]);
    for (head, get, written) in [
        (one(&own), one(&own), &own),
        (none(), none(), &own),
        // A word that only chooses may be wrong: it is not what is written.
        (one(&other), one(&own), &own),
        (one(&md5), one(&own), &own),
        (one(&short), none(), &own),
        (one(&long), one(&long), &long),
        (
            vec![own.clone(), other.clone()],
            vec![own.clone(), own.clone()],
            &own,
        ),
    ] {
        let shown = format!("{head:?} {get:?}");
        for named in [&[][..], &["cart=v1.1.0"]] {
            let registry = registry(head.clone(), get.clone());
            let fixture = fixture(&registry.host());
            bump(&fixture, named).code(0);
            let text = fixture.file_at("main", KUSTOMIZATION).unwrap();
            assert!(text.contains("newTag: v1.1.0"), "{shown}: {text}");
            assert!(
                text.contains(&format!("digest: {written}")),
                "{shown}: {text}"
            );
        }
    }
}

#[test]
fn a_header_that_its_own_answer_belies_ends_the_bump() {
    let own = digest_of(manifest("v1.1.0").as_bytes());
    let other = digest_of(b"other");
    let lies = [
        (other.clone(), "with digest sha256:"),
        (sha512(b"other"), "with digest sha512:"),
        (
            format!("md5:{}", "a".repeat(32)),
            "is sha256 or sha512, not md5",
        ),
        (
            format!("sha384:{}", "a".repeat(96)),
            "is sha256 or sha512, not sha384",
        ),
        (own.to_uppercase(), "Docker-Content-Digest is not one"),
        (own[..70].to_owned(), "has 64 hexadecimal digits"),
    ];
    for (lie, said) in lies {
        for head in [Vec::new(), vec![lie.clone()], vec![own.clone()]] {
            let registry = registry(head, vec![lie.clone()]);
            let fixture = fixture(&registry.host());
            for named in [&[][..], &["cart=v1.1.0"]] {
                let words = [&["--env", "dev", "--yes"], named].concat();
                let before = fixture.remote_tip("main");
                let failed = bump(&fixture, named).code(5);
                says(&failed, &[said, "nothing was written"]);
                assert_eq!(before, fixture.remote_tip("main"), "{words:?}");
            }
        }
    }
    let registry = registry(Vec::new(), vec![own, other]);
    let failed = bump(&fixture(&registry.host()), &[]).code(5);
    says(&failed, &["has two different digests"]);
}

#[test]
fn a_digest_of_another_algorithm_comes_from_nowhere() {
    let registry = registry(Vec::new(), Vec::new());
    let fixture = fixture(&registry.host());
    let md5 = format!("md5:{}", "a".repeat(32));
    let named = format!("cart=v1.1.0@{md5}");
    let before = fixture.remote_tip("main");
    let failed = bump(&fixture, &[&named]).code(2);
    says(&failed, &["is sha256 or sha512, not md5"]);
    let host = registry.host();
    let tags = format!(
        r#"{{"apiVersion":"kubectl-gitops/v1alpha1","kind":"RegistryTags","repositories":{{"{host}/shop/cart":{{"tags":{{"v1.0.0":{{}},"v1.1.0":{{"digest":"{md5}"}}}}}}}}}}"#
    );
    let file = fixture.env.join("tags.json");
    std::fs::write(&file, tags).unwrap();
    let failed = bump(&fixture, &["--tags-from", file.to_str().unwrap()]).code(2);
    says(&failed, &["is sha256 or sha512, not md5"]);
    assert_eq!(before, fixture.remote_tip("main"));
}

fn tags(settings: Settings, host: &str) -> Result<usize, RegistryError> {
    let image: Reference = format!("{host}/shop/cart:v1").parse().unwrap();
    let mut tags = Registries::new(settings)
        .unwrap()
        .tags(&[image.repository()]);
    tags.pop().unwrap().map(|tags| tags.len())
}

/// A list of which each page names another one.
fn endless(page: String, pause: Duration) -> Scripted {
    let count = AtomicUsize::new(0);
    Scripted::start(pause, move |heard| {
        if heard.target == "/v2/" {
            return Say::new(200, "{}");
        }
        let number = count.fetch_add(1, Ordering::SeqCst);
        Say::new(200, page.clone()).header("Link", format!("<?last={number}>; rel=next"))
    })
}

#[test]
fn a_list_of_tags_ends_in_bytes_in_pages_and_in_time() {
    // The same few tags, so that the test itself is quick.
    let large = format!(r#"{{"x":"{}","tags":["v1.0.0"]}}"#, "x".repeat(4 << 20));
    let registry = endless(large, Duration::ZERO);
    let error = tags(Settings::default(), &registry.host()).unwrap_err();
    let said = "the tags of shop/cart: the list is larger than 33554432 bytes";
    assert!(error.to_string().contains(said), "{error}");
    assert_eq!(registry.heard().len(), 1 + 8);

    let small = r#"{"tags":["v1.0.0"]}"#.to_owned();
    let registry = endless(small.clone(), Duration::ZERO);
    let settings = Settings {
        page_limit: 20,
        ..Settings::default()
    };
    let error = tags(settings, &registry.host()).unwrap_err();
    assert!(error.to_string().contains("more than 20 pages"), "{error}");
    assert_eq!(registry.heard().len(), 1 + 20);

    let registry = endless(small, Duration::from_millis(50));
    let settings = Settings {
        list_time: Duration::from_millis(400),
        ..Settings::default()
    };
    let error = tags(settings, &registry.host()).unwrap_err();
    let said = "the list has not come to its end within 0.4 s";
    assert!(error.to_string().contains(said), "{error}");
    assert!(registry.heard().len() < 20);
}

#[test]
fn an_endless_list_ends_the_bump() {
    let page = format!(r#"{{"x":"{}","tags":["v1.0.0"]}}"#, "x".repeat(15 << 20));
    let registry = endless(page, Duration::ZERO);
    let fixture = fixture(&registry.host());
    let failed = nothing_written_on_main(&fixture);
    says(&failed, &["the list is larger than 33554432 bytes"]);
}

fn nothing_written_on_main(fixture: &Fixture) -> Outcome {
    let before = fixture.remote_tip("main");
    let outcome = bump(fixture, &[]).code(5);
    assert_eq!(before, fixture.remote_tip("main"));
    outcome
}
