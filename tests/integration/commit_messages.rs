//! What commits say: templates in `gitops.yaml`, a person's own words, and what lies
//! between the old and the new image of a bump.

use serde_json::{Value, json};

use super::bump_image::{bump, nothing_written, says, shop, shop_with};
use super::support::Fixture;
use super::support::faults::{Fault, FaultProxy};
use super::support::registry::{Auth, ImageFacts, TestRegistry, digest_of};
use super::support::shop as small;

const SOURCE: &str = "https://git.example.com/shop/cart";

/// Adds lines to `spec` of `gitops.yaml`.
#[track_caller]
fn configure(fixture: &Fixture, more: &str) {
    let text = fixture.file_at("main", "gitops.yaml").unwrap();
    let text = format!("{}\n{more}", text.trim_end());
    fixture.commit("main", "configure", &[("gitops.yaml", Some(&text))]);
    fixture.pull();
}

fn built(source: &str, revision: &str) -> ImageFacts {
    let labels = [
        ("org.opencontainers.image.source", source),
        ("org.opencontainers.image.revision", revision),
        ("org.opencontainers.image.title", "Cart"),
    ];
    let stated = labels.into_iter().filter(|(_, value)| !value.is_empty());
    ImageFacts {
        labels: stated
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        ..ImageFacts::default()
    }
}

/// A registry with `shop/cart` v1.0.0 and v1.1.0 and an unchanged `shop/mail`; gives the
/// digests of the first two.
fn carts(old: &ImageFacts, new: &ImageFacts) -> (TestRegistry, String, String) {
    let registry = TestRegistry::start(Auth::None);
    let before = registry.push_with("shop/cart", "v1.0.0", old);
    let after = registry.push_with("shop/cart", "v1.1.0", new);
    registry.push("shop/mail", "v1.0.0");
    (registry, before, after)
}

fn short(digest: &str) -> String {
    digest.chars().take("sha256:".len() + 12).collect()
}

fn report(fixture: &Fixture, words: &[&str]) -> Value {
    let words = [&["--env", "dev", "--dry-run", "-o", "json"], words].concat();
    let shown = nothing_written(fixture, &words, 0);
    let report: Value = serde_json::from_str(&shown.stdout).unwrap();
    let printed = fixture.run(&["schema", "bump-image-report"]).code(0).stdout;
    let schema: Value = serde_json::from_str(&printed).unwrap();
    jsonschema::validate(&schema, &report).unwrap();
    report
}

fn row<'a>(report: &'a Value, component: &str) -> &'a Value {
    let rows = report["components"].as_array().unwrap();
    let mut rows = rows.iter();
    rows.find(|row| row["component"] == component).unwrap()
}

const TEMPLATES: &str = "  commit:
    subject: '{{ action }}({{ environment }}): {{ subject }}'
    body: |
      {{ body }}

      {% for it in components %}
      - {{ it.name }}: {{ it.from }} to {{ it.to }}
      {% endfor %}
      {% if source %}from {{ source.environment }}{% endif %}

      {% if reason %}because {{ reason }}{% endif %}

    render: {subject: 'render {{ units | join(\" and \") }} of {{ product.name }} {{ product.version }}', body: ''}
";

