//! Rendering whole products: the examples, and small ones made for one rule.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::product::{EnvironmentEntry, ProductTree, Repository};
use crate::repo::{RepoPath, Snapshot};

fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

/// The files of a folder of this source tree.
fn folder(root: &Path) -> Vec<(RepoPath, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_dir() {
                folders.push(entry);
            } else {
                let relative = entry
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                files.push((path(&relative), std::fs::read(&entry).unwrap()));
            }
        }
    }
    files
}

/// A product made for one rule: one template `web`, files by name.
struct Small {
    files: Vec<(String, String)>,
    repository: String,
}

const HEAD: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: ";

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ name }}}\ndata:\n";

impl Small {
    /// `components` is what stands under `spec.components`, `template` what
    /// stands under the template's `spec`, `data` lines of a ConfigMap.
    fn new(components: &str, template: &str, data: &str) -> Self {
        let file = |name: &str, text: String| (name.to_owned(), text);
        Self {
            files: vec![
                file(
                    "product.yaml",
                    format!(
                        "{HEAD}Product\nmetadata: {{name: shop}}\nspec:\n  version: 1.2.3\n  defaults: {{template: web}}\n  components:\n{components}"
                    ),
                ),
                file(
                    "templates/web/template.yaml",
                    format!("{HEAD}Template\nmetadata: {{name: web}}\nspec:\n{template}"),
                ),
                file(
                    "templates/web/config.yaml.j2",
                    format!("{CONFIG_MAP}{data}"),
                ),
            ],
            repository:
                "  environments:\n    - {name: dev, branch: dev, cluster: {namespace: shop-dev}}\n"
                    .to_owned(),
        }
    }

    fn with(mut self, name: &str, text: &str) -> Self {
        let text = text.replace("HEAD ", HEAD);
        self.files.retain(|(known, _)| known != name);
        self.files.push((name.to_owned(), text));
        self
    }

    fn environment(self, spec: &str) -> Self {
        self.with(
            "environment.yaml",
            &format!("HEAD Environment\nmetadata: {{name: dev}}\nspec:\n{spec}"),
        )
    }

    fn case(&self) -> Case {
        let text = format!("{HEAD}Repository\nspec:\n{}", self.repository);
        let files = self
            .files
            .iter()
            .map(|(name, text)| (path(name), text.clone().into_bytes()));
        Case {
            repository: Repository::decode(&path("gitops.yaml"), &text).unwrap(),
            snapshot: Snapshot::from_files(None, files.collect::<Vec<_>>()),
        }
    }

    fn render(&self) -> Result<Rendering, RenderError> {
        self.case().render("dev")
    }

    /// The text of the one rendered file.
    fn text(&self) -> String {
        let rendering = self.render().unwrap();
        let texts: Vec<&str> = rendering
            .files
            .values()
            .map(|file| file.text.as_str())
            .collect();
        texts.join("---\n")
    }

    fn data(&self) -> String {
        self.text().split_once("data:\n").unwrap().1.to_owned()
    }

    fn problems(&self) -> Vec<String> {
        let error = self.render().unwrap_err();
        error.problems.iter().map(ToString::to_string).collect()
    }
}

struct Case {
    repository: Repository,
    snapshot: Snapshot,
}

impl Case {
    fn example(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples")
            .join(name);
        let files = folder(&root);
        let text = std::fs::read_to_string(root.join("gitops.yaml")).unwrap();
        Self {
            repository: Repository::decode(&path("gitops.yaml"), &text).unwrap(),
            snapshot: Snapshot::from_files(None, files),
        }
    }

    fn entry(&self, name: &str) -> &EnvironmentEntry {
        self.repository.environment(name).unwrap()
    }

    fn tree(&self, name: &str) -> ProductTree {
        ProductTree::load(&self.snapshot, self.entry(name))
            .unwrap()
            .unwrap()
    }

    fn render(&self, name: &str) -> Result<Rendering, RenderError> {
        render(&self.tree(name), &self.repository, self.entry(name))
    }
}

#[test]
fn the_boutique_renders_to_named_files() {
    let rendering = Case::example("online-boutique").render("dev").unwrap();
    let file = &rendering.files[&path("manifests/data/deployment-redis-cart.yaml")];
    assert_eq!(
        file.resource.as_ref().unwrap().to_string(),
        "Deployment redis-cart"
    );
    assert_eq!(file.layer.as_ref().unwrap().as_str(), "data");
    assert_eq!(file.source.to_string(), "templates/base/_deployment.j2:2:1");
    assert!(file.text.contains("image: redis:alpine\n"));
    assert!(
        rendering
            .files
            .contains_key(&path("manifests/network/networkpolicy-default-deny.yaml"))
    );
}

