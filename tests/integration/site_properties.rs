//! Whatever a file looks like around a site: a new version changes the site's bytes
//! and no other, and a parser that had no part in it reads the same tree with only the
//! version changed. What is added is one run of bytes, and one key more in the tree.

use kubectl_gitops::image::Digest;
use kubectl_gitops::product::Repository;
use kubectl_gitops::product::pins::{FoundPins, Pin, Target, environment_pins, write};
use kubectl_gitops::repo::{Edit, RepoPath, Snapshot};
use proptest::prelude::*;
use serde::Deserialize as _;
use serde_json::Value;

const NAME: &str = "registry.example.com/shop/web";
const OLD: &str = "v0-old";

/// A file of each kind: `@` stands for the tag, `%` for a whole image, both with quotes
/// or without; `#` at the end of a line for a comment.
const KINDS: [(&str, &str); 16] = [
    (
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a#\n    image: %#\n    args: [a, b]\n",
    ),
    (
        "cron.yaml",
        "kind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: a, image: %}, {image: %, name: b}]}}}}}#\n",
    ),
    (
        "volume.yaml",
        "kind: Deployment\nspec:\n    template:\n        spec:\n            containers: []\n            volumes:\n            -   name: m\n                image:#\n                    reference: %#\n",
    ),
    (
        "values.yaml",
        "web:\n    image:#\n        repository: registry.example.com/shop/web\n        tag: @#\n        pullPolicy: Always\n\nother: 1\n",
    ),
    (
        "flow.yaml",
        "list: [1, {image: {registry: registry.example.com, repository: shop/web, tag: @}, x: y}]#\n",
    ),
    ("string.yaml", "a:\n- b:\n    sidecarImage: %#\n- c\n"),
    (
        "beside.yaml",
        "web:\n  image: registry.example.com/shop/web#\n  tag: @#\n  port: 80\n",
    ),
    (
        "release.yaml",
        "kind: HelmRelease\nspec:\n  values:#\n    image:\n      tag: @#\n      repository: registry.example.com/shop/web\n  suspend: false\n",
    ),
    (
        "images.yaml",
        "kind: Kustomization\nspec:\n  images:\n  -   newTag: @#\n      name: registry.example.com/shop/web\n  prune: true\n",
    ),
    (
        "source.yaml",
        "kind: OCIRepository\nspec:\n  ref: {tag: @}#\n  url: oci://registry.example.com/shop/web\n",
    ),
    (
        "application.yaml",
        "kind: Application\nspec:\n  source:\n    helm:\n      parameters:\n      - name: image.repository\n        value: registry.example.com/shop/web\n      - {name: image.tag, value: @}#\n",
    ),
    (
        "kustomization.yaml",
        "resources: [a]\nimages:#\n- name: web\n  newName: registry.example.com/shop/web#\n  newTag: @#\nnamespace: x\n",
    ),
    (
        "declared.yaml",
        "kind: Own\nspec: {runtime: {tag: @}, x: [1]}#\n---\nkind: Own\nspec:\n  runtime:\n    tag: @#\n",
    ),
    (
        "text.yaml",
        "kind: Application\nspec:\n  sources:\n  - helm:\n      values: |-\n            web:\n\n              image:#\n                  tag: @#\n                  repository: registry.example.com/shop/web\n            list: [{sidecarImage: %}]#\n    chart: web\n",
    ),
    (
        "config.yaml",
        "kind: ConfigMap\ndata:\n  note: v0\n  web-values.yaml: |\n    image: %#\n    job: {image: {repository: registry.example.com/shop/web, tag: @}}\n\n  end: x\n",
    ),
    (
        "marked.yaml",
        "a: x\nspec:\n  - tag: @ # {\"$imagepolicy\": \"flux-system:web:tag\"}\n    b: 1\n",
    ),
];