#[test]
fn templates_word_the_commit_of_every_command_and_never_its_trailers() {
    let fixture = small::branches();
    configure(&fixture, TEMPLATES);
    let trailers = |message: &str, action: &str, to: &str| {
        let (_, last) = message.trim_end().rsplit_once("\n\n").unwrap();
        assert!(
            last.starts_with(&format!("Gitops-Action: {action}\n")),
            "{message}"
        );
        assert!(last.contains(&format!("\nGitops-To: {to}\n")), "{message}");
        assert!(last.contains("\nGitops-Plan: sha256:"), "{message}");
        assert!(
            last.lines().all(|line| line.starts_with("Gitops-")),
            "{message}"
        );
    };
    small::edit(&fixture, "env/dev", "newer", "cart:v1.0.0", "cart:v1.1.0");
    fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    let message = fixture.message_at("env/dev");
    assert!(
        message.starts_with("render cart of shop 1.0.0\n\nGitops-"),
        "{message}"
    );
    trailers(&message, "render", "dev");

    let words = ["promote", "staging", "--dry-run", "-v1"];
    let shown = fixture.run(&words).code(0).stderr;
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let message = fixture.message_at("env/staging");
    // What the commit changes is only known once it is made.
    let known = |line: &&str| !line.is_empty() && !line.starts_with("Gitops-Wrote: ");
    for line in message.lines().filter(known) {
        assert!(shown.contains(&format!("  {line}\n")), "{line}:\n{shown}");
    }
    let wanted = "promote(staging): promote shop 1.0.0 from dev to staging\n\n\
                  cart v1.0.0 -> v1.1.0\n\n- cart: v1.0.0 to v1.1.0\nfrom dev\n\nGitops-";
    assert!(message.starts_with(wanted), "{message}");
    trailers(&message, "promote", "staging");

    let words = ["rollback", "staging", "--reason", "carts are lost", "--yes"];
    fixture.run(&words).code(0);
    let message = fixture.message_at("env/staging");
    assert!(
        message.starts_with("rollback(staging): roll back staging to "),
        "{message}"
    );
    assert!(
        message.contains("\n- cart: v1.1.0 to v1.0.0\n"),
        "{message}"
    );
    assert!(message.contains("\nbecause carts are lost\n"), "{message}");
    trailers(&message, "rollback", "staging");
    let told = fixture
        .run(&["history", "staging", "-o", "json"])
        .code(0)
        .stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        told["environments"][0]["entries"][0]["action"], "rollback",
        "{told}"
    );

    small::edit(
        &fixture,
        "env/staging",
        "hotfix",
        "payment:v1.0.0",
        "payment:v1.0.1",
    );
    fixture
        .run(&["render", "staging", "--write", "--yes"])
        .code(0);
    fixture.run(&["backport", "staging", "--yes"]).code(0);
    let message = fixture.message_at("env/dev");
    assert!(
        message.starts_with("backport(dev): backport staging to dev\n"),
        "{message}"
    );
    assert!(
        message.contains("\n- payment: v1.0.0 to v1.0.1\n"),
        "{message}"
    );
    trailers(&message, "backport", "dev");
    fixture.fsck();
}

#[test]
fn words_on_the_command_line_go_before_templates() {
    let (registry, ..) = carts(&ImageFacts::default(), &ImageFacts::default());
    let fixture = shop(&registry.host());
    configure(
        &fixture,
        "  commit: {subject: '{{ nobody }}', bumpImage: {body: '{{ nobody }}'}}\n",
    );
    bump(&fixture, &["cart", "-m", "ship it\n\nSee the notes."]).code(0);
    let message = fixture.message_at("env/dev");
    let wanted = "ship it\n\nSee the notes.\n\ncart v1.0.0 -> v1.1.0 (sha256:";
    assert!(message.starts_with(wanted), "{message}");
}

