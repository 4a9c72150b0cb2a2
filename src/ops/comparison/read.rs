//! Reading both sides and the records, by as many hands as there are: nearly all of the
//! work of a plan is reading, and most of what one side says the other one says as well.

use std::collections::BTreeMap;
use std::sync::mpsc;

use super::GatherError;
use crate::ops::estate::Estate;
use crate::ops::records::records_at;
use crate::ops::together;
use crate::product::EnvironmentState;
use crate::product::{EnvironmentEntry, EnvironmentName, Known, PRODUCT_FILE, private_use};
use crate::promotion::Side;
use crate::promotion::{Record, UnitId, share_units};
use crate::repo::{CommitId, Snapshot};
use crate::yaml::Stream;

/// The source, at its tip or at `revision`, the target, and the target's records.
pub(super) fn both(
    estate: &Estate,
    (source, revision): (&EnvironmentName, Option<&CommitId>),
    target: &EnvironmentName,
) -> Result<(Side, Side, BTreeMap<UnitId, Record>), GatherError> {
    together::make_room();
    let from = match revision {
        Some(commit) => commit.clone(),
        None => estate.tip(source)?,
    };
    let source_entry = estate.environment(source)?.clone();
    let (into, target_entry) = (estate.tip(target)?, estate.environment(target)?.clone());
    if estate.git.is_partial() {
        // What both miss is fetched at once; each alone would fetch its own.
        estate.fetch_ahead(&[(source, from.clone()), (target, into.clone())])?;
    }
    let (repository, beside) = (estate.repository(), estate.git.beside()?);
    let (listed, theirs) = mpsc::channel::<Snapshot>();
    let ((records, manifest), sides) = together::both(
        {
            let (into, target, source) = (&into, &target_entry, &source_entry);
            move || {
                let records = records_at(&beside, into, target);
                let theirs = theirs.recv().ok();
                let manifest = theirs.and_then(|theirs| parsed_manifest(&theirs, source));
                (records, manifest)
            }
        },
        || {
            let ours = estate.files_without_records(&target_entry, &into, None)?;
            let theirs = estate.files_without_records(&source_entry, &from, Some(&ours))?;
            // Who does not wait for it has met a mistake of its own.
            let _ = listed.send(theirs.clone());
            drop(listed);
            let target = EnvironmentState::understand(target_entry.clone(), &into, ours);
            Ok::<_, GatherError>((theirs, target))
        },
    );
    let (theirs, target) = sides?;
    let tree = target.as_ref().ok().and_then(|it| it.product.as_ref());
    let known = Known {
        trees: &tree.into_iter().collect::<Vec<_>>(),
        streams: manifest.as_slice(),
    };
    let (source, units) = together::both(
        || {
            let state = EnvironmentState::understand_like(source_entry, &from, theirs, known)?;
            let units = Side::split(&state, tree, repository)?;
            Ok::<_, GatherError>(Side::of(state, units))
        },
        || {
            let target = target.as_ref().ok();
            target.map(|state| Side::split(state, None, repository))
        },
    );
    let mut source = source?;
    let target = Side::of(target?, units.transpose()?.unwrap_or_default());
    let (one, other) = (&source.state.product, &target.state.product);
    if let (Some(one), Some(other)) = (one, other) {
        share_units(&mut source.units, one, (other, &target.units));
    }
    Ok((source, target, records?))
}

/// The product manifest, parsed. What is wrong with it is told by whoever reads it.
fn parsed_manifest(snapshot: &Snapshot, entry: &EnvironmentEntry) -> Option<Stream> {
    let manifest = entry.path.join(PRODUCT_FILE).ok()?;
    let text = snapshot.text(&manifest).ok()??;
    let readable = private_use(text).is_none();
    readable.then(|| Stream::parse(text).ok())?
}
