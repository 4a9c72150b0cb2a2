//! No input has no bound: what a repository, a file or an argument holds ends a command with
//! its code and a place, within a second and little memory, and never with a crash.

use std::path::Path;
use std::time::{Duration, Instant};

use super::support::Fixture;
use super::support::env::{Env, Outcome};
use super::support::shop;

/// What a debug build on a busy machine may take; in itself each takes a fraction of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two equal lists of 16,384 items each, compared as often as there are steps.
const COMPARED: &str = "{% set n = namespace(a=[1], b=[1]) %}{% for i in range(14) %}{% set n.a = [n.a, n.a] %}{% set n.b = [n.b, n.b] %}{% endfor %}{% for i in range(20000) %}{{ '' if n.a == n.b }}{% endfor %}";

/// Runs within so many MiB of address space, and within the time that there is.
#[track_caller]
fn within(env: &Env, folder: &Path, mebibytes: u64, words: &[&str]) -> Outcome {
    let limited = format!("ulimit -v {}; exec \"$0\" \"$@\"", mebibytes << 10);
    let mut command = env.command("sh", folder);
    command.args(["-c", &limited, env!("CARGO_BIN_EXE_kubectl-gitops")]);
    command.env("MALLOC_ARENA_MAX", "2");
    let began = Instant::now();
    let outcome = Env::finish(command.args(words));
    assert!(
        began.elapsed() < PATIENCE,
        "{:?}: {words:?}",
        began.elapsed()
    );
    outcome
}

#[track_caller]
fn refused(fixture: &Fixture, words: &[&str], says: &[&str]) -> Outcome {
    let outcome = within(&fixture.env, &fixture.clone, 1500, words).code(2);
    for word in says {
        assert!(outcome.stderr.contains(word), "{word}: {}", outcome.stderr);
    }
    assert!(outcome.stderr.len() < 4000, "{}", outcome.stderr.len());
    outcome
}

/// Adds lines to `spec` of `gitops.yaml`.
fn configured(more: &str) -> Fixture {
    let fixture = shop::branches();
    let text = fixture.file_at("main", "gitops.yaml").unwrap();
    let text = format!("{}\n{more}\n", text.trim_end());
    fixture.commit("main", "configure", &[("gitops.yaml", Some(&text))]);
    fixture.pull();
    fixture
}

#[test]
fn commit_templates_that_grow_without_end_are_refused_with_their_place() {
    let fixture = shop::branches();
    let config = fixture.file_at("main", "gitops.yaml").unwrap();
    let mut body = false;
    for (template, says) in [
        (
            "{% set n = namespace(s=[1]) %}{% for i in range(40) %}{% set n.s = n.s + n.s %}{% endfor %}{{ n.s|length }}".to_owned(),
            "a list of more than",
        ),
        (
            "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}".to_owned(),
            "holds more than",
        ),
        (
            "{% set n = namespace(s=[1]) %}{% for i in range(9000) %}{% set n.s = [n.s] %}{% endfor %}{{ n.s }}".to_owned(),
            "nests deeper than",
        ),
        (format!("{{{{ 1{} }}}}", "+1".repeat(20_000)), "words and signs"),
        (format!("{{{{ 1{} }}}}", "+1".repeat(40_000)), "longer than"),
        (format!("{{{{ {}1{} }}}}", "[".repeat(9000), "]".repeat(9000)), "nested deeper"),
        ("{{ 'x' * 1000000000 }}".to_owned(), "steps"),
        (COMPARED.to_owned(), "steps"),
        ("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}".to_owned(), "recursion"),
    ] {
        let part = if body { "body" } else { "subject" };
        let text = format!("{}\n  commit:\n    {part}: {template:?}\n", config.trim_end());
        fixture.commit("main", "configure", &[("gitops.yaml", Some(&text))]);
        fixture.pull();
        let outcome = refused(&fixture, &["validate", "dev"], &["gitops.yaml:", says]);
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
        body = !body;
    }
    let newer = ("shop/cart:v1.0.0", "shop/cart:v1.1.0");
    shop::edit(&fixture, "env/dev", "cart", newer.0, newer.1);
    refused(
        &fixture,
        &["promote", "staging", "--yes"],
        &["gitops.yaml:"],
    );
}

