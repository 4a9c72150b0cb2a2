//! `bump-image --interactive`: a person at a terminal picks components and versions, and
//! what was picked meets the same plan and guards as what is named.

use super::bump_image::{bump, nothing_written, product, registry, says, shop, shop_with};
use super::bump_release::revert;
use super::support::Fixture;
use super::support::faults::dead_address;
use super::support::registry::{ImageFacts, TestRegistry};
use super::support::terminal::{CTRL_C, DOWN, ESCAPE, HIDE_CURSOR, SHOW_CURSOR, Terminal};

const WHICH: &str = "which components shall change?";
const PICK: &str = "bump-image --env dev --interactive";

fn pick(fixture: &Fixture, words: &str) -> Terminal {
    Terminal::run(&fixture.env, &fixture.clone, words)
}

/// Newer versions of two components, one of them twice.
fn newer() -> TestRegistry {
    let registry = registry();
    for tag in ["v0.9.0", "v1.1.0", "v1.2.0", "v2.0.0"] {
        registry.push("shop/cart", tag);
    }
    registry.push("shop/mail", "v1.3.0");
    registry.push("shop/web", "v7");
    registry.push("shop/web", "nightly");
    registry
}

#[test]
fn an_older_allowed_version_and_the_newest_of_another_are_one_commit() {
    let registry = newer();
    let host = registry.host();
    let fixture = shop(&host);
    let commits = fixture.commits_on("env/dev");
    let mut terminal = pick(&fixture, PICK);
    // What is newer is marked already.
    terminal
        .shows(WHICH)
        .shows("[x] cart  v1.0.0  → v1.2.0 (^1)")
        .shows("[x] mail  v1.0.0  → v1.3.0 (^1)")
        .shows("[ ] web   v1.0.0  no policy, 3 tags")
        .press("\r");
    terminal
        .shows("cart: v2.0.0 exists, outside of ^1")
        .shows("cart, now at v1.0.0")
        .shows("> v1.2.0")
        .shows("  v1.1.0")
        .shows("  v1.0.0  now")
        .press(&format!("{DOWN}\r"));
    terminal.shows("mail, now at").shows("> v1.3.0").press("\r");
    terminal
        .shows("cart  v1.0.0 → v1.1.0  as asked")
        .shows("mail  v1.0.0 → v1.3.0  as asked")
        .shows("write this to env/dev")
        .press("y\r");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert_eq!(fixture.commits_on("env/dev"), commits + 1);
    let found = fixture.file_at("env/dev", "product.yaml").unwrap();
    assert!(found.contains("cart:v1.1.0@sha256:"), "{found}");
    assert!(found.contains("mail:v1.3.0@sha256:"), "{found}");
    assert!(found.contains("web:v1.0.0\n"), "{found}");
    assert!(!screen.contains("v0.9.0"), "{screen}");
    // The same as when it is named.
    let named = shop(&host);
    let words = [
        "bump-image",
        "cart=v1.1.0",
        "mail=v1.3.0",
        "--env",
        "dev",
        "--yes",
    ];
    named.run(&words).code(0);
    assert_eq!(named.file_at("env/dev", "product.yaml").unwrap(), found);
    let plan = |fixture: &Fixture| {
        let message = fixture.message_at("env/dev");
        message
            .lines()
            .find(|line| line.starts_with("Gitops-Plan"))
            .unwrap()
            .to_owned()
    };
    assert_eq!(plan(&fixture), plan(&named));
    fixture.fsck();
}

#[test]
fn components_without_a_policy_are_offered_all_tags_and_guards_still_hold() {
    let registry = newer();
    let fixture = shop(&registry.host());
    // Only the named ones are asked about.
    let mut terminal = pick(&fixture, &format!("{PICK} web"));
    terminal.shows("[ ] web  v1.0.0").press(" \r");
    terminal
        .shows("web, now at v1.0.0")
        .shows("  v7")
        .shows("> v1.0.0   now")
        .shows("  nightly")
        .press(&format!("{DOWN}\r"));
    terminal.shows("web  v1.0.0 → nightly").press("n\r");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("nothing was written"), "{screen}");
    assert!(!screen.contains("cart"), "{screen}");

    let later = shop_with(&registry.host(), |product| {
        product.replace("cart:v1.0.0", "cart:v1.1.0")
    });
    let mut terminal = pick(&later, &format!("{PICK} cart"));
    terminal.shows("[x] cart").press("\r");
    terminal
        .shows("cart: 1 older version left out; --allow-downgrade offers them")
        .shows("> v1.2.0")
        .shows("  v1.1.0  now")
        .press(ESCAPE);
    let (code, screen) = terminal.end();
    assert_eq!(code, 130, "{screen}");
    let mut terminal = pick(&later, &format!("{PICK} cart --allow-downgrade"));
    terminal.shows("[x] cart").press("\r");
    terminal
        .shows("  v1.1.0  now")
        .shows("  v1.0.0")
        .press(&format!("{DOWN}{DOWN}\r"));
    terminal
        .shows("v1.1.0 → v1.0.0")
        .shows("write this")
        .press("y\r");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");

    let kept = shop_with(&registry.host(), |product| {
        product
            .replacen("semver: ^1}", "semver: ^1}\n      hold: the audit", 1)
            .replacen(
                "semver: ^1}\n    vm",
                "semver: ^1, platforms: [linux/s390x]}\n    vm",
                1,
            )
    });
    let mut terminal = pick(&kept, PICK);
    terminal
        .shows("cart is left out: held: the audit")
        .shows("[ ] mail  v1.0.0")
        .press(" \r");
    terminal
        .shows("mail: v1.3.0 is left out: newest, but not for linux/s390x")
        .shows("> v1.0.0  now")
        .press("\r");
    terminal.shows("nothing was picked; nothing was written");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
}

