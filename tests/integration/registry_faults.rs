//! What `bump-image` makes of every fault of a registry: what it says, how it ends, that
//! nothing is written, and that the other registry's answer stays what it was.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::bump_image::{bump, nothing_written, registry, says, shop, shop_with};
use super::support::Fixture;
use super::support::faults::{Fault, FaultProxy, dead_address};
use super::support::registry::{ImageFacts, TestRegistry};

/// What one registry does wrong, in the request for `at`.
struct Row {
    at: &'static str,
    fault: Fault,
    said: [&'static str; 2],
    /// How often that request is sent.
    sent: usize,
}

const PING: &str = "GET /v2/";
const LIST: &str = "GET /v2/shop/cart/tags/list";
const MANIFEST: &str = "HEAD /v2/shop/cart/manifests/v1.1.0";

fn answer(status: u16, header: (&str, &str), body: &str) -> Fault {
    let (name, value) = header;
    Fault::Answer(status, vec![(name.into(), value.into())], body.into())
}

const PLAIN: (&str, &str) = ("Content-Type", "application/json");

fn status(status: u16) -> Fault {
    answer(status, ("Retry-After", "0"), "")
}

fn linked(link: &str) -> Fault {
    answer(200, ("Link", link), r#"{"tags":["v1.0.0"]}"#)
}

/// Carts and mail have a newer version.
fn newer() -> TestRegistry {
    let registry = registry();
    registry.push("shop/cart", "v1.1.0");
    registry.push("shop/mail", "v1.1.0");
    registry
}

/// The shop, whose carts come from another host than the rest.
fn apart(registry: &TestRegistry, cart: &str) -> Fixture {
    let host = registry.host();
    shop_with(&host, |product| product.replacen(&host, cart, 1))
}

/// What is known about mail when carts may fail.
fn mail(fixture: &Fixture, more: &[&str]) -> Value {
    let words = ["--dry-run", "--keep-going", "--explain", "-o", "json"];
    let shown = bump(fixture, &[&words[..], more].concat()).code(0);
    let report: Value = serde_json::from_str(&shown.stdout).unwrap();
    let rows = report["components"].as_array().unwrap();
    let row = rows.iter().find(|row| row["component"] == "mail");
    row.unwrap().clone()
}

fn is_at(line: &str, at: &str) -> bool {
    line == at || line.strip_prefix(at).is_some_and(|it| it.starts_with('?'))
}

/// Each row: exit code 5, the words, nothing written, as many requests as it is worth,
/// and not a word about the other registry that would not be said without the fault.
#[track_caller]
fn each(rows: Vec<Row>, more: &[&str]) {
    let registry = newer();
    let well = mail(&apart(&registry, &registry.host()), more);
    assert_eq!(well["to"], "v1.1.0");
    for row in rows {
        let Row { at, fault, .. } = row;
        let shown = format!("{at}: {:?}", row.said);
        let proxy = FaultProxy::start(registry.address(), move |method, target| {
            match is_at(&format!("{method} {target}"), at) {
                true => fault.clone(),
                false => Fault::Pass,
            }
        });
        let fixture = apart(&registry, &proxy.address().to_string());
        let words = [&["--env", "dev", "--yes"], more].concat();
        let failed = nothing_written(&fixture, &words, 5);
        says(&failed, &row.said);
        let known = "nothing is known about 1 component (cart); nothing was written";
        says(&failed, &[known, "--keep-going"]);
        let said = format!("{}{}", failed.stdout, failed.stderr);
        assert!(!said.contains(['\u{1b}', '\u{7}']), "{shown}: {said:?}");
        let seen = proxy.seen();
        let sent = seen.iter().filter(|line| is_at(line, at)).count();
        assert_eq!(sent, row.sent, "{shown}: {seen:?}");
        assert_eq!(mail(&fixture, more), well, "{shown}");
    }
}

fn row(at: &'static str, fault: Fault, said: [&'static str; 2], sent: usize) -> Row {
    Row {
        at,
        fault,
        said,
        sent,
    }
}

#[test]
fn refusals_are_told_with_what_helps() {
    let login = answer(401, ("WWW-Authenticate", "Basic realm=\"x\""), "");
    let escapes = r#"{"errors":[{"message":"\u001b]0;no\u0007 way"}]}"#;
    let for_long = answer(429, ("Retry-After", "9999"), escapes);
    let [no, may, name, wait, later] = [
        "docker login",
        "log in as a user who may",
        "check the image's name",
        "wait a while",
        "run it again later",
    ];
    let said = "answered 429 for shop/cart, without credentials: way";
    let list = |fault, said, help, sent| row(LIST, fault, [said, help], sent);
    each(
        vec![
            list(status(401), "answered 401 for shop/cart, without", no, 1),
            list(login, "answered 401 for shop/cart, without", no, 1),
            list(status(403), "answered 403 for shop/cart, without", may, 1),
            list(status(404), "answered 404 for shop/cart, without", name, 1),
            list(for_long, said, wait, 1),
            list(status(429), "answered 429 for shop/cart, without", wait, 4),
            list(status(500), "answered 500 for shop/cart, without", later, 4),
            list(status(503), "answered 503 for shop/cart, without", later, 4),
        ],
        &[],
    );
}

#[test]
fn refusals_of_manifests_and_of_the_registry_itself_are_told_too() {
    let elsewhere = "Bearer realm=\"http://tokens.example.com/\"";
    let elsewhere = answer(401, ("WWW-Authenticate", elsewhere), "");
    let [may, name, later] = [
        "log in as a user who may",
        "check the image's name",
        "run it again later",
    ];
    let read = |code, said, help, sent| row(MANIFEST, status(code), [said, help], sent);
    let ping = |fault, said, help| row(PING, fault, [said, help], 1);
    each(
        vec![
            read(403, "answered 403 for shop/cart:v1.1.0", may, 1),
            read(404, "answered 404 for shop/cart:v1.1.0", name, 1),
            read(500, "answered 500 for shop/cart:v1.1.0", later, 4),
            ping(status(404), "answered 404 for its API (/v2/)", name),
            ping(status(401), "401 without a way to log in", later),
            ping(
                elsewhere,
                ", http://tokens.example.com, is not behind https",
                "--insecure-registry tokens.example.com",
            ),
        ],
        &[],
    );
}

#[test]
fn lists_without_an_end_are_no_lists() {
    let row = |fault, said| Row {
        at: LIST,
        fault,
        said: [said, "run it again later"],
        sent: 1,
    };
    each(
        vec![
            row(
                linked("<https://evil.example.org/v2/x>; rel=\"next\""),
                "its Link header leads to another place, https://evil.example.org",
            ),
            row(
                linked("<//evil.example.org/v2/x>; rel=\"next\""),
                "its Link header leads to another place, http://evil.example.org",
            ),
            row(
                linked("</v2/shop/cart/tags/list?n=1000>; rel=\"next\""),
                "a page names itself as the next one",
            ),
            row(
                answer(200, PLAIN, "<html>"),
                "the tags of shop/cart: not a tag list",
            ),
            row(
                answer(200, PLAIN, r#"{"tags":["v1.0.0""#),
                "the tags of shop/cart: not a tag list",
            ),
            row(
                answer(200, PLAIN, r#"{"tags":"v1.0.0"}"#),
                "the tags of shop/cart: not a tag list",
            ),
        ],
        &[],
    );
    // A cursor that comes again after another one.
    let there_and_back = |target: &str| match target.contains("c=1") {
        true => linked("<?c=2>; rel=next"),
        false => linked("<?c=1>; rel=next"),
    };
    let registry = newer();
    let proxy = FaultProxy::start(registry.address(), move |_, target| {
        match target.contains("/shop/cart/tags/") {
            true => there_and_back(target),
            false => Fault::Pass,
        }
    });
    let fixture = apart(&registry, &proxy.address().to_string());
    let failed = nothing_written(&fixture, &["--env", "dev", "--yes"], 5);
    says(&failed, &["a page names itself as the next one"]);
    let lists = proxy.seen().iter().filter(|it| it.contains("c=")).count();
    assert_eq!(lists, 2, "{:?}", proxy.seen());
}

#[test]
fn connections_that_break_are_tried_four_times() {
    let row = |at, fault| Row {
        at,
        fault,
        said: ["could not be asked for shop/cart", "check the network"],
        sent: 4,
    };
    each(
        vec![
            row(LIST, Fault::Cut),
            row(LIST, Fault::HalfAnswer),
            row(MANIFEST, Fault::CutAnswer),
        ],
        &[],
    );
}

#[test]
fn silence_lasts_as_long_as_a_person_says() {
    let row = Row {
        at: LIST,
        fault: Fault::Delay(Duration::from_secs(20)),
        said: ["no answer within 0.7 s", "check the network"],
        sent: 4,
    };
    each(vec![row], &["--request-timeout", "700ms"]);
}

#[test]
fn what_passes_is_waited_for_and_leaves_no_trace() {
    let registry = newer();
    let mut left = BTreeMap::from([
        (
            LIST,
            vec![
                Fault::Delay(Duration::from_secs(1)),
                status(503),
                Fault::HalfAnswer,
                Fault::Cut,
            ],
        ),
        (
            MANIFEST,
            vec![
                answer(429, ("Retry-After", "1"), ""),
                answer(429, ("Retry-After", "Thu, 01 Jan 2015 00:00:00 GMT"), ""),
                Fault::CutAnswer,
            ],
        ),
    ]);
    let proxy = FaultProxy::start(registry.address(), move |method, target| {
        let line = format!("{method} {target}");
        let spoilt = left.iter_mut().find(|(at, _)| is_at(&line, at));
        spoilt
            .and_then(|(_, faults)| faults.pop())
            .unwrap_or(Fault::Pass)
    });
    let fixture = apart(&registry, &proxy.address().to_string());
    let done = bump(&fixture, &[]).code(0);
    says(&done, &["cart  v1.0.0 → v1.1.0", "mail  v1.0.0 → v1.1.0"]);
    assert_eq!(done.stderr.matches("503").count(), 0, "{}", done.stderr);
    let seen = proxy.seen();
    let sent = |at| seen.iter().filter(|line| is_at(line, at)).count();
    assert_eq!((sent(LIST), sent(MANIFEST)), (4, 4), "{seen:?}");
}

#[test]
fn a_named_tag_is_known_or_nothing_is_written() {
    let registry = newer();
    let named = ["cart=v1.1.0", "mail=v1.1.0", "--env", "dev", "--yes"];
    for (faults, said) in [
        // Absent by its manifest, and yet listed: somebody may not see it.
        (vec![(MANIFEST, 404)], "answered 404 for shop/cart:v1.1.0"),
        (
            vec![(MANIFEST, 404), (LIST, 500)],
            "answered 404 for shop/cart:v1.1.0",
        ),
        (vec![(MANIFEST, 401)], "answered 401 for shop/cart:v1.1.0"),
        (vec![(MANIFEST, 500)], "answered 500 for shop/cart:v1.1.0"),
        (vec![(PING, 503)], "answered 503 for its API (/v2/)"),
    ] {
        let proxy = FaultProxy::start(registry.address(), move |method, target| {
            let line = format!("{method} {target}");
            let spoilt = faults.iter().find(|(at, _)| is_at(&line, at));
            spoilt.map_or(Fault::Pass, |(_, code)| status(*code))
        });
        let fixture = apart(&registry, &proxy.address().to_string());
        let failed = nothing_written(&fixture, &named, 5);
        says(&failed, &[said, "nothing was written"]);
        let kept = [&named[..], &["--keep-going", "--dry-run"]].concat();
        let shown = nothing_written(&fixture, &kept, 0);
        says(&shown, &["mail  v1.0.0 → v1.1.0", "not known: "]);
    }
}

/// The guards that need a registry's word and stand in no other test here.
#[test]
fn young_images_wait_unless_they_are_named() {
    let registry = registry();
    let made = |created: &str| ImageFacts {
        created: Some(created.to_owned()),
        ..ImageFacts::default()
    };
    registry.push_with("shop/cart", "v1.1.0", &made("2020-01-01T00:00:00Z"));
    registry.push_with("shop/cart", "v1.2.0", &made("2999-01-01T00:00:00Z"));
    let fixture = shop_with(&registry.host(), |product| {
        product.replacen("{semver: ^1}", "{semver: ^1, minAge: 3d}", 1)
    });
    let shown = nothing_written(&fixture, &["--env", "dev", "--dry-run", "--explain"], 0);
    says(&shown, &["cart  v1.0.0 → v1.1.0", "v1.2.0  too young"]);
    bump(&fixture, &["cart"]).code(0);
    bump(&fixture, &["cart=v1.2.0"]).code(0);
    let product = fixture.file_at("env/dev", "product.yaml").unwrap();
    assert!(product.contains("cart:v1.2.0@"), "{product}");
    // An image without a date cannot be old enough.
    let undated = shop_with(&registry.host(), |product| {
        product.replace("{semver: ^1}", "{semver: ^1, minAge: 3d}")
    });
    registry.push("shop/mail", "v1.1.0");
    let failed = nothing_written(&undated, &["mail", "--env", "dev", "--yes"], 5);
    says(&failed, &["the image does not say when it was made"]);
}

#[test]
fn equal_dates_choose_nothing_and_a_followed_tag_is_followed() {
    let registry = registry();
    let made = ImageFacts {
        created: Some("2026-02-01T00:00:00Z".to_owned()),
        ..ImageFacts::default()
    };
    let old = registry.push_with("shop/cart", "v1.0.0", &made);
    registry.push_with("shop/cart", "blue", &made);
    let with = |policy: &str| {
        let update = format!("{{{policy}}}");
        shop_with(&registry.host(), |product| {
            product.replacen("{semver: ^1}", &update, 1)
        })
    };
    let words = ["cart", "--env", "dev", "--yes"];
    let tie = nothing_written(&with("newest: true"), &words, 3);
    says(
        &tie,
        &[
            "blue, v1.0.0 are equally new",
            "but different images",
            "cart=TAG",
        ],
    );
    // The same image under two names is one image.
    registry.alias("shop/cart", &old, "blue");
    says(&bump(&with("newest: true"), &["cart"]).code(0), &["newest"]);

    let followed = with("digest: blue");
    bump(&followed, &["cart"]).code(0);
    let product = || followed.file_at("env/dev", "product.yaml").unwrap();
    assert!(product().contains(&format!("cart:blue@{old}")));
    let other = registry.push("shop/cart", "blue");
    bump(&followed, &["cart"]).code(0);
    assert!(product().contains(&format!("cart:blue@{other}")));
    nothing_written(&followed, &words, 0);
    let gone = with("digest: green");
    let failed = nothing_written(&gone, &words, 5);
    says(
        &failed,
        &[
            "answered 404 for shop/cart:green",
            "it does not exist, or this login may not see it",
        ],
    );
}

#[test]
fn what_an_environment_says_about_registries_is_kept() {
    let registry = newer();
    let nobody = dead_address().to_string();
    let environment = |rest: &str| {
        format!(
            "apiVersion: kubectl-gitops/v1alpha1\nkind: Environment\nmetadata: {{name: dev}}\nspec: {{{rest}}}\n"
        )
    };
    let fixture = shop(&nobody);
    let write =
        |text: &str| fixture.commit("env/dev", "a mirror", &[("environment.yaml", Some(text))]);
    // Not to be asked: a named tag is taken at its word, which is said.
    write(&environment("registryReachable: false"));
    let done = bump(&fixture, &["cart=v1.1.0"]).code(0);
    says(
        &done,
        &["cart was not checked: its registry cannot be reached from here"],
    );
    let product = fixture.file_at("env/dev", "product.yaml").unwrap();
    assert!(product.contains("cart:v1.1.0 "), "{product}");
    // A map without a place for an image: the registry is asked, and the result refused.
    let fixture = shop(&registry.host());
    let map = "registry: {other.example.com: mirror.example.com}";
    let environment = environment(map);
    fixture.commit(
        "env/dev",
        "a mirror",
        &[("environment.yaml", Some(environment.as_str()))],
    );
    for words in [&["cart=v1.1.0"][..], &["mail"]] {
        let words = [words, &["--env", "dev", "--yes"]].concat();
        let outcome = nothing_written(&fixture, &words, 2);
        says(&outcome, &["is not in the registry map of dev"]);
    }
}
