//! Whether the values of a difference may be shown: by its key path, and by what the
//! whole unit says on both sides.

use super::{Difference, UnitId};
use super::{Facts, Side};
use crate::confidential::{Secrecy, is_secret_name, is_secret_text};
use crate::product::secrecy;
use crate::repo::RepoPath;

/// How secret the values of a difference are.
pub(crate) fn of(facts: &Facts, unit: &UnitId, difference: &Difference) -> Secrecy {
    let sides = [&facts.source, &facts.target];
    let record = facts.records.get(unit).and_then(|it| it.content.as_ref());
    let base = facts
        .merge_base
        .as_ref()
        .and_then(|(_, units)| units.get(unit));
    let states = sides.iter().filter_map(|side| side.units.get(unit));
    let states: Vec<_> = states.chain(record).chain(base).collect();
    if let UnitId::File(path) = unit
        && difference.path.is_root()
        && sides.iter().any(|side| is_secret_file(side, path))
    {
        return Secrecy::HIDDEN;
    }
    secrecy(&difference.path, &states)
}

/// Larger files are not read for that: their ids tell nothing that could be guessed.
const MOST_BYTES: usize = 1 << 20;

/// Whether a file that is one value is a secret: its id, too, would tell a short one.
fn is_secret_file(side: &Side, path: &RepoPath) -> bool {
    if side.files.contains_key(path) {
        return false;
    }
    let name = path.file_name().unwrap_or_default();
    let text = || {
        let path = side.path(path.as_str())?;
        let bytes = side.state.snapshot.bytes(&path).ok()??;
        (bytes.len() <= MOST_BYTES).then(|| String::from_utf8_lossy(bytes).into_owned())
    };
    is_secret_name(name) || text().is_some_and(|text| is_secret_text(&text))
}
