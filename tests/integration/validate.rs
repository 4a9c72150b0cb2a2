//! `validate` as a person types it: environments, folders, formats, exit codes.

use crate::support::{Env, Fixture};
use serde_json::Value;

const GITOPS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
metadata: {name: shop}
spec:
  rendered: manifests
  environments:
    - {name: dev, branch: env/dev, cluster: {context: dev, namespace: shop}}
    - {name: prod, branch: env/prod, promoteFrom: dev, kubernetes: \"1.35\"}
";

const PRODUCT: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Product
metadata: {name: shop}
spec:
  components:
    cart:
      template: service
      image: registry.example.com/shop/cart:1.0.0
      values:
        port: 7070
";

const TEMPLATE: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Template
metadata: {name: service}
spec:
  schema: {type: object, properties: {port: {}}}
";

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ name }}
spec:
  selector: {matchLabels: {app: {{ name }}}}
  template:
    metadata: {labels: {app: {{ name }}}}
    spec:
      containers:
        - name: server
          image: {{ image.ref }}
          ports:
            - containerPort: {{ values.port }}
";

const RENDERED: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
        - name: server
          image: registry.example.com/shop/cart:1.0.0
          ports:
            - containerPort: 7070
";

/// dev and prod on branches of their own; prod with these files instead.
fn shop(prod: &[(&str, &str)]) -> Fixture {
    let good = [
        ("product.yaml", PRODUCT),
        ("templates/service/template.yaml", TEMPLATE),
        ("templates/service/deployment.yaml.j2", DEPLOYMENT),
        ("manifests/app/deployment-cart.yaml", RENDERED),
    ];
    let mut changed: Vec<(&str, &str)> = good.to_vec();
    for (path, text) in prod {
        changed.retain(|(known, _)| known != path);
        changed.push((path, text));
    }
    Fixture::new(&[
        ("main", &[("gitops.yaml", GITOPS)]),
        ("env/dev", &good),
        ("env/prod", &changed),
    ])
}

