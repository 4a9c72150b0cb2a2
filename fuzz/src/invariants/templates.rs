//! Templates: whatever they say, they end soon, within their bounds, with the same result
//! each time.

use std::time::{Duration, Instant};

use kubectl_gitops::product::{ProductTree, Repository};
use kubectl_gitops::repo::{RepoPath, Snapshot};
use kubectl_gitops::template::{render, write_message};
use serde_json::json;

use super::command;

/// A text of a commit message may be this long. In bytes.
const MESSAGE: usize = 64 << 10;

/// What a template may write for one component. In bytes.
const OUTPUT: usize = 8 << 20;

/// How long a template may take on a busy machine and in a build without optimisation; the
/// program's own limit is much shorter.
const SLOWEST: Duration = Duration::from_secs(8);

/// The first line says what the template below it is for: `message` or `resource`.
pub fn template(data: &[u8]) {
    let Some((kind, text)) = command(data) else {
        return;
    };
    let began = Instant::now();
    match kind {
        "message" => message(text),
        "resource" => resource(text),
        _ => return,
    }
    let took = began.elapsed();
    assert!(took < SLOWEST, "{took:?} for {text:?}");
}

fn message(text: &str) {
    let facts = json!({
        "action": "bump-image", "environment": "dev", "subject": "bump cart", "body": "- cart",
        "reason": null, "only": ["cart"], "overrides": [],
        "product": {"name": "shop", "version": "1.2.3", "fromVersion": null},
        "components": [{"name": "cart", "from": "v1", "to": "v2"}, {"name": "web", "to": "v3"}],
    });
    let first = write_message(text, &facts);
    if let Ok(written) = &first {
        assert!(written.len() <= MESSAGE, "{} bytes", written.len());
    }
    // A text that runs into the limit of time may do so at another place.
    if let (Ok(one), Ok(other)) = (&first, &write_message(text, &facts)) {
        assert_eq!(one, other);
    }
}

const HEAD: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: ";

fn resource(text: &str) {
    let gitops = format!(
        "{HEAD}Repository\nspec:\n  environments:\n    - {{name: dev, branch: dev, cluster: {{namespace: shop-dev}}}}\n"
    );
    let product = format!(
        "{HEAD}Product\nmetadata: {{name: shop}}\nspec:\n  version: 1.2.3\n  defaults: {{template: web}}\n  components:\n    cart: {{image: \"registry.example.com/cart:v1\", values: {{size: 3, list: [a, b], map: {{c: d}}}}}}\n"
    );
    let template =
        format!("{HEAD}Template\nmetadata: {{name: web}}\nspec:\n  schema: {{type: object}}\n");
    let files = [
        ("product.yaml", product),
        ("templates/web/template.yaml", template),
        ("templates/web/config.yaml.j2", text.to_owned()),
    ];
    let named = |(name, text): (&str, String)| {
        let path = name.parse::<RepoPath>().ok()?;
        Some((path, text.into_bytes()))
    };
    let files: Vec<_> = files.into_iter().filter_map(named).collect();
    let Ok(path) = "gitops.yaml".parse::<RepoPath>() else {
        return;
    };
    let repository = match Repository::decode(&path, &gitops) {
        Ok(repository) => repository,
        Err(error) => panic!("the frame is wrong: {error:?}"),
    };
    let snapshot = Snapshot::from_files(None, files);
    let entry = &repository.environments[0];
    let tree = match ProductTree::load(&snapshot, entry) {
        Ok(Some(tree)) => tree,
        Ok(None) => panic!("the frame has no product"),
        // A text that is no template for the loader already.
        Err(_) => return,
    };
    let written = || {
        let rendering = render(&tree, &repository, entry).ok()?;
        let texts = rendering
            .files
            .into_values()
            .map(|file| file.text.to_string());
        Some(texts.collect::<Vec<_>>())
    };
    let first = written();
    if let Some(texts) = &first {
        let size: usize = texts.iter().map(String::len).sum();
        // The frame around documents may add a little to each.
        assert!(size <= 2 * OUTPUT, "{size} bytes");
    }
    if let (Some(one), Some(other)) = (&first, &written()) {
        assert_eq!(one, other);
    }
}