#[test]
fn templates_of_resources_that_grow_without_end_are_refused_with_their_place() {
    let fixture = shop::branches();
    let file = |name: &str| -> String {
        let files = fixture.files_at("env/dev");
        let found = files.iter().find(|file| file.ends_with(name));
        found.expect("a template").clone()
    };
    let template = file(".yaml.j2");
    let head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ name }}}\ndata:\n  a: ";
    for (text, line) in [
        ("{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = n.s * 2 %}{% endfor %}{{ n.s|length }}".to_owned(), 5),
        (format!("x\n  b: {{{{ n{} }}}}", "|string".repeat(20_000)), 6),
        (format!("x\n  b: {{{{ {}n }}}}", "-".repeat(50_000)), 6),
        ("{% for x in [[1]] recursive %}{{ loop([x]) }}{% endfor %}".to_owned(), 5),
        (format!("{}{}", "{% if 1 %}".repeat(20_000), "{% endif %}".repeat(20_000)), 5),
        (format!("{{% if n %}}{}{{% endif %}}", "{% elif n %}".repeat(20_000)), 5),
        (format!("{{% include {:?} %}}", template.rsplit('/').next().unwrap()), 5),
    ] {
        let whole = format!("{head}{text}\n");
        fixture.commit("env/dev", "nasty", &[(template.as_str(), Some(&whole))]);
        fixture.pull();
        let words = ["render", "dev"];
        let outcome = within(&fixture.env, &fixture.clone, 1500, &words);
        let shown = outcome.stdout + &outcome.stderr;
        let start: String = text.chars().take(60).collect();
        assert!([1, 2].contains(&outcome.status), "{}: {start}", outcome.status);
        assert!(shown.contains(&format!("{template}:{line}:")), "{start}: {shown}");
    }
}

#[test]
fn globs_and_names_of_any_length_are_refused_with_their_place() {
    let braces = format!("{}a{}", "{".repeat(5000), "}".repeat(5000));
    let few = format!("{}a{}", "{".repeat(400), "}".repeat(400));
    for (more, place) in [
        (
            format!("  promotion: {{files: ['{braces}']}}"),
            "spec.promotion.files[0]",
        ),
        (
            format!("  promotion: {{files: ['{few}']}}"),
            "spec.promotion.files[0]",
        ),
        (
            format!("  pins: [{{image: a.example.com/b, files: ['{few}']}}]"),
            "pins[0]",
        ),
        (
            format!(
                "  pins: [{{image: a.example.com/b, policy: {{semver: '*', ignore: ['{few}']}}}}]"
            ),
            "ignore[0]",
        ),
        (
            format!(
                "  pins: [{{image: a.example.com/b, policy: {{semver: '*', filter: {{pattern: '{}'}}}}}}]",
                "(".repeat(20_000)
            ),
            "pins[0]",
        ),
    ] {
        let fixture = configured(&more);
        for words in [
            &["status"][..],
            &["validate", "dev"],
            &["promote", "staging", "--dry-run"],
        ] {
            refused(&fixture, words, &["gitops.yaml:", place]);
        }
    }
    let fixture = shop::branches();
    let text = fixture.file_at("main", "gitops.yaml").unwrap();
    let long = text.replace(
        "branch: env/dev",
        &format!("branch: {}", "b".repeat(100_000)),
    );
    assert_ne!(text, long);
    fixture.commit("main", "long", &[("gitops.yaml", Some(&long))]);
    fixture.pull();
    refused(
        &fixture,
        &["status"],
        &["gitops.yaml:", "longer than 1000 bytes"],
    );
    refused(&fixture, &["promote", "staging"], &["gitops.yaml:"]);
}

#[test]
fn values_that_nest_without_end_are_refused_with_their_place() {
    let fixture = shop::branches();
    let product = fixture.file_at("env/dev", "product.yaml").unwrap();
    for deep in [
        format!(
            "{product}deep: {}{}\n",
            "[".repeat(10_000),
            "]".repeat(10_000)
        ),
        format!(
            "{product}deep: {}1{}\n",
            "{a: ".repeat(10_000),
            "}".repeat(10_000)
        ),
        format!(
            "{product}{}\n",
            (0..500)
                .map(|n| format!("{}a:\n", " ".repeat(n)))
                .collect::<String>()
        ),
    ] {
        fixture.commit("env/dev", "deep", &[("product.yaml", Some(&deep))]);
        fixture.pull();
        refused(
            &fixture,
            &["promote", "staging", "--dry-run"],
            &["product.yaml:"],
        );
        let outcome = within(&fixture.env, &fixture.clone, 1500, &["validate", "dev"]);
        assert!([1, 2].contains(&outcome.status), "{}", outcome.stderr);
    }
}