#[test]
fn a_component_exists_where_it_says() {
    let case = Case::example("online-boutique");
    let load = path("manifests/app/deployment-loadgenerator.yaml");
    let everywhere: BTreeSet<_> = case.render("dev").unwrap().files.into_keys().collect();
    assert!(everywhere.contains(&load));
    let mut prod = case.entry("prod").clone();
    let text = case
        .snapshot
        .text(&path("environment.yaml"))
        .unwrap()
        .unwrap()
        .replace("dev", "prod");
    let files = case.snapshot.entries().map(|(path, _)| {
        let bytes = case.snapshot.bytes(path).unwrap().unwrap().to_vec();
        (
            path.clone(),
            if path.as_str() == "environment.yaml" {
                text.clone().into_bytes()
            } else {
                bytes
            },
        )
    });
    let snapshot = Snapshot::from_files(None, files.collect::<Vec<_>>());
    prod.path = RepoPath::root();
    let tree = ProductTree::load(&snapshot, &prod).unwrap().unwrap();
    let rendering = render(&tree, &case.repository, &prod).unwrap();
    assert!(!rendering.files.contains_key(&load));
}

#[test]
fn a_component_may_become_files_that_are_not_for_kubernetes() {
    let rendering = Case::example("mixed-estate").render("prod").unwrap();
    let inventory = &rendering.files[&path("environments/prod/files/database/inventory.ini")];
    assert!(
        inventory.text.contains("db2.example.com"),
        "{}",
        inventory.text
    );
    assert_eq!(inventory.resource, None);
    assert!(
        rendering
            .files
            .contains_key(&path("environments/prod/manifests/app/deployment-api.yaml"))
    );
}

const ONE: &str = "    cart:\n      image: registry.example.com/shop/cart:1.4.2\n";

#[test]
fn a_template_sees_what_its_component_is() {
    let data = "  all: {{ [name, namespace, image.registry, image.repository, image.tag, image.digest is defined, version, product.name, product.version, environment.name] | join(' ') }}\n  ref: {{ image.ref }}\n  labels: {{ labels | to_json }}\n";
    assert_eq!(
        Small::new(ONE, "  {}\n", data).data(),
        "  all: cart shop-dev registry.example.com shop/cart 1.4.2 False 1.4.2 shop 1.2.3 dev\n  ref: registry.example.com/shop/cart:1.4.2\n  labels: {\"app.kubernetes.io/name\":\"cart\",\"app.kubernetes.io/part-of\":\"shop\",\"app.kubernetes.io/version\":\"1.4.2\",\"app.kubernetes.io/managed-by\":\"kubectl-gitops\"}\n"
    );
}

#[test]
fn values_are_written_as_yaml_reads_them() {
    let schema = "  schema: {properties: {v: {}}}\n";
    let component = "    cart:\n      version: '1'\n      values: {v: {on: true, none: [null, 1.5, 'x'], text: 'a: b'}}\n";
    assert_eq!(
        Small::new(component, schema, "  a: {{ values.v }}\n  b: {{ true }}\n").data(),
        "  a: {\"true\":true,\"none\":[null,1.5,\"x\"],\"text\":\"a: b\"}\n  b: true\n"
    );
}

#[test]
fn the_environment_wins_and_null_removes() {
    let schema = "  schema: {properties: {replicas: {default: 1}, env: {type: object, default: {}}, domain: {type: string}}}\n  environmentMay: [replicas, env.B, domain]\n";
    let component = "    cart:\n      version: '1'\n      values: {env: {A: a, B: b, C: c}}\n";
    let small = Small::new(component, schema, "  v: {{ values | to_json }}\n");
    assert_eq!(
        small.data(),
        "  v: {\"replicas\":1,\"env\":{\"A\":\"a\",\"B\":\"b\",\"C\":\"c\"}}\n"
    );
    let small = small.environment("  values: {domain: dev.example.com}\n  components:\n    cart: {values: {replicas: 3, env: {B: null}}}\n");
    assert_eq!(
        small.data(),
        "  v: {\"replicas\":3,\"env\":{\"A\":\"a\",\"C\":\"c\"},\"domain\":\"dev.example.com\"}\n"
    );
}

