//! `promote` between branches and folders: what moves, what is refused, what
//! is remembered, and that nothing else changes.

use serde_json::Value;

use crate::support::repo::Fixture;
use crate::support::shop::{self, edit, edit_and_render, edit_file};

const CART: &str = "shop/cart:v1.0.0";
const CART_NEW: &str = "shop/cart:v1.1.0";

fn promoted_files(fixture: &Fixture, branch: &str) -> String {
    let args = ["ls-tree", "-r", branch, "product.yaml", "templates"];
    fixture.env.git(&fixture.origin, &args)
}

#[test]
fn a_whole_promotion_makes_the_promoted_files_the_same_blobs() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let before = fixture.remote_tip("env/staging").unwrap();
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert!(
        outcome.stdout.contains("v1.0.0 → v1.1.0"),
        "{}",
        outcome.stdout
    );
    assert_eq!(
        promoted_files(&fixture, "env/dev"),
        promoted_files(&fixture, "env/staging")
    );
    let parents = fixture.env.git(
        &fixture.origin,
        &["rev-list", "--parents", "-1", "env/staging"],
    );
    assert!(
        parents.ends_with(&before),
        "one commit on the old tip: {parents}"
    );
    let rendered = fixture
        .file_at("env/staging", "manifests/app/deployment-cart.yaml")
        .unwrap();
    assert!(rendered.contains(CART_NEW), "{rendered}");
    let record = fixture
        .file_at("env/staging", ".gitops/promoted/component/cart.yaml")
        .unwrap();
    assert!(
        record.contains(CART_NEW) && record.contains("environment: dev"),
        "{record}"
    );
    assert_eq!(
        fixture.file_at("env/staging", "environment.yaml").unwrap(),
        shop::environment("staging")
    );
    fixture.fsck();
}

#[test]
fn the_commit_says_what_came_from_where() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let source = fixture.remote_tip("env/dev").unwrap();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let message = fixture.message_at("env/staging");
    let subject = message.lines().next().unwrap();
    assert_eq!(subject, "promote shop 1.0.0 from dev to staging");
    for line in [
        "cart v1.0.0 -> v1.1.0",
        "Gitops-Action: promote",
        "Gitops-Product: shop@1.0.0",
        &format!("Gitops-From: dev {source}"),
        "Gitops-To: staging",
        "Gitops-Plan: sha256:",
        "Gitops-Components: cart",
    ] {
        assert!(
            message.lines().any(|found| found.starts_with(line)),
            "{line} is not in\n{message}"
        );
    }
}

#[test]
fn a_repeated_promotion_has_nothing_to_do() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let tip = fixture.remote_tip("env/staging");
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert!(
        outcome
            .stdout
            .contains("staging already has everything of dev"),
        "{}",
        outcome.stdout
    );
    assert_eq!(fixture.remote_tip("env/staging"), tip);
}

#[test]
fn a_hotfix_is_never_lost_silently() {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let hotfix = edit_and_render(
        &fixture,
        "staging",
        "slow bank",
        "          TIMEOUT: \"2s\"",
        "          TIMEOUT: \"10s\"",
    );
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let tip = fixture.remote_tip("env/staging");
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(3);
    for part in [
        "hotfix",
        "payment values.env.TIMEOUT",
        "2s → 10s",
        &hotfix[..7],
        "grace@example.com",
        "slow bank",
        "--keep all",
        "backport staging --only payment",
    ] {
        assert!(
            outcome.stderr.contains(part),
            "{part} is not in\n{}",
            outcome.stderr
        );
    }
    assert_eq!(fixture.remote_tip("env/staging"), tip);
    fixture.fsck();
}

#[test]
fn a_kept_hotfix_stays_silent_until_the_source_changes_that_value() {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    edit_and_render(
        &fixture,
        "staging",
        "slow bank",
        "          TIMEOUT: \"2s\"",
        "          TIMEOUT: \"10s\"",
    );
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    fixture
        .run(&[
            "promote",
            "staging",
            "--keep",
            "payment",
            "--reason",
            "slow bank",
            "--yes",
        ])
        .code(0);
    let product = fixture.file_at("env/staging", "product.yaml").unwrap();
    assert!(
        product.contains(CART_NEW) && product.contains("TIMEOUT: \"10s\""),
        "{product}"
    );
    let record = fixture
        .file_at("env/staging", ".gitops/promoted/component/payment.yaml")
        .unwrap();
    assert!(record.contains("reason: slow bank"), "{record}");

    edit_and_render(
        &fixture,
        "dev",
        "bump cart again",
        CART_NEW,
        "shop/cart:v1.2.0",
    );
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let product = fixture.file_at("env/staging", "product.yaml").unwrap();
    assert!(
        product.contains("cart:v1.2.0") && product.contains("TIMEOUT: \"10s\""),
        "{product}"
    );

    edit_and_render(
        &fixture,
        "dev",
        "wait longer",
        "          TIMEOUT: \"2s\"",
        "          TIMEOUT: \"5s\"",
    );
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(3);
    assert!(outcome.stderr.contains("conflict"), "{}", outcome.stderr);
}

