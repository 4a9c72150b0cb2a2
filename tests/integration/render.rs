//! `render`: what an environment comes to, and bringing what is committed up
//! to date.

use crate::support::repo::Fixture;
use crate::support::shop;

const HEAD: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: ";

fn product(replicas: u32) -> String {
    format!(
        "{HEAD}Product\nmetadata: {{name: shop}}\nspec:\n  version: 1.0.0\n  defaults: {{template: web}}\n  components:\n    cart:\n      image: registry.example.com/cart:1.0.0\n      values: {{replicas: {replicas}}}\n    notes: {{template: notes, version: '3'}}\n"
    )
}

/// One environment on a branch; nothing is rendered yet.
fn shop() -> Fixture {
    let config = format!(
        "{HEAD}Repository\nspec:\n  environments:\n    - {{name: dev, branch: env/dev}}\n  rendered: manifests\n"
    );
    let web = format!(
        "{HEAD}Template\nmetadata: {{name: web}}\nspec:\n  schema: {{properties: {{replicas: {{type: integer, maximum: 9}}}}}}\n"
    );
    let notes = format!("{HEAD}Template\nmetadata: {{name: notes}}\nspec: {{output: files}}\n");
    Fixture::new(&[
        ("main", &[("gitops.yaml", &config)]),
        (
            "env/dev",
            &[
                ("product.yaml", &product(1)),
                ("templates/web/template.yaml", &web),
                (
                    "templates/web/config.yaml.j2",
                    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ name }}}\ndata: {replicas: {{ values.replicas | quote }}}\n",
                ),
                ("templates/notes/template.yaml", &notes),
                ("templates/notes/notes.txt.j2", "version {{ version }}\n"),
                (
                    "manifests/app/by-hand.yaml",
                    "apiVersion: v1\nkind: Secret\nmetadata: {name: by-hand}\n",
                ),
            ],
        ),
    ])
}

#[test]
fn an_environment_is_printed_as_it_would_be_applied() {
    let fixture = shop();
    let (env, clone) = (&fixture.env, fixture.clone.as_path());
    let outcome = env.gitops(clone, &["render", "dev"]).code(0);
    assert_eq!(
        outcome.stdout,
        "---\n# files/notes/notes.txt\n# version 3\n---\n# manifests/app/configmap-cart.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: cart}\ndata: {replicas: \"1\"}\n"
    );
    assert!(
        outcome.stderr.contains("render dev --write"),
        "{}",
        outcome.stderr
    );
    let one = env
        .gitops(clone, &["render", "dev", "--only", "cart", "-o", "json"])
        .code(0);
    let report: serde_json::Value = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!(report["kind"], "RenderReport");
    assert_eq!(report["files"].as_array().unwrap().len(), 1);
    assert_eq!(
        report["files"][0]["source"]["path"],
        "templates/web/config.yaml.j2"
    );
    let unknown = env
        .gitops(clone, &["render", "dev", "--only", "crt"])
        .code(2);
    assert!(
        unknown
            .stderr
            .contains("dev has no component crt, did you mean cart?"),
        "{}",
        unknown.stderr
    );
    env.gitops(clone, &["render", "devel"]).code(2);
}

#[test]
fn the_committed_rendering_is_brought_up_to_date_by_one_commit() {
    let fixture = shop();
    let (env, clone, origin) = (
        &fixture.env,
        fixture.clone.as_path(),
        fixture.origin.as_path(),
    );
    let before = env.git(origin, &["rev-parse", "env/dev"]);
    let dry = env
        .gitops(clone, &["render", "dev", "--write", "--dry-run"])
        .code(0);
    assert!(
        dry.stdout
            .contains("added    manifests/app/configmap-cart.yaml"),
        "{}",
        dry.stdout
    );
    assert!(
        dry.stdout.contains("foreign  manifests/app/by-hand.yaml"),
        "{}",
        dry.stdout
    );
    assert_eq!(env.git(origin, &["rev-parse", "env/dev"]), before);
    env.gitops(clone, &["render", "dev", "--write", "--yes"])
        .code(0);
    assert_eq!(env.git(origin, &["rev-parse", "env/dev~1"]), before);
    let message = env.git(origin, &["log", "-1", "--format=%B", "env/dev"]);
    assert!(message.starts_with("render dev\n"), "{message}");
    assert!(
        message.contains("Gitops-Action: render\nGitops-Product: shop@1.0.0\nGitops-To: dev\n"),
        "{message}"
    );
    let files = env.git(origin, &["ls-tree", "-r", "--name-only", "env/dev"]);
    for file in [
        "files/notes/notes.txt",
        "manifests/app/by-hand.yaml",
        "manifests/app/configmap-cart.yaml",
    ] {
        assert!(files.lines().any(|it| it == file), "{file} in {files}");
    }
    let again = env
        .gitops(clone, &["render", "dev", "--write", "--yes"])
        .code(0);
    assert!(
        again
            .stdout
            .contains("dev: the rendered files are up to date"),
        "{}",
        again.stdout
    );
    env.git(origin, &["fsck", "--strict"]);
}