#[test]
fn a_wrong_template_is_told_with_its_place_before_anything_is_written() {
    let (registry, ..) = carts(&ImageFacts::default(), &ImageFacts::default());
    for (more, place, said) in [
        (
            "  commit:\n    body: |\n      one\n      {{ componets }}\n",
            "gitops.yaml:12:10",
            "did you mean components?",
        ),
        (
            "  commit:\n    bumpImage:\n      subject: '{{ product.nam }}'\n",
            "gitops.yaml:11:20",
            "product.nam",
        ),
        (
            "  commit:\n    subject: '{% if %}'\n",
            "gitops.yaml:10:",
            "syntax error",
        ),
        (
            "  commit:\n    subject: \"{% include '/etc/passwd' %}\"\n",
            "gitops.yaml:10:",
            "template not found",
        ),
        (
            "  commit: {subject: '{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}'}\n",
            "gitops.yaml:9:",
            "steps",
        ),
        (
            "  commit: {subject: '{% if false %}x{% endif %}'}\n",
            "gitops.yaml:9:",
            "comes to nothing",
        ),
    ] {
        let fixture = shop(&registry.host());
        configure(&fixture, more);
        for words in [&["--dry-run"][..], &["--yes"], &["--dry-run", "-o", "json"]] {
            let words = [&["--env", "dev"], words].concat();
            let failed = nothing_written(&fixture, &words, 2);
            for text in [place, said, "schema repository", "-m"] {
                assert!(failed.stderr.contains(text), "{text}:\n{}", failed.stderr);
            }
        }
        let told = fixture.run(&["validate", "dev"]).code(2);
        assert!(told.stderr.contains(place), "{}", told.stderr);
        // Whoever is in a hurry needs no template.
        bump(&fixture, &["-m", "ship it"]).code(0);
    }
    let fixture = shop(&registry.host());
    configure(&fixture, "  commit: {subjct: x, promote: {boddy: y}}\n");
    let failed = nothing_written(&fixture, &["--env", "dev", "--yes"], 2);
    says(
        &failed,
        &[
            "gitops.yaml:9:12: unknown field spec.commit.subjct; did you mean subject?",
            "unknown field spec.commit.promote.boddy; did you mean body?",
        ],
    );
}

#[test]
fn a_template_forges_no_trailer() {
    let (registry, ..) = carts(&ImageFacts::default(), &ImageFacts::default());
    let fixture = shop(&registry.host());
    let more = "  commit:
    subject: |
      ship it

      Gitops-Action: rollback
    body: |
      done

      Gitops-Action: rollback
      Gitops-To: prod
      Gitops-Components: mail
";
    configure(&fixture, more);
    bump(&fixture, &["cart"]).code(0);
    let message = fixture.message_at("env/dev");
    assert!(
        message.starts_with("ship it Gitops-Action: rollback\n\ndone\n"),
        "{message}"
    );
    let read = [
        "log",
        "-1",
        "--format=%(trailers:key=Gitops-Action,valueonly)",
        "env/dev",
    ];
    assert_eq!(fixture.env.git(&fixture.origin, &read).trim(), "bump-image");
    assert_eq!(message.matches("\nGitops-Action:").count(), 1, "{message}");
    let told = fixture
        .run(&["history", "dev", "-o", "json"])
        .code(0)
        .stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    let newest = &told["environments"][0]["entries"][0];
    assert_eq!(newest["action"], "bump-image", "{told}");
    assert_eq!(newest["components"], json!(["cart"]));
}

#[test]
fn a_bump_says_digests_and_what_lies_between_where_that_is_asked_for() {
    let (registry, old, new) = carts(&built(SOURCE, "aaa1111"), &built(SOURCE, "bbb2222"));
    let host = registry.host();
    let pinned = |product: String| product.replace("cart:v1.0.0", &format!("cart:v1.0.0@{old}"));
    let fixture = shop_with(&host, pinned);
    let silent = report(&fixture, &[]);
    let cart = row(&silent, "cart");
    assert_eq!(
        (&cart["fromDigest"], &cart["digest"]),
        (&json!(old), &json!(new))
    );
    assert_eq!(
        (&cart["source"], &cart["compare"]),
        (&Value::Null, &Value::Null)
    );

    configure(&fixture, "  commit: {compareLinks: true}\n");
    let link = format!("{SOURCE}/compare/aaa1111...bbb2222");
    let told = report(&fixture, &[]);
    let cart = row(&told, "cart");
    assert_eq!(cart["source"], SOURCE);
    assert_eq!(cart["fromRevision"], "aaa1111");
    assert_eq!(cart["revision"], "bbb2222");
    assert_eq!(cart["compare"], json!(link));
    assert_eq!(
        row(&told, "mail")["revision"],
        Value::Null,
        "it does not change"
    );
    let shown = nothing_written(&fixture, &["--env", "dev", "--dry-run"], 0);
    says(&shown, &[&format!("cart  {link}\n")]);

    bump(&fixture, &[]).code(0);
    let message = fixture.message_at("env/dev");
    let wanted = format!(
        "bump cart to v1.1.0 in dev\n\ncart v1.0.0 ({}) -> v1.1.0 ({})\n  {link}\n\nGitops-",
        short(&old),
        short(&new)
    );
    assert!(message.starts_with(&wanted), "{message}");
}

