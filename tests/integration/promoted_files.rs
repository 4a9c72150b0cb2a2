//! Repositories without a product: files that `promotion.files` names, by key path.
//! What belongs to the environment never moves, and what moves keeps its neighbours.

use serde_json::Value;

use crate::support::repo::Fixture;
use crate::support::shop::edit_file;

fn gitops(promotion: &str) -> String {
    format!(
        "apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {{name: dev, branch: env/dev}}
    - {{name: prod, branch: env/prod, promoteFrom: dev}}
  promotion: {promotion}
"
    )
}

const OWNED: &str =
    "{files: ['*.yaml', 'config/**'], environmentOwned: [metadata.namespace, spec.replicas]}";

/// A deployment with comments; `replicas` and the namespace differ on purpose.
fn web(environment: &str) -> String {
    let (namespace, replicas) = match environment {
        "dev" => ("shop-dev", "1"),
        _ => ("shop", "3  # prod has more"),
    };
    format!(
        "# the shop window
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: {namespace}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
        - name: web
          image: registry.example.com/web:v1
          env:
            # how long the bank may take
            - name: TIMEOUT
              value: \"2s\"   # of {environment}
            - {{name: LEVEL, value: info}}
        - name: proxy
          image: registry.example.com/proxy:v1
          args: [--fast]
"
    )
}

fn fixture(promotion: &str, files: &[(&str, [&str; 2])]) -> Fixture {
    let gitops = gitops(promotion);
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", &gitops)])]);
    let side = |at: usize| -> Vec<_> {
        let files = files.iter().filter(|(_, texts)| !texts[at].is_empty());
        files
            .map(|(path, texts)| (*path, Some(texts[at])))
            .collect()
    };
    fixture.commit_from("env/dev", None, "begin dev", &side(0));
    fixture.commit_from("env/prod", Some("env/dev~0"), "begin prod", &side(1));
    fixture
}

fn shop() -> Fixture {
    fixture(OWNED, &[("web.yaml", [&web("dev"), &web("prod")])])
}

fn on(fixture: &Fixture, branch: &str, path: &str) -> String {
    fixture.file_at(branch, path).unwrap_or_default()
}

fn edit(fixture: &Fixture, branch: &str, old: &str, new: &str) -> String {
    edit_file(fixture, branch, "web.yaml", "edit", (old, new))
}

#[test]
fn values_move_into_the_targets_own_text_and_its_own_stay() {
    let fixture = shop();
    edit(
        &fixture,
        "env/dev",
        "name: LEVEL, value: info",
        "name: LEVEL, value: debug",
    );
    edit(&fixture, "env/dev", "replicas: 1", "replicas: 2");
    edit(
        &fixture,
        "env/dev",
        "args: [--fast]",
        "args: [--fast, --safe]\n          tty: true",
    );
    edit(
        &fixture,
        "env/dev",
        "        - name: proxy",
        "        # looks at the others\n        - name: probe\n          image: registry.example.com/probe:v1\n        - name: proxy",
    );
    let plan = fixture.run(&["promote", "prod", "--dry-run"]).code(0);
    for part in [
        "files   dev",
        "containers[name=web].env[name=LEVEL].value",
        "info → debug",
    ] {
        assert!(plan.stdout.contains(part), "{part}: {}", plan.stdout);
    }
    assert!(!plan.stdout.contains("replicas"), "{}", plan.stdout);
    let before = on(&fixture, "env/prod", "web.yaml");
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    let wanted = before
        .replace("value: info", "value: debug")
        .replace("args: [--fast]", "args: [--fast, --safe]\n          tty: true")
        .replace(
            "        - name: proxy",
            "        # looks at the others\n        - name: probe\n          image: registry.example.com/probe:v1\n        - name: proxy",
        );
    assert_eq!(on(&fixture, "env/prod", "web.yaml"), wanted);
    let record = on(&fixture, "env/prod", ".gitops/promoted/file/web.yaml.yaml");
    assert!(
        record.contains("debug") && !record.contains("replicas"),
        "{record}"
    );
    let message = fixture.message_at("env/prod");
    assert!(
        message.starts_with("promote files from dev to prod\n\nweb.yaml changed"),
        "{message}"
    );
    let again = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(
        again.stdout.contains("already has everything"),
        "{}",
        again.stdout
    );
    // An item that goes takes its comment along.
    edit(
        &fixture,
        "env/dev",
        "        # looks at the others\n        - name: probe\n          image: registry.example.com/probe:v1\n",
        "",
    );
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    let wanted = before.replace("value: info", "value: debug").replace(
        "args: [--fast]",
        "args: [--fast, --safe]\n          tty: true",
    );
    assert_eq!(on(&fixture, "env/prod", "web.yaml"), wanted);
    fixture.fsck();
}

