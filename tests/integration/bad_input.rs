//! Bad input gets a clear error and loses nothing: each row is one command of a person whose
//! files, repository or words are not as they should be.
//!
//! After every one of them both repositories are whole, no branch moved, neither here nor on
//! the remote, and the work tree is as it was.

use std::ffi::OsStr;

use super::support::env::{Env, Outcome};
use super::support::repo::Fixture;

const GITOPS: &str = "\
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
";

const PRODUCT: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Product
metadata: {name: shop}
spec:
  version: 1.0.0
  defaults:
    template: service
  components:
    cart:
      image: registry.example.com/shop/cart:1.0.0
      values:
        port: 7070
    mail:
      image: registry.example.com/shop/mail:1.0.0
      values:
        port: 8080
";

const TEMPLATE: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Template
metadata: {name: service}
spec:
  owner: \"@example/platform\"
  schema:
    type: object
    additionalProperties: false
    required: [port]
    properties:
      port: {type: integer}
      replicas: {type: integer, default: 1}
  environmentMay: [replicas]
";

const RESOURCE: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ name }}
data:
  port: \"{{ values.port }}\"
  image: {{ image.ref }}
";

fn environment(name: &str) -> String {
    format!(
        "apiVersion: kubectl-gitops/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\nspec: {{}}\n"
    )
}

/// A shop in three environments; dev has a newer cart.
struct Shop {
    fixture: Fixture,
}

impl Shop {
    fn new() -> Shop {
        let fixture = Fixture::new(&[("main", &[("gitops.yaml", GITOPS)])]);
        let begin = [
            ("product.yaml", Some(PRODUCT)),
            ("environment.yaml", None),
            ("templates/service/template.yaml", Some(TEMPLATE)),
            ("templates/service/configmap.yaml.j2", Some(RESOURCE)),
        ];
        for name in ["prod", "staging", "dev"] {
            let own = environment(name);
            let mut files = begin;
            files[1].1 = Some(&own);
            // One history, as of branches that began as copies of each other.
            let parent = (name != "prod").then_some("env/prod");
            fixture.commit_from(&format!("env/{name}"), parent, "begin", &files);
        }
        let newer = PRODUCT.replace("cart:1.0.0", "cart:1.1.0");
        fixture.commit("env/dev", "a newer cart", &[("product.yaml", Some(&newer))]);
        fixture.pull();
        Shop { fixture }
    }

    /// Replaces text of a file at the tip of a branch.
    #[track_caller]
    fn change(&self, branch: &str, path: &str, old: &str, new: &str) -> &Self {
        let text = self.fixture.file_at(branch, path).expect("a file");
        assert!(text.contains(old), "{path} has {old}");
        self.put(branch, path, &text.replace(old, new))
    }

    fn put(&self, branch: &str, path: &str, text: &str) -> &Self {
        self.fixture
            .commit(branch, "change by hand", &[(path, Some(text))]);
        self
    }

    /// What must not change: every branch here and there, and the work tree.
    fn state(&self) -> String {
        let git = |dir, args: &[&str]| self.fixture.env.git(dir, args);
        let heads = [
            "for-each-ref",
            "--format=%(refname) %(objectname)",
            "refs/heads",
        ];
        [
            git(&self.fixture.origin, &["for-each-ref"]),
            git(&self.fixture.clone, &heads),
            git(&self.fixture.clone, &["status", "--porcelain"]),
        ]
        .join("\n--\n")
    }

    /// Runs a command that must end with a code and say some things on standard error, and lose nothing.
    #[track_caller]
    fn refuses<A: AsRef<OsStr>>(&self, args: &[A], code: i32, said: &[&str]) -> Outcome {
        let before = self.state();
        let outcome = self.fixture.run(args).code(code);
        for part in said {
            assert!(
                outcome.stderr.contains(part),
                "no {part:?} in:\n{}\n{}",
                outcome.stdout,
                outcome.stderr
            );
        }
        assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
        assert_eq!(self.state(), before, "a refused command moved something");
        self.fixture.fsck();
        outcome
    }
}

