//! `promote` unit by unit: a choice of components, templates and defaults, images
//! alone, files of components, and records that outlive the history they were made in.

use crate::support::repo::Fixture;
use crate::support::shop::{self, edit, edit_and_render, edit_file};

const CART: &str = "shop/cart:v1.0.0";
const CART_NEW: &str = "shop/cart:v1.1.0";
const SLOW: &str = "          TIMEOUT: \"10s\"";
const TIMEOUT: &str = "          TIMEOUT: \"2s\"";

fn product(fixture: &Fixture, environment: &str) -> String {
    fixture
        .file_at(&format!("env/{environment}"), "product.yaml")
        .unwrap()
}

fn promoted_files(fixture: &Fixture, branch: &str) -> String {
    let folders = [
        "ls-tree",
        "-r",
        branch,
        "product.yaml",
        "components",
        "templates",
    ];
    fixture.env.git(&fixture.origin, &folders)
}

fn promote(fixture: &Fixture, args: &[&str]) {
    fixture
        .run(&[&["promote", "staging", "--yes"], args].concat())
        .code(0);
}

#[test]
fn defaults_that_a_choice_needs_are_named_with_the_command_that_takes_them() {
    let fixture = shop::branches();
    edit(
        &fixture,
        "env/dev",
        "two of each",
        "    template: service\n",
        "    template: service\n    values: {replicas: 2}\n",
    );
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let tip = fixture.remote_tip("env/staging");
    let outcome = fixture
        .run(&["promote", "staging", "--only", "cart", "--yes"])
        .code(3);
    for part in [
        "without defaults",
        "also changes payment",
        "promote staging --only cart,defaults",
    ] {
        assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
    }
    assert_eq!(fixture.remote_tip("env/staging"), tip);
    let before = product(&fixture, "staging");
    promote(&fixture, &["--only", "cart,defaults"]);
    let wanted = before.replace(CART, CART_NEW).replace(
        "template: service\n",
        "template: service\n    values: {replicas: 2}\n",
    );
    assert_eq!(product(&fixture, "staging"), wanted);
    let rendered = fixture
        .file_at("env/staging", "manifests/app/deployment-payment.yaml")
        .unwrap();
    assert!(rendered.contains("replicas: 2"), "{rendered}");
    // Defaults by themselves, and a component that nothing of them concerns.
    edit(
        &fixture,
        "env/dev",
        "three",
        "{replicas: 2}",
        "{replicas: 3}",
    );
    edit_and_render(
        &fixture,
        "dev",
        "web's own",
        "values: {port: 8080}",
        "values: {port: 8080, replicas: 1}",
    );
    let before = product(&fixture, "staging");
    promote(&fixture, &["--only", "web"]);
    let wanted = before.replace("values: {port: 8080}", "values: {port: 8080, replicas: 1}");
    assert_eq!(product(&fixture, "staging"), wanted);
    promote(&fixture, &["--only", "defaults"]);
    assert_eq!(product(&fixture, "staging"), product(&fixture, "dev"));
}

#[test]
fn components_are_put_in_and_taken_out_with_their_comments() {
    let fixture = shop::branches();
    let search = "    # finds things\n    search:\n      image: registry.example.com/shop/search:v1.0.0\n      values: {port: 9200}   # as ever\n";
    edit(
        &fixture,
        "env/dev",
        "search",
        "    web:\n",
        &format!("{search}    web:\n"),
    );
    edit(
        &fixture,
        "env/dev",
        "version",
        "version: 1.0.0",
        "version: 1.1.0",
    );
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let before = product(&fixture, "staging");
    promote(&fixture, &["--only", "search"]);
    let with = before.replace("    web:\n", &format!("{search}    web:\n"));
    assert_eq!(product(&fixture, "staging"), with);
    // And out again, with everything that was rendered from it.
    edit_and_render(&fixture, "dev", "no search", search, "");
    promote(&fixture, &["--only", "search"]);
    assert_eq!(product(&fixture, "staging"), before);
    let files = fixture.files_at("env/staging");
    let left: Vec<_> = files
        .iter()
        .filter(|file| file.contains("search"))
        .collect();
    let record = ".gitops/promoted/component/search.yaml";
    assert_eq!(left, [record], "{files:?}");
    let record = fixture.file_at("env/staging", record).unwrap();
    assert!(!record.contains("content"), "{record}");
    promote(&fixture, &[]);
    assert_eq!(product(&fixture, "staging"), product(&fixture, "dev"));
    fixture.fsck();
}