#[test]
fn an_overwritten_conflict_takes_the_source() {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    edit_and_render(
        &fixture,
        "staging",
        "fix total",
        "shop/web:v1.0.0",
        "shop/web:v1.0.0-fix1",
    );
    edit_and_render(
        &fixture,
        "dev",
        "new web",
        "shop/web:v1.0.0",
        "shop/web:v1.1.0",
    );
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(3);
    assert!(
        outcome.stderr.contains("staging v1.0.0-fix1, dev v1.1.0"),
        "{}",
        outcome.stderr
    );
    fixture
        .run(&["promote", "staging", "--overwrite", "web.image", "--yes"])
        .code(0);
    assert_eq!(
        promoted_files(&fixture, "env/dev"),
        promoted_files(&fixture, "env/staging")
    );
}

#[test]
fn a_component_that_the_source_removed_goes_with_its_rendering() {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let web = "    web:\n      image: \"registry.example.com/shop/web:v1.0.0\"\n      values: {port: 8080}\n";
    edit_and_render(&fixture, "dev", "drop web", web, "");
    fixture.commit(
        "env/dev",
        "note",
        &[("manifests/foreign.yaml", Some("a: 1\n"))],
    );
    fixture.commit(
        "env/staging",
        "note",
        &[("manifests/foreign.yaml", Some("a: 2\n"))],
    );
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert!(outcome.stdout.contains("removed"), "{}", outcome.stdout);
    let files = fixture.files_at("env/staging");
    let left: Vec<_> = files.iter().filter(|file| file.contains("web")).collect();
    // It is remembered that there was one, and nothing of it.
    let record = ".gitops/promoted/component/web.yaml";
    assert_eq!(left, [record], "{files:?}");
    let record = fixture.file_at("env/staging", record).unwrap();
    assert!(!record.contains("content"), "{record}");
    assert_eq!(
        fixture
            .file_at("env/staging", "manifests/foreign.yaml")
            .unwrap(),
        "a: 2\n"
    );
}

#[test]
fn only_splices_the_chosen_block_and_leaves_every_other_byte() {
    let fixture = shop::branches();
    edit(&fixture, "env/dev", "bump cart", CART, CART_NEW);
    edit(
        &fixture,
        "env/dev",
        "a comment of dev",
        "   # the cart",
        "   # the new cart",
    );
    edit_and_render(
        &fixture,
        "dev",
        "bump payment",
        "shop/payment:v1.0.0",
        "shop/payment:v1.1.0",
    );
    let before = fixture.file_at("env/staging", "product.yaml").unwrap();
    fixture
        .run(&["promote", "staging", "--only", "cart", "--yes"])
        .code(0);
    let after = fixture.file_at("env/staging", "product.yaml").unwrap();
    assert_eq!(
        after,
        before.replace(
            "shop/cart:v1.0.0   # the cart",
            "shop/cart:v1.1.0   # the new cart"
        )
    );
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert_eq!(
        promoted_files(&fixture, "env/dev"),
        promoted_files(&fixture, "env/staging")
    );
}

#[test]
fn one_after_the_other_is_the_same_as_both_at_once() {
    let fixture = shop::branches();
    edit(&fixture, "env/dev", "bump cart", CART, CART_NEW);
    edit_and_render(
        &fixture,
        "dev",
        "bump payment",
        "shop/payment:v1.0.0",
        "shop/payment:v1.1.0",
    );
    let tip = fixture.remote_tip("env/staging").unwrap();
    fixture
        .run(&["promote", "staging", "--only", "cart", "--yes"])
        .code(0);
    fixture
        .run(&["promote", "staging", "--only", "payment", "--yes"])
        .code(0);
    let one_by_one = promoted_files(&fixture, "env/staging");
    fixture.env.git(
        &fixture.origin,
        &["update-ref", "refs/heads/env/staging", &tip],
    );
    fixture
        .run(&["promote", "staging", "--only", "cart,payment", "--yes"])
        .code(0);
    // The records differ: each names the commit that its promotion was made on.
    assert_eq!(promoted_files(&fixture, "env/staging"), one_by_one);
}

