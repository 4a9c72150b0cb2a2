//! How many requests a whole `bump-image` costs: one ping and one token per registry,
//! then one request for each thing that has to be known, one more for each image that is
//! written (its manifest is read, so that its digest is proven), and eight at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bump_image::{bump, log_in, registry, shop, shop_with};
use super::support::Fixture;
use super::support::faults::{Fault, FaultProxy};
use super::support::images::{KUSTOMIZATION, pinned};
use super::support::registry::{ImageFacts, PASSWORD, TestRegistry};
use super::support::tokens::TokenService;

const MANY: usize = 50;

/// A registry with tokens, behind a proxy that counts.
struct Counted {
    service: TokenService,
    registry: TestRegistry,
    proxy: FaultProxy,
}

impl Counted {
    fn start(decide: impl FnMut(&str, &str) -> Fault + Send + 'static) -> Self {
        let service = TokenService::start();
        let registry = TestRegistry::with_tokens(&service.realm());
        let proxy = FaultProxy::start(registry.address(), decide);
        Self {
            service,
            registry,
            proxy,
        }
    }

    /// This many components at v1.0.0, each with an image of its own and this policy.
    fn fixture(&self, count: usize, policy: &str) -> (Fixture, Vec<String>) {
        let host = self.proxy.address().to_string();
        let names: Vec<String> = (0..count).map(|at| format!("s{at}")).collect();
        let images: Vec<String> = names.iter().map(|it| format!("{host}/shop/{it}")).collect();
        let pins: Vec<(&str, String, &str, &str)> = names
            .iter()
            .zip(images)
            .map(|(name, image)| (name.as_str(), image, "v1.0.0", policy))
            .collect();
        let fixture = pinned(&pins);
        log_in(&fixture.env, &host, PASSWORD);
        (fixture, names)
    }

    /// The requests by method and kind.
    fn asked(&self) -> BTreeMap<String, usize> {
        let mut asked = BTreeMap::from([("token".to_owned(), self.service.heard().len())]);
        for line in self.proxy.seen() {
            let (method, target) = line.split_once(' ').unwrap();
            let kinds = ["/tags/list", "/manifests/", "/blobs/"];
            let kind = kinds.into_iter().find(|kind| target.contains(kind));
            *asked
                .entry(format!("{method} {}", kind.unwrap_or(target)))
                .or_default() += 1;
        }
        asked
    }
}

fn counts(wanted: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let owned = |(name, count): &(&str, usize)| ((*name).to_owned(), *count);
    wanted.iter().map(owned).collect()
}

#[test]
fn fifty_named_tags_are_a_hundred_and_two_requests_eight_at_a_time() {
    let slow = |method: &str, _: &str| match method {
        "HEAD" => Fault::Delay(Duration::from_millis(30)),
        _ => Fault::Pass,
    };
    let counted = Counted::start(slow);
    let (fixture, names) = counted.fixture(MANY, "");
    for name in &names {
        counted.registry.push(&format!("shop/{name}"), "v1.1.0");
    }
    let named: Vec<String> = names.iter().map(|name| format!("{name}=v1.1.0")).collect();
    let mut words = vec!["bump-image", "--env", "dev", "--yes"];
    words.extend(named.iter().map(String::as_str));
    fixture.run(&words).code(0);
    let text = fixture.file_at("main", KUSTOMIZATION).unwrap();
    assert_eq!(text.matches("newTag: v1.1.0").count(), MANY, "{text}");
    let wanted = [
        ("GET /v2/", 1),
        ("token", 1),
        ("HEAD /manifests/", MANY),
        ("GET /manifests/", MANY),
    ];
    assert_eq!(
        counted.asked(),
        counts(&wanted),
        "{:?}",
        counted.proxy.seen()
    );
    let busiest = counted.proxy.busiest();
    assert!((2..=8).contains(&busiest), "{busiest} at once");
}

/// The registry's manifests are real; its lists of a thousand tags each are not, because
/// seeding fifty thousand images takes longer than anybody waits for a test.
#[test]
fn fifty_policies_on_a_thousand_tags_each_are_a_hundred_and_fifty_two_requests() {
    let list = |_: &str, target: &str| match target.contains("/tags/list") {
        true => {
            let tags: Vec<String> = (0..1000).map(|minor| format!("v1.{minor}.0")).collect();
            let list = serde_json::json!({"name": "x", "tags": tags});
            Fault::Answer(200, Vec::new(), list.to_string())
        }
        false => Fault::Pass,
    };
    let counted = Counted::start(list);
    let (fixture, names) = counted.fixture(MANY, "semver: ^1");
    for name in &names {
        counted.registry.push(&format!("shop/{name}"), "v1.999.0");
    }
    let words = ["bump-image", "--env", "dev", "--yes", "--explain"];
    fixture.run(&words).code(0);
    let text = fixture.file_at("main", KUSTOMIZATION).unwrap();
    assert_eq!(text.matches("newTag: v1.999.0").count(), MANY, "{text}");
    let wanted = [
        ("GET /v2/", 1),
        ("token", 1),
        ("GET /tags/list", MANY),
        ("HEAD /manifests/", MANY),
        ("GET /manifests/", MANY),
    ];
    assert_eq!(counted.asked(), counts(&wanted));
    assert!(counted.proxy.busiest() <= 8);
}