#[test]
fn less_is_said_where_less_is_known() {
    let nothing = ImageFacts::default();
    for (old, new, said) in [
        (
            built("", ""),
            built(SOURCE, "bbb2222"),
            format!("  {SOURCE}/commit/bbb2222\n"),
        ),
        (
            built("", ""),
            built("", "bbb2222"),
            "  revision bbb2222\n".to_owned(),
        ),
        (
            built("https://git.example.com/old/cart", "aaa1111"),
            built(SOURCE, "bbb2222"),
            format!("  {SOURCE}/commit/bbb2222\n"),
        ),
        (built(SOURCE, "aaa1111"), nothing.clone(), String::new()),
        (built(SOURCE, "aaa1111"), built(SOURCE, ""), String::new()),
    ] {
        let (registry, _, digest) = carts(&old, &new);
        let fixture = shop(&registry.host());
        configure(&fixture, "  commit: {compareLinks: true}\n");
        // The old image has no recorded digest, so it is its tag that is asked about.
        bump(&fixture, &["cart"]).code(0);
        let message = fixture.message_at("env/dev");
        let wanted = format!(
            "bump cart to v1.1.0 in dev\n\ncart v1.0.0 -> v1.1.0 ({})\n{said}\nGitops-",
            short(&digest)
        );
        assert!(message.starts_with(&wanted), "{said}:\n{message}");
    }
}