#[test]
fn a_file_of_which_nothing_belongs_to_the_environment_becomes_the_same_blob() {
    let text = "# rules\nlimits:\n  cpu: 1\n";
    let fixture = fixture(
        OWNED,
        &[
            ("config/limits.yaml", [text, text]),
            ("config/motd.txt", ["hello\n", "hello\n"]),
        ],
    );
    let new = "# the rules\nlimits: {cpu: 2}\n";
    fixture.commit(
        "env/dev",
        "edit",
        &[
            ("config/limits.yaml", Some(new)),
            ("config/motd.txt", Some("hi\n")),
            ("config/new.json", Some("{\"a\": 1}\n")),
        ],
    );
    fixture.commit("env/prod", "own", &[("other.txt", Some("stays\n"))]);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    let list = |branch: &str| {
        fixture
            .env
            .git(&fixture.origin, &["ls-tree", "-r", branch, "config"])
    };
    assert_eq!(list("env/dev"), list("env/prod"));
    assert_eq!(on(&fixture, "env/prod", "other.txt"), "stays\n");
    // Gone in the source, gone here; other files are nobody's business.
    fixture.commit(
        "env/dev",
        "drop",
        &[("config/new.json", None), ("config/motd.txt", None)],
    );
    let plan = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(plan.stdout.contains("removed"), "{}", plan.stdout);
    assert_eq!(list("env/dev"), list("env/prod"));
}

#[test]
fn a_hotfix_in_one_variable_is_asked_and_does_not_touch_the_others() {
    let fixture = shop();
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    let hotfix = edit(&fixture, "env/prod", "value: \"2s\"", "value: \"9s\"");
    edit(&fixture, "env/dev", "value: info", "value: debug");
    let path = "web.yaml spec.template.spec.containers[name=web].env[name=TIMEOUT].value";
    let outcome = fixture.run(&["promote", "prod", "--yes"]).code(3);
    for part in [path, "hotfix", "2s → 9s", &hotfix[..7], "--keep all"] {
        assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("conflict"), "{}", outcome.stderr);
    let keep = "web.yaml.spec.template.spec.containers[name=web].env[name=TIMEOUT]";
    fixture
        .run(&[
            "promote",
            "prod",
            "--keep",
            keep,
            "--reason",
            "slow bank",
            "--yes",
        ])
        .code(0);
    let text = on(&fixture, "env/prod", "web.yaml");
    assert!(
        text.contains("value: \"9s\"   # of prod") && text.contains("value: debug"),
        "{text}"
    );
    let record = on(&fixture, "env/prod", ".gitops/promoted/file/web.yaml.yaml");
    assert!(record.contains("slow bank"), "{record}");
    // Silent until the source changes just that value.
    edit(&fixture, "env/dev", "value: debug", "value: warn");
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    edit(&fixture, "env/dev", "value: \"2s\"", "value: \"5s\"");
    let outcome = fixture.run(&["promote", "prod", "--yes"]).code(3);
    assert!(outcome.stderr.contains("conflict"), "{}", outcome.stderr);
    fixture
        .run(&["promote", "prod", "--overwrite", "web.yaml", "--yes"])
        .code(0);
    let text = on(&fixture, "env/prod", "web.yaml");
    assert!(
        text.contains("value: \"5s\"   # of prod") && text.contains("replicas: 3"),
        "{text}"
    );
    // And the way back.
    edit(&fixture, "env/prod", "value: \"5s\"", "value: \"7s\"");
    let before = on(&fixture, "env/dev", "web.yaml");
    fixture.run(&["backport", "prod", "--yes"]).code(0);
    assert_eq!(
        on(&fixture, "env/dev", "web.yaml"),
        before.replace("\"5s\"", "\"7s\"")
    );
    let after = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(!after.stdout.contains("TIMEOUT"), "{}", after.stdout);
}

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop-dev}\nspec:\n  ports:\n    - port: 53\n      targetPort: dns\n    - port: 53\n      protocol: UDP\n      targetPort: dns\n";
const ACCOUNT: &str = "# who it is\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop-dev}\n";
const SEALED: &str = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: web}\nspec:\n  encryptedData: {a: AgBdev}\n";