const INCLUDE: &str = "  version: 1.0.0\n  include: [components/*.yaml]\n";

fn component(name: &str, tag: &str) -> String {
    format!(
        "# by its own team\napiVersion: kubectl-gitops/v1alpha1\nkind: Component\nmetadata: {{name: {name}}}\nspec:\n  image: registry.example.com/shop/{name}:{tag}   # {tag}\n  values: {{port: 80}}\n"
    )
}

#[test]
fn files_of_components_are_copied_as_they_are() {
    let fixture = shop::branches();
    edit(
        &fixture,
        "env/dev",
        "include",
        "  version: 1.0.0\n",
        INCLUDE,
    );
    let files = [
        ("components/ads.yaml", component("ads", "v1")),
        ("components/mail.yaml", component("mail", "v1")),
    ];
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (*path, Some(text.as_str())))
        .collect();
    fixture.commit("env/dev", "two teams", &files);
    fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    promote(&fixture, &[]);
    assert_eq!(
        promoted_files(&fixture, "env/dev"),
        promoted_files(&fixture, "env/staging")
    );
    // One of them changes, one goes, one comes: each may be chosen by itself.
    let text = component("ads", "v2");
    let new = component("chat", "v1");
    fixture.commit(
        "env/dev",
        "edit",
        &[
            ("components/ads.yaml", Some(&text)),
            ("components/mail.yaml", None),
            ("components/chat.yaml", Some(&new)),
        ],
    );
    fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    let blob = |branch: &str, name: &str| {
        let files = promoted_files(&fixture, branch);
        let line = files
            .lines()
            .find(|line| line.ends_with(&format!("components/{name}.yaml")));
        line.map(str::to_owned)
    };
    for (name, others) in [
        ("chat", ["ads", "mail"]),
        ("mail", ["ads", "chat"]),
        ("ads", ["mail", "chat"]),
    ] {
        let before: Vec<_> = others
            .iter()
            .map(|other| blob("env/staging", other))
            .collect();
        promote(&fixture, &["--only", name]);
        assert_eq!(blob("env/staging", name), blob("env/dev", name), "{name}");
        let after: Vec<_> = others
            .iter()
            .map(|other| blob("env/staging", other))
            .collect();
        assert_eq!(before, after, "{name}");
    }
    assert_eq!(
        promoted_files(&fixture, "env/dev"),
        promoted_files(&fixture, "env/staging")
    );
    let again = fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert!(
        again.stdout.contains("already has everything"),
        "{}",
        again.stdout
    );
}

#[test]
fn a_component_of_one_environment_travels_and_runs_only_there() {
    let fixture = shop::branches();
    let load = "    load:\n      environments: [dev]\n      image: registry.example.com/shop/load:v1\n      values: {port: 1}\n";
    edit_and_render(
        &fixture,
        "dev",
        "load",
        "    web:\n",
        &format!("{load}    web:\n"),
    );
    promote(&fixture, &[]);
    assert_eq!(product(&fixture, "staging"), product(&fixture, "dev"));
    let rendered = |environment: &str| {
        let files = fixture.files_at(&format!("env/{environment}"));
        files
            .iter()
            .filter(|file| file.contains("manifests/") && file.contains("load"))
            .count()
    };
    assert!(rendered("dev") > 0);
    assert_eq!(rendered("staging"), 0);
    edit_and_render(&fixture, "dev", "bump load", "shop/load:v1", "shop/load:v2");
    promote(&fixture, &["--only", "load"]);
    assert_eq!(product(&fixture, "staging"), product(&fixture, "dev"));
    assert_eq!(rendered("staging"), 0);
    // Here, too: that it runs there is promoted like any other value.
    edit_and_render(&fixture, "dev", "staging, too", "[dev]", "[dev, staging]");
    promote(&fixture, &[]);
    assert_eq!(rendered("staging"), rendered("dev"));
}

