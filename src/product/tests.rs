//! Reading whole files of the model, and everything that may be wrong in them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::repo::{RepoPath, Snapshot};

const HEAD: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: ";

fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

fn repository(spec: &str) -> Result<Repository, Vec<String>> {
    let text = format!("{HEAD}Repository\nmetadata: {{name: shop}}\nspec:\n{spec}");
    Repository::decode(&path("gitops.yaml"), &text).map_err(texts)
}

fn texts(errors: Vec<ModelError>) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

const THREE: &str = "  environments:
    - {name: dev, branch: env/dev}
    - {name: staging, branch: env/staging, promoteFrom: dev}
    - {name: prod, branch: env/prod, promoteFrom: staging}
";

#[test]
fn a_repository_is_read() {
    let repository = repository(
        "  requires: '>=0.1'
  environments:
    - name: dev
      branch: main
      path: environments/dev
    - name: prod
      branch: main
      path: environments/prod
      promoteFrom: dev
      write: branch
      kubernetes: '1.36'
      cluster: {context: prod-eu, uid: 3f0c, namespace: shop}
  promotion:
    files: [product.yaml, /shared/**]
    environmentOwned: ['spec.replicas']
  pullRequests: agit
  rendered: manifests
  layers:
    - {name: network, owners: ['@example/network'], resources: [NetworkPolicy, '*.gateway.networking.k8s.io']}
    - {name: data, components: [redis-cart]}
  rules: {require-limits: enforce, no-mutable-tags: off}
  registries:
    registry.example.com: {layout: registry}
    127.0.0.1:5000: {plainHTTP: true}
",
    )
    .unwrap();
    let prod = repository.environment("prod").unwrap();
    assert_eq!(prod.promote_from.as_ref().unwrap().as_str(), "dev");
    assert_eq!(prod.write, WriteMode::Branch);
    assert_eq!(repository.pull_requests, PullRequests::Agit);
    assert_eq!(prod.namespace(), Some("shop"));
    assert_eq!(prod.location.to_string(), "gitops.yaml:10:13");
    let layer = |component: &str, kind, group| {
        let component = component.parse().unwrap();
        repository
            .layer_of(&component, kind, group)
            .map(|layer| layer.name.to_string())
    };
    assert_eq!(
        layer("cart", "NetworkPolicy", "networking.k8s.io").as_deref(),
        Some("network")
    );
    assert_eq!(
        layer("redis-cart", "NetworkPolicy", "networking.k8s.io").as_deref(),
        Some("network")
    );
    assert_eq!(layer("redis-cart", "Service", "").as_deref(), Some("data"));
    assert_eq!(
        layer("cart", "HTTPRoute", "gateway.networking.k8s.io").as_deref(),
        Some("network")
    );
    assert_eq!(layer("cart", "Service", ""), None);
    assert_eq!(repository.rules["no-mutable-tags"].level, RuleLevel::Off);
    let files = &repository.promotion.files;
    assert!(files[0].matches(&prod.path, &path("environments/prod/product.yaml")));
    assert!(!files[0].matches(&prod.path, &path("environments/dev/product.yaml")));
    assert!(files[1].matches(&prod.path, &path("shared/a/b.yaml")));
}

#[test]
fn promotion_has_a_default() {
    let repository = repository(THREE).unwrap();
    let matches = |text: &str| {
        repository
            .promotion
            .files
            .iter()
            .any(|it| it.matches(&RepoPath::root(), &path(text)))
    };
    assert!(matches("product.yaml"));
    assert!(matches("templates/grpc/deployment.yaml.j2"));
    assert!(!matches("environment.yaml"));
    assert!(!matches("manifests/app/service-a.yaml"));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn mistakes_in_a_repository_have_a_place() {
    let cases: &[(&str, &str)] = &[
        (
            "  environments: []\n",
            "gitops.yaml:5:17: spec.environments names no environment",
        ),
        (
            "  environments:\n    - {name: dev, branch: a}\n  pins:\n    - {image: a/b:v1}\n",
            "gitops.yaml:8:15: spec.pins[0].image must be the name alone",
        ),
        (
            "  environments:\n    - {name: dev, branch: a}\n  pins:\n    - {image: nginx}\n    - {image: docker.io/library/nginx}\n",
            "gitops.yaml:9:7: spec.pins[1] names an image that stands at gitops.yaml:8:7 already",
        ),
        (
            "  environments:\n    - {name: dev, branch: a}\n  pins:\n    - {image: a/b, policy: {semver: fish}}\n",
            "gitops.yaml:8:28: spec.pins[0].policy is no policy: semver: \"fish\"",
        ),
        (
            "  environments:\n    - {name: dev}\n",
            "spec.environments[0].branch is missing",
        ),
        (
            "  environments:\n    - {name: dev, branch: a, promotefrom: x}\n",
            "gitops.yaml:6:30: unknown field spec.environments[0].promotefrom; did you mean promoteFrom?",
        ),
        (
            "  environments:\n    - {name: dev, branch: a, promoteFrom: dev}\n",
            "is promoted from itself: dev",
        ),
        (
            "  environments:\n    - {name: dev, branch: a, promoteFrom: b}\n    - {name: b, branch: b, promoteFrom: dev}\n",
            "gitops.yaml:6:14: environments are promoted from each other in a cycle: dev → b → dev",
        ),
        (
            "  environments:\n    - {name: staging, branch: a}\n    - {name: prod, branch: b, promoteFrom: stagin}\n",
            "gitops.yaml:7:14: there is no environment stagin, did you mean staging?",
        ),
        (
            "  environments:\n    - {name: dev, branch: a}\n    - {name: dev, branch: b}\n",
            "gitops.yaml:7:14: environment dev stands here and at gitops.yaml:6:14",
        ),
        (
            "  environments:\n    - {name: dev, branch: a}\n    - {name: qa, branch: a}\n",
            "environment qa lies at the same place as environment dev (gitops.yaml:6:14)",
        ),
        (
            "  environments:\n    - {name: dev, branch: a, path: x}\n    - {name: qa, branch: a, path: x/y}\n",
            "environment qa lies inside environment dev",
        ),
        (
            "  environments:\n    - {name: dev, branch: a, path: ../x}\n",
            "it contains '.' or '..'",
        ),
        (
            "  environments:\n    - {name: dev, branch: a, path: /x}\n",
            "it is absolute",
        ),
        (
            "  environments:\n    - {name: dev, branch: 'a b'}\n",
            "cannot be the name of a branch",
        ),
        (
            "  environments:\n    - {name: Dev, branch: a}\n",
            "cannot be the name of an environment",
        ),
        (
            "  environments:\n    - {name: dev, branch: a, kubernetes: 1.36}\n",
            "without quotes: \"1.36\"",
        ),
        (
            "  environments:\n    - {name: dev, branch: a, gates: {}}\n",
            "unknown field spec.environments[0].gates",
        ),
        (
            "  environments:\n    - {name: dev, branch: a, write: pr}\n",
            "must be push or branch, not pr",
        ),
    ];
    for (spec, expected) in cases {
        let errors = repository(spec).unwrap_err();
        assert!(
            errors.iter().any(|it| it.contains(expected)),
            "{spec}{errors:#?}"
        );
    }
}

#[test]
fn another_version_of_this_tool_is_asked_for_before_anything_else() {
    let errors = repository("  requires: '>=99'\n  somethingNew: true\n").unwrap_err();
    let running = env!("CARGO_PKG_VERSION");
    assert_eq!(
        errors,
        [format!(
            "gitops.yaml:5:13: this repository wants kubectl-gitops >=99, but this is {running}"
        )]
    );
    let errors = repository("  requires: soon\n").unwrap_err();
    assert!(errors[1].contains("is no range of versions"), "{errors:?}");
}

#[test]
fn environments_may_share_a_folder() {
    let repository = repository(
        "  environments:
    - {name: dev, branch: main, path: charts, files: 'values-{env}.yaml'}
    - {name: prod, branch: main, path: charts, files: 'values-{env}.yaml', promoteFrom: dev}
",
    )
    .unwrap();
    assert_eq!(
        repository.environments[1].files_pattern().as_deref(),
        Some("values-prod.yaml")
    );
}

fn load(files: &[(&str, &str)]) -> Result<Option<ProductTree>, Vec<String>> {
    let entry = repository(THREE).unwrap().environments[0].clone();
    let files = files.iter().map(|(name, text)| {
        let text = text.replace("HEAD ", HEAD);
        (path(name), text.into_bytes())
    });
    ProductTree::load(
        &Snapshot::from_files(None, files.collect::<Vec<_>>()),
        &entry,
    )
    .map_err(texts)
}

const TEMPLATE: (&str, &str) = (
    "templates/web/template.yaml",
    "HEAD Template\nmetadata: {name: web}\n",
);

fn product(spec: &str) -> String {
    format!("{HEAD}Product\nmetadata: {{name: shop}}\nspec:\n{spec}")
}

#[test]
fn a_product_is_read_with_everything_it_includes() {
    let tree = load(&[
        ("product.yaml", &product("  defaults: {template: web}\n  include: [components/*.yaml]\n  components:\n    cart:\n      image: registry.example.com/cart:1.0.0\n      update: {semver: ^1.0}\n")),
        ("components/team.yaml", "---\nHEAD Component\nmetadata: {name: web}\nspec: {image: 'registry.example.com/web:2'}\n---\nHEAD Component\nmetadata: {name: billing}\nspec:\n  version: 4.2.1\n  values: {hosts: a}\n"),
        ("environment.yaml", "HEAD Environment\nmetadata: {name: dev}\nspec:\n  components:\n    crt: {values: {replicas: 3}}\n"),
        TEMPLATE,
        ("templates/web/deployment.yaml.j2", "a"),
        ("templates/web/README.md", "no template"),
    ])
    .unwrap()
    .unwrap();
    let names: Vec<&str> = tree.components.keys().map(ComponentName::as_str).collect();
    assert_eq!(names, ["billing", "cart", "web"]);
    let billing = &tree.components["billing"];
    assert_eq!(billing.location.to_string(), "components/team.yaml:9:18");
    assert_eq!(
        (billing.document, billing.path.to_string().as_str()),
        (1, "spec")
    );
    assert_eq!(billing.component.version_label().as_deref(), Some("4.2.1"));
    assert_eq!(
        tree.components["cart"].path.to_string(),
        "spec.components.cart"
    );
    assert_eq!(tree.templates["web"].sources.len(), 1);
    let warnings: Vec<String> = tree.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "environment.yaml:6:5: the environment overrides component crt, which the product does not have, did you mean cart?"
        ]
    );
    let hosts = billing.component.values.as_ref().unwrap();
    let mut node = hosts.node.clone();
    node.path = node.path.key("hosts").key("deeper");
    assert_eq!(tree.locate(&node).to_string(), "components/team.yaml:12:19");
}

#[test]
fn no_product_manifest_is_no_mistake() {
    assert!(
        load(&[("kustomization.yaml", "resources: []\n")])
            .unwrap()
            .is_none()
    );
}

#[test]
fn mistakes_in_a_product_have_a_place() {
    let ok = "  defaults: {template: web}\n  components:\n    cart: {image: 'a:1'}\n";
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[("product.yaml", "kind: Product\n"), TEMPLATE],
            "product.yaml:1:1: apiVersion is missing",
        ),
        (
            &[
                ("product.yaml", "HEAD Environment\nmetadata: {name: x}\n"),
                TEMPLATE,
            ],
            "product.yaml:1:1: this is kubectl-gitops/v1alpha1 Environment, not kubectl-gitops/v1alpha1 Product",
        ),
        (
            &[("product.yaml", ""), TEMPLATE],
            "product.yaml:1:1: the file is empty",
        ),
        (
            &[
                (
                    "product.yaml",
                    &product("  components:\n    cart: {image: 'a:1'}\n"),
                ),
                TEMPLATE,
            ],
            "product.yaml:6:5: component cart has no template, and the product names no default one",
        ),
        (
            &[
                (
                    "product.yaml",
                    &product("  components:\n    cart: {image: 'a:1', template: wbe}\n"),
                ),
                TEMPLATE,
            ],
            "product.yaml:6:36: there is no template wbe, did you mean web?",
        ),
        (
            &[
                (
                    "product.yaml",
                    &product(
                        "  components:\n    cart: {image: 'a:1', template: web}\n    cart: {image: 'a:1', template: web}\n",
                    ),
                ),
                TEMPLATE,
            ],
            "product.yaml:7:5: duplicate key cart, first at line 6",
        ),
        (
            &[
                (
                    "product.yaml",
                    &product(
                        "  include: [c.yaml]\n  components:\n    cart: {image: 'a:1', template: web}\n",
                    ),
                ),
                (
                    "c.yaml",
                    "HEAD Component\nmetadata: {name: cart}\nspec: {image: 'a:1', template: web}\n",
                ),
                TEMPLATE,
            ],
            "c.yaml:3:18: component cart stands here and at product.yaml:7:5",
        ),
        (
            &[
                ("product.yaml", &product("  include: [teams/*.yaml]\n")),
                TEMPLATE,
            ],
            "product.yaml:5:13: no file matches teams/*.yaml",
        ),
        (
            &[
                ("product.yaml", &product("  include: [../*.yaml]\n")),
                TEMPLATE,
            ],
            "is not a pattern of files inside the environment",
        ),
        (
            &[
                (
                    "product.yaml",
                    &product(
                        "  components:\n    cart: {template: web, version: '1', image: 'a:1'}\n",
                    ),
                ),
                TEMPLATE,
            ],
            "product.yaml:6:36: spec.components.cart.version stands beside an image",
        ),
        (
            &[
                (
                    "product.yaml",
                    &product(
                        "  components:\n    cart: {template: web, image: 'a:1', update: {semver: nonsense}}\n",
                    ),
                ),
                TEMPLATE,
            ],
            "product.yaml:6:49: spec.components.cart.update is no policy",
        ),
        (
            &[
                (
                    "product.yaml",
                    &product("  components:\n    cart: {template: web, image: 'a b'}\n"),
                ),
                TEMPLATE,
            ],
            "product.yaml:6:34: spec.components.cart.image",
        ),
        (
            &[
                ("product.yaml", &product(ok)),
                TEMPLATE,
                (
                    "environment.yaml",
                    "HEAD Environment\nmetadata: {name: prod}\n",
                ),
            ],
            "environment.yaml:3:18: this file says prod, but its place says dev",
        ),
        (
            &[
                ("product.yaml", &product(ok)),
                (
                    "templates/web/template.yaml",
                    "HEAD Template\nmetadata: {name: wbe}\n",
                ),
            ],
            "templates/web/template.yaml:3:18: this file says wbe, but its place says web",
        ),
        (
            &[
                ("product.yaml", &product(ok)),
                TEMPLATE,
                ("templates/old/a.yaml.j2", ""),
            ],
            "templates/old/a.yaml.j2:1:1: the folder templates/old has no template.yaml",
        ),
        (
            &[
                ("product.yaml", &product(ok)),
                (
                    "templates/web/template.yaml",
                    "HEAD Template\nmetadata: {name: web}\nspec: {extends: base}\n",
                ),
                (
                    "templates/base/template.yaml",
                    "HEAD Template\nmetadata: {name: base}\nspec: {extends: web}\n",
                ),
            ],
            "templates/base/template.yaml:3:18: templates extend each other in a cycle: base → web → base",
        ),
        (
            &[
                ("product.yaml", &product(ok)),
                TEMPLATE,
                ("templates/web/a.yaml.j2", "a: \u{e000}"),
            ],
            "templates/web/a.yaml.j2:1:4: a private-use character (U+E000)",
        ),
        (&[("product.yaml", "a: [\n"), TEMPLATE], "product.yaml:"),
    ];
    for (files, expected) in cases {
        let errors = load(files).unwrap_err();
        assert!(
            errors.iter().any(|it| it.contains(expected)),
            "{expected}\n{errors:#?}"
        );
    }
}

#[test]
fn a_template_at_the_root_of_the_branch_is_shared_unless_the_environment_has_its_own() {
    let entry = repository("  environments:\n    - {name: dev, branch: main, path: envs/dev}\n")
        .unwrap()
        .environments[0]
        .clone();
    let template = |name: &str| format!("{HEAD}Template\nmetadata: {{name: {name}}}\n");
    let files = [
        (
            "envs/dev/product.yaml",
            product("  defaults: {template: web}\n"),
        ),
        ("envs/dev/templates/web/template.yaml", template("web")),
        ("templates/web/template.yaml", template("web")),
        ("templates/job/template.yaml", template("job")),
    ];
    let files = files
        .into_iter()
        .map(|(name, text)| (path(name), text.into_bytes()));
    let snapshot = Snapshot::from_files(None, files.collect::<Vec<_>>());
    let tree = ProductTree::load(&snapshot, &entry).unwrap().unwrap();
    assert!(!tree.templates["web"].shared);
    assert!(tree.templates["job"].shared);
}

#[test]
fn a_component_for_an_environment_that_is_not_there_is_remarkable() {
    let repository = repository(THREE).unwrap();
    let manifest = product(
        "  defaults: {template: web}\n  components:\n    cart: {version: '1', environments: [dev, stagin]}\n",
    );
    let tree = load(&[("product.yaml", &manifest), TEMPLATE])
        .unwrap()
        .unwrap();
    let warnings: Vec<String> = tree
        .unknown_environments(&repository)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        warnings,
        [
            "product.yaml:7:5: component cart exists in stagin, which is no environment of this repository, did you mean staging?"
        ]
    );
}