/// The answer without the time that it took.
fn timeless(text: &str) -> String {
    let cut = |line: &str| match line.rsplit_once(", ") {
        Some((head, tail)) if tail.ends_with(" ms)") || tail.ends_with(" s)") => {
            format!("{head})\n")
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(cut).collect()
}

#[test]
fn every_environment_is_checked_against_its_kubernetes() {
    let shop = shop(&[]);
    let outcome = shop.run(&["validate"]).code(0);
    assert_eq!(
        timeless(&outcome.stdout),
        "dev: 1 object, 0 errors, 0 warnings (Kubernetes 1.36, offline)\nprod: 1 object, 0 errors, 0 warnings (Kubernetes 1.35, offline)\n"
    );
    let outcome = shop
        .run(&["validate", "prod", "--kubernetes-version", "v1.34.2"])
        .code(0);
    assert!(
        outcome.stdout.contains("Kubernetes 1.34, offline"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_finding_leads_to_the_line_that_a_person_edits() {
    let template = DEPLOYMENT.replace("ports:", "portss:");
    let rendered = RENDERED.replace("ports:", "portss:");
    let shop = shop(&[
        ("templates/service/deployment.yaml.j2", &template),
        ("manifests/app/deployment-cart.yaml", &rendered),
    ]);
    let outcome = shop.run(&["validate", "prod"]).code(1);
    assert_eq!(
        timeless(&outcome.stdout),
        "\
error[unknown-field]: Deployment cart: unknown field \"portss\" in spec.template.spec.containers[server]
  --> templates/service/deployment.yaml.j2:13:11
   |
13 |           portss:
   |           ^^^^^^ did you mean \"ports\"?
   = rendered at manifests/app/deployment-cart.yaml:13

prod: 1 object, 1 error, 0 warnings (Kubernetes 1.35, offline)
"
    );
    shop.run(&["validate", "dev"]).code(0);
}

#[test]
fn a_value_is_found_in_the_product_manifest() {
    let product = PRODUCT.replace("7070", "http");
    let shop = shop(&[
        ("product.yaml", &product),
        (
            "manifests/app/deployment-cart.yaml",
            &RENDERED.replace("7070", "http"),
        ),
    ]);
    let outcome = shop.run(&["validate", "prod", "-o", "json"]).code(1);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["kind"], "ValidateReport");
    let finding = &report["sections"][0]["findings"][0];
    assert_eq!(finding["rule"], "wrong-type");
    assert_eq!(finding["location"]["file"], "product.yaml");
    assert_eq!(finding["location"]["line"], 10);
    assert_eq!(
        finding["rendered"]["file"],
        "manifests/app/deployment-cart.yaml"
    );
    assert_eq!(finding["object"]["name"], "cart");
}

#[test]
fn what_is_not_rendered_is_stale_and_what_is_not_there_is_foreign() {
    let shop = shop(&[
        (
            "manifests/app/deployment-cart.yaml",
            &RENDERED.replace("7070", "7071"),
        ),
        (
            "manifests/app/own.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\n",
        ),
    ]);
    let outcome = shop.run(&["validate", "prod"]).code(1);
    assert!(
        outcome.stdout.contains(
            "error[rendered-stale]: 1 committed file is not what this environment renders to"
        ),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stdout
            .contains("manifests/app/deployment-cart.yaml differs from line 14"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("warning[foreign-file]"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stdout
            .contains("prod: 2 objects, 1 error, 1 warning"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn warnings_end_with_1_only_when_that_is_asked_for() {
    let shop = shop(&[(
        "manifests/app/own.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\n",
    )]);
    shop.run(&["validate", "prod"]).code(0);
    shop.run(&["validate", "prod", "--strict"]).code(1);
}

#[test]
fn a_broken_model_is_a_finding_with_its_place() {
    let product = PRODUCT.replace("template: service", "tempalte: service");
    let shop = shop(&[("product.yaml", &product)]);
    let outcome = shop.run(&["validate", "prod"]).code(1);
    assert!(
        outcome.stdout.contains("error[model]"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("--> product.yaml:7:7"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("7 |       tempalte: service"),
        "{}",
        outcome.stdout
    );
}

fn folder(files: &[(&str, &[u8])]) -> Env {
    let env = Env::new();
    for (name, text) in files {
        let path = env.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    env
}

const SERVICE: &[u8] = b"apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports: [{port: 80, protocl: TCP}]\n";

#[test]
fn folders_are_checked_without_any_repository() {
    let env = folder(&[
        ("k8s/web.yaml", SERVICE),
        ("k8s/notes/README.md", b"text"),
        ("k8s/values.yaml", b"a: {{ b }}\n"),
    ]);
    let outcome = env
        .gitops(env.path(), &["validate", "k8s/web.yaml"])
        .code(1);
    assert!(
        outcome.stdout.contains(" --> k8s/web.yaml:5:22\n"),
        "{}",
        outcome.stdout
    );
    // The same from inside the folder, and from beside it.
    let outcome = env.gitops(&env.join("k8s"), &["validate"]).code(1);
    assert!(
        outcome.stdout.contains(" --> web.yaml:5:22\n"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains(".: 1 object, 2 errors"),
        "{}",
        outcome.stdout
    );
    let outcome = env
        .gitops(&env.join("k8s/notes"), &["validate", "../web.yaml"])
        .code(1);
    assert!(
        outcome.stdout.contains("/web.yaml:5:22\n"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn what_does_not_exist_is_wrong_usage() {
    let env = folder(&[("web.yaml", SERVICE)]);
    let outcome = env
        .gitops(env.path(), &["validate", "absent/x.yaml"])
        .code(2);
    assert!(
        outcome
            .stderr
            .contains("there is no file or folder absent/x.yaml"),
        "{}",
        outcome.stderr
    );
    let outcome = env
        .gitops(env.path(), &["validate", "web.yaml", "--schema", "absent"])
        .code(2);
    assert!(outcome.stderr.contains("absent"), "{}", outcome.stderr);
    let outcome = env
        .gitops(
            env.path(),
            &["validate", "web.yaml", "--kubernetes-version", "1.2"],
        )
        .code(2);
    assert!(
        outcome.stderr.contains("1.33, 1.34, 1.35, 1.36, 1.37"),
        "{}",
        outcome.stderr
    );
    let shop = shop(&[]);
    let outcome = shop.run(&["validate", "prd"]).code(2);
    assert!(
        outcome.stderr.contains("did you mean \"prod\"?"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn schemas_of_custom_kinds_can_be_brought_along() {
    let cache =
        b"apiVersion: example.com/v1\nkind: Cache\nmetadata: {name: c}\nspec: {size: large}\n";
    let schema = br#"{"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}"#;
    let env = folder(&[
        ("k/cache.yaml", cache),
        ("schemas/example.com/cache_v1.json", schema),
    ]);
    let outcome = env.gitops(env.path(), &["validate", "k"]).code(0);
    assert!(
        outcome.stdout.contains(
            "warning[unknown-schema]: Cache c: no schema describes Cache of example.com/v1"
        ),
        "{}",
        outcome.stdout
    );
    let outcome = env
        .gitops(env.path(), &["validate", "k", "--schema", "schemas"])
        .code(1);
    assert!(
        outcome
            .stdout
            .contains("error[wrong-type]: Cache c: spec.size must be an integer, not a string"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn hostile_files_end_with_findings() {
    let mut bomb = String::from(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n",
    );
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        bomb.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![below; 10].join(", ")
        ));
    }
    let deep = format!("a: {}", "[".repeat(100_000));
    let env = folder(&[
        ("k/bomb.yaml", bomb.as_bytes()),
        ("k/deep.yaml", deep.as_bytes()),
        (
            "k/latin1.yaml",
            b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: caf\xe9}\n",
        ),
        (
            "k/twice.yaml",
            b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: b\n  a: c\n",
        ),
    ]);
    std::os::unix::fs::symlink("/etc/passwd", env.join("k/link.yaml")).unwrap();
    let large = std::fs::File::create(env.join("k/large.yaml")).unwrap();
    large.set_len(100 << 20).unwrap();
    let outcome = env.gitops(env.path(), &["validate", "k"]).code(1);
    for line in [
        "--> k/bomb.yaml:",
        "--> k/deep.yaml:",
        "--> k/latin1.yaml:3:21",
        "--> k/twice.yaml:6:3",
        "--> k/link.yaml:1:1",
        "--> k/large.yaml:1:1",
    ] {
        assert!(outcome.stdout.contains(line), "{line}\n{}", outcome.stdout);
    }
}

#[test]
fn secrets_and_escapes_do_not_reach_the_output() {
    let secret = b"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  token: hunter2!!\nextra: \"\x1b[31mhunter2\"\n";
    let odd = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"\\u001b[2Jx\"}\n\"bad\\u001b]0;title\\u0007\": 1\n";
    let env = folder(&[("secret.yaml", secret), ("odd.yaml", odd)]);
    for format in ["text", "json", "yaml", "github", "sarif", "junit"] {
        let outcome = env.gitops(env.path(), &["validate", "-o", format]);
        let all = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(
            !all.contains("hunter2") && !all.contains('\u{1b}'),
            "{format}: {all}"
        );
    }
}

#[test]
fn findings_are_written_for_machines() {
    let env = folder(&[("web.yaml", SERVICE)]);
    let outcome = env
        .gitops(env.path(), &["validate", "-o", "github"])
        .code(1);
    assert!(
        outcome
            .stdout
            .starts_with("::error file=web.yaml,line=5,col=22,title=unknown-field"),
        "{}",
        outcome.stdout
    );
    let outcome = env.gitops(env.path(), &["validate", "-o", "sarif"]).code(1);
    let log: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(log["runs"][0]["results"][0]["ruleId"], "unknown-field");
    let outcome = env.gitops(env.path(), &["validate", "-o", "junit"]).code(1);
    assert!(
        outcome.stdout.contains("<failure type=\"unknown-field\""),
        "{}",
        outcome.stdout
    );
    let outcome = env.gitops(env.path(), &["validate", "-o", "yaml"]).code(1);
    assert!(
        outcome
            .stdout
            .starts_with("apiVersion: kubectl-gitops/v1alpha1\nkind: ValidateReport\n"),
        "{}",
        outcome.stdout
    );
}

/// dev has another template than prod, and both their renderings are committed.
fn shop_with_dev(template: &str, rendered: &str, prod: &[(&str, &str)]) -> Fixture {
    let shop = shop(prod);
    shop.commit(
        "env/dev",
        "change the template",
        &[
            ("templates/service/deployment.yaml.j2", Some(template)),
            ("manifests/app/deployment-cart.yaml", Some(rendered)),
        ],
    );
    shop
}

#[test]
fn a_promotion_that_would_break_its_target_is_refused() {
    let break_it = |text: &str| text.replace("ports:", "portss:");
    let shop = shop_with_dev(&break_it(DEPLOYMENT), &break_it(RENDERED), &[]);
    let overwrite = [
        "promote",
        "prod",
        "--yes",
        "--overwrite",
        "template/service",
    ];
    let before = shop.remote_tip("env/prod");
    let outcome = shop.run(&overwrite).code(3);
    assert!(
        outcome.stderr.contains(
            "templates/service/deployment.yaml.j2:13:11: Deployment cart: unknown field \"portss\" in spec.template.spec.containers[server] (did you mean \"ports\"?) (unknown-field)"
        ),
        "{}",
        outcome.stderr
    );
    assert_eq!(shop.remote_tip("env/prod"), before);
    shop.run(
        &[
            &overwrite[..],
            &["--override", "validation", "the operator reads it"],
        ]
        .concat(),
    )
    .code(0);
    assert_ne!(shop.remote_tip("env/prod"), before);
}

#[test]
fn an_error_that_is_there_already_stops_no_promotion() {
    let break_it = |text: &str| text.replace("ports:", "portss:");
    let longer = |text: &str| {
        break_it(text).replace(
            "        - name: server\n",
            "        # the only one\n        - name: server\n",
        )
    };
    let shop = shop_with_dev(
        &longer(DEPLOYMENT),
        &longer(RENDERED),
        &[
            (
                "templates/service/deployment.yaml.j2",
                &break_it(DEPLOYMENT),
            ),
            ("manifests/app/deployment-cart.yaml", &break_it(RENDERED)),
        ],
    );
    // Nothing was promoted to prod before, so that the template is asked for.
    shop.run(&[
        "promote",
        "prod",
        "--yes",
        "--overwrite",
        "template/service",
    ])
    .code(0);
    shop.run(&["validate", "prod"]).code(1);
}

#[test]
fn the_work_tree_is_checked_before_anything_is_committed() {
    let shop = shop(&[]);
    let outcome = shop.run(&["validate", "prod", "--work-tree"]).code(2);
    assert!(
        outcome.stderr.contains("git switch env/prod"),
        "{}",
        outcome.stderr
    );
    shop.env
        .git(&shop.clone, &["switch", "--quiet", "env/prod"]);
    shop.run(&["validate", "--work-tree"]).code(0);
    let typo = DEPLOYMENT.replace("ports:", "portss:");
    shop.write("templates/service/deployment.yaml.j2", typo);
    let outcome = shop.run(&["validate", "--work-tree"]).code(1);
    assert!(
        outcome
            .stdout
            .contains("--> templates/service/deployment.yaml.j2:13:11"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stderr.contains("render prod --write --work-tree"),
        "{}",
        outcome.stderr
    );
    // The branch itself is as it was.
    shop.run(&["validate", "prod"]).code(0);
}

#[test]
fn an_environment_without_a_branch_yet_keeps_nobody_from_looking_at_the_others() {
    let gitops = GITOPS.replace("env/prod", "env/later");
    let shop = Fixture::new(&[
        ("main", &[("gitops.yaml", &gitops)]),
        (
            "env/dev",
            &[(
                "app.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
            )],
        ),
    ]);
    let outcome = shop.run(&["validate"]).code(0);
    assert!(
        outcome.stdout.starts_with("dev: 1 object"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stderr
            .contains("there is no branch env/later on origin"),
        "{}",
        outcome.stderr
    );
    shop.run(&["validate", "prod"]).code(2);
}

#[test]
fn rules_are_switched_in_gitops_yaml() {
    let rules =
        "spec:\n  rules: {no-mutable-tags: enforce, foreign-file: off, unknown-schema: enforce}\n";
    let shop = Fixture::new(&[
        (
            "main",
            &[("gitops.yaml", &GITOPS.replace("spec:\n", rules))],
        ),
        (
            "env/dev",
            &[(
                "app.yaml",
                "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: \"a:latest\"}]}\n---\napiVersion: example.com/v1\nkind: Cache\nmetadata: {name: c}\n",
            )],
        ),
    ]);
    let outcome = shop.run(&["validate", "dev"]).code(1);
    assert!(
        outcome
            .stdout
            .contains("error[no-mutable-tags]: Pod a: image \"a:latest\" has the tag latest"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("error[unknown-schema]"),
        "{}",
        outcome.stdout
    );
    let help = shop.run(&["validate", "--help"]).code(0).stdout;
    assert!(
        help.contains("no-mutable-tags") && help.contains("rendered-stale"),
        "{help}"
    );
}

#[test]
fn edits_that_are_not_committed_are_not_passed_over_in_silence() {
    let shop = shop(&[]);
    let git = |words: &[&str]| shop.env.git(&shop.clone, words);
    let note = "prod: checked as committed; uncommitted edits were not checked: ";
    git(&["switch", "--quiet", "env/prod"]);
    let clean = shop.run(&["validate", "prod"]).code(0);
    assert!(!clean.stderr.contains("uncommitted"), "{}", clean.stderr);

    let product = shop.file_at("env/prod", "product.yaml").unwrap();
    shop.write("product.yaml", format!("{product}oops: 1\n"));
    shop.write("new.yaml", "a: 1\n");
    for words in [
        &["validate", "prod"][..],
        &["validate"],
        &["validate", "prod", "-o", "json"],
    ] {
        let told = shop.run(words).code(0);
        assert!(told.stderr.contains(note), "{}", told.stderr);
        assert!(
            told.stderr.contains("validate prod --work-tree"),
            "{}",
            told.stderr
        );
    }
    let looked = shop.run(&["validate", "prod", "--work-tree"]);
    assert!(!looked.stderr.contains("uncommitted"), "{}", looked.stderr);
    // Another environment's branch is not what is edited.
    let other = shop.run(&["validate", "dev"]).code(0);
    assert!(!other.stderr.contains("uncommitted"), "{}", other.stderr);
}