#[test]
fn only_refuses_a_choice_that_would_come_out_differently() {
    let fixture = shop::branches();
    let template = "templates/service/deployment.yaml.j2";
    edit_file(
        &fixture,
        "env/dev",
        template,
        "host",
        ("    spec:\n", "    spec:\n      hostname: {{ name }}\n"),
    );
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let outcome = fixture
        .run(&["promote", "staging", "--only", "cart", "--yes"])
        .code(3);
    for part in ["template/service", "payment", "web"] {
        assert!(
            outcome.stderr.contains(part),
            "{part} is not in\n{}",
            outcome.stderr
        );
    }
    fixture
        .run(&[
            "promote",
            "staging",
            "--only",
            "cart,template/service",
            "--yes",
        ])
        .code(0);
    let rendered = fixture
        .file_at("env/staging", "manifests/app/deployment-payment.yaml")
        .unwrap();
    assert!(rendered.contains("hostname: payment"), "{rendered}");
}

#[test]
fn a_hotfix_in_a_rendered_file_is_refused_too() {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let path = "manifests/app/deployment-cart.yaml";
    edit_file(
        &fixture,
        "env/staging",
        path,
        "more of it",
        ("replicas: 1", "replicas: 9"),
    );
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    // What is kept in the Git folder makes it faster, never another answer.
    for spoilt in [None, Some("rendering 1\n"), Some("")] {
        let kept = fixture.clone.join(".git/kubectl-gitops/kept");
        for file in std::fs::read_dir(kept).unwrap() {
            if let Some(text) = spoilt {
                std::fs::write(file.unwrap().path(), text).unwrap();
            }
        }
        let outcome = fixture.run(&["promote", "staging", "--yes"]).code(3);
        for part in [path, "more of it", "grace@example.com"] {
            assert!(
                outcome.stderr.contains(part),
                "{part} is not in\n{}",
                outcome.stderr
            );
        }
    }
    fixture
        .run(&["promote", "staging", "--overwrite", path, "--yes"])
        .code(0);
    assert!(
        fixture
            .file_at("env/staging", path)
            .unwrap()
            .contains("replicas: 1")
    );
}

#[test]
fn a_rendering_that_was_behind_when_history_was_squashed_is_nobodys_hotfix() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, "shop/cart:v1.0.1");
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    // One hotfix is rendered, the next one is not.
    edit_and_render(
        &fixture,
        "staging",
        "slower",
        "{TIMEOUT: \"2s\"}",
        "{TIMEOUT: \"5s\"}",
    );
    let port = ("port: 7070", "port: 7071");
    edit_file(&fixture, "env/staging", "product.yaml", "move", port);
    let path = "manifests/app/deployment-cart.yaml";
    let squash = || {
        let words = ["commit-tree", "-m", "squashed", "env/staging^{tree}"];
        let commit = fixture.env.git(&fixture.origin, &words);
        let words = ["update-ref", "refs/heads/env/staging", &commit];
        fixture.env.git(&fixture.origin, &words);
    };
    squash();
    edit_and_render(&fixture, "dev", "bump cart", "shop/cart:v1.0.1", CART_NEW);
    let promote = ["promote", "staging", "--keep", "all", "--yes"];
    let before = fixture.remote_tip("env/staging").unwrap();
    fixture.run(&promote).code(0);
    let rendered = fixture.file_at("env/staging", path).unwrap();
    for part in [CART_NEW, "containerPort: 7071", "\"5s\""] {
        assert!(rendered.contains(part), "{part} is not in\n{rendered}");
    }
    // What neither says is somebody's, whatever became of history, and an answer about
    // everything is about that too.
    let reset = ["update-ref", "refs/heads/env/staging", &before];
    fixture.env.git(&fixture.origin, &reset);
    let more = ("replicas: 1", "replicas: 9");
    edit_file(&fixture, "env/staging", path, "more of it", more);
    squash();
    let keep = ["promote", "staging", "--keep", "cart.values", "--yes"];
    let outcome = fixture.run(&keep).code(3);
    assert!(outcome.stderr.contains(path), "{}", outcome.stderr);
    let outcome = fixture.run(&promote).code(0);
    let line = format!("kept  {path}");
    assert!(outcome.stdout.contains(&line), "{}", outcome.stdout);
    let rendered = fixture.file_at("env/staging", path).unwrap();
    assert!(rendered.contains("replicas: 9"), "{rendered}");
}