#[test]
fn labels_of_strangers_bring_neither_secrets_nor_lines_nor_trailers() {
    let injected = "https://git.example.com/x\n\nGitops-Action: rollback";
    let (registry, ..) = carts(
        &built(
            "https://ada:hunter2@git.example.com/shop/cart?token=hunter2",
            "aaa1111",
        ),
        &built(
            "https://ada:hunter2@git.example.com/shop/cart?token=hunter2",
            "bbb2222",
        ),
    );
    registry.push_with(
        "shop/mail",
        "v1.1.0",
        &built(injected, "\u{1b}[2J\nGitops-To: prod"),
    );
    let fixture = shop(&registry.host());
    configure(&fixture, "  commit: {compareLinks: true}\n");
    let told = report(&fixture, &["--save-tags", "tags.json"]);
    assert_eq!(row(&told, "cart")["source"], SOURCE);
    assert_eq!(row(&told, "mail")["source"], Value::Null);
    assert_eq!(row(&told, "mail")["revision"], Value::Null);
    let saved = std::fs::read_to_string(fixture.clone.join("tags.json")).unwrap();
    assert!(
        !saved.contains("hunter2") && saved.contains(SOURCE),
        "{saved}"
    );
    let done = bump(&fixture, &[]).code(0);
    let message = fixture.message_at("env/dev");
    for text in [&message, &done.stdout, &done.stderr] {
        assert!(
            !text.contains("hunter2") && !text.contains("rollback"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    assert!(
        message.contains(&format!("  {SOURCE}/compare/aaa1111...bbb2222\n")),
        "{message}"
    );
    assert_eq!(message.matches("Gitops-Action").count(), 1, "{message}");
}

/// The requests of a bump, without and with links.
fn requests(prepare: impl Fn(&TestRegistry), more: &str) -> Vec<String> {
    let (registry, ..) = carts(&built(SOURCE, "aaa1111"), &built(SOURCE, "bbb2222"));
    prepare(&registry);
    let proxy = FaultProxy::start(registry.address(), |_, _| Fault::Pass);
    let fixture = shop(&proxy.address().to_string());
    configure(&fixture, more);
    bump(&fixture, &["cart", "mail"]).code(0);
    proxy.seen()
}

#[test]
fn labels_cost_requests_only_where_they_are_asked_for_and_only_of_what_changes() {
    let none = |_: &TestRegistry| {};
    let plain = requests(none, "");
    // One ping, two lists, the digests of two manifests, and the manifest that is written.
    assert_eq!(plain.len(), 6, "{plain:?}");
    assert_eq!(requests(none, "  commit: {compareLinks: false}\n").len(), 6);
    let linked = requests(none, "  commit: {compareLinks: true}\n");
    assert_eq!(linked.len(), 5 + 4, "{linked:?}");
    let configs = linked.iter().filter(|line| line.contains("/blobs/"));
    assert!(
        configs.clone().all(|line| line.contains("shop/cart")),
        "{linked:?}"
    );
    assert_eq!(configs.count(), 2);
    // What a guard refuses is not looked into.
    let (registry, ..) = carts(&built(SOURCE, "aaa1111"), &built(SOURCE, "bbb2222"));
    let proxy = FaultProxy::start(registry.address(), |_, _| Fault::Pass);
    let older = |product: String| product.replace("cart:v1.0.0", "cart:v1.1.0");
    let fixture = shop_with(&proxy.address().to_string(), older);
    configure(&fixture, "  commit: {compareLinks: true}\n");
    nothing_written(&fixture, &["cart=v1.0.0", "--env", "dev", "--yes"], 3);
    assert!(!proxy.seen().iter().any(|line| line.contains("/blobs/")));
}

#[test]
fn a_registry_that_gives_no_labels_stops_no_bump() {
    type Spoil = fn(&str) -> Option<Fault>;
    let blobs: [Spoil; 4] = [
        |target| target.contains("/blobs/").then(|| Fault::status(403)),
        |target| target.contains("/blobs/").then(|| Fault::status(404)),
        |target| {
            let body = "not what the digest stands for".to_owned();
            target
                .contains("/blobs/")
                .then(|| Fault::Answer(200, Vec::new(), body))
        },
        // The tag of the old image is gone.
        |target| {
            target
                .ends_with("/manifests/v1.0.0")
                .then(|| Fault::status(404))
        },
    ];
    for spoil in blobs {
        let (registry, _, digest) = carts(&built(SOURCE, "aaa1111"), &built(SOURCE, "bbb2222"));
        let proxy = FaultProxy::start(registry.address(), move |_, target| {
            spoil(target).unwrap_or(Fault::Pass)
        });
        let fixture = shop(&proxy.address().to_string());
        configure(&fixture, "  commit: {compareLinks: true}\n");
        bump(&fixture, &["cart"]).code(0);
        let message = fixture.message_at("env/dev");
        let wanted = format!("cart v1.0.0 -> v1.1.0 ({})\n", short(&digest));
        assert!(message.contains(&wanted), "{message}");
        assert!(!message.contains("/compare/"), "{message}");
    }
}

#[test]
fn a_saved_run_says_the_same_again_without_its_registry() {
    let (registry, ..) = carts(&built(SOURCE, "aaa1111"), &built(SOURCE, "bbb2222"));
    let fixture = shop(&registry.host());
    configure(&fixture, "  commit: {compareLinks: true}\n");
    let first = report(&fixture, &["--save-tags", "tags.json"]);
    drop(registry);
    assert_eq!(report(&fixture, &["--tags-from", "tags.json"]), first);
    let saved = std::fs::read_to_string(fixture.clone.join("tags.json")).unwrap();
    let saved: Value = serde_json::from_str(&saved).unwrap();
    let printed = fixture.run(&["schema", "registry-tags"]).code(0).stdout;
    jsonschema::validate(&serde_json::from_str(&printed).unwrap(), &saved).unwrap();
    bump(&fixture, &["--tags-from", "tags.json"]).code(0);
    let link = format!("  {SOURCE}/compare/aaa1111...bbb2222\n");
    assert!(fixture.message_at("env/dev").contains(&link));
}

#[test]
fn a_file_written_by_hand_gives_links_without_being_asked() {
    let fixture = shop("registry.example.com");
    let tag = |byte: &str, revision: &str| {
        json!({
            "digest": format!("sha256:{}", byte.repeat(32)),
            "labels": {
                "org.opencontainers.image.source": "https://gitlab.example.com/shop/cart.git",
                "org.opencontainers.image.revision": revision,
            },
        })
    };
    let document = json!({
        "apiVersion": "kubectl-gitops/v1alpha1", "kind": "RegistryTags",
        "repositories": {"registry.example.com/shop/cart": {
            "tags": {"v1.0.0": tag("aa", "aaa1111"), "v1.1.0": tag("bb", "bbb2222")},
        }},
    });
    fixture.write("tags.json", document.to_string());
    let words = ["cart", "--tags-from", "tags.json"];
    let link = "https://gitlab.example.com/shop/cart/-/compare/aaa1111...bbb2222";
    assert_eq!(row(&report(&fixture, &words), "cart")["compare"], link);
    configure(&fixture, "  commit: {compareLinks: false}\n");
    assert_eq!(
        row(&report(&fixture, &words), "cart")["compare"],
        Value::Null
    );
}

#[test]
fn image_layouts_give_links_without_being_asked() {
    let fixture = shop("registry.example.com");
    let put = |text: String| {
        let digest = digest_of(text.as_bytes());
        let blob = format!("images/blobs/{}", digest.replace(':', "/"));
        fixture.write(&blob, &text);
        digest
    };
    let image = |tag: &str, revision: &str| {
        let labels = json!({
            "org.opencontainers.image.source": "https://github.com/example/cart",
            "org.opencontainers.image.revision": revision,
        });
        let config = json!({"os": "linux", "architecture": "amd64", "config": {"Labels": labels}});
        let config = put(config.to_string());
        let manifest = json!({"schemaVersion": 2, "layers": [], "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 1,
        }});
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1,
            "digest": put(manifest.to_string()),
            "annotations": {"org.opencontainers.image.ref.name": format!("shop/cart:{tag}")},
        })
    };
    let manifests = [image("v1.0.0", "aaa1111"), image("v1.1.0", "bbb2222")];
    let index = json!({"schemaVersion": 2, "manifests": manifests});
    fixture.write("images/index.json", index.to_string());
    configure(
        &fixture,
        "  registries: {registry.example.com: {layout: images}}\n",
    );
    bump(&fixture, &["cart"]).code(0);
    let link = "\n  https://github.com/example/cart/compare/aaa1111...bbb2222\n";
    let message = fixture.message_at("env/dev");
    assert!(message.contains(link), "{message}");
}

