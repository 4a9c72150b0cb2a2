//! A login stays at the origin that it is for, in every way that a registry, a token
//! service or a proxy may ask for it: challenges of others, redirects, plain HTTP, and
//! answers that repeat what was sent.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use kubectl_gitops::image::Reference;
use kubectl_gitops::registry::{
    Fault, ManifestQuery, Proxies, Registries, RegistryError, Settings,
};
use serde_json::{Value, json};

use super::support::faults::{self, FaultProxy, Tunnel};
use super::support::http;
use super::support::registry::{Auth, PASSWORD, TestRegistry, USER, authority, basic};
use super::support::scripted::{Heard, Say, Scripted};

/// All redirects that HTTP has.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// The secrets of these tests.
const IDENTITY: &str = "an-identity-of-mine";
const TOKEN: &str = "t0ken-that-was-issued";

fn settings() -> Settings {
    Settings {
        backoff: Duration::from_millis(1),
        attempts: 1,
        ..Settings::default()
    }
}

/// The logins that a configuration file may hold.
fn logins() -> [Value; 3] {
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
    [
        json!({ "auth": auth }),
        json!({"identitytoken": IDENTITY}),
        json!({"registrytoken": TOKEN}),
    ]
}

fn logged_in(folder: &Path, host: &str, login: &Value) -> Settings {
    let file = folder.join("config.json");
    std::fs::write(&file, json!({"auths": {host: login}}).to_string()).unwrap();
    Settings {
        credential_files: vec![file],
        ..settings()
    }
}

/// Asks for a manifest by `HEAD`, by `GET`, and for the tags.
fn ask(settings: Settings, host: &str) -> Vec<RegistryError> {
    let image: Reference = format!("{host}/shop/cart:v1").parse().unwrap();
    let registries = Registries::new(settings).unwrap();
    let query = ManifestQuery {
        reference: image.clone(),
        platforms: false,
    };
    let manifest = registries.manifests(&[query]).pop().unwrap().err();
    let proven = registries
        .proven(std::slice::from_ref(&image))
        .pop()
        .unwrap()
        .err();
    let tags = registries.tags(&[image.repository()]).pop().unwrap().err();
    [manifest, proven, tags].into_iter().flatten().collect()
}

/// Whether a request was sent with anything secret.
fn has_secret(heard: &Heard) -> bool {
    let text = format!("{} {}", heard.target, heard.body);
    heard.authorization.is_some() || text.contains(PASSWORD) || text.contains(IDENTITY)
}

fn moved(status: u16, to: &str) -> Say {
    Say::new(status, "").header("Location", to)
}

fn bearer(realm: &str) -> Say {
    let challenge = format!("Bearer realm=\"{realm}\",service=\"tests\"");
    Say::new(401, "").header("WWW-Authenticate", challenge)
}

/// Another host, which wants a login and takes any.
fn greedy(challenge: impl Fn(&Heard) -> Say + Send + Sync + 'static) -> Scripted {
    Scripted::start_on("127.0.0.2", Duration::ZERO, move |heard| {
        match heard.target.starts_with("/token") || heard.authorization.is_some() {
            true => Say::new(200, json!({"token": TOKEN, "tags": ["v1"]}).to_string()),
            false => challenge(heard),
        }
    })
}

#[test]
fn a_challenge_counts_only_where_the_registry_itself_says_it() {
    let home = tempfile::tempdir().unwrap();
    for by_password in [true, false] {
        let other = greedy(move |heard| match by_password {
            true => Say::new(401, "").header("WWW-Authenticate", "Basic realm=\"x\""),
            false => bearer(&format!("http://{}/token", heard.host)),
        });
        let there = other.host();
        for (status, at_the_door) in REDIRECTS
            .into_iter()
            .flat_map(|it| [(it, true), (it, false)])
        {
            let to = there.clone();
            let registry = Scripted::start(Duration::ZERO, move |heard| {
                match heard.target == "/v2/" && !at_the_door {
                    true => Say::new(200, "{}"),
                    false => moved(status, &format!("http://{to}{}", heard.target)),
                }
            });
            for login in logins() {
                let errors = ask(
                    logged_in(home.path(), &registry.host(), &login),
                    &registry.host(),
                );
                assert_eq!(errors.len(), 3, "{status} {errors:?}");
                let said = format!("redirected to http://{there}, which answered 401");
                for error in errors {
                    assert!(error.to_string().contains(&said), "{status}: {error}");
                    assert_eq!(error.elsewhere(), Some(format!("http://{there}").as_str()));
                }
            }
            // It has not asked for any, so it got none either.
            assert!(
                !registry.heard().iter().any(has_secret),
                "{:?}",
                registry.heard()
            );
        }
        let heard = other.heard();
        assert!(
            !heard.is_empty() && !heard.iter().any(has_secret),
            "{heard:?}"
        );
        assert!(
            !heard.iter().any(|it| it.target.starts_with("/token")),
            "{heard:?}"
        );
    }
}