#[test]
fn an_edit_by_hand_that_goes_back_to_what_was_promoted_is_an_edit() {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let (old, new) = ("{TIMEOUT: \"2s\"}", "{TIMEOUT: \"5s\"}");
    edit_and_render(&fixture, "staging", "slower", old, new);
    let path = "manifests/app/deployment-cart.yaml";
    let back = ("\"5s\"", "\"2s\"");
    edit_file(&fixture, "env/staging", path, "not that slow", back);
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let promote = ["promote", "staging", "--keep", "cart", "--yes"];
    let outcome = fixture.run(&promote).code(3);
    for part in [path, "not that slow"] {
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
}

#[test]
fn folders_of_one_branch_are_promoted_as_branches_are() {
    let fixture = shop::folders();
    edit_file(
        &fixture,
        "main",
        "environments/dev/product.yaml",
        "bump cart",
        (CART, CART_NEW),
    );
    fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    // Both had the same until dev went on, so nothing has to be asked.
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let product =
        |name: &str| fixture.file_at("main", &format!("environments/{name}/product.yaml"));
    assert_eq!(product("dev"), product("staging"));
    assert!(
        fixture
            .file_at(
                "main",
                "environments/staging/.gitops/promoted/component/cart.yaml"
            )
            .is_some()
    );
    edit_file(
        &fixture,
        "main",
        "environments/dev/product.yaml",
        "bump cart",
        (CART_NEW, "shop/cart:v1.2.0"),
    );
    fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert_eq!(product("dev"), product("staging"));
}

#[test]
fn a_first_promotion_compares_with_the_merge_base() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    edit_and_render(
        &fixture,
        "staging",
        "slow bank",
        "          TIMEOUT: \"2s\"",
        "          TIMEOUT: \"10s\"",
    );
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(3);
    assert!(
        outcome.stderr.contains("hotfix") && !outcome.stderr.contains("conflict"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_backport_makes_the_hotfix_part_of_the_source() {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    edit_and_render(
        &fixture,
        "staging",
        "slow bank",
        "          TIMEOUT: \"2s\"",
        "          TIMEOUT: \"10s\"",
    );
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let before = fixture.file_at("env/dev", "product.yaml").unwrap();
    fixture.run(&["backport", "staging", "--yes"]).code(0);
    let after = fixture.file_at("env/dev", "product.yaml").unwrap();
    assert_eq!(
        after,
        before.replace("          TIMEOUT: \"2s\"", "          TIMEOUT: \"10s\"")
    );
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert_eq!(
        promoted_files(&fixture, "env/dev"),
        promoted_files(&fixture, "env/staging")
    );
    let again = fixture.run(&["backport", "staging", "--yes"]).code(0);
    assert!(again.stdout.contains("no hotfix"), "{}", again.stdout);
    fixture.fsck();
}

#[test]
fn a_backport_does_not_lower_a_version() {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    edit_and_render(
        &fixture,
        "staging",
        "back to the old one",
        "shop/web:v1.0.0",
        "shop/web:v0.9.0",
    );
    let tip = fixture.remote_tip("env/dev");
    let outcome = fixture.run(&["backport", "staging", "--yes"]).code(3);
    assert!(
        outcome
            .stderr
            .contains("web would go back from v1.0.0 to v0.9.0"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fixture.remote_tip("env/dev"), tip);
}

#[test]
fn a_backport_does_not_lower_the_version_of_what_is_no_image() {
    let fixture = shop::branches();
    let template = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Template
metadata: {name: vm}
spec: {output: files}
";
    for name in ["dev", "staging", "prod"] {
        let branch = format!("env/{name}");
        let files = [
            ("templates/vm/template.yaml", Some(template)),
            (
                "templates/vm/vars.yaml.j2",
                Some("version: {{ version }}\n"),
            ),
        ];
        fixture.commit(&branch, "a template for machines", &files);
        edit_and_render(
            &fixture,
            name,
            "a component without an image",
            "  components:\n",
            "  components:\n    billing:\n      template: vm\n      version: 4.2.0\n",
        );
    }
    edit_and_render(&fixture, "dev", "bump billing", "4.2.0", "4.2.1");
    fixture
        .run(&["promote", "staging", "--overwrite", "all", "--yes"])
        .code(0);
    let tip = fixture.remote_tip("env/dev");
    edit_and_render(&fixture, "staging", "old one", "4.2.1", "4.1.9");
    let outcome = fixture.run(&["backport", "staging", "--yes"]).code(3);
    assert!(
        outcome
            .stderr
            .contains("billing would go back from 4.2.1 to 4.1.9"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fixture.remote_tip("env/dev"), tip);
}

#[test]
fn a_dry_run_and_a_run_without_a_person_write_nothing() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let tip = fixture.remote_tip("env/staging");
    fixture.run(&["promote", "staging", "--dry-run"]).code(0);
    let outcome = fixture.run(&["promote", "staging"]).code(2);
    assert!(outcome.stderr.contains("--yes"), "{}", outcome.stderr);
    assert_eq!(fixture.remote_tip("env/staging"), tip);
}

#[test]
fn the_plan_is_data_too() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let outcome = fixture
        .run(&["promote", "staging", "--dry-run", "-o", "json"])
        .code(0);
    let plan: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(plan["kind"], "PromotionReport");
    assert_eq!(plan["changes"][0]["unit"], "cart");
    assert_eq!(plan["changes"][0]["class"], "change");
    assert_eq!(plan["versions"][0]["to"], "v1.1.0");
    assert_eq!(plan["published"], Value::Null);
    let nothing = fixture
        .run(&["promote", "prod", "-o", "json", "--yes"])
        .code(0);
    let nothing: Value = serde_json::from_str(&nothing.stdout).unwrap();
    assert_eq!(nothing["kind"], "PromotionReport");
}

#[test]
fn two_bare_words_are_answered_with_both_readings() {
    let fixture = shop::branches();
    let outcome = fixture.run(&["promote", "dev", "staging"]).code(2);
    assert!(
        outcome.stderr.contains("promote staging --from dev")
            && outcome.stderr.contains("promote dev --from staging"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn order_is_enforced_unless_a_reason_is_given() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let tip = fixture.remote_tip("env/prod");
    let outcome = fixture
        .run(&["promote", "prod", "--from", "dev", "--yes"])
        .code(3);
    assert!(
        outcome
            .stderr
            .contains("prod is promoted from staging, not from dev"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fixture.remote_tip("env/prod"), tip);
    fixture
        .run(&[
            "promote",
            "prod",
            "--from",
            "dev",
            "--override",
            "order",
            "staging is broken",
            "--yes",
        ])
        .code(0);
    assert!(
        fixture
            .message_at("env/prod")
            .contains("Gitops-Override: order staging is broken")
    );
}

#[test]
fn a_result_that_a_cluster_would_not_accept_is_refused() {
    let fixture = shop::branches();
    let template = "templates/service/deployment.yaml.j2";
    edit_file(
        &fixture,
        "env/dev",
        template,
        "typo",
        ("          ports:", "          portss:"),
    );
    fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    let tip = fixture.remote_tip("env/staging");
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(3);
    assert!(
        outcome.stderr.contains("portss") && outcome.stderr.contains(template),
        "{}",
        outcome.stderr
    );
    assert_eq!(fixture.remote_tip("env/staging"), tip);
    let reason = ["--override", "validation", "the cluster knows it"];
    fixture
        .run(&[&["promote", "staging", "--yes"][..], &reason].concat())
        .code(0);
    // An error that is there already stops nobody.
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
}

#[test]
fn a_renamed_component_takes_the_overrides_of_its_environment_along() {
    let fixture = shop::branches();
    edit_and_render(
        &fixture,
        "dev",
        "drop overrides",
        "# the shop",
        "# our shop",
    );
    fixture.commit(
        "env/dev",
        "dev has no overrides",
        &[(
            "environment.yaml",
            Some("apiVersion: kubectl-gitops/v1alpha1\nkind: Environment\nmetadata: {name: dev}\n"),
        )],
    );
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    edit_and_render(
        &fixture,
        "dev",
        "a better name",
        "    web:\n",
        "    shopfront:\n      renamedFrom: web\n",
    );
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let own = fixture.file_at("env/staging", "environment.yaml").unwrap();
    assert!(own.contains("shopfront") && !own.contains("web"), "{own}");
    let rendered = fixture.files_at("env/staging");
    assert!(
        rendered.contains(&"manifests/app/deployment-shopfront.yaml".to_owned())
            && !rendered.iter().any(|path| path.contains("deployment-web")),
        "{rendered:?}"
    );
    fixture.fsck();
}

#[test]
fn a_shallow_clone_is_enough() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let shallow = fixture.clone_again("shallow", &["--depth=1", "--no-single-branch"]);
    // The past that both have in common is asked for.
    let first = fixture
        .env
        .gitops(&shallow, &["promote", "staging", "--yes"]);
    first.code(0);
    edit_and_render(&fixture, "dev", "bump cart", CART_NEW, "shop/cart:v1.2.0");
    fixture
        .env
        .gitops(&shallow, &["promote", "staging", "--yes"])
        .code(0);
    assert_eq!(
        promoted_files(&fixture, "env/dev"),
        promoted_files(&fixture, "env/staging")
    );
    fixture.fsck();
}
