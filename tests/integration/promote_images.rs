//! `promotion.checkImages`: a promotion does not bring images that the target could not pull.

use serde_json::Value;

use crate::bump_image::{DEPLOYMENT, registry};
use crate::support::Fixture;
use crate::support::env::Outcome;
use crate::support::faults::dead_address;

const TEMPLATE: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Template
metadata: {name: service}
spec: {schema: {type: object}}
";

fn gitops(check: &str) -> String {
    format!(
        "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nmetadata: {{name: shop}}\nspec:\n  environments:\n    \
         - {{name: dev, branch: env/dev}}\n    - {{name: prod, branch: env/prod, promoteFrom: dev}}\n  rendered: manifests\n{check}"
    )
}

fn product(host: &str, cart: &str) -> String {
    format!(
        "apiVersion: kubectl-gitops/v1alpha1\nkind: Product\nmetadata: {{name: shop}}\nspec:\n  version: 1.0.0\n  defaults: {{template: service}}\n  components:\n    \
         cart:\n      image: {host}/shop/cart:{cart}\n    web:\n      image: {host}/shop/web:v1.0.0\n"
    )
}

fn environment(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: kubectl-gitops/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

/// Dev has a newer cart than prod, whose manifest says `prod`.
fn shop(host: &str, check: &str, prod: &str) -> Fixture {
    let (old, gitops) = (product(host, "v1.0.0"), gitops(check));
    let environments = [environment("dev", "{}"), environment("prod", prod)];
    let files = |environment| {
        [
            ("product.yaml", old.as_str()),
            ("environment.yaml", environment),
            ("templates/service/template.yaml", TEMPLATE),
            ("templates/service/deployment.yaml.j2", DEPLOYMENT),
        ]
    };
    let fixture = Fixture::new(&[
        ("main", &[("gitops.yaml", gitops.as_str())]),
        ("env/dev", &files(environments[0].as_str())),
        ("env/prod", &files(environments[1].as_str())),
    ]);
    fixture
        .run(&["promote", "prod", "--yes", "--override", "images", "begin"])
        .code(0);
    let new = product(host, "v1.1.0");
    fixture.commit("env/dev", "bump cart", &[("product.yaml", Some(&new))]);
    fixture
}

const CHECK: &str = "  promotion: {checkImages: true}\n";
const PROMOTE: [&str; 3] = ["promote", "prod", "--yes"];

/// Promotes, and fails the test unless nothing was written and all of this was said.
#[track_caller]
fn refused(fixture: &Fixture, words: &[&str], code: i32, said: &[&str]) -> Outcome {
    let before = fixture.remote_tip("env/prod");
    let outcome = fixture.run(words).code(code);
    assert_eq!(fixture.remote_tip("env/prod"), before);
    for text in said {
        assert!(outcome.stderr.contains(text), "{text}: {}", outcome.stderr);
    }
    outcome
}

#[test]
fn an_image_that_is_not_there_is_refused_until_it_is() {
    let registry = registry();
    let host = registry.host();
    let fixture = shop(&host, CHECK, "{}");
    let said = [
        "1 image would not be found by prod",
        &format!("cart  {host}/shop/cart:v1.1.0"),
        "--override images",
    ];
    let outcome = refused(&fixture, &PROMOTE, 3, &said);
    assert!(
        !outcome.stderr.contains("shop/web"),
        "it runs there already"
    );
    refused(&fixture, &["promote", "prod", "--dry-run"], 3, &said);
    let outcome = fixture
        .run(&["promote", "prod", "--dry-run", "-o", "json"])
        .code(3);
    let plan: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(plan["refusals"][0]["guard"], "images");
    assert_eq!(plan["refusals"][0]["missing"][0]["component"], "cart");
    registry.push("shop/cart", "v1.1.0");
    fixture.run(&PROMOTE).code(0);
    let product = fixture.file_at("env/prod", "product.yaml").unwrap();
    assert!(product.contains("cart:v1.1.0"), "{product}");
}

#[test]
fn a_reason_sets_it_aside_and_is_recorded() {
    let registry = registry();
    let fixture = shop(&registry.host(), CHECK, "{}");
    let words = [
        &PROMOTE[..],
        &["--override", "images", "the mirror follows"],
    ]
    .concat();
    fixture.run(&words).code(0);
    let message = fixture
        .env
        .git(&fixture.origin, &["log", "-1", "--format=%B", "env/prod"]);
    assert!(
        message.contains("Gitops-Override: images the mirror follows"),
        "{message}"
    );
}

#[test]
fn it_is_the_target_s_registry_that_is_asked() {
    let registry = registry();
    registry.push("shop/cart", "v1.1.0");
    let host = registry.host();
    let map = format!("{{registry: {{{host}/shop: {host}/prod}}}}");
    let fixture = shop(&host, CHECK, &map);
    refused(
        &fixture,
        &PROMOTE,
        3,
        &[&format!("{host}/prod/cart:v1.1.0")],
    );
    registry.push("prod/cart", "v1.1.0");
    fixture.run(&PROMOTE).code(0);
}

#[test]
fn a_registry_that_does_not_say_is_no_answer() {
    let dead = dead_address().to_string();
    let fixture = shop(&dead, CHECK, "{}");
    let said = [
        "could not be asked",
        "nothing is known about 1 component (cart)",
        "--override images",
    ];
    refused(&fixture, &PROMOTE, 5, &said);
    // Where it can't be asked from here, that is said, and people go on.
    let own = environment("prod", "{registryReachable: false}");
    fixture.commit(
        "env/prod",
        "another network",
        &[("environment.yaml", Some(&own))],
    );
    let outcome = fixture.run(&PROMOTE).code(0);
    assert!(
        outcome.stderr.contains("images are not checked: prod says"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn nobody_is_asked_who_is_not_to_be() {
    let dead = dead_address().to_string();
    let fixture = shop(&dead, "", "{}");
    fixture.run(&PROMOTE).code(0);
}

#[test]
fn pins_without_a_product_are_looked_for_as_well() {
    let registry = registry();
    let host = registry.host();
    let gitops = gitops(CHECK);
    let kustomization = |tag: &str| {
        format!("resources: [all.yaml]\nimages:\n  - name: {host}/shop/cart\n    newTag: {tag}\n")
    };
    let (new, old) = (kustomization("v1.1.0"), kustomization("v1.0.0"));
    let fixture = Fixture::new(&[
        ("main", &[("gitops.yaml", gitops.as_str())]),
        (
            "env/dev",
            &[("kustomization.yaml", new.as_str()), ("all.yaml", "")],
        ),
        (
            "env/prod",
            &[("kustomization.yaml", old.as_str()), ("all.yaml", "")],
        ),
    ]);
    let words = [&PROMOTE[..], &["--overwrite", "cart"]].concat();
    refused(
        &fixture,
        &words,
        3,
        &[&format!("cart  {host}/shop/cart:v1.1.0")],
    );
    registry.push("shop/cart", "v1.1.0");
    fixture.run(&words).code(0);
}