#[test]
fn what_a_person_should_know_stands_beside_each_version() {
    let registry = newer();
    let made = |created: String| ImageFacts {
        created: Some(created),
        ..ImageFacts::default()
    };
    registry.push_with("shop/web", "v1.1.0", &made("2020-01-01T00:00:00Z".into()));
    let today = jiff::Timestamp::now().to_string();
    registry.push_with("shop/web", "v1.2.0", &made(today));
    let old = registry.push("shop/mail", "stable");
    let fixture = shop_with(&registry.host(), |product| {
        product
            .replace("mail:v1.0.0", &format!("mail:stable@{old}"))
            .replace("semver: ^1}\n    vm", "digest: stable}\n    vm")
            .replace(
                "web:v1.0.0\n",
                "web:v1.0.0\n      update: {semver: ^1, minAge: 3d}\n",
            )
    });
    let facts = made("2026-01-02T00:00:00Z".into());
    let new = registry.push_with("shop/mail", "stable", &facts);
    bump(&fixture, &["cart"]).code(0);
    revert(&fixture);

    let mut terminal = pick(&fixture, PICK);
    terminal
        .shows("[ ] cart  v1.0.0  held: v1.2.0 was reverted by ")
        .shows("[x] mail  stable  another image now (digest of stable)")
        .shows("[x] web   v1.0.0  → v1.1.0 (^1)")
        .press(" \r");
    terminal
        .shows("> v1.0.0  now")
        .press("\u{1b}[A\u{1b}[A")
        .shows("> v1.2.0  v1.2.0 was reverted by ")
        .press("\r");
    terminal
        .shows("> stable")
        .shows("leave it at stable")
        .press("\r");
    terminal
        .shows("web: v1.2.0 is left out: too young (0 h)")
        .shows("> v1.1.0  ")
        .shows(" years old")
        .press("\r");
    terminal.shows("write this").press("y\r");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    let found = fixture.file_at("env/dev", "product.yaml").unwrap();
    assert!(found.contains("cart:v1.2.0@"), "{found}");
    assert!(found.contains(&format!("mail:stable@{new}")), "{found}");
    assert!(found.contains("web:v1.1.0@"), "{found}");
}

#[test]
fn a_hotfix_is_picked_past_a_registry_that_is_silent() {
    let registry = newer();
    let (host, dead) = (registry.host(), dead_address().to_string());
    let fixture = shop_with(&host, |product| {
        product.replacen(
            &format!("{host}/shop/mail"),
            &format!("{dead}/shop/mail"),
            1,
        )
    });
    let prod = "bump-image --env prod --interactive";
    let (code, screen) = pick(&fixture, prod).end();
    assert_eq!(code, 3, "{screen}");
    assert!(
        screen.contains("images reach prod by promotion"),
        "{screen}"
    );
    let hotfix = format!("{prod} --hotfix 'carts are lost'");
    let (code, screen) = pick(&fixture, &hotfix).end();
    assert_eq!(code, 5, "{screen}");
    assert!(!screen.contains(WHICH), "{screen}");
    let mut terminal = pick(&fixture, &format!("{hotfix} --keep-going -o json"));
    terminal
        .shows("mail is left out: not known: ")
        .shows(&dead)
        .shows("[x] cart")
        .press("\r");
    terminal.shows("> v1.2.0").press("\r");
    terminal.shows("write this to env/prod").press("y\r");
    terminal.shows("\"kind\": \"BumpImageReport\"");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    let message = fixture.message_at("env/prod");
    assert!(
        message.starts_with("hotfix cart to v1.2.0 in prod"),
        "{message}"
    );
    assert!(
        message.contains("Gitops-Override: hotfix carts are lost"),
        "{message}"
    );
}