const POLICIES: &str = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: web}\nspec: {image: registry.example.com/shop/web}\n---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: web}\nspec: {imageRepositoryRef: {name: web}, policy: {semver: {range: '*'}}}\n";

const GITOPS: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nspec:\n  environments: [{name: dev, branch: main, path: dev}]\n  pins: [{image: registry.example.com/shop/web, sites: [{file: declared.yaml, key: spec.runtime.tag, holds: tag}]}]\n";

/// How a file is written around its sites.
#[derive(Debug, Clone)]
struct Look {
    quote: &'static str,
    newline: &'static str,
    comment: String,
    last_break: bool,
    bom: bool,
}

impl Look {
    fn written(&self, template: &str, tag: &str) -> String {
        self.quoted(template, tag, self.quote)
    }

    /// With other quotes around tags than around whole images.
    fn quoted(&self, template: &str, tag: &str, around_tag: &str) -> String {
        let quoted = |text: &str, quote: &str| format!("{quote}{text}{quote}");
        let mut lines: Vec<String> = Vec::new();
        for line in template.lines() {
            let line = match line.strip_suffix('#') {
                Some(line) => format!("{line}{}", self.comment),
                None => line.to_owned(),
            };
            lines.push(line);
        }
        let mut text = lines.join(self.newline);
        if self.last_break {
            text.push_str(self.newline);
        }
        let image = format!("{NAME}:{tag}");
        let text = text
            .replace('%', &quoted(&image, self.quote))
            .replace('@', &quoted(tag, around_tag));
        if self.bom {
            format!("\u{feff}{text}")
        } else {
            text
        }
    }
}

fn look() -> impl Strategy<Value = Look> {
    let quote = prop_oneof![Just(""), Just("'"), Just("\"")];
    let newline = prop_oneof![Just("\n"), Just("\r\n")];
    let comment = prop_oneof![
        Just(String::new()),
        "  # [a-z:{}' ]{0,9}",
        Just("  ".to_owned())
    ];
    (quote, newline, comment, any::<bool>(), any::<bool>()).prop_map(
        |(quote, newline, comment, last_break, bom)| Look {
            quote,
            newline,
            comment,
            last_break,
            bom,
        },
    )
}

/// Tags as they are, and those that some YAML reads as something else than text.
fn tag() -> impl Strategy<Value = String> {
    let odd = prop_oneof![
        Just("on"),
        Just("1.10"),
        Just("1e5"),
        Just("0x1f"),
        Just("0o17"),
        Just("1_000"),
        Just("20240101"),
        Just("null"),
        Just("2024-01-05"),
        Just("y"),
        Just("NaN"),
        Just("0644"),
    ];
    prop_oneof![
        "[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}",
        odd.prop_map(str::to_owned)
    ]
}

fn pins_of(file: &str, text: &str) -> (Snapshot, FoundPins) {
    let at = |name: &str| format!("dev/{name}").parse::<RepoPath>().unwrap();
    let files = [
        (at(file), text.as_bytes().to_vec()),
        (at("policies.yaml"), POLICIES.as_bytes().to_vec()),
    ];
    let snapshot = Snapshot::from_files(None, files);
    let repository = Repository::decode(&"gitops.yaml".parse().unwrap(), GITOPS).unwrap();
    let found = environment_pins(&snapshot, &repository.environments[0], &repository).unwrap();
    (snapshot, found)
}

fn bumped(file: &str, text: &str, target: &Target) -> String {
    let (snapshot, found) = pins_of(file, text);
    let changes: Vec<(&Pin, Target)> = found
        .pins
        .iter()
        .chain(&found.open)
        .map(|pin| (pin, target.clone()))
        .collect();
    assert_eq!(changes.len(), 1, "{file}: {text}");
    let edits = write(&snapshot, &changes).unwrap();
    match edits.into_values().next() {
        Some(Edit::Write { bytes, .. }) => String::from_utf8(bytes).unwrap(),
        _ => text.to_owned(),
    }
}