#[test]
fn objects_of_one_file_come_and_go_by_their_names() {
    let dev = format!("{}---\n{SERVICE}---\n{SEALED}", web("dev"));
    let prod = format!(
        "{}---\n{SEALED}---\n{SERVICE}",
        web("prod"),
        SEALED = SEALED.replace("AgBdev", "AgBprod"),
        SERVICE = SERVICE.replace("shop-dev", "shop"),
    );
    let fixture = fixture(OWNED, &[("web.yaml", [&dev, &prod])]);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    edit(
        &fixture,
        "env/dev",
        "protocol: UDP\n      targetPort: dns",
        "protocol: UDP\n      targetPort: dns-udp",
    );
    let text = on(&fixture, "env/dev", "web.yaml").replace("AgBdev", "AgBnew");
    fixture.commit(
        "env/dev",
        "account",
        &[("web.yaml", Some(&format!("{text}---\n{ACCOUNT}")))],
    );
    let before = on(&fixture, "env/prod", "web.yaml");
    let outcome = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(
        outcome
            .stdout
            .contains("[\"Service/web\"].spec.ports[port=53+protocol=UDP].targetPort"),
        "{}",
        outcome.stdout
    );
    let account = ACCOUNT.replace(", namespace: shop-dev", "");
    let wanted = before.replace(
        "UDP\n      targetPort: dns",
        "UDP\n      targetPort: dns-udp",
    );
    assert_eq!(
        on(&fixture, "env/prod", "web.yaml"),
        format!("{wanted}---\n{account}")
    );
    assert!(
        outcome.stdout.contains("never") || !outcome.stdout.contains("AgB"),
        "{}",
        outcome.stdout
    );
    // The deployment goes.
    fixture.commit(
        "env/dev",
        "no deployment",
        &[("web.yaml", Some(&format!("{SERVICE}---\n{ACCOUNT}")))],
    );
    fixture
        .run(&["promote", "prod", "--only", "web.yaml", "--yes"])
        .code(0);
    let after = on(&fixture, "env/prod", "web.yaml");
    assert!(
        !after.contains("Deployment") && after.contains("AgBprod"),
        "{after}"
    );
    kubectl_gitops::yaml::parse_values(&after).unwrap();
}

#[test]
fn encrypted_files_belong_to_their_environment() {
    let sops = |of: &str| {
        format!(
            "password: ENC[AES256_GCM,data:{of}]\nuser: {of}\nsops:\n  mac: ENC[{of}]\n  lastmodified: x\n"
        )
    };
    let (dev, prod) = (sops("dev"), sops("prod"));
    let fixture = fixture(
        OWNED,
        &[
            ("secrets.yaml", [&dev, &prod]),
            ("config/sealed.yaml", [SEALED, SEALED]),
            ("config/key", ["\0GITCRYPT\0dev", "\0GITCRYPT\0prod"]),
            ("config/plain.yaml", ["a: 2\n", "a: 1\n"]),
        ],
    );
    let vault = "$ANSIBLE_VAULT;1.1;AES256\n61\n";
    let new = [
        ("config/new.yaml", Some(dev.as_str())),
        ("config/vault.ini", Some(vault)),
        ("config/host.txt", Some("dev.example.com\n")),
        ("config/host.yaml", Some("host: dev.example.com\n")),
    ];
    fixture.commit("env/dev", "more", &new);
    let plan = fixture
        .run(&[
            "promote",
            "prod",
            "--overwrite",
            "config/plain.yaml",
            "--yes",
        ])
        .code(0);
    let said = "config/new.yaml is encrypted and stays in dev";
    assert!(plan.stdout.contains(said), "{}", plan.stdout);
    assert!(!plan.stdout.contains("secrets.yaml"), "{}", plan.stdout);
    let named = "config/host.yaml host names dev: dev.example.com";
    assert!(plan.stdout.contains(named), "{}", plan.stdout);
    assert_eq!(on(&fixture, "env/prod", "config/plain.yaml"), "a: 2\n");
    assert_eq!(on(&fixture, "env/prod", "secrets.yaml"), prod);
    assert_eq!(on(&fixture, "env/prod", "config/key"), "\0GITCRYPT\0prod");
    let files = fixture.files_at("env/prod");
    assert!(
        !files
            .iter()
            .any(|it| it.contains("vault") || it.contains("new.yaml")),
        "{files:?}"
    );
    // They came with the branch, and go by hand only.
    fixture.commit(
        "env/dev",
        "drop",
        &[("secrets.yaml", None), ("config/key", None)],
    );
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert_eq!(on(&fixture, "env/prod", "secrets.yaml"), prod);
}

