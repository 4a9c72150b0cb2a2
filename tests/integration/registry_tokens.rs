//! A real registry behind token authentication: its own implementation, with a token
//! service of the tests that signs real tokens.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use kubectl_gitops::image::Reference;
use kubectl_gitops::registry::{Fault, Manifest, ManifestQuery, Registries};
use kubectl_gitops::registry::{RegistryError, Settings};

use super::support::faults::{self, FaultProxy};
use super::support::http;
use super::support::registry::{PASSWORD, TestRegistry, USER};
use super::support::scripted::{Say, Scripted};
use super::support::tokens::{self, IDENTITY, TokenService};

fn settings() -> Settings {
    Settings {
        backoff: Duration::from_millis(1),
        ..Settings::default()
    }
}

/// Settings with a login, in the form that it stands in Docker's file.
fn logged_in(folder: &Path, host: &str, login: serde_json::Value) -> Settings {
    let file = folder.join("config.json");
    let config = serde_json::json!({"auths": {host: login}});
    std::fs::write(&file, config.to_string()).unwrap();
    Settings {
        credential_files: vec![file],
        ..settings()
    }
}

fn password(password: &str) -> serde_json::Value {
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{password}"));
    serde_json::json!({ "auth": auth })
}

fn ask(settings: Settings, images: &[String]) -> Vec<Result<Manifest, RegistryError>> {
    let query = |image: &String| ManifestQuery {
        reference: image.parse::<Reference>().unwrap(),
        platforms: false,
    };
    let queries: Vec<ManifestQuery> = images.iter().map(query).collect();
    Registries::new(settings).unwrap().manifests(&queries)
}

fn images(registry: &TestRegistry, count: usize) -> Vec<String> {
    let host = registry.host();
    (0..count)
        .map(|number| {
            registry.push(&format!("shop/s{number}"), "v1");
            format!("{host}/shop/s{number}:v1")
        })
        .collect()
}

