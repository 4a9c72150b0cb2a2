//! Merging a product manifest by key path, as Git's merge driver does for each file: 500
//! components, some 5,500 lines.

use divan::Bencher;
use divan::counter::BytesCount;
use kubectl_gitops::promotion::merge::{Texts, merge};

use super::inputs::manifest;

/// Both sides changed one value, and other ones of the same components.
#[divan::bench(args = ["one", "all"])]
fn by_key_path(bencher: Bencher<'_, '_>, changed: &str) {
    let base = manifest(500);
    let count = if changed == "one" { 1 } else { usize::MAX };
    let ours = base.replacen(":v1.", ":v2.", count);
    let theirs = base.replacen("TIMEOUT: \"3s\"", "TIMEOUT: \"5s\"", count);
    let texts = Texts {
        base: &base,
        ours: &ours,
        theirs: &theirs,
    };
    bencher.counter(BytesCount::of_str(&base)).bench(|| {
        let merged = merge(texts, 7).unwrap();
        assert!(!merged.has_conflicts);
        merged
    });
}
