//! A promotion that carries a component's new name (`renamedFrom`) moves what
//! the target's own `environment.yaml` says of it to that name. Nothing else
//! of that file is ever touched by a promotion.

use std::collections::BTreeMap;

use super::UnitId;
use super::{Facts, Item, PlanError};
use crate::product::{ComponentName, ProductTree};
use crate::repo::{Edit, RepoPath};
use crate::yaml::{EditError, Editor, Path, Stream};

/// The edit of the target's `environment.yaml`, where a component with an
/// override arrives under a new name.
pub(super) fn overrides(
    facts: &Facts,
    items: &[Item],
) -> Result<BTreeMap<RepoPath, Edit>, PlanError> {
    let mut edits = BTreeMap::new();
    let (source, target) = (&facts.source.state.product, &facts.target.state.product);
    let (Some(source), Some(target)) = (source, target) else {
        return Ok(edits);
    };
    let renamed = renamed(source, target, items);
    let file = target.environment.file.as_ref();
    let text = file.and_then(|file| Some((file, target.files.get(file)?)));
    if let Some((file, stream)) = text.filter(|_| !renamed.is_empty()) {
        let text = rename(stream, &renamed).map_err(|source| PlanError::Edit {
            path: file.clone(),
            source,
        })?;
        edits.insert(file.clone(), Edit::write(text));
    }
    Ok(edits)
}

/// Old and new names of the components that arrive now and have an override.
fn renamed<'a>(
    source: &'a ProductTree,
    target: &ProductTree,
    items: &[Item],
) -> Vec<(&'a ComponentName, &'a ComponentName)> {
    let arrives = |name: &ComponentName| {
        items.iter().any(|item| {
            item.unit == UnitId::Component(name.clone())
                && item.decision.takes()
                && item.difference.path.is_root()
        })
    };
    let overridden = &target.environment.components;
    source
        .components
        .iter()
        .filter_map(|(name, node)| Some((&node.component.renamed_from.as_ref()?.value, name)))
        .filter(|(old, new)| {
            arrives(new) && overridden.contains_key(*old) && !overridden.contains_key(*new)
        })
        .collect()
}

fn rename(
    stream: &Stream,
    names: &[(&ComponentName, &ComponentName)],
) -> Result<String, EditError> {
    let components = Path::of(["spec", "components"]);
    let mut editor = Editor::new(stream)?;
    for (old, new) in names {
        let from = components.key(old.as_str());
        let document = stream.documents().first();
        let value = document
            .and_then(|document| document.written_of(document.root()?.at(&from)?).ok())
            .ok_or_else(|| EditError::NotFound { path: from.clone() })?;
        let to = components.key(new.as_str());
        editor.set_written(0, &to, &value, Some(old.as_str()))?;
        editor.remove(0, &from)?;
    }
    editor.finish()
}