/// The source has moved in every way; the target has a fix of its own.
fn far_apart() -> Fixture {
    let fixture = shop::branches();
    edit(
        &fixture,
        "env/dev",
        "wait",
        TIMEOUT,
        "          TIMEOUT: \"3s\"",
    );
    edit(
        &fixture,
        "env/dev",
        "version",
        "version: 1.0.0",
        "version: 1.1.0",
    );
    edit(
        &fixture,
        "env/dev",
        "web",
        "values: {port: 8080}",
        "values: {port: 8081}",
    );
    let template = "templates/service/service.yaml.j2";
    edit_file(
        &fixture,
        "env/dev",
        template,
        "type",
        ("spec:\n", "spec:\n  type: ClusterIP\n"),
    );
    edit(
        &fixture,
        "env/dev",
        "comment",
        "   # the cart",
        "   # their cart",
    );
    edit(
        &fixture,
        "env/dev",
        "bump payment",
        "shop/payment:v1.0.0",
        "shop/payment:v1.1.0",
    );
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    edit_and_render(
        &fixture,
        "staging",
        "fix",
        "      values: {port: 8080}",
        "      values: {port: 8080, env: {A: b}}",
    );
    fixture
}

#[test]
fn images_alone_move_and_the_rest_follows_without_a_question() {
    let fixture = far_apart();
    let before = product(&fixture, "staging");
    let outcome = fixture
        .run(&["promote", "staging", "--images-only", "--yes"])
        .code(0);
    assert!(!outcome.stdout.contains("1.1.0 "), "{}", outcome.stdout);
    let wanted = before
        .replace(CART, CART_NEW)
        .replace("shop/payment:v1.0.0", "shop/payment:v1.1.0");
    assert_eq!(product(&fixture, "staging"), wanted);
    let message = fixture.message_at("env/staging");
    for line in [
        "promote images of shop from dev to staging",
        "Gitops-Product: shop@1.0.0",
        "Gitops-Components: cart payment",
    ] {
        assert!(message.lines().any(|it| it == line), "{line}: {message}");
    }
    let again = fixture
        .run(&["promote", "staging", "--images-only", "--yes"])
        .code(0);
    assert!(
        again.stdout.contains("already has everything"),
        "{}",
        again.stdout
    );
    // Only the real fix is asked about, and then the rest moves.
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(3);
    let lines = outcome.stderr.lines().map(str::trim_start);
    let asked: Vec<&str> = lines
        .filter(|line| line.starts_with("hotfix") || line.starts_with("conflict"))
        .collect();
    assert_eq!(asked.len(), 1, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("web values.env"),
        "{}",
        outcome.stderr
    );
    promote(&fixture, &["--overwrite", "web"]);
    assert_eq!(
        promoted_files(&fixture, "env/dev"),
        promoted_files(&fixture, "env/staging")
    );
}

#[test]
fn images_alone_leave_what_was_kept_and_ask_about_images() {
    let fixture = shop::branches();
    promote(&fixture, &[]);
    edit_and_render(&fixture, "staging", "slow bank", TIMEOUT, SLOW);
    edit_and_render(
        &fixture,
        "staging",
        "fix web",
        "shop/web:v1.0.0",
        "shop/web:v1.0.1",
    );
    edit_and_render(
        &fixture,
        "dev",
        "bump payment",
        "shop/payment:v1.0.0",
        "shop/payment:v1.1.0",
    );
    let outcome = fixture
        .run(&["promote", "staging", "--images-only", "--yes"])
        .code(3);
    for part in ["web image", "promote staging --images-only --keep all"] {
        assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("TIMEOUT"), "{}", outcome.stderr);
    promote(
        &fixture,
        &["--keep", "payment.values,web", "--reason", "slow bank"],
    );
    edit_and_render(
        &fixture,
        "dev",
        "bump payment",
        "shop/payment:v1.1.0",
        "shop/payment:v1.2.0",
    );
    promote(&fixture, &["--images-only"]);
    let text = product(&fixture, "staging");
    assert!(
        text.contains("payment:v1.2.0") && text.contains(SLOW) && text.contains("web:v1.0.1"),
        "{text}"
    );
    // What was kept is kept still.
    promote(&fixture, &[]);
    let record = ".gitops/promoted/component/payment.yaml";
    let record = fixture.file_at("env/staging", record).unwrap();
    assert!(record.contains("slow bank"), "{record}");
}

