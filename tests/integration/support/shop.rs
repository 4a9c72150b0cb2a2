//! A small product in three environments, for the tests of the verbs.

use super::repo::Fixture;

/// The repository's description: three environments on branches of their own.
pub const GITOPS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
metadata: {name: shop}
spec:
  environments:
    - name: dev
      branch: env/dev
    - name: staging
      branch: env/staging
      promoteFrom: dev
    - name: prod
      branch: env/prod
      promoteFrom: staging
  rendered: manifests
  layers:
    - {name: network, owners: [\"@example/network\"], resources: [Service]}
";

/// The same with folders of one branch.
pub const GITOPS_FOLDERS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
metadata: {name: shop}
spec:
  environments:
    - {name: dev, branch: main, path: environments/dev}
    - {name: staging, branch: main, path: environments/staging, promoteFrom: dev}
  rendered: manifests
";

/// Three components with comments and different styles.
pub const PRODUCT: &str = "\
# the shop
apiVersion: kubectl-gitops/v1alpha1
kind: Product
metadata: {name: shop}
spec:
  version: 1.0.0
  defaults:
    template: service
  components:
    cart:
      image: registry.example.com/shop/cart:v1.0.0   # the cart
      values:
        port: 7070
        env: {TIMEOUT: \"2s\"}

    # talks to the bank
    payment:
      image: registry.example.com/shop/payment:v1.0.0
      values:
        port: 50051
        env:
          TIMEOUT: \"2s\"
    web:
      image: \"registry.example.com/shop/web:v1.0.0\"
      values: {port: 8080}
";

/// The template of every component.
pub const TEMPLATE: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Template
metadata: {name: service}
spec:
  owner: \"@example/platform\"
  schema:
    type: object
    properties:
      port: {type: integer}
      replicas: {type: integer, default: 1}
      env: {type: object, default: {}}
    required: [port]
  environmentMay: [replicas, env]
";

/// Its deployment.
pub const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ name }}
spec:
  replicas: {{ values.replicas }}
  selector:
    matchLabels: {app: {{ name }}}
  template:
    metadata:
      labels: {app: {{ name }}}
    spec:
      containers:
        - name: {{ name }}
          image: {{ image.ref }}
          ports:
            - containerPort: {{ values.port }}
          env: [{% for key, value in values.env | items %}{name: {{ key }}, value: {{ value | to_json }}}{% if not loop.last %}, {% endif %}{% endfor %}]
";

/// Its service.
pub const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata:
  name: {{ name }}
spec:
  selector: {app: {{ name }}}
  ports:
    - port: {{ values.port }}
";

/// What the environment named `name` says of itself.
pub fn environment(name: &str) -> String {
    let replicas = if name == "prod" { 3 } else { 1 };
    format!(
        "apiVersion: kubectl-gitops/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\nspec:\n  components:\n    web: {{values: {{replicas: {replicas}}}}}\n"
    )
}

/// The files of the environment named `name`, before it is rendered.
pub fn files(name: &str) -> Vec<(String, String)> {
    [
        ("product.yaml", PRODUCT.to_owned()),
        ("environment.yaml", environment(name)),
        ("templates/service/template.yaml", TEMPLATE.to_owned()),
        (
            "templates/service/deployment.yaml.j2",
            DEPLOYMENT.to_owned(),
        ),
        ("templates/service/service.yaml.j2", SERVICE.to_owned()),
    ]
    .map(|(path, text)| (path.to_owned(), text))
    .into()
}

/// The shop with dev, staging and prod branches, all alike and rendered.
pub fn branches() -> Fixture {
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", GITOPS)])]);
    for name in ["dev", "staging", "prod"] {
        let parent = (name != "dev").then_some("env/dev~0");
        let files = files(name);
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (path.as_str(), Some(text.as_str())))
            .collect();
        let branch = format!("env/{name}");
        fixture.commit_from(&branch, parent, &format!("begin {name}"), &files);
        fixture.run(&["render", name, "--write", "--yes"]).code(0);
    }
    fixture
}

/// The shop with dev and staging as folders of `main`.
pub fn folders() -> Fixture {
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", GITOPS_FOLDERS)])]);
    for name in ["dev", "staging"] {
        let files = files(name);
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (format!("environments/{name}/{path}"), text.as_str()))
            .collect();
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (path.as_str(), Some(*text)))
            .collect();
        fixture.commit("main", &format!("begin {name}"), &files);
        fixture.run(&["render", name, "--write", "--yes"]).code(0);
    }
    fixture
}

/// Replaces text in the product manifest of a branch, as a person's commit.
#[track_caller]
pub fn edit(fixture: &Fixture, branch: &str, message: &str, old: &str, new: &str) -> String {
    edit_file(fixture, branch, "product.yaml", message, (old, new))
}

/// Replaces text in a file of a branch, as a person's commit.
#[track_caller]
pub fn edit_file(
    fixture: &Fixture,
    branch: &str,
    path: &str,
    message: &str,
    (old, new): (&str, &str),
) -> String {
    let text = fixture.file_at(branch, path).expect("the file");
    assert!(
        text.contains(old),
        "{path} on {branch} has no {old:?}:\n{text}"
    );
    fixture.commit(branch, message, &[(path, Some(&text.replace(old, new)))])
}

/// As [`edit`], and the environment is rendered again as its pipeline would.
#[track_caller]
pub fn edit_and_render(
    fixture: &Fixture,
    environment: &str,
    message: &str,
    old: &str,
    new: &str,
) -> String {
    let commit = edit(fixture, &format!("env/{environment}"), message, old, new);
    fixture
        .run(&["render", environment, "--write", "--yes"])
        .code(0);
    commit
}