const PROMOTE: [&str; 3] = ["promote", "staging", "--yes"];

#[test]
fn the_shop_itself_is_in_order() {
    let shop = Shop::new();
    shop.fixture.run(&["validate"]).code(0);
    shop.fixture.run(&PROMOTE).code(0);
}

#[test]
fn an_unknown_field_names_its_place_and_the_nearest_field() {
    let shop = Shop::new();
    shop.change(
        "env/dev",
        "product.yaml",
        "      image: registry.example.com/shop/mail",
        "      imag: registry.example.com/shop/mail",
    );
    shop.refuses(
        &PROMOTE,
        2,
        &[
            "product.yaml:14:7",
            "unknown field spec.components.mail.imag",
            "did you mean image?",
            "kubectl-gitops validate dev",
        ],
    );
}

#[test]
fn a_wrong_kind_names_the_right_one() {
    let shop = Shop::new();
    shop.change("env/dev", "product.yaml", "kind: Product", "kind: Produkt");
    shop.refuses(&PROMOTE, 2, &["product.yaml:", "Produkt", "Product"]);
}

#[test]
fn two_components_with_one_name_are_an_error_with_both_places() {
    let shop = Shop::new();
    shop.change("env/dev", "product.yaml", "    mail:\n", "    cart:\n");
    shop.refuses(
        &PROMOTE,
        2,
        &["product.yaml:13:5", "duplicate key cart", "line 9"],
    );

    let shop = Shop::new();
    shop.change(
        "env/dev",
        "product.yaml",
        "  components:\n",
        "  include: [components/*.yaml]\n  components:\n",
    );
    shop.put(
        "env/dev",
        "components/cart.yaml",
        "apiVersion: kubectl-gitops/v1alpha1\nkind: Component\nmetadata: {name: cart}\nspec:\n  image: registry.example.com/shop/cart:2\n",
    );
    shop.refuses(
        &PROMOTE,
        2,
        &["components/cart.yaml:3:18", "cart", "product.yaml:10:5"],
    );
}

#[test]
fn a_component_without_a_template_is_an_error() {
    let shop = Shop::new();
    shop.change(
        "env/dev",
        "product.yaml",
        "  defaults:\n    template: service\n",
        "",
    );
    shop.refuses(&PROMOTE, 2, &["product.yaml:7:5", "cart", "template"]);

    let shop = Shop::new();
    shop.change(
        "env/dev",
        "product.yaml",
        "template: service",
        "template: servise",
    );
    shop.refuses(
        &PROMOTE,
        2,
        &["product.yaml:7:15", "servise", "did you mean service?"],
    );
}

#[test]
fn a_cycle_of_templates_is_an_error() {
    let shop = Shop::new();
    shop.change(
        "env/dev",
        "templates/service/template.yaml",
        "  owner:",
        "  extends: base\n  owner:",
    );
    shop.put(
        "env/dev",
        "templates/base/template.yaml",
        "apiVersion: kubectl-gitops/v1alpha1\nkind: Template\nmetadata: {name: base}\nspec: {extends: service}\n",
    );
    shop.refuses(
        &PROMOTE,
        2,
        &["templates/", "template.yaml:", "base", "service"],
    );
}

#[test]
fn a_forbidden_value_names_the_owner_who_forbids_it() {
    let shop = Shop::new();
    shop.change("env/dev", "product.yaml", "port: 7070", "port: many");
    shop.refuses(
        &PROMOTE,
        2,
        &["product.yaml:12:15", "port", "@example/platform"],
    );

    let shop = Shop::new();
    shop.change("env/dev", "product.yaml", "port: 7070", "prot: 7070");
    shop.refuses(
        &PROMOTE,
        2,
        &["product.yaml:12:15", "prot", "@example/platform"],
    );

    let shop = Shop::new();
    shop.change(
        "env/staging",
        "environment.yaml",
        "spec: {}",
        "spec:\n  components:\n    cart: {values: {port: 1}}",
    );
    let outcome = shop.refuses(&["validate", "staging"], 1, &[]);
    for part in ["environment.yaml:6:27", "port", "@example/platform"] {
        assert!(
            outcome.stdout.contains(part),
            "no {part:?} in:\n{}",
            outcome.stdout
        );
    }
}