#[test]
fn a_file_of_a_million_documents_or_values_needs_little_memory() {
    let fixture = configured("  promotion: {files: [x.yaml]}");
    fixture.commit("env/staging", "one", &[("x.yaml", Some("a: 0\n"))]);
    for many in ["- 1\n".repeat(2_000_000), "---\na: 1\n".repeat(1_100_000)] {
        fixture.commit("env/dev", "many", &[("x.yaml", Some(&many))]);
        fixture.pull();
        within(&fixture.env, &fixture.clone, 500, &["status"]).code(0);
        std::fs::write(fixture.env.join("many.yaml"), many).unwrap();
    }
    let words = ["validate", "many.yaml"];
    let outcome = within(&fixture.env, fixture.env.path(), 900, &words).code(1);
    assert!(outcome.stdout.contains("in one file"), "{}", outcome.stdout);
}

#[test]
fn devices_and_pipes_are_not_read_as_files() {
    let env = Env::new();
    let folder = env.join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(
        folder.join("ok.yaml"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
    )
    .unwrap();
    let made = Env::finish(env.command("mkfifo", &folder).arg("pipe.yaml"));
    assert_eq!(made.status, 0);
    for (target, name) in [
        ("/dev/zero", "zero.yaml"),
        (".", "loop"),
        ("nowhere", "broken.yaml"),
        ("b.yaml", "a.yaml"),
        ("a.yaml", "b.yaml"),
    ] {
        std::os::unix::fs::symlink(target, folder.join(name)).unwrap();
    }
    let outcome = within(&env, env.path(), 1000, &["validate", "folder"]).code(1);
    for name in ["pipe.yaml", "zero.yaml", "broken.yaml", "a.yaml"] {
        assert!(
            outcome.stdout.contains(&format!("folder/{name}")),
            "{name}: {}",
            outcome.stdout
        );
    }
    assert!(outcome.stdout.contains("1 object,"), "{}", outcome.stdout);
    let schema = within(
        &env,
        env.path(),
        1000,
        &["validate", "folder/ok.yaml", "--schema", "/dev/zero"],
    );
    assert_eq!(schema.status, 2, "{}", schema.stderr);
    let fixture = shop::branches();
    for words in [
        &["promote", "--apply", "/dev/zero"][..],
        &["status", "--config", "/dev/zero"],
        &[
            "bump-image",
            "--env",
            "dev",
            "--semver",
            "*",
            "--dry-run",
            "--tags-from",
            "/dev/zero",
        ],
    ] {
        refused(&fixture, words, &["a device, not a file"]);
    }
}

#[test]
fn what_a_command_is_given_may_come_through_a_pipe() {
    let fixture = shop::branches();
    let text = fixture.file_at("main", "gitops.yaml").unwrap();
    std::fs::write(fixture.env.join("other.yaml"), text).unwrap();
    let line = "cat ../other.yaml | \"$0\" status --config /dev/stdin";
    let mut command = fixture.env.command("sh", &fixture.clone);
    command.args(["-c", line, env!("CARGO_BIN_EXE_kubectl-gitops")]);
    Env::finish(&mut command).code(0);
    let endless = "yes '# more' | \"$0\" status --config /dev/stdin";
    let mut command = fixture.env.command("sh", &fixture.clone);
    command.args(["-c", endless, env!("CARGO_BIN_EXE_kubectl-gitops")]);
    let outcome = Env::finish(&mut command).code(2);
    assert!(outcome.stderr.contains("larger than"), "{}", outcome.stderr);
}

#[test]
fn an_image_layout_is_read_within_its_folder() {
    let fixture = configured("  registries: {registry.example.com: {layout: images}}");
    let layout = fixture.clone.join("images");
    std::fs::create_dir(&layout).unwrap();
    let bump = ["bump-image", "--env", "dev", "--semver", "*", "--dry-run"];
    std::fs::write(fixture.env.join("outside.json"), "{\"manifests\": []}").unwrap();
    for (target, says) in [
        ("/dev/zero", "leads out of the folder"),
        ("../../outside.json", "leads out of the folder"),
    ] {
        let index = layout.join("index.json");
        let _ = std::fs::remove_file(&index);
        std::os::unix::fs::symlink(target, &index).unwrap();
        let outcome = within(&fixture.env, &fixture.clone, 1000, &bump).code(5);
        assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
    }
    std::fs::remove_file(layout.join("index.json")).unwrap();
    Env::finish(fixture.env.command("mkfifo", &layout).arg("index.json")).code(0);
    let outcome = within(&fixture.env, &fixture.clone, 1000, &bump).code(5);
    assert!(
        outcome.stderr.contains("a pipe, not a file"),
        "{}",
        outcome.stderr
    );
    std::fs::remove_file(layout.join("index.json")).unwrap();
    let large = std::fs::File::create(layout.join("index.json")).unwrap();
    large.set_len(1 << 40).unwrap();
    let outcome = within(&fixture.env, &fixture.clone, 1000, &bump).code(5);
    assert!(outcome.stderr.contains("larger than"), "{}", outcome.stderr);
}

#[test]
fn a_plan_that_cannot_be_written_leaves_the_older_file() {
    let fixture = shop::branches();
    shop::edit_and_render(
        &fixture,
        "dev",
        "bump cart",
        "shop/cart:v1.0.0",
        "shop/cart:v1.1.0",
    );
    let out = |limit: &str, file: &str| {
        let line = format!("trap '' XFSZ; {limit} exec \"$0\" promote staging --plan-out {file}");
        let mut command = fixture.env.command("sh", &fixture.clone);
        command.args(["-c", &line, env!("CARGO_BIN_EXE_kubectl-gitops")]);
        Env::finish(&mut command)
    };
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(&fixture.clone).unwrap();
        let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains("json")).collect()
    };
    out("", "whole.json").code(0);
    let whole = std::fs::read(fixture.clone.join("whole.json")).unwrap();
    assert!(whole.len() > 1024);
    for file in ["plan.json", "whole.json"] {
        let outcome = out("ulimit -f 1;", file).code(5);
        assert!(outcome.stderr.contains("can't write"), "{}", outcome.stderr);
        assert_eq!(names(), ["whole.json"]);
        assert_eq!(
            std::fs::read(fixture.clone.join("whole.json")).unwrap(),
            whole
        );
    }
    // What is not a file is written to as it is.
    let outcome = out("", "/dev/stdout").code(0);
    assert!(outcome.stdout.contains("\"digest\""), "{}", outcome.stdout);
    Env::finish(fixture.env.command("mkfifo", &fixture.clone).arg("pipe")).code(0);
    let outcome = out("", "pipe").code(5);
    assert!(
        outcome.stderr.contains("no program reads"),
        "{}",
        outcome.stderr
    );
    let outcome = out("", "nowhere/plan.json").code(2);
    assert!(outcome.stderr.contains("can't write"), "{}", outcome.stderr);
}

