//! Whole environments, given as literal files.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::product::Repository;

const GITOPS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
metadata: {name: shop}
spec:
  rendered: manifests
  environments:
    - {name: dev, branch: env/dev, cluster: {context: dev, namespace: shop}}
";

const PRODUCT: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Product
metadata: {name: shop}
spec:
  defaults: {template: service}
  components:
    cart:
      image: registry.example.com/shop/cart:1.0.0
      values:
        port: 7070
    front:
      image: registry.example.com/shop/front:1.0.0
      values: {port: 8080}
";

const TEMPLATE: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Template
metadata: {name: service}
spec:
  schema:
    type: object
    properties: {port: {}}
  environmentMay: [port]
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

fn files(changes: &[(&str, &str)]) -> Snapshot {
    let mut files = vec![
        ("product.yaml", PRODUCT.to_owned()),
        ("templates/service/template.yaml", TEMPLATE.to_owned()),
        (
            "templates/service/deployment.yaml.j2",
            DEPLOYMENT.to_owned(),
        ),
    ];
    for (path, text) in changes {
        files.retain(|(known, _)| known != path);
        files.push((path, (*text).to_owned()));
    }
    Snapshot::from_files(
        None,
        files
            .into_iter()
            .map(|(path, text)| (path.parse().unwrap(), text.into_bytes())),
    )
}

fn repository(text: &str) -> Repository {
    Repository::decode(&"gitops.yaml".parse().unwrap(), text).unwrap()
}

/// The environment with its rendering committed.
fn rendered(changes: &[(&str, &str)]) -> Snapshot {
    let repository = repository(GITOPS);
    let snapshot = files(changes);
    let entry = &repository.environments[0];
    let tree = crate::product::ProductTree::load(&snapshot, entry)
        .unwrap()
        .unwrap();
    let rendering = crate::template::render(&tree, &repository, entry).unwrap();
    let mut all: Vec<(String, String)> = rendering
        .files
        .iter()
        .map(|(path, file)| (path.to_string(), file.text.clone()))
        .collect();
    all.extend(
        changes
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned())),
    );
    files(
        &all.iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect::<Vec<_>>(),
    )
}

fn check(snapshot: &Snapshot, gitops: &str) -> Section {
    let repository = repository(gitops);
    check_snapshot(
        snapshot,
        &repository,
        &repository.environments[0],
        &ValidateOptions::default(),
    )
    .unwrap()
}

/// `severity rule place: message` of every finding.
fn verdict(section: &Section) -> Vec<String> {
    let line = |finding: &Finding| {
        format!(
            "{} {} {}: {}",
            finding.severity.as_str(),
            finding.rule,
            finding.location,
            finding.message
        )
    };
    section.findings.iter().map(line).collect()
}

#[test]
fn a_good_environment_has_no_findings() {
    let section = check(&rendered(&[]), GITOPS);
    assert_eq!(verdict(&section), Vec::<String>::new());
    assert_eq!(section.objects, 2);
    assert!(section.kubernetes.starts_with("1.36."));
}

#[test]
fn a_typo_in_a_template_is_found_in_the_template_once() {
    let snapshot = rendered(&[(
        "templates/service/deployment.yaml.j2",
        &DEPLOYMENT.replace("ports:", "portss:"),
    )]);
    let section = check(&snapshot, GITOPS);
    assert_eq!(
        verdict(&section),
        [
            "error unknown-field templates/service/deployment.yaml.j2:13:11: unknown field \"portss\" in spec.template.spec.containers[server]"
        ]
    );
    let finding = &section.findings[0];
    assert_eq!(
        finding.rendered.as_ref().unwrap().to_string(),
        "manifests/app/deployment-cart.yaml:13:11"
    );
    assert_eq!(
        finding
            .others
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["Deployment front"]
    );
    assert_eq!(
        (finding.excerpt.as_deref(), finding.width),
        (Some("          portss:"), 6)
    );
}