#[test]
fn a_secret_in_the_clear_moves_whole_and_is_shown_nowhere() {
    let secret = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nstringData: {{password: {value}}}\n"
        )
    };
    let (old, new) = (secret("hunter1"), secret("hunter2"));
    let fixture = fixture(OWNED, &[("secret.yaml", [&old, &old])]);
    fixture.commit("env/dev", "rotate", &[("secret.yaml", Some(&new))]);
    for args in [
        &["-o", "json", "--dry-run"][..],
        &["--plan-out", "plan.json"],
        &["--yes"],
    ] {
        let outcome = fixture.run(&[&["promote", "prod"], args].concat()).code(0);
        assert!(!outcome.stdout.contains("hunter"), "{}", outcome.stdout);
    }
    let plan = std::fs::read_to_string(fixture.clone.join("plan.json")).unwrap();
    assert!(
        plan.contains("secret.yaml") && !plan.contains("hunter"),
        "{plan}"
    );
    assert_eq!(on(&fixture, "env/prod", "secret.yaml"), new);
    assert!(
        !on(
            &fixture,
            "env/prod",
            ".gitops/promoted/file/secret.yaml.yaml"
        )
        .contains("hunter")
    );
}

#[test]
fn what_is_called_a_password_is_told_to_differ_and_not_shown() {
    let values = |password: &str| format!("db:\n  user: me\n  password: {password}-of-dev\n");
    let (old, new) = (values("hunter1"), values("hunter2"));
    let fixture = fixture(OWNED, &[("values.yaml", [&old, &old])]);
    fixture.commit("env/dev", "rotate", &[("values.yaml", Some(&new))]);
    for args in [&["-o", "json", "--dry-run"][..], &["--dry-run"]] {
        let outcome = fixture.run(&[&["promote", "prod"], args].concat()).code(0);
        assert!(outcome.stdout.contains("db.password"), "{}", outcome.stdout);
        assert!(!outcome.stdout.contains("hunter"), "{}", outcome.stdout);
    }
    fixture.commit(
        "env/prod",
        "own",
        &[("values.yaml", Some(&values("hunter3")))],
    );
    let outcome = fixture.run(&["promote", "prod", "--yes"]).code(3);
    assert!(outcome.stderr.contains("(hidden)"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("hunter"), "{}", outcome.stderr);
}

#[test]
fn a_new_file_comes_without_what_belongs_to_its_environment() {
    let fixture = shop();
    let second = web("dev").replace("name: web\n  namespace", "name: api\n  namespace");
    fixture.commit("env/dev", "one more", &[("api.yaml", Some(&second))]);
    let outcome = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(
        outcome.stdout.contains("api.yaml is new"),
        "{}",
        outcome.stdout
    );
    let wanted = second
        .replace("  namespace: shop-dev\n", "")
        .replace("  replicas: 1\n", "");
    assert_eq!(on(&fixture, "env/prod", "api.yaml"), wanted);
    // What is then written there by hand is no hotfix.
    edit_file(
        &fixture,
        "env/prod",
        "api.yaml",
        "ours",
        ("spec:\n  selector", "spec:\n  replicas: 5\n  selector"),
    );
    let again = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(
        again.stdout.contains("already has everything"),
        "{}",
        again.stdout
    );
}

#[test]
fn a_map_that_comes_anew_leaves_the_parts_that_are_owned() {
    let promotion = "{files: ['*.yaml'], environmentOwned: [ingress.host]}";
    let fixture = fixture(
        promotion,
        &[(
            "values.yaml",
            [
                "a: 1\n",
                "a: 1\ningress:\n  host: shop.example.com # ours\n",
            ],
        )],
    );
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    let dev = "a: 1\ningress:\n  # on\n  enabled: true\n  host: dev.example.com\n";
    fixture.commit("env/dev", "ingress", &[("values.yaml", Some(dev))]);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    let text = on(&fixture, "env/prod", "values.yaml");
    assert!(
        text.contains("enabled: true") && text.contains("host: shop.example.com # ours"),
        "{text}"
    );
    assert!(!text.contains("dev.example.com"), "{text}");
    fixture.commit("env/dev", "no ingress", &[("values.yaml", Some("a: 1\n"))]);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    let text = on(&fixture, "env/prod", "values.yaml");
    assert!(
        !text.contains("enabled") && text.contains("host: shop.example.com # ours"),
        "{text}"
    );
}

#[test]
fn patches_may_come_anew_and_what_no_cluster_would_accept_may_not() {
    let promotion = "{files: ['**'], environmentOwned: [spec.replicas]}";
    let list = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../base]\npatches: []\n";
    let fixture = fixture(promotion, &[("kustomization.yaml", [list, list])]);
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n  paused: true\n";
    let listed = list.replace("[]", "[{path: patch.yaml}]");
    let files = [
        ("kustomization.yaml", Some(listed.as_str())),
        ("patch.yaml", Some(patch)),
    ];
    fixture.commit("env/dev", "a patch", &files);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    let text = on(&fixture, "env/prod", "patch.yaml");
    assert_eq!(text, patch.replace("  replicas: 1\n", ""));
    assert_eq!(on(&fixture, "env/prod", "kustomization.yaml"), listed);
    let wrong = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  portss: []\n";
    fixture.commit("env/dev", "a typo", &[("service.yaml", Some(wrong))]);
    let outcome = fixture.run(&["promote", "prod", "--yes"]).code(3);
    assert!(outcome.stderr.contains("portss"), "{}", outcome.stderr);
}