#[test]
fn an_edit_in_the_work_tree_is_rendered_there() {
    let fixture = shop();
    let (env, clone) = (&fixture.env, fixture.clone.as_path());
    let other = env.gitops(clone, &["render", "dev", "--work-tree"]).code(2);
    assert!(
        other
            .stderr
            .contains("dev is on the branch env/dev, but the work tree has main"),
        "{}",
        other.stderr
    );
    env.git(clone, &["switch", "--quiet", "env/dev"]);
    std::fs::write(clone.join("product.yaml"), product(5)).unwrap();
    let shown = env.gitops(clone, &["render", "dev", "--work-tree"]).code(0);
    assert!(shown.stdout.contains("replicas: \"5\""), "{}", shown.stdout);
    let tip = env.git(clone, &["rev-parse", "HEAD"]);
    env.gitops(clone, &["render", "dev", "--work-tree", "--write"])
        .code(0);
    let written = std::fs::read_to_string(clone.join("manifests/app/configmap-cart.yaml")).unwrap();
    assert!(written.contains("replicas: \"5\""), "{written}");
    assert_eq!(
        env.git(clone, &["rev-parse", "HEAD"]),
        tip,
        "no commit is made"
    );
}

#[test]
fn links_that_lead_out_of_the_work_tree_are_not_written_through() {
    let fixture = shop();
    let (env, clone) = (&fixture.env, fixture.clone.as_path());
    env.git(clone, &["switch", "--quiet", "env/dev"]);
    let outside = env.join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::remove_dir_all(clone.join("manifests")).unwrap();
    std::os::unix::fs::symlink(&outside, clone.join("manifests")).unwrap();
    let outcome = env
        .gitops(clone, &["render", "dev", "--work-tree", "--write"])
        .code(3);
    assert!(
        outcome.stderr.contains("symbolic link"),
        "{}",
        outcome.stderr
    );
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    assert!(!clone.join("files").exists(), "nothing at all is written");
}

#[test]
fn what_cannot_be_rendered_says_where_and_writes_nothing() {
    let fixture = shop();
    let (env, clone, origin) = (
        &fixture.env,
        fixture.clone.as_path(),
        fixture.origin.as_path(),
    );
    fixture.commit(
        "env/dev",
        "too many",
        &[("product.yaml", Some(&product(12)))],
    );
    let before = env.git(origin, &["rev-parse", "env/dev"]);
    let outcome = env
        .gitops(clone, &["render", "dev", "--write", "--yes"])
        .code(2);
    assert!(
        outcome.stderr.contains("product.yaml:10:26: value replicas of component cart: 12 is greater than the maximum of 9"),
        "{}",
        outcome.stderr
    );
    assert_eq!(env.git(origin, &["rev-parse", "env/dev"]), before);
}

#[test]
fn what_a_component_that_is_gone_was_rendered_to_goes_and_foreign_files_stay() {
    let fixture = shop::branches();
    let own = [(
        "manifests/app/notes.yaml",
        Some("kind: ConfigMap\napiVersion: v1\nmetadata: {name: notes}\n"),
    )];
    fixture.commit("env/dev", "a file of its own", &own);
    let product = fixture.file_at("env/dev", "product.yaml").unwrap();
    let (before, _) = product.split_once("    web:\n").unwrap();
    fixture.commit("env/dev", "web goes", &[("product.yaml", Some(before))]);
    let done = fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    assert!(done.stderr.contains("removed"), "{}", done.stderr);
    let list = ["ls-tree", "-r", "--name-only", "env/dev", "manifests"];
    let files = fixture.env.git(&fixture.origin, &list);
    assert!(!files.contains("web"), "{files}");
    assert!(
        files.contains("cart") && files.contains("notes.yaml"),
        "{files}"
    );
    // Nothing is left to do, and an edited leftover is somebody's own.
    let again = fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    assert!(again.stdout.contains("up to date"), "{}", again.stdout);
}