#[test]
fn environments_that_promote_in_a_circle_are_an_error() {
    let shop = Shop::new();
    shop.change(
        "main",
        "gitops.yaml",
        "      branch: env/dev\n",
        "      branch: env/dev\n      promoteFrom: dev\n",
    );
    shop.fixture.pull();
    shop.refuses(&PROMOTE, 2, &["gitops.yaml:6:7", "dev", "itself"]);

    let shop = Shop::new();
    shop.change(
        "main",
        "gitops.yaml",
        "      branch: env/dev\n",
        "      branch: env/dev\n      promoteFrom: prod\n",
    );
    shop.fixture.pull();
    shop.refuses(&PROMOTE, 2, &["gitops.yaml:", "dev", "prod", "staging"]);
}

#[test]
fn an_unborn_branch_is_said_with_the_command_that_begins_it() {
    let shop = Shop::new();
    shop.fixture.env.git(
        &shop.fixture.origin,
        &["update-ref", "-d", "refs/heads/env/staging"],
    );
    shop.refuses(&PROMOTE, 2, &["staging", "env/staging", "git push"]);

    // A clone without any commit.
    let env = Env::new();
    env.git(env.path(), &["init", "--quiet", "new"]);
    let outcome = env.gitops(&env.join("new"), &PROMOTE).code(2);
    assert!(outcome.stderr.contains("gitops.yaml"), "{}", outcome.stderr);
}

#[test]
fn a_detached_head_is_no_obstacle() {
    let shop = Shop::new();
    let git = |args: &[&str]| shop.fixture.env.git(&shop.fixture.clone, args);
    git(&["checkout", "--quiet", "--detach", "origin/env/prod"]);
    let head = git(&["rev-parse", "HEAD"]);
    shop.refuses(
        &["promote", "stagin", "--yes"],
        2,
        &["stagin", "did you mean \"staging\"?"],
    );
    shop.fixture.run(&PROMOTE).code(0);
    assert_eq!(git(&["rev-parse", "HEAD"]), head);
    assert_eq!(git(&["status", "--porcelain"]), "");
    assert!(
        shop.fixture
            .file_at("env/staging", "product.yaml")
            .unwrap()
            .contains("cart:1.1.0")
    );
    shop.fixture.fsck();
}

#[test]
fn a_dirty_work_tree_is_left_as_it_is() {
    let shop = Shop::new();
    let git = |args: &[&str]| shop.fixture.env.git(&shop.fixture.clone, args);
    git(&["checkout", "--quiet", "env/staging"]);
    shop.fixture.write("product.yaml", "half a thou");
    shop.fixture.write("notes.txt", "mine");
    let tip = git(&["rev-parse", "HEAD"]);
    let outcome = shop.fixture.run(&PROMOTE).code(0);
    assert!(
        outcome.stderr.contains("uncommitted changes"),
        "{}",
        outcome.stderr
    );
    assert_eq!(git(&["rev-parse", "HEAD"]), tip);
    assert_eq!(
        git(&["status", "--porcelain"]),
        " M product.yaml\n?? notes.txt"
    );
    assert_eq!(
        std::fs::read_to_string(shop.fixture.clone.join("product.yaml")).unwrap(),
        "half a thou"
    );
    assert!(
        shop.fixture
            .file_at("env/staging", "product.yaml")
            .unwrap()
            .contains("cart:1.1.0")
    );
    shop.fixture.fsck();
}