#[test]
fn a_file_of_tags_is_picked_from_with_its_dates() {
    let fixture = shop("registry.example.com");
    let digest = |n: u8| format!("sha256:{}", n.to_string().repeat(64));
    let tag = |n: u8| serde_json::json!({"digest": digest(n), "created": "2020-01-01T00:00:00Z"});
    let tags = serde_json::json!({
        "apiVersion": "kubectl-gitops/v1alpha1",
        "kind": "RegistryTags",
        "repositories": {"registry.example.com/shop/cart": {"tags": {
            "v1.0.0": tag(1), "v1.1.0": tag(2), "v1.2.0": tag(3),
        }}},
    });
    fixture.write("tags.json", tags.to_string());
    let mut terminal = pick(
        &fixture,
        &format!("{PICK} cart --tags-from tags.json --dry-run"),
    );
    terminal.shows("[x] cart").press("\r");
    terminal
        .shows("v1.2.0  ")
        .shows("years old")
        .shows("v1.1.0  ")
        .shows("years old")
        .shows("v1.0.0  now, ")
        .shows("years old")
        .press(&format!("{DOWN}\r"));
    terminal.shows("cart  v1.0.0 → v1.1.0");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
}

#[test]
fn a_person_decides_where_a_policy_cannot() {
    let registry = newer();
    let digest = registry.push("shop/cart", "1.2.0");
    let fixture = shop_with(&registry.host(), |product| {
        product.replace("mail:v1.0.0", "mail:v0.8.0")
    });
    let mut terminal = pick(&fixture, PICK);
    terminal
        .shows("[ ] cart  v1.0.0  ^1 cannot choose")
        .shows("[ ] mail  v0.8.0  ^1")
        .press(&format!(" {DOWN} \r"));
    terminal
        .shows("  v1.2.0  as new as the others, image ")
        .shows("  1.2.0   as new as the others, image ")
        .shows(&digest[..19])
        .shows("> v1.0.0  now")
        .press("\u{1b}[A\u{1b}[A\r");
    terminal
        .shows("mail: the registry no longer lists v0.8.0, which is deployed")
        .shows("> v1.3.0")
        .shows("  leave it at v0.8.0")
        .press("\r");
    terminal.shows("write this to").press("y\r");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    let found = fixture.file_at("env/dev", "product.yaml").unwrap();
    assert!(found.contains(&format!("cart:1.2.0@{digest}")), "{found}");
    assert!(found.contains("mail:v1.3.0@"), "{found}");
}

#[test]
fn who_leaves_a_question_has_written_nothing() {
    let registry = newer();
    let fixture = shop(&registry.host());
    let before = fixture.remote_tip("env/dev");
    for leave in [ESCAPE, CTRL_C] {
        for questions in 0..=2 {
            let mut terminal = pick(&fixture, &format!("{PICK} cart"));
            terminal.shows("[x] cart");
            if questions > 0 {
                terminal.press("\r").shows("> v1.2.0");
            }
            if questions > 1 {
                terminal.press("\r").shows("write this to");
                if leave == ESCAPE {
                    // A question with a default is answered by it.
                    terminal.press("\r").shows("nothing was written");
                    assert_eq!(terminal.end().0, 0);
                    continue;
                }
            }
            terminal.press(leave);
            let (code, screen) = terminal.end();
            assert_eq!(code, 130, "after {questions}: {screen:?}");
            assert!(screen.trim_end().ends_with("interrupted"), "{screen:?}");
            let last = |what: &str| screen.rfind(what).unwrap_or_default();
            assert!(last(SHOW_CURSOR) > last(HIDE_CURSOR), "{screen:?}");
        }
    }
    assert_eq!(fixture.remote_tip("env/dev"), before);
    fixture.fsck();
}

#[test]
fn picking_needs_a_person_and_something_left_to_pick() {
    let registry = newer();
    let fixture = shop(&registry.host());
    let alone = nothing_written(&fixture, &["--env", "dev", "-i"], 2);
    says(
        &alone,
        &[
            "nobody can pick without a terminal",
            "name versions as COMPONENT=TAG, with --yes",
            "bump-image --env dev --yes",
        ],
    );
    for flag in ["--yes", "--check", "--explain"] {
        let both = nothing_written(&fixture, &["--env", "dev", "-i", flag], 2);
        says(&both, &["cannot be used with"]);
    }
    let named = nothing_written(&fixture, &["cart=v1.1.0", "--env", "dev", "-i"], 2);
    says(&named, &["cart is to get v1.1.0 already"]);
    for (words, texts) in [
        ("vm", ["vm is no image", "vm=VERSION"]),
        ("card", ["no component card", "did you mean cart?"]),
    ] {
        let (code, screen) = pick(&fixture, &format!("{PICK} {words}")).end();
        assert_eq!(code, 2, "{screen}");
        assert!(texts.iter().all(|text| screen.contains(text)), "{screen}");
    }
    assert_eq!(
        fixture.file_at("env/dev", "product.yaml").unwrap(),
        product(&registry.host())
    );
}