#[test]
fn templates_of_a_bump_know_digests_and_pages() {
    let (registry, old, new) = carts(&built(SOURCE, "aaa1111"), &built(SOURCE, "bbb2222"));
    let pinned = |product: String| product.replace("cart:v1.0.0", &format!("cart:v1.0.0@{old}"));
    let fixture = shop_with(&registry.host(), pinned);
    let more = "  commit:
    compareLinks: true
    bumpImage:
      subject: 'cart: {{ components[0].fromRevision }} to {{ components[0].revision }} ({{ product.fromVersion }} to {{ product.version }})'
      body: |
        {% for it in components %}
        {{ it.image }} {{ it.fromDigest }}
        {{ it.source }} {{ it.digest }}
        {{ it.compare }}
        {{ it.commit }}
        {% endfor %}
";
    configure(&fixture, more);
    bump(&fixture, &["cart", "--product-version", "next"]).code(0);
    let wanted = format!(
        "cart: aaa1111 to bbb2222 (1.0.0 to 1.1.0)\n\n\
         {}/shop/cart {old}\n{SOURCE} {new}\n{SOURCE}/compare/aaa1111...bbb2222\n{SOURCE}/commit/bbb2222\n\nGitops-",
        registry.host()
    );
    let message = fixture.message_at("env/dev");
    assert!(message.starts_with(&wanted), "{message}");
    assert!(
        message.contains("Gitops-Product: shop@1.1.0\n"),
        "{message}"
    );
}