#[test]
fn what_a_server_refuses_in_addresses_and_schemas_is_found() {
    let env = Env::new();
    let crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: as.example.com}\nspec:\n  group: example.com\n  scope: Namespaced\n  names: {kind: A, plural: as, singular: a, listKind: AList}\n  versions:\n    - name: v1\n      served: true\n      storage: true\n      schema:\n        openAPIV3Schema:\n          type: object\n          properties:\n            spec:\n              WORD\n";
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web}\nspec: {podSelector: {}, egress: [{to: [{ipBlock: {cidr: \"WORD\"}}]}]}\n";
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}], externalIPs: [\"WORD\"]}\n";
    for (manifest, word, code, says) in [
        (policy, "10.0.0.0/8", 0, ""),
        (policy, "::/9999", 1, "is not a valid CIDR"),
        (policy, "10.0.0.1/8", 0, "the range is 10.0.0.0/8"),
        (service, "203.0.113.1", 0, ""),
        (service, "203.0.113", 1, "is not a valid IP address"),
        (service, "127.0.0.1", 1, "loopback"),
        (crd, "{type: object}", 0, ""),
        (crd, "$ref: '#/definitions/a'", 1, "$ref"),
        (
            crd,
            "{type: object, patternProperties: {a: {type: string}}}",
            1,
            "patternProperties",
        ),
        (
            crd,
            "{type: object, dependencies: {a: [b]}}",
            1,
            "dependencies",
        ),
        (
            crd,
            "{type: object, definitions: {a: {type: string}}}",
            1,
            "definitions",
        ),
        (crd, "{type: object, id: a}", 1, "id is not allowed"),
        (
            crd,
            "{type: array, items: {type: string}, uniqueItems: true}",
            1,
            "uniqueItems",
        ),
        (crd, "{type: object, discriminator: {}}", 1, "discriminator"),
        (crd, "{type: object, readOnly: true}", 1, "readOnly"),
        (crd, "{type: object, writeOnly: true}", 1, "writeOnly"),
        (crd, "{type: object, deprecated: true}", 1, "deprecated"),
        (crd, "{type: object, xml: {}}", 1, "xml"),
    ] {
        std::fs::write(env.join("a.yaml"), manifest.replace("WORD", word)).unwrap();
        let outcome = env.gitops(env.path(), &["validate", "a.yaml"]);
        assert_eq!(
            outcome.status, code,
            "{word}: {}{}",
            outcome.stdout, outcome.stderr
        );
        assert!(outcome.stdout.contains(says), "{word}: {}", outcome.stdout);
        if code == 1 {
            assert!(outcome.stdout.contains("a.yaml:"), "{}", outcome.stdout);
        }
    }
}