#[test]
fn an_environment_may_not_set_what_the_template_keeps() {
    let schema = "  owner: '@example/platform'\n  schema: {properties: {replicas: {default: 1}, port: {default: 80}, env: {default: {A: a}}}}\n  environmentMay: [replicas, env.B]\n";
    let small = Small::new(
        "    cart: {version: '1'}\n",
        schema,
        "  v: {{ values.port }}\n",
    );
    let environment = |values: &str| format!("  components:\n    cart: {{values: {{{values}}}}}\n");
    for (values, key, column) in [
        ("port: 81", "port", 27),
        ("env: {A: x}", "env.A", 30),
        ("env: null", "env", 26),
    ] {
        let problems = Small {
            files: small.files.clone(),
            repository: small.repository.clone(),
        }
        .environment(&environment(values))
        .problems();
        assert_eq!(
            problems,
            [format!(
                "environment.yaml:6:{column}: an environment may not set {key} of component cart: template web allows only replicas, env.B; @example/platform owns the template"
            )]
        );
    }
}

#[test]
fn a_value_that_the_schema_refuses_is_found_where_it_was_written() {
    let schema = "  owner: '@example/platform'\n  schema:\n    required: [port]\n    properties:\n      port: {type: integer, maximum: 65535}\n      resources: {type: object, additionalProperties: false, properties: {limits: {}}}\n";
    let component =
        |values: &str| format!("    cart:\n      version: '1'\n      values: {{{values}}}\n");
    let problems = |values: &str| Small::new(&component(values), schema, "  v: 1\n").problems();
    assert_eq!(
        problems("port: 70000"),
        [
            "product.yaml:10:22: value port of component cart: 70000 is greater than the maximum of 65535 (template web; @example/platform owns the template)"
        ]
    );
    assert_eq!(
        problems("prt: 1"),
        [
            "product.yaml:8:5: component cart lacks the value port, which template web wants; @example/platform owns the template",
            "product.yaml:10:21: template web declares no value prt, did you mean port?; @example/platform owns the template",
        ]
    );
    assert_eq!(
        problems("port: 1, resources: {limit: {}}"),
        [
            "product.yaml:10:44: value resources.limit of component cart: the schema declares no such key (template web; @example/platform owns the template)"
        ]
    );
}

#[test]
fn shared_values_reach_who_declares_them_and_must_reach_somebody() {
    let schema = "  schema: {properties: {port: {}}}\n  environmentMay: [port]\n";
    let small = Small::new(
        "    cart: {version: '1'}\n    job: {version: '1', template: job}\n",
        schema,
        "  v: {{ values.port }}\n",
    )
    .with(
        "templates/job/template.yaml",
        "HEAD Template\nmetadata: {name: job}\n",
    )
    .with(
        "templates/job/job.yaml.j2",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: job}\n",
    )
    .environment("  values: {port: 80}\n");
    assert!(small.text().contains("v: 80\n"));
    let problems = small.environment("  values: {prt: 80}\n").problems();
    assert_eq!(
        problems,
        ["environment.yaml:5:17: no template in use declares a value prt, did you mean port?"]
    );
}

#[test]
fn the_registry_map_takes_the_longest_prefix_and_leaves_nothing_out() {
    let components = "    a: {image: 'registry.example.com/shop/a:1@sha256:0000000000000000000000000000000000000000000000000000000000000000'}\n    b: {image: 'registry.example.com/b:2'}\n    c: {image: 'redis:7'}\n";
    let small = Small::new(components, "  {}\n", "  ref: {{ image.ref }}\n");
    let map = "  registry:\n    registry.example.com: mirror.example.com/all\n    registry.example.com/shop: shop.example.com\n";
    let text = small.environment(&format!("{map}    docker.io/library: hub.example.com\n"));
    let refs: Vec<String> = text
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("  ref: ").map(str::to_owned))
        .collect();
    assert_eq!(
        refs,
        [
            "shop.example.com/a:1@sha256:0000000000000000000000000000000000000000000000000000000000000000",
            "mirror.example.com/all/b:2",
            "hub.example.com/redis:7",
        ]
    );
    assert_eq!(
        text.environment(map).problems(),
        [
            "product.yaml:10:16: image redis:7 of component c is not in the environment's registry map"
        ]
    );
}