#[test]
fn a_missing_remote_lists_those_that_exist() {
    let shop = Shop::new();
    shop.refuses(
        &["promote", "staging", "--yes", "--remote", "upstream"],
        2,
        &["upstream", "origin"],
    );

    let gone = shop.fixture.env.join("gone.git");
    std::fs::rename(&shop.fixture.origin, &gone).unwrap();
    let outcome = shop.fixture.run(&PROMOTE).code(5);
    assert!(outcome.stderr.contains("origin"), "{}", outcome.stderr);
    std::fs::rename(&gone, &shop.fixture.origin).unwrap();
    shop.fixture.fsck();
}

#[test]
fn a_remote_that_rejects_is_quoted_without_its_control_characters() {
    let shop = Shop::new();
    shop.fixture.hook(
        "pre-receive",
        "printf 'protected by \\033[31mAda\\033[0m\\n' >&2; exit 1",
    );
    let outcome = shop.refuses(
        &PROMOTE,
        3,
        &[
            "protected by",
            "Ada",
            "nothing was written",
            "write: branch",
        ],
    );
    assert!(!outcome.stderr.contains('\u{1b}'), "{:?}", outcome.stderr);
}

#[test]
fn invalid_utf_8_names_its_place() {
    let shop = Shop::new();
    let mut stream = b"commit refs/heads/env/dev\ncommitter Grace <grace@example.com> 1767300000 +0000\ndata 5\nlatin\nfrom refs/heads/env/dev^0\nM 100644 inline product.yaml\n".to_vec();
    let text = PRODUCT
        .replace("version: 1.0.0", "version: caf\u{e9}")
        .chars()
        .map(|c| c as u8)
        .collect::<Vec<u8>>();
    stream.extend(format!("data {}\n", text.len()).bytes());
    stream.extend(&text);
    shop.fixture.fast_import(&stream);
    shop.refuses(&PROMOTE, 2, &["product.yaml:5:15", "UTF-8"]);
    let outcome = shop.fixture.run(&["validate", "dev"]);
    assert_eq!(outcome.status, 1, "{}{}", outcome.stdout, outcome.stderr);
    assert!(
        outcome.stdout.contains("product.yaml:5:15"),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
}

#[test]
fn a_file_of_100_mb_is_refused_by_its_size() {
    let shop = Shop::new();
    let line = "# sixty-three characters of comment that nobody will ever read..\n";
    let text = PRODUCT.to_owned() + &line.repeat(100 * 1024 * 1024 / line.len());
    shop.put("env/dev", "product.yaml", &text);
    shop.refuses(&PROMOTE, 2, &["product.yaml", "16777216 bytes"]);
}

#[test]
fn links_that_lead_out_of_the_tree_are_not_followed() {
    let shop = Shop::new();
    std::fs::write(shop.fixture.env.join("secret.yaml"), "password: hunter2\n").unwrap();
    for target in ["../secret.yaml", "/etc/passwd", "product2.yaml"] {
        let stream = format!(
            "commit refs/heads/env/dev\ncommitter Grace <grace@example.com> 1767300000 +0000\ndata 4\nlink\nfrom refs/heads/env/dev^0\nM 120000 inline product.yaml\ndata {}\n{target}\n",
            target.len()
        );
        shop.fixture.fast_import(stream.as_bytes());
        let outcome = shop.refuses(&PROMOTE, 2, &["product.yaml", "symbolic link"]);
        assert!(!(outcome.stdout + &outcome.stderr).contains("hunter2"));
    }
}

#[test]
fn paths_that_lead_out_of_the_tree_are_refused() {
    let shop = Shop::new();
    shop.change(
        "env/dev",
        "product.yaml",
        "  components:\n",
        "  include: [\"../../secret/*.yaml\"]\n  components:\n",
    );
    shop.refuses(&PROMOTE, 2, &["product.yaml:8:13", ".."]);

    let shop = Shop::new();
    shop.change(
        "main",
        "gitops.yaml",
        "branch: env/dev\n",
        "branch: main\n      path: ../elsewhere\n",
    );
    shop.fixture.pull();
    shop.refuses(&PROMOTE, 2, &["gitops.yaml:8:13", "../elsewhere"]);

    let shop = Shop::new();
    shop.change(
        "main",
        "gitops.yaml",
        "branch: env/dev\n",
        "branch: \"--upload-pack=evil\"\n",
    );
    shop.fixture.pull();
    shop.refuses(&PROMOTE, 2, &["gitops.yaml:7:15", "--upload-pack=evil"]);
}

#[test]
fn terminal_escapes_from_outside_do_not_reach_the_terminal() {
    let shop = Shop::new();
    shop.fixture.commit(
        "env/staging",
        "urgent \u{1b}]0;owned\u{7}\u{1b}[2Jfix",
        &[(
            "product.yaml",
            Some(&PRODUCT.replace("mail:1.0.0", "mail:1.0.1")),
        )],
    );
    // The first promotion has no record: the values that differ are asked for, with who wrote them.
    let outcome = shop.fixture.run(&PROMOTE);
    let all = outcome.stdout.clone() + &outcome.stderr;
    assert!(!all.contains('\u{1b}') && !all.contains('\u{7}'), "{all:?}");

    let shop = Shop::new();
    shop.change("env/dev", "product.yaml", "cart:1.1.0", "cart:1.1.0\\e[31m");
    shop.change(
        "env/dev",
        "product.yaml",
        "registry.example.com/shop/cart:1.1.0\\e[31m",
        "\"registry.example.com/shop/cart:1.1.0\\e[31m\"",
    );
    let outcome = shop.refuses(&PROMOTE, 2, &["product.yaml:10:14"]);
    assert!(!outcome.stderr.contains('\u{1b}'), "{:?}", outcome.stderr);

    let outcome = shop.refuses(
        &[
            "bump-image",
            "cart=1.2.0\u{1b}[31m",
            "--env",
            "dev",
            "--yes",
        ],
        2,
        &["cart"],
    );
    assert!(!outcome.stderr.contains('\u{1b}'), "{:?}", outcome.stderr);
}

#[test]
fn two_words_after_promote_propose_both_readings() {
    let shop = Shop::new();
    shop.refuses(
        &["promote", "dev", "staging", "--yes"],
        2,
        &[
            "dev staging",
            "kubectl-gitops promote staging --from dev",
            "kubectl-gitops promote dev --from staging",
        ],
    );
}

#[test]
fn broken_yaml_and_go_templates_name_their_place() {
    let shop = Shop::new();
    shop.change(
        "env/dev",
        "product.yaml",
        "      values:\n        port: 8080",
        "      values: {port: 8080",
    );
    shop.refuses(&PROMOTE, 2, &["product.yaml:1", "not valid YAML"]);

    let shop = Shop::new();
    shop.change(
        "env/dev",
        "product.yaml",
        "port: 8080",
        "port: {{ .Values.port }}",
    );
    shop.refuses(&PROMOTE, 2, &["product.yaml:16:15", "Go template"]);

    let shop = Shop::new();
    shop.change(
        "env/dev",
        "templates/service/configmap.yaml.j2",
        "values.port",
        "values.prot",
    );
    shop.refuses(
        &PROMOTE,
        2,
        &["templates/service/configmap.yaml.j2:6", "prot"],
    );
}

#[test]
fn an_alias_bomb_ends_at_once() {
    let shop = Shop::new();
    let mut bomb = String::from("        port: 8080\n        a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (name, below) in ["b", "c", "d", "e", "f", "g", "h", "i"]
        .iter()
        .zip(["a", "b", "c", "d", "e", "f", "g", "h"])
    {
        bomb.push_str(&format!(
            "        {name}: &{name} [{}]\n",
            vec![format!("*{below}"); 9].join(",")
        ));
    }
    shop.change("env/dev", "product.yaml", "        port: 8080\n", &bomb);
    shop.refuses(&PROMOTE, 2, &["product.yaml:", "aliases"]);
}
