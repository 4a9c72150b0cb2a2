//! Components that two products have letter by letter: most of them, wherever one product
//! stands in several environments.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::tree::{ComponentNode, ProductTree};
use super::{Located, TemplateName};
use crate::repo::RepoPath;
use crate::yaml::{Entry, Field, Path, Position, Stream};

/// The manifest of another product, for finding components that say the same.
pub(super) struct Same<'a> {
    tree: &'a ProductTree,
    /// Where the key and the value of each component stand, and the text of the value.
    blocks: HashMap<Cow<'a, str>, (Position, Position, &'a str)>,
}

impl<'a> Same<'a> {
    pub(super) fn of(others: &[&'a ProductTree], manifest: &RepoPath) -> Option<Self> {
        let mut others = others.iter();
        let tree = others.find(|other| other.product.file == *manifest)?;
        let document = tree.files.get(manifest)?.documents().first()?;
        let components = Path::of(["spec", "components"]);
        let entries = document.root()?.at(&components)?.entries().iter();
        let block = |entry: &'a Entry| {
            let [key, value] = [&entry.key, &entry.value].map(|it| document.position(it.start()));
            let text = &document.text()[entry.value.start()..entry.value.end()];
            Some((entry.name()?, (key, value, text)))
        };
        let blocks = entries.filter_map(block).collect();
        Some(Self { tree, blocks })
    }

    /// The component with this block, if it is written letter by letter and at the same
    /// place as in the other product, and stands for nothing that is written elsewhere.
    pub(super) fn component(
        &self,
        stream: &Stream,
        default: Option<&Located<TemplateName>>,
        name: &str,
        field: &Field<'_>,
    ) -> Option<&'a Arc<ComponentNode>> {
        let node = field.node();
        let text = &stream.text()[node.start()..node.end()];
        let same = self.blocks.get(name)? == &(field.key_position(), field.position(), text);
        if !same
            || text.contains(['*', '&', '!'])
            || default != self.tree.product.default_template.as_ref()
        {
            return None;
        }
        let node = self.tree.components.get(name)?;
        (node.file == self.tree.product.file).then_some(node)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{EnvironmentEntry, Known, ModelError, Repository};
    use super::*;
    use crate::promotion::{UnitId, Units, share_units, units};
    use crate::repo::Snapshot;

    const HEAD: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: ";

    fn entry() -> EnvironmentEntry {
        let text =
            format!("{HEAD}Repository\nspec:\n  environments: [{{name: dev, branch: main}}]\n");
        let file = "gitops.yaml".parse().unwrap();
        let repository = Repository::decode(&file, &text).unwrap();
        repository.environments[0].clone()
    }

    fn files(product: &str) -> Snapshot {
        let template = |name: &str| format!("{HEAD}Template\nmetadata: {{name: {name}}}\n");
        let files = [
            (
                "product.yaml",
                format!("{HEAD}Product\nmetadata: {{name: shop}}\n{product}"),
            ),
            ("templates/web/template.yaml", template("web")),
            ("templates/job/template.yaml", template("job")),
        ];
        let files = files.map(|(path, text)| (path.parse().unwrap(), text.into_bytes()));
        Snapshot::from_files(None, files)
    }

    fn load(product: &str, others: &[&ProductTree]) -> Result<ProductTree, Vec<ModelError>> {
        let known = Known {
            trees: others,
            ..Known::default()
        };
        ProductTree::load_like(&files(product), &entry(), known).map(Option::unwrap)
    }

    fn split(product: &str, tree: &ProductTree, other: Option<&ProductTree>) -> Units {
        let root = RepoPath::root();
        units(Some(tree), other, &files(product), &root, &|_| None).unwrap()
    }

    const CART: &str = "    cart:\n      image: a/cart:1.0.0\n      values: {hosts: [a, 'b']}\n";
    const WEB: &str = "    web:\n      image: a/web:1.0.0\n      update: {semver: ^1.0}\n";
    const SPEC: &str = "spec:\n  defaults: {template: web}\n  components:\n";