#[test]
fn tokens_are_had_for_passwords_and_identities_and_for_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let service = TokenService::start();
    let registry = TestRegistry::with_tokens(&service.realm());
    let images = images(&registry, 3);
    let host = registry.host();
    for login in [
        password(PASSWORD),
        serde_json::json!({"identitytoken": IDENTITY}),
        serde_json::json!({"username": "<token>", "password": IDENTITY}),
    ] {
        let before = service.heard().len();
        let answers = ask(logged_in(home.path(), &host, login.clone()), &images);
        assert!(answers.iter().all(Result::is_ok), "{login}: {answers:?}");
        assert_eq!(service.heard().len(), before + 1, "one token for all");
    }
    for (login, said, fault) in [
        (
            None,
            "answered 401 for shop/s0:v1, without credentials",
            401,
        ),
        (
            Some(password("hunter2")),
            "answered 401 for 3 repositories, with the credentials of",
            401,
        ),
        (
            Some(serde_json::json!({"identitytoken": "hunter2"})),
            "incorrect username or password",
            401,
        ),
    ] {
        let settings = match login {
            Some(login) => logged_in(home.path(), &host, login),
            None => settings(),
        };
        let answers = ask(settings, &images);
        let error = answers[0].as_ref().unwrap_err();
        assert_eq!((error.fault(), fault), (Fault::Unauthorized, 401));
        let text = format!("{error} {error:?}");
        assert!(text.contains(said), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_wrong_password_is_sent_once_however_many_images_there_are() {
    let home = tempfile::tempdir().unwrap();
    let service = TokenService::start();
    let registry = TestRegistry::with_tokens(&service.realm());
    let host = registry.host();
    let images: Vec<String> = (0..20).map(|n| format!("{host}/shop/s{n}:v1")).collect();
    let answers = ask(logged_in(home.path(), &host, password("hunter2")), &images);
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    assert_eq!(service.heard().len(), 1, "accounts are locked for less");
}

/// A token that its service forged, as one with a wrong key does.
fn forged() -> Say {
    Say::new(200, r#"{"token":"e30.e30.e30"}"#)
}

#[test]
fn a_new_token_that_the_registry_refuses_is_not_asked_for_again() {
    let home = tempfile::tempdir().unwrap();
    // However many images there are: one for all, and one for a single repository,
    // because some services grant no more.
    for (count, most) in [(1, 1), (20, 2)] {
        let service = TokenService::spoiled(|_| Some(forged()));
        let registry = TestRegistry::with_tokens(&service.realm());
        let images = images(&registry, count);
        for login in [
            password(PASSWORD),
            serde_json::json!({"identitytoken": IDENTITY}),
        ] {
            let before = service.heard().len();
            let settings = logged_in(home.path(), &registry.host(), login);
            let registries = Registries::new(settings).unwrap();
            let references: Vec<Reference> = images.iter().map(|it| it.parse().unwrap()).collect();
            for answers in [
                registries.proven(&references),
                registries.proven(&references),
            ] {
                for answer in answers {
                    assert_eq!(answer.unwrap_err().fault(), Fault::Unauthorized);
                }
            }
            let asked = service.heard().len() - before;
            assert!((1..=most).contains(&asked), "{asked} for {count} images");
        }
    }
}

#[test]
fn one_repository_without_access_takes_nothing_from_the_others() {
    let home = tempfile::tempdir().unwrap();
    // The registry does not take the token for the first repository.
    let service = TokenService::start();
    let registry = TestRegistry::with_tokens(&service.realm());
    let mut all = images(&registry, 10);
    let proxy = FaultProxy::start(registry.address(), |_, target| {
        match target.contains("/shop/s0/") {
            true => faults::Fault::status(401),
            false => faults::Fault::Pass,
        }
    });
    let host = proxy.address().to_string();
    for image in &mut all {
        *image = image.replace(&registry.host(), &host);
    }
    let answers = ask(logged_in(home.path(), &host, password(PASSWORD)), &all);
    assert_eq!(
        answers[0].as_ref().unwrap_err().fault(),
        Fault::Unauthorized
    );
    assert!(answers[1..].iter().all(Result::is_ok), "{answers:?}");
    assert!(service.heard().len() <= 2, "{:?}", service.heard());
}

/// What the token service says first, whether that passes, and how often it is asked.
#[test]
fn a_token_service_in_trouble_is_waited_for_as_a_registry_is() {
    let limited = |after: &'static str| Say::new(429, "").header("Retry-After", after);
    let long_ago = "Thu, 01 Jan 2015 00:00:00 GMT";
    for (spoilt, says, requests, fault) in [
        (1, limited("0"), 2, None),
        (1, limited(long_ago), 2, None),
        (3, Say::new(503, ""), 4, None),
        // Longer than is waited: an error at once, for all.
        (9, limited("3600"), 1, Some(Fault::RateLimited)),
        (9, Say::new(503, ""), 4, Some(Fault::Failed)),
        (9, Say::new(200, "{}"), 1, Some(Fault::Failed)),
        (9, Say::new(200, "<html>"), 1, Some(Fault::Failed)),
        // This may be about one of the repositories: each is asked for by itself.
        (9, Say::new(403, ""), 1 + 3, Some(Fault::Forbidden)),
        (1, Say::new(400, ""), 1 + 3, None),
    ] {
        let home = tempfile::tempdir().unwrap();
        let shown = format!("{says:?}");
        let service = TokenService::spoiled(move |number| (number < spoilt).then(|| says.clone()));
        let registry = TestRegistry::with_tokens(&service.realm());
        let images = images(&registry, 3);
        let started = Instant::now();
        let login = logged_in(home.path(), &registry.host(), password(PASSWORD));
        let answers = ask(login, &images);
        assert!(started.elapsed() < Duration::from_secs(30), "{shown}");
        for answer in &answers {
            let found = answer.as_ref().err().map(RegistryError::fault);
            assert_eq!(found, fault, "{shown}: {answers:?}");
        }
        assert_eq!(service.heard().len(), requests, "{shown}");
    }
}

#[test]
fn tokens_go_to_the_registry_and_nowhere_it_points_at() {
    let home = tempfile::tempdir().unwrap();
    let service = TokenService::start();
    let registry = TestRegistry::with_tokens(&service.realm());
    registry.push("shop/cart", "v1");
    let address = registry.address();
    // Where blobs are kept, as many registries have it: in a store of somebody else.
    let store = Scripted::start(Duration::ZERO, move |heard| {
        let token = tokens::token(&["shop/cart".to_owned()], &["pull"]);
        let header = format!("Bearer {token}");
        let headers = [("Authorization", header.as_str())];
        let blob = http::send(address, "GET", &heard.target, &headers, &[]).unwrap();
        Say::new(200, String::from_utf8(blob.body).unwrap())
    });
    let elsewhere = store.host();
    let proxy = FaultProxy::start(address, move |_, target| {
        let there = format!("http://{elsewhere}{target}");
        if target.contains("/blobs/") {
            let location = vec![("Location".to_owned(), there)];
            return faults::Fault::Answer(307, location, String::new());
        }
        if target.contains("/tags/") {
            let link = vec![("Link".to_owned(), format!("<{there}>; rel=next"))];
            return faults::Fault::Answer(200, link, r#"{"tags":["v1"]}"#.to_owned());
        }
        faults::Fault::Pass
    });
    let host = proxy.address().to_string();
    let login = logged_in(home.path(), &host, password(PASSWORD));
    let registries = Registries::new(login).unwrap();
    let image: Reference = format!("{host}/shop/cart:v1").parse().unwrap();
    let found = registries.facts(&[(image.clone(), None)]).pop().unwrap();
    let platform = found.unwrap().platform.unwrap().to_string();
    assert_eq!(platform, "linux/amd64", "the store was asked");
    let list = registries.tags(&[image.repository()]).pop().unwrap();
    let error = list.unwrap_err().to_string();
    assert!(error.contains("leads to another place"), "{error}");
    let heard = store.heard();
    assert_eq!(heard.len(), 1, "the blob and no list: {heard:?}");
    assert_eq!(heard[0].authorization, None);
}

/// Some registries let everybody ping, and ask who it is at the repository only.
#[test]
fn a_registry_with_an_open_door_is_logged_in_to_once() {
    let home = tempfile::tempdir().unwrap();
    let service = TokenService::start();
    let registry = TestRegistry::with_tokens(&service.realm());
    images(&registry, 30);
    let proxy = FaultProxy::start(registry.address(), |_, target| match target {
        "/v2/" => faults::Fault::Answer(200, Vec::new(), "{}".to_owned()),
        _ => faults::Fault::Pass,
    });
    let host = proxy.address().to_string();
    let all: Vec<String> = (0..30).map(|at| format!("{host}/shop/s{at}:v1")).collect();
    let answers = ask(logged_in(home.path(), &host, password(PASSWORD)), &all);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(service.heard().len(), 1);
    // A ping, each image once, and one of them again with the token.
    assert_eq!(proxy.seen().len(), 1 + 30 + 1, "{:?}", proxy.seen());
}
