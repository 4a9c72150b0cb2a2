//! The registry client against a real registry, and against servers that misbehave.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use kubectl_gitops::image::{Platform, Reference, Repository, Tag};
use kubectl_gitops::registry::{Fault, ManifestQuery, Registries, RegistryError, Settings};

use super::support::faults::{self, FaultProxy, dead_address};
use super::support::registry::{
    Auth, ImageFacts, PASSWORD, TestRegistry, USER, authority, digest_of,
};
use super::support::scripted::{Heard, Say, Scripted};

/// Impatient settings: a test waits for nothing that it does not measure.
fn settings() -> Settings {
    Settings {
        backoff: Duration::from_millis(1),
        timeout: Duration::from_secs(10),
        ..Settings::default()
    }
}

fn registries(settings: Settings) -> Registries {
    Registries::new(settings).expect("a client")
}

fn logged_in(dir: &Path, host: &str, user: &str, password: &str) -> Settings {
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let file = dir.join("config.json");
    let config = serde_json::json!({"auths": {host: {"auth": auth}}});
    std::fs::write(&file, config.to_string()).expect("a configuration");
    Settings {
        credential_files: vec![file],
        ..settings()
    }
}

fn repository(host: &str, path: &str) -> Repository {
    reference(&format!("{host}/{path}")).repository()
}

fn reference(text: &str) -> Reference {
    text.parse().expect("a reference")
}

fn tags(registries: &Registries, host: &str, path: &str) -> Result<Vec<Tag>, RegistryError> {
    let mut answers = registries.tags(&[repository(host, path)]);
    answers.pop().expect("one answer")
}

fn digest(registries: &Registries, text: &str) -> Result<String, RegistryError> {
    let query = ManifestQuery {
        reference: reference(text),
        platforms: false,
    };
    let mut answers = registries.manifests(&[query]);
    let manifest = answers.pop().expect("one answer")?;
    Ok(manifest.digest.to_string())
}

fn platforms(registries: &Registries, text: &str) -> Vec<String> {
    let query = ManifestQuery {
        reference: reference(text),
        platforms: true,
    };
    let manifest = registries
        .manifests(&[query])
        .pop()
        .expect("one")
        .expect("a manifest");
    let platforms = manifest.platforms.expect("platforms");
    platforms.iter().map(Platform::to_string).collect()
}

fn list(names: &[&str]) -> String {
    serde_json::json!({"name": "x", "tags": names}).to_string()
}

/// A server without authentication that answers `answer` to everything but the ping.
fn open(answer: impl Fn(&Heard) -> Say + Send + Sync + 'static) -> Scripted {
    Scripted::start(Duration::ZERO, move |heard| match heard.target.as_str() {
        "/v2/" => Say::new(200, "{}"),
        _ => answer(heard),
    })
}

#[test]
fn a_real_registry_tells_tags_digests_platforms_and_dates() {
    let server = TestRegistry::start(Auth::None);
    let host = server.host();
    let facts = ImageFacts {
        created: Some("2026-03-01T10:00:00Z".into()),
        labels: vec![("org.opencontainers.image.revision".into(), "abc".into())],
        platforms: vec!["linux/amd64".into(), "linux/arm64".into()],
    };
    let index = server.push_with("shop/cart", "v1.1.0", &facts);
    let image = server.push("shop/cart", "v1.0.0");
    let registries = registries(settings());

    let found = tags(&registries, &host, "shop/cart").expect("tags");
    assert_eq!(
        found.iter().map(Tag::as_str).collect::<Vec<_>>(),
        ["v1.0.0", "v1.1.0"]
    );
    assert_eq!(
        digest(&registries, &format!("{host}/shop/cart:v1.1.0")).expect("digest"),
        index
    );
    assert_eq!(
        digest(&registries, &format!("{host}/shop/cart@{image}")).expect("digest"),
        image
    );
    let of = |tag: &str| platforms(&registries, &format!("{host}/shop/cart:{tag}"));
    assert_eq!(of("v1.1.0"), ["linux/amd64", "linux/arm64"]);
    assert_eq!(of("v1.0.0"), ["linux/amd64"]);

    let arm = Some("linux/arm64".parse().expect("a platform"));
    let image = reference(&format!("{host}/shop/cart:v1.1.0"));
    let found = registries.facts(&[(image.clone(), arm), (image, None)]);
    let found: Vec<_> = found
        .into_iter()
        .map(|facts| facts.expect("facts"))
        .collect();
    assert_eq!(
        found[0].platform.as_ref().expect("platform").to_string(),
        "linux/arm64"
    );
    assert_eq!(
        found[1].created.expect("a date").to_string(),
        "2026-03-01T10:00:00Z"
    );
    assert_eq!(found[1].labels["org.opencontainers.image.revision"], "abc");

    let error = digest(&registries, &format!("{host}/shop/cart:v9")).expect_err("absent");
    assert_eq!(error.fault(), Fault::NotFound);
    assert!(
        error
            .to_string()
            .contains("answered 404 for shop/cart:v9, without credentials"),
        "{error}"
    );
    let error = tags(&registries, &host, "shop/nothing").expect_err("absent");
    assert_eq!(error.fault(), Fault::NotFound);
}