#[test]
fn a_template_that_fails_names_its_line() {
    let problems =
        |data: &str| Small::new(ONE, "  schema: {properties: {port: {}}}\n", data).problems();
    assert_eq!(
        problems("  v: {{ values.port }}\n"),
        [
            "templates/web/config.yaml.j2:5:9: component cart: undefined value: `values.port` is undefined"
        ]
    );
    let syntax = problems("  v: {% if %}\n");
    assert!(
        syntax[0].starts_with("templates/web/config.yaml.j2:5:"),
        "{syntax:?}"
    );
    let endless = problems(
        "  v: {% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}\n",
    );
    assert_eq!(
        endless,
        [
            "templates/web/config.yaml.j2:5:1: component cart: the rendering of this file goes beyond 1,000,000 steps"
        ]
    );
    let bomb = problems("  v: {{ 'x' * 100000000 }}\n");
    assert!(bomb[0].contains("goes beyond"), "{bomb:?}");
    let no_yaml = problems("  v: [\n");
    assert!(
        no_yaml[0].contains("the rendered text is no YAML"),
        "{no_yaml:?}"
    );
    let no_object = problems("---\na: 1\n");
    assert_eq!(
        no_object,
        ["templates/web/config.yaml.j2:6:1: component cart: a rendered document has no apiVersion"]
    );
    let missing = problems("{% include 'nothing.j2' %}\n");
    assert!(
        missing[0].starts_with("templates/web/config.yaml.j2:5:"),
        "{missing:?}"
    );
    assert!(
        problems("  v: {{ '\\uE000' }}\n")[0]
            .contains("private-use character (U+E000) is rendered")
    );
}

#[test]
fn a_template_extends_another_one() {
    let small = Small::new(ONE, "  extends: base\n  schema: {properties: {port: {default: 8080}}}\n  environmentMay: [tier]\n", "")
        .with("templates/web/config.yaml.j2", "{% extends '_config.j2' %}{% block data %}  own: {{ values.port }} {{ values.tier }}{% endblock %}")
        .with("templates/base/template.yaml", "HEAD Template\nmetadata: {name: base}\nspec:\n  owner: '@example/base'\n  schema: {properties: {port: {type: integer, default: 80}, tier: {default: back}}}\n  environmentMay: [port]\n")
        .with("templates/base/_config.j2", &format!("{CONFIG_MAP}{{% block data %}}{{% endblock %}}\n{{% include '_note.j2' %}}"))
        .with("templates/base/_note.j2", "# base\n")
        .with("templates/web/_note.j2", "# web\n")
        .with("templates/base/secret.yaml.j2", "apiVersion: v1\nkind: Secret\nmetadata: {name: {{ name }}}\n");
    let text = small.text();
    assert!(text.contains("  own: 8080 back\n# web"), "{text}");
    assert!(text.contains("kind: Secret"));
    let small = small.environment("  components: {cart: {values: {port: 1, tier: x}}}\n");
    assert!(small.text().contains("own: 1 x"));
    let problems = small
        .environment("  components: {cart: {values: {port: ten}}}\n")
        .problems();
    assert_eq!(
        problems,
        [
            "environment.yaml:5:38: value port of component cart: \"ten\" is not of type \"integer\" (template web; @example/base owns the template)"
        ]
    );
}

#[test]
fn documents_become_files_named_after_their_objects() {
    let data = "  a: b\n---\n# kept\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: 'system:cart', namespace: other}\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: cart\n  namespace: shop-dev\n";
    let mut small = Small::new(ONE, "  {}\n", data);
    small
        .repository
        .push_str("  rendered: deploy/out\n  layers: [{name: access, resources: [Role]}]\n");
    let rendering = small.render().unwrap();
    let names: Vec<&str> = rendering.files.keys().map(RepoPath::as_str).collect();
    assert_eq!(
        names,
        [
            "deploy/out/access/role-other-system-cart.yaml",
            "deploy/out/app/configmap-cart.yaml",
            "deploy/out/app/service-cart.yaml"
        ]
    );
    let role = &rendering.files[&path("deploy/out/access/role-other-system-cart.yaml")];
    assert!(
        role.text.starts_with("# kept\n") && role.text.ends_with("namespace: other}\n"),
        "{}",
        role.text
    );
    assert_eq!(role.source.to_string(), "templates/web/config.yaml.j2:7:1");
}