    /// How many of the components another manifest shares, which is read just as it would
    /// be by itself.
    #[track_caller]
    fn shared(one: &str, other: &str) -> usize {
        let one = load(one, &[]).unwrap();
        let (alone, like) = (load(other, &[]), load(other, &[&one]));
        let (Ok(alone), Ok(like)) = (&alone, &like) else {
            let text = |errors: &[ModelError]| format!("{errors:?}");
            assert_eq!(text(&alone.unwrap_err()), text(&like.unwrap_err()));
            return 0;
        };
        assert_eq!(
            format!("{:?}", alone.components),
            format!("{:?}", like.components)
        );
        assert_eq!(
            format!("{:?}", alone.product),
            format!("{:?}", like.product)
        );
        let mut own = split(other, like, Some(&one));
        let wanted = split(other, alone, None);
        let missing = wanted.len() - own.len();
        share_units(&mut own, like, (&one, &split_of(&one)));
        assert_eq!(own, wanted);
        // In the same order, as records have it.
        let rest = |units: &Units| units[&UnitId::Product].to_string();
        assert_eq!(rest(&own), rest(&wanted));
        missing
    }

    fn split_of(tree: &ProductTree) -> Units {
        let text = tree.files[&tree.product.file].text().to_owned();
        let (_, product) = text.split_once("{name: shop}\n").unwrap();
        split(product, tree, None)
    }

    #[test]
    fn components_that_stand_there_letter_by_letter_are_shared() {
        let manifest = format!("{SPEC}{CART}{WEB}");
        for (other, count) in [
            (manifest.clone(), 2),
            (manifest.replace("web:1.0.0", "web:1.1.0"), 1),
            // A line more moves what is below it.
            (manifest.replace("    web:\n", "    # ours\n    web:\n"), 1),
            (manifest.replace("    web:\n", "    web:\n\n"), 1),
            (manifest.replace("    web:\n", "    w-b:\n"), 1),
            (manifest.replace("spec:\n", "spec:\n  version: 2\n"), 0),
            // The default's place and name belong to each component.
            (manifest.replace("template: web", "template: job"), 0),
            (manifest.replace("template: web", "template:  web"), 0),
            (manifest.replace(WEB, ""), 1),
            (format!("{manifest}    more: {{version: '1'}}\n"), 2),
        ] {
            assert_eq!(shared(&manifest, &other), count, "{other}");
        }
    }

    #[test]
    fn what_stands_for_something_else_is_not_shared() {
        let anchored = format!("{SPEC}    cart: &c\n      image: a/cart:1.0.0\n    web: *c\n");
        let tuned = anchored.replace("cart:1.0.0", "cart:1.0.1");
        assert_eq!(shared(&anchored, &anchored), 2, "the same manifest");
        assert_eq!(shared(&anchored, &tuned), 0);
        // The tag stands before what is compared.
        let tagged = format!("{SPEC}    cart: !!map {{image: 'a/cart:1.0.0'}}\n");
        for other in ["!!set", "!!seq"] {
            assert_eq!(
                shared(&tagged, &tagged.replace("!!map", other)),
                0,
                "{other}"
            );
        }
        let merged =
            format!("{SPEC}    cart: {{image: &i a/cart:1.0.0}}\n    web:\n      image: *i\n");
        assert_eq!(shared(&merged, &merged.replace("1.0.0", "1.0.1")), 0);
    }

    #[test]
    fn mistakes_are_found_all_the_same() {
        let manifest = format!("{SPEC}{CART}{WEB}");
        for wrong in [
            format!("{manifest}{WEB}"),
            manifest.replace("image: a/web:1.0.0", "image: 'A B'"),
            manifest.replace("template: web", "template: none"),
            manifest.replace("    web:\n", "    Web:\n"),
        ] {
            shared(&manifest, &wrong);
        }
    }
}