const FOLDER: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: main, path: deploy, files: 'values-{env}.yaml'}
    - {name: staging, branch: main, path: deploy, files: 'values-{env}.yaml', promoteFrom: dev}
    - {name: prod, branch: main, path: deploy, files: 'values-{env}.yaml', promoteFrom: staging}
  promotion: {files: ['values-{env}.yaml'], environmentOwned: [replicas]}
";

fn values(replicas: u32, tag: &str, level: &str) -> String {
    format!(
        "replicas: {replicas}\nimage:\n  repository: registry.example.com/api\n  tag: {tag}\nlevel: {level}\n"
    )
}

#[test]
fn values_files_in_one_folder_are_each_environments_own() {
    let text = values(1, "v1", "info");
    let fixture = Fixture::new(&[(
        "main",
        &[
            ("gitops.yaml", FOLDER),
            ("deploy/values-dev.yaml", &text),
            ("deploy/values-staging.yaml", &values(2, "v1", "info")),
            ("deploy/values-prod.yaml", &values(3, "v1", "info")),
        ],
    )]);
    let release = |tag: &str, level: &str| {
        let dev = values(1, tag, level);
        fixture.commit("main", "release", &[("deploy/values-dev.yaml", Some(&dev))]);
    };
    for (tag, level) in [("v2", "debug"), ("v3", "warn")] {
        if tag == "v2" {
            // Nothing is known yet, so this is said once.
            for name in ["staging", "prod"] {
                fixture.run(&["promote", name, "--yes"]).code(0);
            }
        }
        release(tag, level);
        // One environment's record is not the other's.
        fixture.run(&["promote", "staging", "--yes"]).code(0);
        fixture.run(&["promote", "prod", "--yes"]).code(0);
        for (name, replicas) in [("staging", 2), ("prod", 3)] {
            let path = format!("deploy/values-{name}.yaml");
            assert_eq!(on(&fixture, "main", &path), values(replicas, tag, level));
        }
    }
    let files = fixture.files_at("main");
    assert!(
        files.contains(&"deploy/.gitops/prod/promoted/component/api.yaml".to_owned()),
        "{files:?}"
    );
    // By the name of the file on either side.
    release("v3", "error");
    let only = [
        "promote",
        "staging",
        "--only",
        "values-staging.yaml",
        "--yes",
    ];
    fixture.run(&only).code(0);
    assert_eq!(
        on(&fixture, "main", "deploy/values-staging.yaml"),
        values(2, "v3", "error")
    );
}