/// The ten pages and their cursors are scripted, for the same reason; cursors are opaque,
/// as they are at registries that do not page by name.
#[test]
fn ten_thousand_tags_are_ten_lists_and_one_manifest() {
    let list = |_: &str, target: &str| {
        let Some((_, query)) = target.split_once("/tags/list?") else {
            return Fault::Pass;
        };
        let page: usize = match query {
            "n=1000" => 0,
            cursor => cursor.strip_prefix("c=%7B").unwrap().parse().unwrap(),
        };
        let tags: Vec<String> = (0..1000).map(|at| format!("v1.{page}.{at}")).collect();
        let next = format!("<?c=%7B{}>; rel=\"next\"", page + 1);
        let more = (page < 9).then(|| ("Link".to_owned(), next));
        let list = serde_json::json!({"name": "x", "tags": tags});
        Fault::Answer(200, more.into_iter().collect(), list.to_string())
    };
    let counted = Counted::start(list);
    let (fixture, _) = counted.fixture(1, "semver: ^1");
    counted.registry.push("shop/s0", "v1.9.999");
    fixture
        .run(&["bump-image", "--env", "dev", "--yes"])
        .code(0);
    let text = fixture.file_at("main", KUSTOMIZATION).unwrap();
    assert!(text.contains("newTag: v1.9.999"), "{text}");
    let wanted = [
        ("GET /v2/", 1),
        ("token", 1),
        ("GET /tags/list", 10),
        ("HEAD /manifests/", 1),
        ("GET /manifests/", 1),
    ];
    assert_eq!(counted.asked(), counts(&wanted));
}

/// A date costs an image's manifest and its configuration, once: the platforms of the
/// image that is chosen, and the proof of its digest, are in what was read for its date.
#[test]
fn dates_and_platforms_are_asked_for_once_and_for_what_a_policy_left_over() {
    let counted = Counted::start(|_, _| Fault::Pass);
    for tag in ["v1.0.0", "v1.1.0", "v1.2.0", "v2.0.0", "nightly"] {
        let facts = ImageFacts {
            created: Some("2020-01-01T00:00:00Z".to_owned()),
            ..ImageFacts::default()
        };
        counted.registry.push_with("shop/s0", tag, &facts);
    }
    let policy = "semver: ^1, minAge: 1d, platforms: [linux/amd64]";
    let (fixture, _) = counted.fixture(1, policy);
    let words = ["bump-image", "--env", "dev", "--yes"];
    fixture.run(&words).code(0);
    let wanted = [
        ("GET /v2/", 1),
        ("token", 1),
        ("GET /tags/list", 1),
        ("GET /manifests/", 1),
        ("GET /blobs/", 1),
    ];
    assert_eq!(counted.asked(), counts(&wanted));
}

/// Components often share an image, or a repository with different policies.
#[test]
fn components_that_share_an_image_ask_once() {
    let registry = registry();
    registry.push("shop/cart", "v1.1.0");
    let proxy = FaultProxy::start(registry.address(), |_, _| Fault::Pass);
    let host = proxy.address().to_string();
    let fixture = shop_with(&host, |product| {
        product
            .replace("shop/mail", "shop/cart")
            .replace("shop/web", "shop/cart")
    });
    let lines = |found: &FaultProxy| {
        let mut seen = found.seen();
        seen.sort();
        seen
    };
    bump(&fixture, &["--dry-run"]).code(0);
    let all = [
        "GET /v2/",
        "GET /v2/shop/cart/manifests/v1.1.0",
        "GET /v2/shop/cart/tags/list?n=1000",
        "HEAD /v2/shop/cart/manifests/v1.1.0",
    ];
    assert_eq!(lines(&proxy), all);
    let named = ["cart=v1.1.0", "mail=v1.1.0", "web=v1.1.0", "--dry-run"];
    bump(&fixture, &named).code(0);
    assert_eq!(proxy.seen().len(), 4 + 3, "{:?}", proxy.seen());
    // Two equally new tags: their digests tell, and are not asked for again.
    let same = registry.push("shop/mail", "v1.0.0");
    registry.alias("shop/mail", &same, "1.0.0");
    let fixture = shop(&host);
    bump(&fixture, &["mail", "--dry-run"]).code(0);
    let seen = proxy.seen();
    let heads = seen.iter().filter(|it| it.contains("/mail/manifests/"));
    assert_eq!(heads.count(), 2, "{seen:?}");
}