#[test]
fn what_a_registry_redirects_to_is_read_without_the_login() {
    let home = tempfile::tempdir().unwrap();
    let store = TestRegistry::start(Auth::None);
    store.push("shop/cart", "v1");
    let address = store.address();
    for status in REDIRECTS {
        let other = Scripted::start_on("127.0.0.2", Duration::ZERO, move |heard| {
            pass(address, heard)
        });
        let there = other.host();
        let registry = Scripted::start(Duration::ZERO, move |heard| {
            match (&heard.authorization, heard.target.as_str()) {
                (None, _) => Say::new(401, "").header("WWW-Authenticate", "Basic realm=\"x\""),
                (Some(_), "/v2/") => Say::new(200, "{}"),
                (Some(_), target) => moved(status, &format!("http://{there}{target}")),
            }
        });
        let settings = logged_in(home.path(), &registry.host(), &logins()[0]);
        let errors = ask(settings, &registry.host());
        assert!(errors.is_empty(), "{status}: {errors:?}");
        let login = basic(USER, PASSWORD);
        assert!(
            registry
                .heard()
                .iter()
                .any(|it| it.authorization.as_ref() == Some(&login))
        );
        let heard = other.heard();
        assert_eq!(heard.len(), 3, "{heard:?}");
        assert!(!heard.iter().any(has_secret), "{heard:?}");
    }
}

/// As registries have it that are a name for another one.
#[test]
fn a_list_that_is_elsewhere_is_read_there_to_its_end() {
    let home = tempfile::tempdir().unwrap();
    let other = Scripted::start_on("127.0.0.2", Duration::ZERO, |heard| {
        let (path, query) = heard.target.split_once('?').unwrap();
        assert_eq!(path, "/v2/behind/shop/cart/tags/list");
        let say = |tag: &str| Say::new(200, json!({ "tags": [tag] }).to_string());
        match query {
            "n=1000" => say("v1").header("Link", format!("<{path}?last=v1>; rel=next")),
            _ => say("v2"),
        }
    });
    let there = other.host();
    let registry = Scripted::start(Duration::ZERO, move |heard| {
        match heard.target.strip_prefix("/v2/shop") {
            Some(rest) => moved(307, &format!("http://{there}/v2/behind/shop{rest}")),
            None => Say::new(200, "{}"),
        }
    });
    let settings = logged_in(home.path(), &registry.host(), &logins()[0]);
    let image: Reference = format!("{}/shop/cart:v1", registry.host()).parse().unwrap();
    let tags = Registries::new(settings)
        .unwrap()
        .tags(&[image.repository()])
        .pop();
    assert_eq!(tags.unwrap().unwrap().len(), 2);
    assert_eq!(registry.heard().len(), 2, "{:?}", registry.heard());
    assert!(!other.heard().iter().any(has_secret), "{:?}", other.heard());
}

/// Passes a request on, with its `Authorization`.
fn pass(to: std::net::SocketAddr, heard: &Heard) -> Say {
    let mut headers = vec![("Accept", "*/*, application/vnd.oci.image.manifest.v1+json")];
    headers.extend(
        heard
            .authorization
            .as_deref()
            .map(|it| ("Authorization", it)),
    );
    let target = match heard.target.strip_prefix("http://") {
        Some(rest) => &rest[rest.find('/').unwrap()..],
        None => &heard.target,
    };
    let answer = http::send(to, &heard.method, target, &headers, &[]).unwrap();
    let mut say = Say::new(
        answer.status,
        String::from_utf8(answer.body.clone()).unwrap(),
    );
    for name in ["Docker-Content-Digest", "WWW-Authenticate"] {
        if let Some(value) = answer.header(name) {
            say = say.header(name, value);
        }
    }
    say
}

