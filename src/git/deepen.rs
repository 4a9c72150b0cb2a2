//! More history for a shallow repository, when an answer needs it: in steps that
//! grow, so that the usual answer costs one round trip and a history without
//! end is not fetched for an answer that it does not have.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::copy::Access;
use super::fetch::is_refusal;
use super::open::commit_id;
use super::read::object_id;
use super::refs::{LONGEST_REVISION, resolve_in};
use super::{Git, GitError, Notice, Remote};
use crate::repo::{BranchName, CommitId};

/// How many more commits of a branch each step brings.
const STEPS: [u32; 3] = [128, 1024, 8192];

/// The remote that may be asked for more history, and what it was asked for.
#[derive(Debug)]
pub(super) struct Reach {
    remote: Remote,
    spent: Mutex<BTreeMap<BranchName, usize>>,
}

impl Git {
    /// Lets this remote be asked for more history when an answer needs it.
    pub fn may_deepen(&mut self, remote: &Remote) {
        self.reach = Some(std::sync::Arc::new(Reach {
            remote: remote.clone(),
            spent: Mutex::default(),
        }));
    }

    /// Fetches more of the history that leads to these commits. `false`: there is
    /// no more to be had, or nobody may be asked.
    pub(super) fn deepen(&self, tips: &[&CommitId]) -> Result<bool, GitError> {
        let Some(reach) = self.reach.as_ref().filter(|_| self.is_shallow()) else {
            return Ok(false);
        };
        let mut branches = self.branches_of(&reach.remote, tips)?;
        let mut spent = reach.spent.lock().unwrap_or_else(PoisonError::into_inner);
        branches.retain(|branch| spent.get(branch).is_none_or(|steps| *steps < STEPS.len()));
        let step = |branch: &BranchName| spent.get(branch).copied().unwrap_or_default();
        let Some(at) = branches.iter().map(step).min() else {
            return Ok(false);
        };
        for branch in &branches {
            spent.insert(branch.clone(), at + 1);
        }
        drop(spent);
        let refs: Vec<String> = branches.iter().map(BranchName::reference).collect();
        let boundary = self.boundary();
        let turn = self.turn(&[format!("deepen {}", refs.join(" "))])?;
        if self.boundary() != boundary {
            // Another run fetched more meanwhile.
            return Ok(true);
        }
        self.tell(&Notice::Deepening {
            remote: reach.remote.shown().to_owned(),
            commits: STEPS[at],
        });
        let depth = format!("--deepen={}", STEPS[at]);
        let fetched = self.fetch_refs(&reach.remote, &["--refmap=", &depth], &refs);
        drop(turn);
        match fetched {
            Ok(()) => Ok(self.boundary() != boundary),
            Err(GitError::Unreachable { message, .. })
                if !is_refusal(&message) && self.ask_format(&reach.remote).is_ok() =>
            {
                // It answers, and does not give more: the branch is gone, say.
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Where history ends: what Git keeps about that.
    fn boundary(&self) -> Vec<u8> {
        std::fs::read(self.libgit2().commondir().join("shallow")).unwrap_or_default()
    }

    /// The remote's branches that these commits are the tips of, else those that
    /// have them, else all that were fetched.
    fn branches_of(
        &self,
        remote: &Remote,
        commits: &[&CommitId],
    ) -> Result<Vec<BranchName>, GitError> {
        let mut tips = Vec::new();
        for branch in self.branches(Some(remote))? {
            if branch.as_str() != "HEAD"
                && let Some(tip) = self.tip(Some(remote), &branch)?
            {
                tips.push((branch, tip));
            }
        }
        let mut chosen: Vec<BranchName> = Vec::new();
        for commit in commits {
            let at_tip = tips.iter().filter(|(_, tip)| tip == *commit);
            let mut found: Vec<BranchName> = at_tip.map(|(branch, _)| branch.clone()).collect();
            if found.is_empty() {
                for (branch, tip) in &tips {
                    if self.contains(tip, commit)? {
                        found.push(branch.clone());
                    }
                }
            }
            if found.is_empty() {
                found.extend(tips.iter().map(|(branch, _)| branch.clone()));
            }
            chosen.extend(found);
        }
        chosen.sort();
        chosen.dedup();
        Ok(chosen)
    }

    /// The commit that a revision names. In a shallow repository the remote is
    /// asked for what is not here: a whole id, a tag, an abbreviated id or an
    /// ancestor.
    pub fn find(&self, rev: &str) -> Result<CommitId, GitError> {
        let unknown = match self.resolve(rev) {
            Err(error @ GitError::UnknownRevision { .. }) if self.is_shallow() => error,
            result => return result,
        };
        let Some(reach) = self
            .reach
            .as_ref()
            .filter(|_| rev.len() <= LONGEST_REVISION)
        else {
            return Err(unknown);
        };
        let is_hex = rev.len() >= 7 && rev.bytes().all(|byte| byte.is_ascii_hexdigit());
        let name = format!("refs/tags/{rev}");
        let direct = match (
            is_hex && rev.len() >= 40,
            git2::Reference::is_valid_name(&name),
        ) {
            (true, _) => Some(rev.to_owned()),
            (false, true) if !is_hex => Some(format!("+{name}:{name}")),
            _ => None,
        };
        if let Some(direct) = direct {
            let turn = self.turn(std::slice::from_ref(&direct))?;
            // What it does not give away like this is looked for in history.
            let _ = self.fetch_refs(&reach.remote, &["--refmap=", "--depth=1"], &[direct]);
            if let Access::Turn(turn) = turn {
                drop(turn);
            }
            if let Ok(found) = resolve_in(&self.fresh()?, rev) {
                return Ok(found);
            }
        }
        if !is_hex && !rev.contains(['~', '^']) {
            return Err(unknown);
        }
        let tips: Vec<CommitId> = self
            .branches(Some(&reach.remote))?
            .iter()
            .filter_map(|branch| self.tip(Some(&reach.remote), branch).ok()?)
            .collect();
        let tips: Vec<&CommitId> = tips.iter().collect();
        while self.deepen(&tips)? {
            let fresh = self.fresh()?;
            let there = format!("refs/remotes/{}/{rev}", reach.remote.name());
            if let Ok(found) = resolve_in(&fresh, rev).or_else(|_| resolve_in(&fresh, &there)) {
                return Ok(found);
            }
        }
        Err(unknown)
    }

    /// A commit's first parent; in a shallow repository the remote is asked for
    /// it. `None` at the beginning, and where there is no more to be had.
    pub fn parent(&self, commit: &CommitId, tip: &CommitId) -> Result<Option<CommitId>, GitError> {
        loop {
            let found = self.find_commit(commit)?;
            let named = super::history::named_parents(&found).into_iter().next();
            let Some(parent) = named else {
                return Ok(None);
            };
            if self.libgit2().odb()?.exists(object_id(parent.as_str())?) {
                return Ok(Some(parent));
            }
            if !self.deepen(&[tip])? {
                return self.check_copy().map(|()| None);
            }
        }
    }

    /// Whether `old` is `new` or one of its ancestors; a shallow repository asks
    /// for as much history as the answer takes.
    pub fn reaches(&self, new: &CommitId, old: &CommitId) -> Result<bool, GitError> {
        loop {
            if self.contains(new, old)? {
                return Ok(true);
            }
            if !self.deepen(&[new])? {
                return Ok(false);
            }
        }
    }

    /// The commit that two histories have in common, if they have one; a shallow
    /// repository asks for as much of both as the answer takes.
    /// [`GitError::HistoryCut`] when that does not tell.
    pub fn merge_base(
        &self,
        one: &CommitId,
        other: &CommitId,
    ) -> Result<Option<CommitId>, GitError> {
        let (left, right) = (object_id(one.as_str())?, object_id(other.as_str())?);
        loop {
            match self.fresh()?.merge_base(left, right) {
                Ok(base) => return commit_id(base).map(Some),
                Err(error) if error.code() == git2::ErrorCode::NotFound => {
                    if !self.is_shallow() {
                        return Ok(None);
                    }
                    if !self.deepen(&[one, other])? {
                        return Err(GitError::HistoryCut);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
