//! `bump-image --check` for pipelines, and the product's own version beside a bump.

use super::bump_image::{bump, nothing_written, product, registry, says, shop, shop_with};
use super::support::Fixture;
use super::support::faults::dead_address;
use super::support::registry::ImageFacts;

#[test]
fn a_check_says_by_its_code_whether_something_newer_is_allowed() {
    let registry = registry();
    let host = registry.host();
    let fixture = shop(&host);
    nothing_written(&fixture, &["--env", "dev", "--check"], 0);
    registry.push("shop/cart", "v2.0.0");
    let beyond = nothing_written(&fixture, &["--env", "dev", "--check"], 0);
    says(&beyond, &["v2.0.0 exists"]);
    registry.push("shop/cart", "v1.2.0");
    let newer = nothing_written(&fixture, &["--env", "dev", "--check"], 1);
    says(&newer, &["cart  v1.0.0 → v1.2.0"]);
    let data = nothing_written(&fixture, &["--env", "dev", "--check", "-o", "json"], 1);
    let data: serde_json::Value = serde_json::from_str(&data.stdout).unwrap();
    assert_eq!(data["kind"], "BumpImageReport");
    bump(&fixture, &[]).code(0);
    nothing_written(&fixture, &["--env", "dev", "--check"], 0);
    nothing_written(&fixture, &["--env", "dev", "--check", "--keep-going"], 2);
    // Nobody there is no answer.
    let silent = shop(&dead_address().to_string());
    nothing_written(&silent, &["--env", "dev", "--check"], 5);
}

#[test]
fn the_products_version_follows_the_largest_step() {
    let registry = registry();
    registry.push("shop/cart", "v1.2.0");
    registry.push("shop/web", "v1.0.1");
    registry.push("shop/mail", "v3.0.0");
    let host = registry.host();
    let fixture = shop(&host);
    let version = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("  version:"));
        line.unwrap().trim().to_owned()
    };
    let steps: [(&[&str], &str); 4] = [
        (&["web=v1.0.1"], "version: 1.0.1"),
        (&["cart=v1.2.0", "vm=4.2.2"], "version: 1.1.0"),
        (&["mail=v3.0.0"], "version: 2.0.0"),
        (&["vm=latest"], "version: 2.0.1"),
    ];
    for (words, wanted) in steps {
        bump(&fixture, &[words, &["--product-version", "next"]].concat()).code(0);
        let text = fixture.file_at("env/dev", "product.yaml").unwrap();
        assert_eq!(version(&text), wanted);
    }
    let message = fixture.message_at("env/dev");
    assert!(message.contains("Gitops-Product: shop@2.0.1"), "{message}");
    bump(&fixture, &["vm=4.3.0", "--product-version", "2026.11"]).code(0);
    let text = fixture.file_at("env/dev", "product.yaml").unwrap();
    // A number for YAML otherwise.
    assert_eq!(version(&text), "version: \"2026.11\"");
    let before = product(&host);
    assert_eq!(text.lines().count(), before.lines().count());
    let lower = nothing_written(
        &fixture,
        &[
            "vm=4.4.0",
            "--product-version",
            "2.0.0",
            "--env",
            "dev",
            "--yes",
        ],
        2,
    );
    says(&lower, &["2026.11, and 2.0.0 is lower"]);
    // Nothing changes, so neither does the version.
    nothing_written(
        &fixture,
        &[
            "vm=4.3.0",
            "--product-version",
            "next",
            "--env",
            "dev",
            "--yes",
        ],
        0,
    );
}

#[test]
fn a_release_is_tagged_with_the_version_that_it_gets() {
    let registry = registry();
    registry.push("shop/cart", "v1.2.0");
    let fixture = shop(&registry.host());
    let run = [
        "cart=v1.2.0",
        "--product-version",
        "next",
        "--tag",
        "{product}-{version}",
        "-o",
        "json",
    ];
    let done = bump(&fixture, &run).code(0);
    let report: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(report["published"][0]["tag"], "shop-1.1.0", "{report}");
    let git = |args: &[&str]| fixture.env.git(&fixture.origin, args);
    let tagged = git(&["rev-parse", "shop-1.1.0^{commit}"]);
    assert_eq!(Some(tagged), fixture.remote_tip("env/dev"));
    assert_eq!(git(&["cat-file", "-t", "shop-1.1.0"]), "tag");
}

#[test]
fn a_result_that_a_cluster_would_not_take_is_refused() {
    let registry = registry();
    let fixture = shop(&registry.host());
    // The template writes the version as it is, and 5 is a number.
    let refused = nothing_written(&fixture, &["vm=5", "--env", "dev", "--yes"], 3);
    says(
        &refused,
        &[
            "templates/service/deployment.yaml.j2:11:21",
            "must be a string, not a number",
            "nothing was written",
        ],
    );
}

/// Takes the newest commit of dev back, as a person with a clone does.
pub(super) fn revert(fixture: &Fixture) {
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["fetch", "--quiet"]);
    git(&["checkout", "--quiet", "-B", "back", "origin/env/dev"]);
    git(&["revert", "--no-edit", "HEAD"]);
    git(&["push", "--quiet", "origin", "back:env/dev"]);
    git(&["checkout", "--quiet", "main"]);
}

/// Rolls dev back by one commit.
fn roll_back(fixture: &Fixture) {
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["fetch", "--quiet"]);
    let words = ["rollback", "dev", "--to", "origin/env/dev~1", "--yes"];
    fixture.run(&words).code(0);
}