#[test]
fn a_token_service_sends_no_login_on_to_another_origin() {
    let home = tempfile::tempdir().unwrap();
    let other = greedy(|_| Say::new(500, ""));
    let there = other.host();
    for status in REDIRECTS {
        let to = there.clone();
        let registry = Scripted::start(Duration::ZERO, move |heard| {
            match heard.target.starts_with("/token") {
                true => moved(status, &format!("http://{to}/token")),
                false => bearer(&format!("http://{}/token", heard.host)),
            }
        });
        for login in &logins()[..2] {
            let errors = ask(
                logged_in(home.path(), &registry.host(), login),
                &registry.host(),
            );
            for error in errors {
                let said = format!("a redirect to http://{there}, where no login is sent");
                assert!(error.to_string().contains(&said), "{status}: {error}");
            }
        }
        let secrets = registry.heard().into_iter().filter(has_secret);
        assert_eq!(secrets.count(), 2, "each login once");
    }
    assert_eq!(other.heard().len(), 0, "{:?}", other.heard());
}

#[test]
fn a_form_goes_where_its_own_service_has_moved_to() {
    let home = tempfile::tempdir().unwrap();
    for (status, passes) in REDIRECTS.map(|status| (status, status > 303)) {
        let registry = Scripted::start(Duration::ZERO, move |heard| {
            match (heard.target.as_str(), heard.authorization.is_some()) {
                ("/token", _) => moved(status, "/oauth2/token"),
                ("/oauth2/token", _) if heard.body.contains(IDENTITY) => {
                    Say::new(200, json!({"access_token": TOKEN}).to_string())
                }
                (_, true) => Say::new(200, r#"{"tags":["v1"]}"#),
                _ => bearer(&format!("http://{}/token", heard.host)),
            }
        });
        let settings = logged_in(home.path(), &registry.host(), &logins()[1]);
        let image: Reference = format!("{}/shop/cart:v1", registry.host()).parse().unwrap();
        let tags = Registries::new(settings)
            .unwrap()
            .tags(&[image.repository()])
            .pop();
        match tags.unwrap() {
            Ok(tags) => assert!(passes && tags.len() == 1, "{status}"),
            Err(error) => {
                assert!(!passes, "{status}: {error}");
                assert!(
                    error.to_string().contains("leaves out what was sent"),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn no_redirect_leads_out_of_tls_or_names_a_login_or_goes_round() {
    let home = tempfile::tempdir().unwrap();
    let plain = Scripted::start_on("127.0.0.2", Duration::ZERO, |_| Say::new(200, "{}"));
    let there = plain.host();
    let registry = TestRegistry::start(Auth::None);
    let cases = [
        (
            format!("http://{there}/x"),
            "a redirect from https to http://127.0.0.2",
        ),
        (
            "http://registry.example.com/v2/".to_owned(),
            "a redirect from https to http://",
        ),
        (
            format!("https://me:pw@{there}/x"),
            "an address with a login in it",
        ),
        (
            "ftp://example.com/x".to_owned(),
            "an address of the scheme ftp",
        ),
        ("/v2/".to_owned(), "more than 5 redirects"),
    ];
    for (location, said) in cases {
        for status in REDIRECTS {
            let location = location.clone();
            let front = FaultProxy::start_tls(registry.address(), move |_, _| {
                let to = vec![("Location".to_owned(), location.clone())];
                faults::Fault::Answer(status, to, String::new())
            });
            let tunnel = Tunnel::start(front.address());
            let settings = Settings {
                certificate_authorities: vec![authority()],
                proxies: Proxies {
                    https: Some(format!("http://{}", tunnel.address())),
                    ..Proxies::default()
                },
                ..logged_in(home.path(), "registry.example.com", &logins()[0])
            };
            let errors = ask(settings, "registry.example.com");
            for error in errors {
                assert!(error.to_string().contains(said), "{status}: {error}");
                assert!(!error.to_string().contains("pw"), "{error}");
            }
        }
    }
    assert_eq!(plain.heard().len(), 0, "{:?}", plain.heard());
}

#[test]
fn token_services_are_behind_tls_or_allowed_on_this_machine() {
    let home = tempfile::tempdir().unwrap();
    let proxy = Scripted::start(Duration::ZERO, |_| {
        Say::new(200, json!({"token": TOKEN}).to_string())
    });
    let proxies = Proxies {
        http: Some(format!("http://{}", proxy.host())),
        ..Proxies::default()
    };
    let realms = |realm: &'static str| {
        Scripted::start(Duration::ZERO, move |heard| match &heard.authorization {
            Some(token) if token.ends_with(TOKEN) => Say::new(200, r#"{"tags":["v1"]}"#),
            _ => bearer(realm),
        })
    };
    let tags = |registry: &Scripted, settings: Settings| {
        let image: Reference = format!("{}/shop/cart:v1", registry.host()).parse().unwrap();
        let tags = Registries::new(settings)
            .unwrap()
            .tags(&[image.repository()]);
        tags.into_iter().next().unwrap()
    };
    let registry = realms("http://tokens.example.com:80/token");
    for login in &logins()[..2] {
        let settings = || Settings {
            proxies: proxies.clone(),
            ..logged_in(home.path(), &registry.host(), login)
        };
        let before = proxy.heard().len();
        // What a repository says about plain HTTP is no leave to send a login.
        let mut listed = settings();
        listed.plain_http.insert("tokens.example.com".to_owned());
        for settings in [settings(), listed.clone()] {
            let error = tags(&registry, settings).unwrap_err();
            assert_eq!(error.fault(), Fault::PlainHttp);
            assert_eq!(error.plain_host(), Some("tokens.example.com"));
            let said = "http://tokens.example.com, is not behind https";
            assert!(error.to_string().contains(said), "{error}");
        }
        assert_eq!(proxy.heard().len(), before);
        let mut allowed = settings();
        allowed
            .insecure
            .insert("tokens.example.com".parse().unwrap());
        assert_eq!(tags(&registry, allowed).unwrap().len(), 1);
        assert_eq!(proxy.heard().len(), before + 1);
        // Without a login there is nothing to lose.
        listed.credential_files.clear();
        assert_eq!(tags(&registry, listed).unwrap().len(), 1);
    }
    for realm in ["https://me:pw@127.0.0.2/token", "http://me@127.0.0.1/token"] {
        let registry = realms(realm);
        let error = tags(
            &registry,
            logged_in(home.path(), &registry.host(), &logins()[0]),
        );
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("has a login in it") && !error.contains("pw"),
            "{error}"
        );
    }
}

#[test]
fn a_registry_token_is_the_bearer_token_of_its_registry() {
    let home = tempfile::tempdir().unwrap();
    for challenge in [
        "Bearer realm=\"http://127.0.0.2:1/token\"",
        "Basic realm=\"x\"",
    ] {
        for open in [true, false] {
            let registry = Scripted::start(Duration::ZERO, move |heard| {
                let known = heard.authorization.as_deref() == Some(&format!("Bearer {TOKEN}"));
                match known || open && heard.target == "/v2/" {
                    true => Say::new(200, r#"{"tags":["v1"]}"#),
                    false => Say::new(401, "").header("WWW-Authenticate", challenge),
                }
            });
            let errors = ask(
                logged_in(home.path(), &registry.host(), &logins()[2]),
                &registry.host(),
            );
            assert!(errors.is_empty(), "{challenge} {open}: {errors:?}");
            // A wrong one is refused, and not tried again.
            let wrong = json!({"registrytoken": "hunter2"});
            let before = registry.heard().len();
            for error in ask(
                logged_in(home.path(), &registry.host(), &wrong),
                &registry.host(),
            ) {
                assert_eq!(error.fault(), Fault::Unauthorized);
                assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            }
            let heard = registry.heard().split_off(before);
            let sent = heard.iter().filter(|it| it.authorization.is_some());
            assert!(sent.count() <= 4, "{heard:?}");
        }
    }
}

/// Where a server repeats what it was sent.
type Repeat = Arc<dyn Fn(&str, &Heard) -> Say + Send + Sync>;

/// Everything that servers say about a request, with the words of the request in it.
fn repeats() -> Vec<(&'static str, Repeat)> {
    let body = |text: &str| json!({"errors": [{"code": "DENIED", "message": text}]}).to_string();
    vec![
        ("body", Arc::new(move |text, _| Say::new(403, body(text)))),
        (
            "broken up",
            Arc::new(move |text, _| {
                let (head, tail) = text.split_at(text.len() / 2);
                Say::new(403, body(&format!("{head}\u{7}{tail}")))
            }),
        ),
        (
            "details",
            Arc::new(|text, _| Say::new(400, json!({ "details": text }).to_string())),
        ),
        (
            "list",
            Arc::new(|text, _| Say::new(200, json!({ "tags": text }).to_string())),
        ),
        (
            "link",
            Arc::new(|text, _| {
                let link = format!("</x/{}>; rel=next", text.replace(' ', "/"));
                Say::new(200, r#"{"tags":[]}"#).header("Link", link)
            }),
        ),
        (
            "location",
            Arc::new(|text, _| moved(307, &format!("{}:x", text.replace(' ', "")))),
        ),
        (
            "digest",
            Arc::new(|text, _| Say::new(200, "{}").header("Docker-Content-Digest", text)),
        ),
        (
            "challenge",
            Arc::new(|text, heard| {
                let realm = format!("http://{}/{}", heard.host, text.replace(' ', "/"));
                bearer(&realm)
            }),
        ),
    ]
}

#[test]
fn what_was_sent_is_masked_wherever_it_comes_back() {
    let home = tempfile::tempdir().unwrap();
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let secrets = [PASSWORD, IDENTITY, TOKEN, &encoded];
    for (name, repeat) in repeats() {
        for (login, by_token) in logins()
            .into_iter()
            .flat_map(|it| [(it.clone(), true), (it, false)])
        {
            let repeat = repeat.clone();
            let registry = Scripted::start(Duration::ZERO, move |heard| {
                if heard.target.starts_with("/token") && !by_token {
                    let login = heard.authorization.as_deref().unwrap_or(&heard.body);
                    return repeat(login, heard);
                }
                match &heard.authorization {
                    _ if heard.target.starts_with("/token") => {
                        Say::new(200, json!({"token": TOKEN}).to_string())
                    }
                    Some(login) => repeat(login, heard),
                    None if heard.target == "/v2/" && !by_token => {
                        Say::new(401, "").header("WWW-Authenticate", "Basic realm=\"x\"")
                    }
                    None => bearer(&format!("http://{}/token", heard.host)),
                }
            });
            let settings = logged_in(home.path(), &registry.host(), &login);
            let errors = ask(settings, &registry.host());
            let text = format!(
                "{errors:?} {}",
                errors.iter().map(ToString::to_string).collect::<String>()
            );
            for secret in secrets {
                assert!(!text.contains(secret), "{name} {login} {by_token}: {text}");
            }
        }
    }
}

#[test]
fn a_proxy_s_login_is_masked_as_well() {
    let proxy = Scripted::start(Duration::ZERO, |heard| {
        let login = heard.proxy_authorization.clone().unwrap_or_default();
        let text = format!("not with {login} or tester:s3cr3t/word");
        Say::new(403, json!({"errors": [{"message": text}]}).to_string())
    });
    let settings = Settings {
        plain_http: ["registry.example.com".to_owned()].into(),
        proxies: Proxies {
            http: Some(format!("http://tester:s3cr3t%2Fword@{}", proxy.host())),
            ..Proxies::default()
        },
        ..settings()
    };
    let errors = ask(settings, "registry.example.com");
    assert!(
        errors.iter().any(|it| it.to_string().contains("not with")),
        "{errors:?}"
    );
    for error in errors {
        let text = format!("{error} {error:?}");
        // A `HEAD` has no words.
        assert!(
            !text.contains("not with") || text.contains("not with Basic *** or ***"),
            "{text}"
        );
        let encoded = base64::engine::general_purpose::STANDARD.encode("tester:s3cr3t/word");
        for secret in ["s3cr3t/word", "s3cr3t%2Fword", &encoded] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    assert!(
        proxy
            .heard()
            .iter()
            .all(|it| it.proxy_authorization.is_some())
    );
}

#[test]
fn a_proxy_that_cannot_be_used_is_no_reason_to_go_without() {
    let registry = Scripted::start(Duration::ZERO, |_| Say::new(200, r#"{"tags":["v1"]}"#));
    // Another name of this machine, which is reached by a proxy where there is one.
    let host = registry.host().replace("127.0.0.1", "0.0.0.0");
    let plain = |proxy: Option<&str>| Settings {
        plain_http: [host.clone()].into(),
        proxies: Proxies {
            http: proxy.map(str::to_owned),
            ..Proxies::default()
        },
        ..settings()
    };
    let image: Reference = format!("{host}/shop/cart:v1").parse().unwrap();
    let tags = |settings: Settings| {
        let tags = Registries::new(settings)
            .unwrap()
            .tags(&[image.repository()]);
        tags.into_iter().next().unwrap()
    };
    assert!(tags(plain(None)).is_ok());
    let asked = registry.heard().len();
    for proxy in [
        "htpp://127.0.0.1:1",
        "ftp://127.0.0.1:1",
        "http://",
        "http://me:hunter2@:1",
    ] {
        let error = tags(plain(Some(proxy))).unwrap_err();
        assert_eq!(error.fault(), Fault::Unreachable, "{proxy}");
        let text = error.to_string();
        assert!(
            text.contains("the proxy for http addresses: its "),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert_eq!(registry.heard().len(), asked, "{:?}", registry.heard());
}