#[test]
fn a_bad_value_is_found_where_it_is_written() {
    let snapshot = rendered(&[(
        "product.yaml",
        &PRODUCT.replace("port: 7070", "port: \"http\""),
    )]);
    let section = check(&snapshot, GITOPS);
    assert_eq!(
        verdict(&section),
        [
            "error wrong-type product.yaml:10:15: spec.template.spec.containers[server].ports[0].containerPort must be an integer, not a string"
        ]
    );
    let finding = &section.findings[0];
    assert_eq!(
        finding.notes,
        ["written by {{ values.port }} at templates/service/deployment.yaml.j2:14:33"]
    );
    assert_eq!(finding.excerpt.as_deref(), Some("        port: \"http\""));
}

#[test]
fn a_stale_rendering_is_an_error_unless_the_rule_is_off() {
    let snapshot = rendered(&[(
        "manifests/app/deployment-cart.yaml",
        "apiVersion: apps/v1\nkind: Deploymen\n",
    )]);
    let section = check(&snapshot, GITOPS);
    assert_eq!(
        verdict(&section),
        [
            "error rendered-stale manifests/app/deployment-cart.yaml:2:1: 1 committed file is not what this environment renders to"
        ]
    );
    assert_eq!(
        section.findings[0].notes,
        ["manifests/app/deployment-cart.yaml differs from line 2"]
    );
    let off = GITOPS.replace("  rendered:", "  rules: {rendered-stale: off}\n  rendered:");
    assert_eq!(verdict(&check(&snapshot, &off)), Vec::<String>::new());
}

#[test]
fn a_missing_rendering_is_named() {
    let section = check(&files(&[]), GITOPS);
    assert_eq!(section.findings.len(), 1);
    assert_eq!(
        section.findings[0].message,
        "2 committed files are not what this environment renders to"
    );
    assert_eq!(
        section.findings[0].notes[0],
        "manifests/app/deployment-cart.yaml is missing"
    );
}

#[test]
fn foreign_files_are_named_and_checked() {
    let snapshot = rendered(&[
        (
            "manifests/app/own.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: 1}\n",
        ),
        ("manifests/notes.yaml", "just: notes\n"),
    ]);
    assert_eq!(
        verdict(&check(&snapshot, GITOPS)),
        [
            "warning foreign-file manifests/app/own.yaml:1:1: this file does not come from the rendering",
            "error wrong-type manifests/app/own.yaml:4:11: data.a must be a string, not a number",
            "warning foreign-file manifests/notes.yaml:1:1: this file does not come from the rendering",
            "error not-a-resource manifests/notes.yaml:1:1: this is no Kubernetes object: it has no apiVersion and kind",
        ]
    );
}

#[test]
fn a_model_that_cannot_be_read_is_a_finding_and_the_rest_is_checked() {
    let bad = PRODUCT.replace("    front:\n      image:", "    front:\n      imgae:");
    let section = check(
        &files(&[
            ("product.yaml", &bad),
            (
                "manifests/app/x.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: X}\n",
            ),
        ]),
        GITOPS,
    );
    let verdict = verdict(&section);
    assert!(
        verdict
            .iter()
            .any(|line| line.starts_with("error metadata manifests/app/x.yaml:3:18")),
        "{verdict:?}"
    );
    assert!(
        verdict
            .iter()
            .any(|line| line.starts_with("error model product.yaml:12:7")),
        "{verdict:?}"
    );
}