fn image(tag: &str, digest: Option<Digest>) -> Target {
    Target::Image {
        tag: Some(tag.parse().unwrap()),
        pinned: digest.is_some(),
        digest,
    }
}

fn trees(text: &str) -> Vec<Value> {
    let text = text.trim_start_matches('\u{feff}');
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

/// A tree in which the old tag is the new one.
fn with_tag(value: &Value, new: &str) -> Value {
    match value {
        // A text of values is read as its reader would.
        Value::String(text) if text.contains('\n') => {
            Value::Array(trees(text).iter().map(|tree| with_tag(tree, new)).collect())
        }
        Value::String(text) => Value::String(match text.strip_suffix(OLD) {
            Some(before) => format!("{before}{new}"),
            None => text.clone(),
        }),
        Value::Array(items) => items.iter().map(|item| with_tag(item, new)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), with_tag(value, new)))
            .collect(),
        other => other.clone(),
    }
}

/// Whether a text is another one with a single run of bytes added.
fn is_one_insertion(before: &str, after: &str) -> bool {
    let same = before
        .bytes()
        .zip(after.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let behind = before.len() - same;
    after.len() > before.len()
        && after.as_bytes()[after.len() - behind..] == before.as_bytes()[same..]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_new_tag_changes_its_own_bytes_in_every_kind_of_file(
        kind in 0..KINDS.len(), look in look(), new in tag(),
    ) {
        let (file, template) = KINDS[kind];
        let before = look.written(template, OLD);
        let after = bumped(file, &before, &image(&new, None));
        // Without quotes of its own it may get those that YAML asks for.
        let around = if look.quote.is_empty() { "\"" } else { look.quote };
        let allowed = [look.written(template, &new), look.quoted(template, &new, around)];
        prop_assert!(allowed.contains(&after), "{before:?}\n{after:?}");
        let wanted: Vec<Value> = trees(&before).iter().map(|tree| with_tag(tree, &new)).collect();
        let read: Vec<Value> = trees(&after).iter().map(|tree| with_tag(tree, &new)).collect();
        prop_assert_eq!(read, wanted);
        // Nothing is left to do.
        prop_assert_eq!(bumped(file, &after, &image(&new, None)), after);
    }

    #[test]
    fn a_missing_tag_or_digest_is_one_insertion(look in look(), new in tag(), flow in any::<bool>(), pinned in any::<bool>()) {
        let template = match (flow, pinned) {
            (false, false) => "web:\n    image:#\n        repository: registry.example.com/shop/web#\n        pullPolicy: Always#\nother: 1\n",
            (true, false) => "web: {image: {repository: registry.example.com/shop/web, pullPolicy: Always}, x: y}#\n",
            (false, true) => "image:\n  tag: v1#\n  repository: registry.example.com/shop/web\n\n# end\nother: 1\n",
            (true, true) => "image: {tag: v1, repository: registry.example.com/shop/web}#\n",
        };
        let before = look.written(template, OLD);
        let digest = pinned.then(|| Digest::sha256(b"new"));
        let wanted = if pinned { "v1" } else { new.as_str() };
        let after = bumped("values.yaml", &before, &image(wanted, digest.clone()));
        prop_assert!(is_one_insertion(&before, &after), "{before:?}\n{after:?}");
        let mut tree = trees(&before);
        let map = match pinned {
            true => tree[0].pointer_mut("/image"),
            false => tree[0].pointer_mut("/web/image"),
        };
        let map = map.unwrap().as_object_mut().unwrap();
        match digest {
            Some(digest) => map.insert("digest".to_owned(), digest.to_string().into()),
            None => map.insert("tag".to_owned(), new.clone().into()),
        };
        prop_assert_eq!(trees(&after), tree);
        let break_of = |text: &str| text.matches("\r\n").count() == text.matches('\n').count();
        prop_assert!(look.newline == "\n" || break_of(&after), "{after:?}");
    }
}