#[test]
fn what_two_folders_agreed_on_is_their_base_until_a_record_says_more() {
    let fixture = shop::folders();
    let file = |name: &str| format!("environments/{name}/product.yaml");
    let edit = |name: &str, old: &str, new: &str| {
        edit_file(&fixture, "main", &file(name), "edit", (old, new));
        fixture.run(&["render", name, "--write", "--yes"]).code(0);
    };
    edit("dev", CART, CART_NEW);
    edit("dev", "port: 7070", "port: 7071");
    edit("staging", TIMEOUT, SLOW);
    let staging = || fixture.file_at("main", &file("staging")).unwrap();
    let images = ["promote", "staging", "--images-only", "--yes"];
    fixture.run(&images).code(0);
    let text = staging();
    assert!(
        text.contains(CART_NEW) && text.contains("port: 7070"),
        "{text}"
    );
    edit("dev", CART_NEW, "shop/cart:v1.2.0");
    fixture.run(&images).code(0);
    // The image was promoted twice, the port never; nobody changed it in staging.
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(3);
    for part in ["payment values.env.TIMEOUT", "hotfix"] {
        assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("cart"), "{}", outcome.stderr);
    promote(&fixture, &["--keep", "payment"]);
    assert_eq!(
        staging().replace(SLOW, TIMEOUT),
        fixture.file_at("main", &file("dev")).unwrap()
    );
}

/// A branch whose commits are others, with the same files.
fn rewrite(fixture: &Fixture, branch: &str, parent: Option<&str>) {
    let git = |args: &[&str]| fixture.env.git(&fixture.origin, args);
    let tree = git(&["rev-parse", &format!("{branch}^{{tree}}")]);
    let mut args = vec!["commit-tree", "-m", "rewritten", &tree];
    args.extend(parent.into_iter().flat_map(|parent| ["-p", parent]));
    let commit = git(&args);
    git(&["update-ref", &format!("refs/heads/{branch}"), &commit]);
}

#[test]
fn records_outlive_squashed_rebased_and_merged_branches() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let before = fixture.remote_tip("env/staging").unwrap();
    promote(&fixture, &[]);
    edit_and_render(&fixture, "staging", "slow bank", TIMEOUT, SLOW);
    promote(&fixture, &["--keep", "payment"]);
    let tip = fixture.remote_tip("env/staging").unwrap();
    let dev = fixture.remote_tip("env/dev").unwrap();
    let merge = |fixture: &Fixture| {
        let git = |args: &[&str]| fixture.env.git(&fixture.origin, args);
        let tree = git(&["rev-parse", &format!("{tip}^{{tree}}")]);
        let commit = git(&[
            "commit-tree",
            "-m",
            "merge",
            &tree,
            "-p",
            &before,
            "-p",
            &tip,
        ]);
        git(&["update-ref", "refs/heads/env/staging", &commit]);
    };
    type Way<'a> = (&'a str, &'a dyn Fn(&Fixture));
    let ways: [Way<'_>; 4] = [
        ("squash", &|fixture| {
            rewrite(fixture, "env/staging", Some(&before))
        }),
        ("rebase", &|fixture| rewrite(fixture, "env/staging", None)),
        ("merge", &merge),
        ("source", &|fixture| rewrite(fixture, "env/dev", None)),
    ];
    for (way, change) in ways {
        for (branch, id) in [("env/staging", &tip), ("env/dev", &dev)] {
            let name = format!("refs/heads/{branch}");
            fixture.env.git(&fixture.origin, &["update-ref", &name, id]);
        }
        change(&fixture);
        let again = fixture.run(&["promote", "staging", "--yes"]).code(0);
        assert!(
            again.stdout.contains("already has everything"),
            "{way}: {}",
            again.stdout
        );
        edit_and_render(&fixture, "dev", "bump cart", CART_NEW, "shop/cart:v1.2.0");
        promote(&fixture, &[]);
        let text = product(&fixture, "staging");
        assert!(
            text.contains("cart:v1.2.0") && text.contains(SLOW),
            "{way}: {text}"
        );
        assert_eq!(
            text,
            product(&fixture, "dev").replace(TIMEOUT, SLOW),
            "{way}"
        );
    }
}