#[test]
fn two_components_cannot_render_one_file() {
    let small = Small::new(
        "    a: {version: '1'}\n    b: {version: '1'}\n",
        "  {}\n",
        "",
    )
    .with(
        "templates/web/config.yaml.j2",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: same}\n",
    );
    assert_eq!(
        small.problems(),
        [
            "templates/web/config.yaml.j2:1:1: component b renders manifests/app/secret-same.yaml, which component a renders too (templates/web/config.yaml.j2:1:1)"
        ]
    );
}

#[test]
fn places_in_rendered_text_lead_back_to_the_template() {
    let small = Small::new(
        ONE,
        "  {}\n",
        "{% for n in [1, 2] %}  key{{ n }}: {{ image.tag }}\n{% endfor %}",
    );
    let rendering = small.render().unwrap();
    let file = path("manifests/app/configmap-cart.yaml");
    let at = |line, column| {
        let origin = rendering.origin(&file, line, column).unwrap();
        (origin.location.to_string(), origin.expression)
    };
    let place = |line: u32, column: u32| format!("templates/web/config.yaml.j2:{line}:{column}");
    assert_eq!(at(2, 7), (place(2, 7), None));
    assert_eq!(at(3, 18), (place(3, 21), Some("name".into())));
    assert_eq!(at(5, 3), (place(5, 24), None), "the first round");
    assert_eq!(at(6, 3), (place(5, 24), None), "the second round");
    assert_eq!(at(6, 9), (place(5, 39), Some("image.tag".into())));
    assert_eq!(rendering.origin(&file, 99, 1), None);
}

#[test]
fn the_origin_of_a_value_is_the_level_that_won() {
    let schema = "  schema: {properties: {port: {}, env: {}}}\n  environmentMay: [env]\n";
    let component = "    cart:\n      version: '1'\n      values: {port: 1, env: {A: a, B: b}}\n";
    let case = Small::new(component, schema, "  a: b\n")
        .environment("  components: {cart: {values: {env: {B: c}}}}\n")
        .case();
    let tree = case.tree("dev");
    let component = &tree.components["cart"].component;
    let place =
        |text: &str| origin(&tree, component, &text.parse().unwrap()).map(|it| it.to_string());
    assert_eq!(place("port").as_deref(), Some("product.yaml:10:22"));
    assert_eq!(place("env.A").as_deref(), Some("product.yaml:10:34"));
    assert_eq!(place("env.B").as_deref(), Some("environment.yaml:5:41"));
    assert_eq!(place("nothing"), None);
}

#[test]
fn rendering_a_part_gives_the_same_files_as_rendering_all() {
    let case = Case::example("online-boutique");
    let (tree, entry) = (case.tree("dev"), case.entry("dev"));
    let renderer = Renderer::new(&tree, &case.repository, entry).unwrap();
    let all = renderer.render().unwrap();
    let changed: BTreeSet<_> = [tree.components["cartservice"].component.name.clone()].into();
    let affected = renderer.affected_by(&changed);
    let names: Vec<&str> = affected.iter().map(|name| name.as_str()).collect();
    assert_eq!(names, ["baseline", "cartservice"]);
    let part = renderer.render_components(&affected).unwrap();
    assert!(part.files.len() > 3 && part.files.len() < all.files.len());
    for (path, file) in &part.files {
        assert_eq!(file.text, all.files[path].text);
    }
    let grpc = "grpc-service".parse().unwrap();
    assert_eq!(renderer.reads(&grpc), Reads::default());
}

#[test]
fn what_a_template_looks_at_is_known_through_includes() {
    let reads = |text: &str| {
        let case = Small::new(ONE, "  {}\n", "")
            .with("templates/web/config.yaml.j2", text)
            .with(
                "templates/far/template.yaml",
                "HEAD Template\nmetadata: {name: far}\n",
            )
            .with(
                "templates/far/_all.j2",
                "{% for c in components %}{{ c.name }}{% endfor %}",
            )
            .case();
        let tree = case.tree("dev");
        let renderer = Renderer::new(&tree, &case.repository, case.entry("dev")).unwrap();
        renderer.reads(&"web".parse().unwrap()).components
    };
    assert!(!reads("{{ name }}"));
    assert!(reads("{{ components | length }}"));
    assert!(reads("{% include 'far/_all.j2' %}"));
    assert!(reads("{% set n = 'far/' %}{% include n ~ '_all.j2' %}"));
    assert!(!reads(
        "{% for components in [1] %}{{ components }}{% endfor %}"
    ));
}