#[test]
fn tags_and_files_are_promoted_each_for_itself_or_together() {
    let fixture = shop();
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    edit(&fixture, "env/dev", "web:v1", "web:v2");
    edit(&fixture, "env/dev", "value: info", "value: debug");
    let before = on(&fixture, "env/prod", "web.yaml");
    let tip = fixture.remote_tip("env/prod").unwrap();
    let both = before
        .replace("web:v1", "web:v2")
        .replace("value: info", "value: debug");
    for (args, wanted) in [
        (&["--only", "web"][..], before.replace("web:v1", "web:v2")),
        (&["--images-only"][..], before.replace("web:v1", "web:v2")),
        (
            &["--only", "web.yaml"][..],
            before.replace("value: info", "value: debug"),
        ),
        (&[][..], both.clone()),
    ] {
        fixture.env.git(
            &fixture.origin,
            &["update-ref", "refs/heads/env/prod", &tip],
        );
        fixture
            .run(&[&["promote", "prod", "--yes"], args].concat())
            .code(0);
        assert_eq!(on(&fixture, "env/prod", "web.yaml"), wanted, "{args:?}");
        // The rest follows, and nobody is asked.
        fixture.run(&["promote", "prod", "--yes"]).code(0);
        assert_eq!(on(&fixture, "env/prod", "web.yaml"), both, "{args:?}");
    }
    let outcome = fixture
        .run(&["promote", "prod", "--dry-run", "-o", "json"])
        .code(0);
    let plan: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(plan["changes"], serde_json::json!([]));
}

#[test]
fn with_its_pins_a_file_becomes_the_same_blob() {
    let promotion = "{files: ['*.yaml']}";
    let text = web("dev");
    let fixture = fixture(promotion, &[("web.yaml", [&text, &text])]);
    edit(&fixture, "env/dev", "web:v1", "web:v2");
    edit(&fixture, "env/dev", "# the shop window", "# the window");
    edit(&fixture, "env/dev", "value: info", "value: debug");
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert_eq!(
        on(&fixture, "env/prod", "web.yaml"),
        on(&fixture, "env/dev", "web.yaml")
    );
    let message = fixture.message_at("env/prod");
    assert!(
        message.starts_with("promote images and files from dev to prod"),
        "{message}"
    );
}