#[test]
fn a_secret_is_never_shown() {
    let snapshot = rendered(&[(
        "manifests/app/s.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  password: 12345\nbroken: hunter2\n",
    )]);
    let section = check(&snapshot, GITOPS);
    let shown = format!(
        "{:?} {}",
        section.findings,
        serde_json::to_string(&section).unwrap()
    );
    assert!(section.findings.len() >= 3, "{shown}");
    assert!(
        !shown.contains("12345") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn only_new_errors_count_against_a_change() {
    let before = check(&rendered(&[("manifests/a.yaml", "kind: A\n")]), GITOPS);
    // The same error one line further down, and another one.
    let after = check(
        &rendered(&[
            ("manifests/a.yaml", "# moved\nkind: A\n"),
            ("manifests/b.yaml", "kind: B\n"),
        ]),
        GITOPS,
    );
    let new: Vec<String> = after
        .new_errors(&before)
        .iter()
        .map(|finding| finding.location.to_string())
        .collect();
    assert_eq!(new, ["manifests/b.yaml:1:1"]);
}

#[test]
fn a_rule_that_does_not_exist_is_an_error_with_its_place() {
    let repository = repository(&GITOPS.replace(
        "  rendered:",
        "  rules: {rendered-stales: off}\n  rendered:",
    ));
    let error = check_snapshot(
        &files(&[]),
        &repository,
        &repository.environments[0],
        &ValidateOptions::default(),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "gitops.yaml:5:28: there is no rule \"rendered-stales\", did you mean \"rendered-stale\"?"
    );
}

#[test]
fn folders_without_a_product_are_checked_with_care() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";
    write("dev/service.yaml", service);
    write("prod/service.yaml", service);
    write(
        "prod/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches: [{path: patch.yaml}]\n",
    );
    write(
        "prod/patch.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: three}\n",
    );
    write(
        "prod/sealed.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: \"ENC[x]\"}\nsops: {mac: x}\n",
    );
    write("chart/Chart.yaml", "apiVersion: v2\nname: chart\n");
    write(
        "chart/templates/x.yaml",
        "{{ if .Values.a }}\nkind: A\n{{ end }}\n",
    );
    write(
        "crds/cache.yaml",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: caches.example.com}\nspec:\n  group: example.com\n  scope: Namespaced\n  names: {kind: Cache, plural: caches}\n  versions:\n  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}}\n",
    );
    write(
        "cache.yaml",
        "apiVersion: example.com/v1\nkind: Cache\nmetadata: {name: c}\nspec: {sise: 3}\n",
    );
    let section = check_path(folder.path(), folder.path(), &ValidateOptions::default()).unwrap();
    assert_eq!(
        verdict(&section),
        [
            "error unknown-field cache.yaml:4:8: unknown field \"sise\" in spec",
            "error wrong-type prod/patch.yaml:4:18: spec.replicas must be an integer, not a string",
        ]
    );
    assert_eq!(section.objects, 6);
}

#[test]
fn a_change_is_checked_with_the_other_objects_of_its_components() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: {{ name }}}\nspec: {selector: {app: {{ name }}}, ports: [{port: 80, targetPort: http}]}\n";
    let named = DEPLOYMENT.replace(
        "- containerPort:",
        "- name: http\n              containerPort:",
    );
    let snapshot = files(&[
        ("templates/service/deployment.yaml.j2", &named),
        ("templates/service/service.yaml.j2", service),
    ]);
    let repository = repository(GITOPS);
    let entry = &repository.environments[0];
    let tree = crate::product::ProductTree::load(&snapshot, entry)
        .unwrap()
        .unwrap();
    let rendering = crate::template::render(&tree, &repository, entry).unwrap();
    let path: RepoPath = "manifests/app/deployment-cart.yaml".parse().unwrap();
    let errors = |text: String| {
        let edit = crate::repo::Edit::Write {
            bytes: text.into_bytes(),
            executable: false,
        };
        let change = Change {
            repository: &repository,
            entry,
            before: (&snapshot, Some(&tree)),
            rendering: &rendering,
            elsewhere: None,
            edits: &[(path.clone(), edit)].into(),
        };
        let errors = change.new_errors().unwrap();
        let told = errors.iter().map(|error| error.message.clone());
        told.collect::<Vec<_>>()
    };
    let text = &rendering.files[&path].text;
    assert_eq!(errors(text.clone()), Vec::<String>::new());
    // The Service is not written, and still it is the one that breaks.
    assert_eq!(
        errors(text.replace("name: http", "name: grpc")),
        ["the selected pods have no port named \"http\""]
    );
    // A tag may have 128 characters, a label 63.
    let label = format!("labels: {{version: {}, app", "v".repeat(64));
    assert_eq!(
        errors(text.replace("labels: {app", &label)),
        [
            "the value of spec.template.metadata.labels.version must have at most 63 characters, and has 64"
        ]
    );
}
