//! A plan: everything a promotion would do, and nothing done yet.

use std::collections::{BTreeMap, BTreeSet};

use super::{Decision, Item, StaleFile, TextLine, UnitId};
use crate::image::Reference;
use crate::product::{ComponentName, EnvironmentName};
use crate::repo::{CommitId, Edit, RepoPath};
use crate::template::{KnownRendering, RenderedChange, Rendering};

/// The version of one component before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionChange {
    /// The component.
    pub component: ComponentName,
    /// Its version on the target now.
    pub from: Option<String>,
    /// Its version afterwards.
    pub to: Option<String>,
}

/// Why a plan may not be written as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Hotfixes or conflicts are undecided; see the items with [`Decision::Ask`].
    Diverged {
        /// How many.
        count: usize,
    },
    /// Rendered files on the target were edited by hand.
    RenderedHotfix {
        /// Which.
        paths: Vec<RepoPath>,
    },
    /// The chosen units would come out differently without these.
    Incomplete {
        /// The units that have to come along.
        missing: Vec<String>,
        /// Every other component that those would change.
        also_changes: Vec<ComponentName>,
    },
    /// The source is not what the target is promoted from.
    Order {
        /// What it is promoted from.
        expected: Option<EnvironmentName>,
    },
    /// The commit is not in the history of the source's branch.
    OffBranch {
        /// The commit that was asked for.
        commit: CommitId,
    },
    /// The result has errors that the target does not have yet.
    Validation {
        /// The new errors, one line each.
        errors: Vec<String>,
    },
    /// Images are not in the registry that the target pulls them from.
    MissingImages {
        /// Which, by component.
        images: Vec<(ComponentName, Reference)>,
    },
}

/// Everything a promotion would do, and nothing done yet.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The product's name, where there is a product manifest.
    pub product: Option<String>,
    /// The product's version on the target and in the source.
    pub version: (Option<String>, Option<String>),
    /// Source environment and commit.
    pub source: (EnvironmentName, CommitId),
    /// Target environment and the tip the plan was made on.
    pub target: (EnvironmentName, CommitId),
    /// Every difference with its decision, by unit.
    pub items: Vec<Item>,
    /// Components whose version changes.
    pub versions: Vec<VersionChange>,
    /// Images that the target does not run now, by component, as it pulls them.
    pub images: Vec<(ComponentName, Reference)>,
    /// Templates that change, with the number of components that use each.
    pub templates: Vec<(String, usize)>,
    /// Rendered files that change.
    pub rendered: Vec<RenderedChange>,
    /// What was rendered for that: all files of the components concerned.
    pub rendering: Rendering,
    /// What the target renders to afterwards, to be remembered.
    pub known: Option<KnownRendering>,
    /// The digest that the commit proves its rendering with.
    pub proof: Option<String>,
    /// Rendered files on the target that are not what they should be.
    pub stale: Vec<StaleFile>,
    /// What becomes of the text around the values, where both sides have another one.
    pub texts: Vec<TextLine>,
    /// Rendered files that were edited by hand and that the plan was told what to do
    /// with: kept, or overwritten.
    pub edited: Vec<(RepoPath, Decision)>,
    /// What deserves a look but stops nothing.
    pub warnings: Vec<String>,
    /// Why nothing may be written; empty: it may.
    pub refusals: Vec<Refusal>,
    /// The file changes, records included.
    pub edits: BTreeMap<RepoPath, Edit>,
    /// SHA-256 over the changes and the rendered files, `sha256:<hex>`.
    pub digest: String,
}

impl Plan {
    /// What is promoted, in a word: the product's name where there is one.
    pub fn noun(&self) -> &str {
        let taken = |item: &&Item| item.decision.takes();
        match self.items.iter().any(|item| taken(&item)) {
            true => self.noun_of(self.items.iter().filter(taken)),
            false => self.heading(),
        }
    }

    /// What the plan is about, in a word: what is kept or refused in it counts as well.
    pub fn heading(&self) -> &str {
        self.noun_of(self.items.iter())
    }

    fn noun_of<'a>(&'a self, items: impl Iterator<Item = &'a Item>) -> &'a str {
        if let Some(product) = &self.product {
            return product;
        }
        let is_pin = |item: &Item| matches!(item.unit, UnitId::Component(_));
        let (pins, files): (Vec<&Item>, Vec<&Item>) = items.partition(|item| is_pin(item));
        match (pins.is_empty(), files.is_empty()) {
            (true, false) => "files",
            (false, false) => "images and files",
            (_, true) => "images",
        }
    }

    /// Promoted files beside manifests and templates that change.
    pub fn files(&self) -> impl Iterator<Item = &RepoPath> {
        let taken = self.items.iter().filter(|item| item.decision.takes());
        let files: BTreeSet<&RepoPath> = taken
            .filter_map(|item| match &item.unit {
                UnitId::File(path) => Some(path),
                _ => None,
            })
            .collect();
        files.into_iter()
    }

    /// The units that came to the same on both sides, where that is all there is to write
    /// down: their records follow, and nothing else changes.
    pub fn only_recorded(&self) -> Vec<String> {
        let same = |item: &&Item| item.decision == Decision::AlreadyThere;
        let other = |item: &Item| {
            !matches!(
                item.decision,
                Decision::AlreadyThere | Decision::Kept | Decision::Refused
            )
        };
        if self.is_empty() || !self.rendered.is_empty() || self.items.iter().any(other) {
            return Vec::new();
        }
        let same = self.items.iter().filter(same);
        let units: BTreeSet<String> = same.map(|item| item.unit.to_string()).collect();
        units.into_iter().collect()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The items that still need a decision.
    pub fn undecided(&self) -> impl Iterator<Item = &Item> {
        self.items
            .iter()
            .filter(|item| item.decision == Decision::Ask)
    }
}