/// Moves dev to `commit` while the first push of the clone is on its way.
fn overtaken_by(fixture: &Fixture, commit: &str) {
    let hook = fixture.clone.join(".git/hooks/pre-push");
    let origin = fixture.origin.display();
    let script = format!(
        "#!/bin/sh\nrm -f \"$0\"\nunset GIT_DIR\nexec git --git-dir='{origin}' update-ref refs/heads/env/dev {commit}\n"
    );
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, script).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_bump_that_was_overtaken_tells_what_it_replaced_in_the_end() {
    let (registry, first, new) = carts(&built(SOURCE, "aaa1111"), &built(SOURCE, "bbb2222"));
    let host = registry.host();
    let product = |digest: &str| {
        super::bump_image::product(&host).replace("cart:v1.0.0", &format!("cart:v1.0.0@{digest}"))
    };
    let fixture = shop_with(&host, |_| product(&first));
    configure(&fixture, "  commit: {compareLinks: true}\n");
    fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    // Somebody else takes another build of the same tag meanwhile.
    let second = registry.push_with("shop/cart", "v1.0.0", &built(SOURCE, "ccc3333"));
    let rendered = fixture
        .file_at("env/dev", "manifests/app/deployment-cart.yaml")
        .unwrap();
    let other = fixture.commit_from(
        "aside",
        Some("env/dev"),
        "another build",
        &[
            ("product.yaml", Some(&product(&second))),
            (
                "manifests/app/deployment-cart.yaml",
                Some(&rendered.replace(&first, &second)),
            ),
        ],
    );
    overtaken_by(&fixture, &other);
    let commits = fixture.commits_on("env/dev");
    bump(&fixture, &["cart"]).code(0);
    assert!(
        !fixture.clone.join(".git/hooks/pre-push").exists(),
        "it was overtaken"
    );
    assert_eq!(fixture.commits_on("env/dev"), commits + 2);
    let message = fixture.message_at("env/dev");
    let wanted = format!(
        "cart v1.0.0 ({}) -> v1.1.0 ({})\n  {SOURCE}/commit/bbb2222\n",
        short(&second),
        short(&new)
    );
    assert!(message.contains(&wanted), "{message}");
    fixture.fsck();
}

#[test]
fn a_plan_file_is_not_written_for_a_commit_that_cannot_be_worded() {
    let fixture = small::branches();
    small::edit(&fixture, "env/dev", "newer", "cart:v1.0.0", "cart:v1.1.0");
    fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    configure(&fixture, "  commit: {promote: {subject: '{{ nobody }}'}}\n");
    let words = ["promote", "staging", "--plan-out", "plan.json"];
    let failed = fixture.run(&words).code(2);
    says(&failed, &["gitops.yaml:17:35", "nobody"]);
    assert!(!fixture.clone.join("plan.json").exists());
}

#[test]
fn several_lines_after_m_are_subject_and_body_everywhere() {
    let words = "first line\n\nand the rest\n";
    let fixture = Fixture::empty("main", &[]);
    let begin = ["init", "--product", "shop", "--yes", "-m", words];
    fixture.run(&begin).code(0);
    let wanted = "first line\n\nand the rest\n\nGitops-Action: init\n";
    let message = fixture.message_at("env/dev");
    assert!(message.starts_with(wanted), "{message}");

    let fixture = small::branches();
    small::edit(&fixture, "env/staging", "fix", "cart:v1.0.0", "cart:v1.0.1");
    for (command, branch, rest) in [
        (
            &["render", "staging", "--write"][..],
            "env/staging",
            "Gitops-Action: render\n",
        ),
        (
            &["backport", "staging"],
            "env/dev",
            "cart image\n\nGitops-Action: backport\n",
        ),
    ] {
        let command = [command, &["--yes", "-m", words]].concat();
        fixture.run(&command).code(0);
        let message = fixture.message_at(branch);
        let wanted = format!("first line\n\nand the rest\n\n{rest}");
        assert!(message.starts_with(&wanted), "{message}");
    }
}