#[test]
fn squashed_and_rewritten_branches_change_no_plan() {
    let fixture = shop();
    edit(&fixture, "env/dev", "value: info", "value: debug");
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    for branch in ["env/dev", "env/prod"] {
        let git = |args: &[&str]| fixture.env.git(&fixture.origin, args);
        let tree = git(&["rev-parse", &format!("{branch}^{{tree}}")]);
        let commit = git(&["commit-tree", "-m", "all in one", &tree]);
        git(&["update-ref", &format!("refs/heads/{branch}"), &commit]);
    }
    let again = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(
        again.stdout.contains("already has everything"),
        "{}",
        again.stdout
    );
    edit(&fixture, "env/prod", "value: \"2s\"", "value: \"9s\"");
    edit(&fixture, "env/dev", "value: debug", "value: warn");
    let outcome = fixture.run(&["promote", "prod", "--yes"]).code(3);
    assert!(
        outcome.stderr.contains("hotfix") && !outcome.stderr.contains("conflict"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_was_rolled_back_stays_away_until_it_changes() {
    let fixture = shop();
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    edit(&fixture, "env/dev", "web:v1", "web:v2");
    edit(&fixture, "env/dev", "value: info", "value: debug");
    let before = on(&fixture, "env/prod", "web.yaml");
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    let promoted = on(&fixture, "env/prod", "web.yaml");
    let tip = fixture.remote_tip("env/prod").unwrap();
    fixture.run(&["rollback", "prod", "--yes"]).code(0);
    assert_eq!(on(&fixture, "env/prod", "web.yaml"), before);
    let again = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(
        again.stdout.contains("taken back there: web, web.yaml"),
        "{}",
        again.stdout
    );
    assert_eq!(on(&fixture, "env/prod", "web.yaml"), before);
    fixture
        .run(&["promote", "prod", "--release", "web", "--yes"])
        .code(0);
    let text = on(&fixture, "env/prod", "web.yaml");
    assert_eq!(text, before.replace("web:v1", "web:v2"));
    edit(&fixture, "env/dev", "value: debug", "value: warn");
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    let text = on(&fixture, "env/prod", "web.yaml");
    assert!(text.contains("value: warn"), "{text}");
    // One of both, and what belongs to the environment stays what it is.
    fixture.env.git(
        &fixture.origin,
        &["update-ref", "refs/heads/env/prod", &tip],
    );
    edit(&fixture, "env/prod", "replicas: 3", "replicas: 4");
    fixture
        .run(&["rollback", "prod", "--only", "web.yaml", "--yes"])
        .code(0);
    let text = on(&fixture, "env/prod", "web.yaml");
    let wanted = promoted
        .replace("value: debug", "value: info")
        .replace("replicas: 3", "replicas: 4");
    assert_eq!(text, wanted);
}

#[test]
fn a_tag_that_belongs_to_the_environment_is_no_pin_of_a_promotion() {
    let values = |tag: &str, level: &str| {
        format!("image: {{repository: registry.example.com/api, tag: {tag}}}\nlevel: {level}\n")
    };
    let promotion = "{files: [values.yaml], environmentOwned: [image.tag]}";
    let both = [&*values("v1", "info"), &*values("v0", "info")];
    let fixture = fixture(promotion, &[("values.yaml", both)]);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    let new = values("v2", "debug");
    fixture.commit("env/dev", "release", &[("values.yaml", Some(&new))]);
    let none = fixture
        .run(&["promote", "prod", "--images-only", "--yes"])
        .code(0);
    assert!(
        none.stdout.contains("already has everything"),
        "{}",
        none.stdout
    );
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert_eq!(
        on(&fixture, "env/prod", "values.yaml"),
        values("v0", "debug")
    );
}

#[test]
fn files_beside_the_folder_of_an_environment_are_promoted_between_branches_only() {
    let branches = gitops("{files: ['/shared/*.yaml', own.yaml]}")
        .replace("env/dev}", "env/dev, path: app}")
        .replace("env/prod,", "env/prod, path: app,");
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", &branches)])]);
    let files = [
        ("shared/a.yaml", "a: 1\n"),
        ("app/own.yaml", "b: 1\n"),
        ("x/a.yaml", "c: 1\n"),
    ];
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (*path, Some(*text)))
        .collect();
    fixture.commit_from("env/dev", None, "begin", &files);
    fixture.commit_from(
        "env/prod",
        Some("env/dev~0"),
        "begin",
        &[("note", Some("n\n"))],
    );
    let new = "a: 2 # two\n";
    let files = [("shared/a.yaml", Some(new)), ("x/a.yaml", Some("c: 2\n"))];
    fixture.commit("env/dev", "edit", &files);
    let plan = fixture
        .run(&["promote", "prod", "--only", "/shared/a.yaml", "--yes"])
        .code(0);
    assert!(plan.stdout.contains("  /shared/a.yaml"), "{}", plan.stdout);
    assert_eq!(on(&fixture, "env/prod", "shared/a.yaml"), new);
    assert_eq!(on(&fixture, "env/prod", "x/a.yaml"), "c: 1\n");
    let folders = gitops("{files: ['/shared/*.yaml', own.yaml]}")
        .replace("env/dev}", "main, path: dev}")
        .replace("env/prod,", "main, path: prod,");
    let fixture = Fixture::new(&[(
        "main",
        &[
            ("gitops.yaml", &folders),
            ("shared/a.yaml", "a: 1\n"),
            ("dev/own.yaml", "b: 1\n"),
            ("prod/own.yaml", "b: 1\n"),
        ],
    )]);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    let files = fixture.files_at("main");
    assert!(
        !files.iter().any(|it| it.contains("promoted/file/{root}")),
        "{files:?}"
    );
}