#[test]
fn an_item_of_a_list_moves_alone_and_a_fix_beside_it_is_asked() {
    let fixture = shop::branches();
    let schema = "templates/service/template.yaml";
    let web = "      values: {port: 8080}\n";
    let listed = "      values:\n        port: 8080\n        mounts:\n          # logs\n          - {name: logs, size: 1}\n          - name: data\n            size: 1\n";
    let (old, new) = ("      port:", "      mounts: {type: array}\n      port:");
    edit_file(&fixture, "env/dev", schema, "mounts", (old, new));
    edit_and_render(&fixture, "dev", "mounts", web, listed);
    promote(&fixture, &[]);
    edit_and_render(
        &fixture,
        "staging",
        "more logs",
        "logs, size: 1",
        "logs, size: 9",
    );
    let cache = "          # fast\n          - name: cache\n            size: 3\n";
    let data = "          - name: data\n            size: 1\n";
    edit_and_render(
        &fixture,
        "dev",
        "cache",
        data,
        &format!("{cache}          - name: data\n            size: 2\n"),
    );
    let before = product(&fixture, "staging");
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(3);
    assert!(
        outcome.stderr.contains("web values.mounts[name=logs].size"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains("conflict"), "{}", outcome.stderr);
    promote(
        &fixture,
        &["--only", "web", "--keep", "web.values.mounts[name=logs]"],
    );
    let wanted = before.replace(
        data,
        &format!("{cache}          - name: data\n            size: 2\n"),
    );
    assert_eq!(product(&fixture, "staging"), wanted);
    // The fix goes back to where it belongs, and the item goes from both.
    fixture
        .run(&["backport", "staging", "--only", "web", "--yes"])
        .code(0);
    edit_and_render(&fixture, "dev", "no cache", cache, "");
    promote(&fixture, &["--only", "web"]);
    assert_eq!(product(&fixture, "staging"), product(&fixture, "dev"));
}

#[test]
fn files_that_wait_to_be_rendered_are_no_hotfix_and_told_apart() {
    let fixture = shop::branches();
    promote(&fixture, &[]);
    // A person edits the source of a file here, and leaves the rendering to others.
    edit(&fixture, "env/staging", "slow bank", TIMEOUT, SLOW);
    edit_and_render(
        &fixture,
        "dev",
        "bump payment",
        "shop/payment:v1.0.0",
        "shop/payment:v1.1.0",
    );
    let outcome = fixture
        .run(&["promote", "staging", "--keep", "payment.values", "--yes"])
        .code(0);
    assert!(
        outcome.stdout.contains("rendered again"),
        "{}",
        outcome.stdout
    );
    let rendered = fixture
        .file_at("env/staging", "manifests/app/deployment-payment.yaml")
        .unwrap();
    assert!(
        rendered.contains("10s") && rendered.contains("payment:v1.1.0"),
        "{rendered}"
    );
}

#[test]
fn a_component_that_went_and_comes_again_is_no_conflict() {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let with = fixture.file_at("env/dev", "product.yaml").unwrap();
    let (head, tail) = with.split_once("    cart:\n").unwrap();
    let (_, tail) = tail.split_once("\n\n").unwrap();
    let without = format!("{head}{tail}");
    fixture.commit("env/dev", "no cart", &[("product.yaml", Some(&without))]);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert_eq!(
        fixture.file_at("env/staging", "product.yaml").unwrap(),
        without
    );
    let tip = fixture.remote_tip("env/staging");
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert_eq!(fixture.remote_tip("env/staging"), tip);
    // The branches' common past still has it.
    let again = with.replace("shop/cart:v1.0.0", "shop/cart:v2.0.0");
    fixture.commit("env/dev", "a cart", &[("product.yaml", Some(&again))]);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert_eq!(
        fixture.file_at("env/staging", "product.yaml").unwrap(),
        again
    );
}

#[test]
fn what_was_kept_in_a_chosen_component_is_not_laid_to_the_defaults() {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let (old, slow) = ("          TIMEOUT: \"2s\"", "          TIMEOUT: \"10s\"");
    edit_and_render(&fixture, "staging", "slow bank", old, slow);
    promote(&fixture, &["--keep", "payment"]);
    // Other defaults, which change nothing about it.
    let template = "    template: service\n";
    let more = format!("{template}    values: {{env: {{}}}}\n");
    edit(&fixture, "env/dev", "defaults", template, &more);
    edit_and_render(
        &fixture,
        "dev",
        "bump payment",
        "shop/payment:v1.0.0",
        "shop/payment:v1.1.0",
    );
    promote(&fixture, &["--only", "payment"]);
    let staging = product(&fixture, "staging");
    assert!(
        staging.contains("payment:v1.1.0") && staging.contains(slow),
        "{staging}"
    );
}

#[test]
fn a_choice_that_leaves_a_new_include_alone_needs_nothing_of_it() {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let text = product(&fixture, "dev").replace("  version: 1.0.0\n", INCLUDE);
    let files = [
        ("product.yaml", Some(text.as_str())),
        (
            "components/mail.yaml",
            Some(component("mail", "v1").leak() as &str),
        ),
    ];
    fixture.commit("env/dev", "mail has a team of its own", &files);
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let before = product(&fixture, "staging");
    promote(&fixture, &["--only", "cart"]);
    assert_eq!(product(&fixture, "staging"), before.replace(CART, CART_NEW));
}

#[test]
fn a_file_of_several_components_gives_one_of_them() {
    let fixture = shop::branches();
    let text = product(&fixture, "dev").replace("  version: 1.0.0\n", INCLUDE);
    let chat = component("chat", "v1");
    let files = [
        ("product.yaml", Some(text.as_str())),
        ("components/chat.yaml", Some(chat.as_str())),
    ];
    fixture.commit("env/dev", "chat has a team of its own", &files);
    fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    promote(&fixture, &[]);
    let team = |tags: [&str; 2]| {
        let [ads, mail] = [component("ads", tags[0]), component("mail", tags[1])];
        format!("{ads}---\n{mail}")
    };
    let path = "components/team.yaml";
    let commit = |message: &str, text: &str| {
        fixture.commit("env/dev", message, &[(path, Some(text))]);
        fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    };
    let staging = || fixture.file_at("env/staging", path).unwrap_or_default();
    commit("a team", &team(["v1", "v1"]));
    // The file is new to staging, and only one of its components is wanted.
    promote(&fixture, &["--only", "mail"]);
    let text = staging();
    assert!(
        text.contains("shop/mail:v1") && !text.contains("ads"),
        "{text}"
    );
    promote(&fixture, &["--only", "ads"]);
    let text = staging();
    assert!(
        text.contains("shop/mail:v1") && text.contains("shop/ads:v1"),
        "{text}"
    );
    // Each changes by itself in the file that is there.
    commit("both are newer", &team(["v2", "v2"]));
    promote(&fixture, &["--only", "ads"]);
    let text = staging();
    assert!(
        text.contains("shop/mail:v1") && text.contains("shop/ads:v2"),
        "{text}"
    );
    // The last of them goes, and the file with it.
    promote(&fixture, &[]);
    fixture.commit("env/dev", "no team", &[(path, None)]);
    fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    promote(&fixture, &["--only", "ads"]);
    let text = staging();
    assert!(
        text.contains("shop/mail:v2") && !text.contains("ads"),
        "{text}"
    );
    promote(&fixture, &["--only", "mail"]);
    assert_eq!(staging(), "");
    assert_eq!(
        promoted_files(&fixture, "env/dev"),
        promoted_files(&fixture, "env/staging")
    );
    fixture.fsck();
}

#[test]
fn what_was_not_rendered_or_loses_its_digest_is_pointed_at() {
    let fixture = shop::branches();
    let digest = format!("{CART}@sha256:{}", "ab".repeat(32));
    edit_and_render(&fixture, "dev", "pin cart", CART, &digest);
    promote(&fixture, &[]);
    // In a hurry, and by hand: nobody rendered it, and the digest is gone.
    edit(&fixture, "env/dev", "bump cart", &digest, CART_NEW);
    let plan = fixture
        .run(&["promote", "staging", "--dry-run"])
        .code(0)
        .stdout;
    for warning in [
        "dev may not run this: what it has rendered is behind its sources for cart\n",
        "staging has digests for cart and gets tags alone, which may come to name other images\n",
    ] {
        assert!(plan.contains(warning), "{warning} is not in\n{plan}");
    }
    fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    let plan = fixture
        .run(&["promote", "staging", "--dry-run"])
        .code(0)
        .stdout;
    assert!(!plan.contains("may not run this"), "{plan}");
}

#[test]
fn what_is_already_there_alone_writes_nothing() {
    let fixture = shop::branches();
    promote(&fixture, &[]);
    for name in ["dev", "staging"] {
        edit_and_render(&fixture, name, "bump cart", CART, CART_NEW);
    }
    let tip = fixture.remote_tip("env/staging");
    let plan = fixture.run(&["promote", "staging", "--yes"]).code(0).stdout;
    assert!(plan.contains("already has everything"), "{plan}");
    // Nothing is written for it: its record follows with its next change.
    assert_eq!(fixture.remote_tip("env/staging"), tip);
}