#[test]
fn what_somebody_took_back_waits_for_a_newer_version() {
    for verb in ["reverted", "rolled back"] {
        let take_back = match verb {
            "reverted" => revert,
            _ => roll_back,
        };
        let registry = registry();
        let fixture = shop(&registry.host());
        registry.push("shop/cart", "v1.1.0");
        bump(&fixture, &["cart"]).code(0);
        take_back(&fixture);
        let held = nothing_written(&fixture, &["cart", "--env", "dev", "--yes"], 0);
        says(
            &held,
            &[&format!("cart  v1.0.0  held: v1.1.0 was {verb} by ")],
        );
        nothing_written(&fixture, &["cart", "--env", "dev", "--check"], 0);
        // Who names it has changed their mind.
        bump(&fixture, &["cart=v1.1.0"]).code(0);
        take_back(&fixture);
        registry.push("shop/cart", "v1.1.1");
        bump(&fixture, &["cart"]).code(0);
        let product = fixture.file_at("env/dev", "product.yaml").unwrap();
        assert!(product.contains("cart:v1.1.1@"), "{product}");
        fixture.fsck();
    }
}

#[test]
fn an_image_that_was_taken_back_under_its_tag_waits_for_another_one() {
    let registry = registry();
    let fixture = shop(&registry.host());
    bump(&fixture, &["cart", "--refresh-digests"]).code(0);
    let image = |year: &str| ImageFacts {
        created: Some(format!("{year}-01-01T00:00:00Z")),
        ..ImageFacts::default()
    };
    registry.push_with("shop/cart", "v1.0.0", &image("2025"));
    bump(&fixture, &["cart", "--refresh-digests"]).code(0);
    revert(&fixture);
    let words = ["cart", "--env", "dev", "--refresh-digests", "--yes"];
    let held = nothing_written(&fixture, &words, 0);
    says(&held, &["held: v1.0.0 at ", "was reverted by "]);
    let third = registry.push_with("shop/cart", "v1.0.0", &image("2026"));
    bump(&fixture, &["cart", "--refresh-digests"]).code(0);
    let product = fixture.file_at("env/dev", "product.yaml").unwrap();
    assert!(product.contains(third.as_str()), "{product}");
}

#[test]
fn young_images_wait_until_they_are_old_enough() {
    let registry = registry();
    let made = |tag: &str, created: &str| {
        let facts = ImageFacts {
            created: Some(created.into()),
            ..ImageFacts::default()
        };
        registry.push_with("shop/cart", tag, &facts);
    };
    made("v1.0.5", "2020-01-01T00:00:00Z");
    // A clock that is ahead makes no image old.
    made("v1.1.0", "2999-01-01T00:00:00Z");
    let fixture = shop_with(&registry.host(), |product| {
        product.replacen("semver: ^1}", "semver: ^1, minAge: 3d}", 1)
    });
    let told = nothing_written(
        &fixture,
        &["cart", "--env", "dev", "--dry-run", "--explain"],
        0,
    );
    says(&told, &["v1.0.0 → v1.0.5", "too young"]);
    bump(&fixture, &["cart"]).code(0);
    nothing_written(&fixture, &["cart", "--env", "dev", "--check"], 0);
}

#[test]
fn an_environments_own_registry_is_the_one_that_is_asked() {
    let registry = registry();
    registry.push("shop/cart", "v1.1.0");
    // Nobody listens where the product says; the environment pulls from its mirror.
    let named = dead_address().to_string();
    let fixture = shop(&named);
    let environment = |rest: &str| {
        format!(
            "apiVersion: kubectl-gitops/v1alpha1\nkind: Environment\nmetadata: {{name: dev}}\nspec: {{registry: {{\"{named}\": \"{}\"}}{rest}}}\n",
            registry.host()
        )
    };
    let write =
        |text: &str| fixture.commit("env/dev", "a mirror", &[("environment.yaml", Some(text))]);
    write(&environment(", registryReachable: false"));
    let silent = nothing_written(&fixture, &["cart", "--env", "dev", "--yes"], 0);
    says(&silent, &["its registry cannot be reached from here"]);
    write(&environment(""));
    bump(&fixture, &["cart"]).code(0);
    let product = fixture.file_at("env/dev", "product.yaml").unwrap();
    assert!(
        product.contains(&format!("{named}/shop/cart:v1.1.0@")),
        "{product}"
    );
}

#[test]
fn an_image_that_the_environment_pulls_from_nowhere_is_not_looked_for() {
    // Nobody listens there, and nobody is asked.
    let named = dead_address().to_string();
    let fixture = shop(&named);
    let environment = "apiVersion: kubectl-gitops/v1alpha1\nkind: Environment\nmetadata: {name: dev}\nspec: {registry: {registry.example.com/other: mirror.example.com/other}}\n";
    fixture.commit(
        "env/dev",
        "a mirror",
        &[("environment.yaml", Some(environment))],
    );
    for words in [&["cart=v1.1.0"][..], &["cart"], &[]] {
        let words = [words, &["--env", "dev", "--yes"]].concat();
        let refused = nothing_written(&fixture, &words, 2);
        let wanted =
            format!("{named}/shop/cart of component cart is not in the registry map of dev");
        says(&refused, &[&wanted, "spec.registry"]);
    }
}