#[test]
fn a_real_registry_behind_a_password_is_read_with_it_only() {
    let server = TestRegistry::start(Auth::Basic);
    let host = server.host();
    let pushed = server.push("shop/cart", "v1");
    let image = format!("{host}/shop/cart:v1");
    let home = tempfile::tempdir().expect("a folder");

    let right = registries(logged_in(home.path(), &host, USER, PASSWORD));
    assert_eq!(digest(&right, &image).expect("digest"), pushed);

    let error = digest(&registries(settings()), &image).expect_err("no login");
    assert_eq!(error.fault(), Fault::Unauthorized);
    assert!(error.to_string().contains("without credentials"), "{error}");

    let wrong = registries(logged_in(home.path(), &host, USER, "hunter2"));
    let error = digest(&wrong, &image).expect_err("a wrong password");
    assert_eq!(error.fault(), Fault::Unauthorized);
    let text = format!("{error} {error:?}");
    assert!(
        text.contains("config.json") && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn a_real_list_is_read_over_all_its_pages() {
    let server = TestRegistry::start(Auth::None);
    for number in 0..7 {
        server.push("shop/cart", &format!("v1.0.{number}"));
    }
    // The proxy makes pages of two out of the thousand that are asked for.
    let proxy = FaultProxy::start(server.address(), |_, target| {
        if target.contains("n=1000") {
            let answer = faults::Fault::Answer;
            return answer(405, Vec::new(), String::new());
        }
        faults::Fault::Pass
    });
    let host = proxy.address().to_string();
    let found = tags(&registries(settings()), &host, "shop/cart").expect("tags");
    assert_eq!(found.len(), 7);
    let asked = proxy.seen();
    assert!(
        asked.iter().any(|line| line.ends_with("tags/list?n=100")),
        "{asked:?}"
    );
}

#[test]
fn ten_thousand_tags_are_ten_requests_and_cursors_are_opaque() {
    let server = open(|heard| {
        let page: usize = match heard.target.split_once("cursor=") {
            Some((_, cursor)) => cursor
                .trim_start_matches("%2F+")
                .parse()
                .expect("our cursor"),
            None => 0,
        };
        let names: Vec<String> = (0..1000).map(|n| format!("v{page}.{n}.0")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let say = Say::new(200, list(&names));
        match page {
            9 => say,
            _ => say.header("Link", format!("<?cursor=%2F+{}>; rel=\"next\"", page + 1)),
        }
    });
    let found = tags(&registries(settings()), &server.host(), "a/b").expect("tags");
    assert_eq!(found.len(), 10_000);
    assert_eq!(server.heard().len(), 11, "one ping and ten pages");
}

#[test]
fn lists_that_cannot_be_read_to_their_end_are_errors() {
    let fails = |link: &'static str, limit: usize| {
        let count = AtomicUsize::new(0);
        let server = open(move |_| {
            let count = count.fetch_add(1, Ordering::SeqCst);
            let link = link.replace("NEW", &count.to_string());
            Say::new(200, list(&["v1"])).header("Link", link)
        });
        let settings = Settings {
            page_limit: limit,
            ..settings()
        };
        tags(&registries(settings), &server.host(), "a/b")
            .expect_err("no list")
            .to_string()
    };
    let error = fails("</v2/a/b/tags/list?same>; rel=next", 100);
    assert!(error.contains("names itself as the next one"), "{error}");
    let error = fails("</v2/a/b/tags/list?NEW>; rel=next", 5);
    assert!(error.contains("more than 5 pages"), "{error}");
    let error = fails("<https://evil.example.org/>; rel=next", 5);
    assert!(
        error.contains("leads to another place, https://evil.example.org"),
        "{error}"
    );
    let server = open(|_| Say::new(200, "<html>"));
    let error = tags(&registries(settings()), &server.host(), "a/b").expect_err("no list");
    assert!(matches!(error, RegistryError::Malformed { .. }), "{error}");
    let server = open(|_| Say::new(200, r#"{"name":"a/b","tags":null}"#));
    assert!(
        tags(&registries(settings()), &server.host(), "a/b")
            .expect("none")
            .is_empty()
    );
}

#[test]
fn failures_that_pass_are_waited_for_and_others_are_told() {
    let server = TestRegistry::start(Auth::None);
    let pushed = server.push("a/b", "v1");
    let image = |proxy: &FaultProxy| format!("{}/a/b:v1", proxy.address());
    let passing = [
        faults::Fault::status(503),
        faults::Fault::Answer(429, vec![("Retry-After".into(), "0".into())], String::new()),
        faults::Fault::Cut,
        faults::Fault::CutAnswer,
        faults::Fault::status(408),
    ];
    for fault in passing {
        let mut first = Some(fault);
        let proxy = FaultProxy::start(server.address(), move |_, target| match target {
            "/v2/" => faults::Fault::Pass,
            _ => first.take().unwrap_or(faults::Fault::Pass),
        });
        let found = digest(&registries(settings()), &image(&proxy)).expect("digest");
        assert_eq!(found, pushed);
        assert_eq!(proxy.seen().len(), 3, "{:?}", proxy.seen());
    }
    for (status, fault, requests) in [
        (401, Fault::Unauthorized, 2),
        (403, Fault::Forbidden, 2),
        (404, Fault::NotFound, 2),
        (429, Fault::RateLimited, 5),
        (500, Fault::Failed, 5),
    ] {
        let proxy = FaultProxy::start(server.address(), move |_, target| match target {
            "/v2/" => faults::Fault::Pass,
            _ => faults::Fault::status(status),
        });
        let error = digest(&registries(settings()), &image(&proxy)).expect_err("a failure");
        assert_eq!(error.fault(), fault);
        let text = error.to_string();
        assert!(
            text.contains(&format!("answered {status} for a/b:v1")),
            "{text}"
        );
        assert_eq!(proxy.seen().len(), requests, "{status}");
    }
}

#[test]
fn a_long_retry_after_is_told_at_once_and_a_short_one_kept() {
    // In seconds, and as a date by the registry's own clock, which is months behind.
    for after in ["1", "Thu, 01 Jan 2026 00:00:11 GMT"] {
        let answers = AtomicUsize::new(0);
        let server = open(move |_| match answers.fetch_add(1, Ordering::SeqCst) {
            0 => Say::new(429, "")
                .header("Date", "Thu, 01 Jan 2026 00:00:10 GMT")
                .header("Retry-After", after),
            _ => Say::new(200, list(&["v1"])),
        });
        let started = Instant::now();
        let found = tags(&registries(settings()), &server.host(), "a/b");
        assert_eq!(found.expect("tags").len(), 1);
        assert!(started.elapsed() >= Duration::from_secs(1), "{after}");
    }

    let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow\u001b[31m down"}]}"#;
    let server = open(move |_| Say::new(429, body).header("Retry-After", "3600"));
    let started = Instant::now();
    let error = tags(&registries(settings()), &server.host(), "a/b").expect_err("limited");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(
        error
            .to_string()
            .ends_with("without credentials: slow down"),
        "{error}"
    );
}

#[test]
fn silence_is_told_apart_and_spoils_no_other_registry() {
    let alive = TestRegistry::start(Auth::None);
    alive.push("a/b", "v1");
    let dead = dead_address().to_string();
    let registries = registries(settings());
    let repositories = [
        repository(&dead, "a/b"),
        repository(&alive.host(), "a/b"),
        repository(&dead, "c/d"),
    ];
    let answers = registries.tags(&repositories);
    assert_eq!(answers[1].as_ref().expect("tags").len(), 1);
    for index in [0, 2] {
        let error = answers[index].as_ref().expect_err("nobody there");
        assert_eq!(
            (error.fault(), error.registry()),
            (Fault::Unreachable, Some(dead.as_str()))
        );
        assert!(error.to_string().contains("could not be asked"), "{error}");
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let server = Scripted::start(Duration::from_secs(3), |_| Say::new(200, "{}"));
    let settings = Settings {
        timeout: Duration::from_millis(200),
        attempts: 2,
        ..settings()
    };
    let error = tags(&registries(settings), &server.host(), "a/b").expect_err("silence");
    assert!(
        error.to_string().contains("no answer within 0.2 s"),
        "{error}"
    );
}

#[test]
fn what_is_nice_to_know_is_waited_for_only_so_long() {
    let registry = TestRegistry::start(Auth::None);
    for name in ["quick", "slow"] {
        let labels = vec![("a".to_owned(), name.to_owned())];
        let facts = ImageFacts {
            labels,
            ..ImageFacts::default()
        };
        registry.push_with(name, "v1", &facts);
    }
    let proxy = FaultProxy::start(registry.address(), |_, target| {
        match target.contains("slow/blobs") {
            true => faults::Fault::Delay(Duration::from_secs(60)),
            false => faults::Fault::Pass,
        }
    });
    let host = proxy.address();
    let images = ["quick", "slow", "absent"];
    let images = images.map(|name| (reference(&format!("{host}/{name}:v1")), None));
    let patient = Settings {
        timeout: Duration::from_secs(120),
        ..settings()
    };
    let found = registries(patient).facts_within(Duration::from_secs(5), &images);
    let known: Vec<Option<&str>> = found
        .iter()
        .map(|facts| facts.as_ref()?.labels.get("a").map(String::as_str))
        .collect();
    assert_eq!(known, [Some("quick"), None, None]);
}

#[test]
fn an_answer_has_an_end_in_bytes_and_in_time() {
    let server = open(|_| Say::new(200, "x".repeat(5 << 20)));
    let query = ManifestQuery {
        reference: reference(&format!("{}/a/b:v1", server.host())),
        platforms: true,
    };
    let answer = registries(settings()).manifests(&[query]).pop();
    let error = answer.expect("one").expect_err("too large").to_string();
    let said = "the answer is larger than 4194304 bytes";
    assert!(error.contains(said), "{error}");
    assert_eq!(server.heard().len(), 2, "it is as large the next time");

    // A byte now and then is never late, and never the last one.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for mut stream in listener.incoming().flatten() {
            // Nobody expects an answer before there was a question.
            let mut going_on = stream.read(&mut [0; 1024]).is_ok_and(|bytes| bytes > 0);
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
            going_on &= stream.write_all(head).is_ok();
            while going_on {
                going_on = stream.write_all(b" ").is_ok();
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let settings = Settings {
        timeout: Duration::from_millis(400),
        attempts: 1,
        ..settings()
    };
    let error = tags(&registries(settings), &host, "a/b").expect_err("no end");
    assert!(error.to_string().contains("answer within"), "{error}");
}

#[test]
fn bytes_are_proven_by_their_digest() {
    let manifest = r#"{"schemaVersion":2,"manifests":[]}"#;
    let server = open(move |heard| match heard.method.as_str() {
        "HEAD" => Say::new(200, ""),
        _ => Say::new(200, manifest),
    });
    // Without a digest in the header, the body is read and its own digest counts.
    let found = digest(
        &registries(settings()),
        &format!("{}/a/b:v1", server.host()),
    );
    assert_eq!(found.expect("digest"), digest_of(manifest.as_bytes()));
    let methods: Vec<String> = server.heard().into_iter().map(|h| h.method).collect();
    assert_eq!(methods, ["GET", "HEAD", "GET"]);

    let other = digest_of(b"other");
    let promised = other.clone();
    let server = open(move |heard| match heard.method.as_str() {
        "HEAD" => Say::new(405, ""),
        _ => Say::new(200, manifest).header("Docker-Content-Digest", promised.clone()),
    });
    let image = format!("{}/a/b:v1", server.host());
    let error = digest(&registries(settings()), &image).expect_err("a lie");
    assert!(matches!(error, RegistryError::Digest { .. }), "{error}");
    let image = format!("{}/a/b@{other}", server.host());
    assert!(matches!(
        digest(&registries(settings()), &image),
        Err(RegistryError::Digest { .. })
    ));
}

#[test]
fn certificates_are_checked_against_the_authorities_that_are_named() {
    let server = TestRegistry::start(Auth::Tls);
    let trusting = Settings {
        certificate_authorities: vec![authority()],
        ..settings()
    };
    let error = tags(&registries(trusting), &server.host(), "a/b").expect_err("empty");
    assert_eq!(error.fault(), Fault::NotFound, "{error}");
    let doubting = Settings {
        attempts: 1,
        ..settings()
    };
    let error = tags(&registries(doubting), &server.host(), "a/b").expect_err("no trust");
    assert_eq!(error.fault(), Fault::Unreachable);
    assert!(error.to_string().contains("certificate"), "{error}");
}

/// How a token service treats a request for several repositories.
#[derive(Clone, Copy, PartialEq)]
enum Scopes {
    All,
    FirstOnly,
    RefusesSeveral,
}

/// A registry with a token service on the same server; tokens name what they are for.
fn with_tokens(scopes: Scopes, delay: Duration) -> Scripted {
    Scripted::start(delay, move |heard| {
        let (path, query) = heard.target.split_once('?').unwrap_or((&heard.target, ""));
        if path == "/token" {
            let wanted: Vec<String> = query
                .split('&')
                .filter_map(|pair| pair.strip_prefix("scope=repository%3A"))
                .map(|scope| scope.trim_end_matches("%3Apull").replace("%2F", "/"))
                .collect();
            if scopes == Scopes::RefusesSeveral && wanted.len() > 1 {
                return Say::new(400, "");
            }
            let count = if scopes == Scopes::All {
                wanted.len()
            } else {
                1
            };
            let token = wanted[..count].join("+");
            return Say::new(200, serde_json::json!({"token": token}).to_string());
        }
        let repository = path.trim_start_matches("/v2/").split("/manifests").next();
        let bearer = heard
            .authorization
            .as_deref()
            .and_then(|text| text.strip_prefix("Bearer "));
        let allowed =
            bearer.is_some_and(|token| token.split('+').any(|one| Some(one) == repository));
        if allowed {
            return Say::new(200, "").header("Docker-Content-Digest", digest_of(b"x"));
        }
        // The service is on the port that this request came to.
        Say::new(401, "").header("X-Realm", "self")
    })
}

/// The same, in front of which a proxy names the realm: only then is its port known.
fn challenge(server: &Scripted) -> FaultProxy {
    let realm = format!("http://{}/token", server.host());
    let upstream = server.host().parse().expect("an address");
    FaultProxy::start(upstream, move |_, target| match target {
        "/v2/" => {
            let value = format!("Bearer realm=\"{realm}\",service=\"tests\"");
            faults::Fault::Answer(401, vec![("WWW-Authenticate".into(), value)], String::new())
        }
        _ => faults::Fault::Pass,
    })
}

fn fifty(host: &str) -> Vec<ManifestQuery> {
    let query = |number: usize| ManifestQuery {
        reference: reference(&format!("{host}/shop/s{number}:v1")),
        platforms: false,
    };
    (0..50).map(query).collect()
}

#[test]
fn fifty_images_are_one_ping_one_token_and_fifty_heads_eight_at_a_time() {
    let server = with_tokens(Scopes::All, Duration::from_millis(20));
    let proxy = challenge(&server);
    let answers = registries(settings()).manifests(&fifty(&proxy.address().to_string()));
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let (tokens, rest): (Vec<Heard>, Vec<Heard>) = server
        .heard()
        .into_iter()
        .partition(|heard| heard.target.starts_with("/token"));
    let pings = proxy
        .seen()
        .iter()
        .filter(|line| *line == "GET /v2/")
        .count();
    assert_eq!((pings, tokens.len(), rest.len()), (1, 1, 50));
    assert!(server.busiest() <= 8, "{} at once", server.busiest());
    assert!(server.busiest() >= 4, "only {} at once", server.busiest());
}

#[test]
fn token_services_that_know_one_scope_at_a_time_are_asked_so() {
    for scopes in [Scopes::FirstOnly, Scopes::RefusesSeveral] {
        let server = with_tokens(scopes, Duration::ZERO);
        let proxy = challenge(&server);
        let answers = registries(settings()).manifests(&fifty(&proxy.address().to_string())[..5]);
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let asked = server.heard();
        let tokens: BTreeSet<String> = asked
            .iter()
            .filter(|heard| heard.target.starts_with("/token"))
            .map(|heard| heard.target.clone())
            .collect();
        assert!(tokens.len() <= 6, "{tokens:?}");
    }
}

#[test]
fn a_token_that_ran_out_is_renewed_once() {
    let issued = AtomicUsize::new(0);
    let used = AtomicUsize::new(0);
    // Each token is good for two requests.
    let server = Scripted::start(Duration::ZERO, move |heard| {
        if heard.target.starts_with("/token") {
            let number = issued.fetch_add(1, Ordering::SeqCst);
            return Say::new(200, format!(r#"{{"token":"","access_token":"t{number}"}}"#));
        }
        let token = format!("Bearer t{}", used.load(Ordering::SeqCst) / 2);
        if heard.authorization.as_deref() != Some(token.as_str()) {
            return Say::new(401, "");
        }
        used.fetch_add(1, Ordering::SeqCst);
        Say::new(200, list(&["v1"]))
    });
    let proxy = challenge(&server);
    let registries = registries(settings());
    for _ in 0..5 {
        let found = tags(&registries, &proxy.address().to_string(), "a/b");
        assert_eq!(found.expect("tags").len(), 1);
    }
    let heard = server.heard();
    let tokens = heard.iter().filter(|it| it.target.starts_with("/token"));
    assert_eq!((tokens.count(), heard.len()), (3, 3 + 5 + 2), "{heard:?}");
}

#[test]
fn identity_tokens_are_traded_in_and_refusals_name_the_service_but_no_secret() {
    let server = Scripted::start(Duration::ZERO, |heard| {
        if heard.target == "/token" && heard.method == "POST" {
            if heard.body.contains("refresh_token=s3cret")
                && heard.body.contains("grant_type=refresh_token")
                && heard.body.contains("scope=repository%3Aa%2Fb%3Apull")
            {
                return Say::new(200, r#"{"access_token":"good"}"#);
            }
            return Say::new(403, r#"{"error_description":"no 0ther for you"}"#);
        }
        match heard.authorization.as_deref() {
            Some("Bearer good") => Say::new(200, list(&["v1"])),
            _ => Say::new(401, ""),
        }
    });
    let proxy = challenge(&server);
    let host = proxy.address().to_string();
    let home = tempfile::tempdir().expect("a folder");
    let found = tags(
        &registries(logged_in(home.path(), &host, "<token>", "s3cret")),
        &host,
        "a/b",
    );
    assert_eq!(found.expect("tags").len(), 1);
    let refused = registries(logged_in(home.path(), &host, "<token>", "0ther"));
    let error = tags(&refused, &host, "a/b").expect_err("refused");
    assert_eq!(error.fault(), Fault::Forbidden);
    let text = error.to_string();
    assert!(
        text.contains("the token service of") && text.contains("answered 403 for a/b"),
        "{text}"
    );
    assert!(
        text.contains("no *** for you") && !text.contains("0ther"),
        "{text}"
    );
}

#[test]
fn a_layout_directory_answers_for_its_host() {
    let dir = tempfile::tempdir().expect("a folder");
    let blobs = dir.path().join("blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("folders");
    let put = |text: String| {
        let digest = digest_of(text.as_bytes());
        std::fs::write(blobs.join(&digest[7..]), &text).expect("a blob");
        digest
    };
    let config =
        put(r#"{"created":"2026-02-01T00:00:00Z","os":"linux","architecture":"arm64"}"#.to_owned());
    let manifest = put(format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":1}},"layers":[]}}"#
    ));
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1, "digest": manifest,
        "annotations": {"org.opencontainers.image.ref.name": "shop/cart:v1"},
    }]});
    std::fs::write(dir.path().join("index.json"), index.to_string()).expect("an index");
    let mut settings = settings();
    settings
        .layouts
        .insert("registry.example.com".into(), dir.path().to_owned());
    settings
        .layouts
        .insert("broken.example.com".into(), dir.path().join("absent"));
    let registries = registries(settings);
    let image = "registry.example.com/shop/cart:v1";
    assert_eq!(digest(&registries, image).expect("digest"), manifest);
    assert_eq!(platforms(&registries, image), ["linux/arm64"]);
    assert_eq!(
        tags(&registries, "registry.example.com", "shop/cart")
            .expect("tags")
            .len(),
        1
    );
    let facts = registries
        .facts(&[(reference(image), None)])
        .pop()
        .expect("one")
        .expect("facts");
    assert_eq!(
        facts.created.expect("a date").to_string(),
        "2026-02-01T00:00:00Z"
    );
    let error = tags(&registries, "broken.example.com", "a/b").expect_err("no layout");
    assert!(
        error.to_string().contains("cannot be read: index.json"),
        "{error}"
    );
}
