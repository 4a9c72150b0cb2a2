//! What environments render to, remembered in the Git folder: sources that were
//! rendered once are not rendered again only to see what they come to.

use super::Estate;
use crate::product::EnvironmentState;
use crate::template::{Before, KnownRendering, PROOF, proof, rendered_product};
use crate::template::{RenderError, RenderedIndex, Renderer, sources_digest};

impl Estate {
    /// What an environment's sources render to, for who is going to change them. Nothing is
    /// rendered where its commit proves that what is committed is just that.
    ///
    /// # Errors
    /// The sources can't be rendered.
    pub fn rendered_before(&self, state: &EnvironmentState) -> Result<Option<Before>, RenderError> {
        if self.is_proven(state) {
            return Ok(Some(Before::Committed));
        }
        Ok(self.rendered(state)?.map(Before::Index))
    }

    /// Whether the environment's commit, or one that it merged, says with its digest that
    /// what is committed is what the sources render to.
    fn is_proven(&self, state: &EnvironmentState) -> bool {
        let repository = self.repository();
        let Some(product) = rendered_product(repository, state) else {
            return false;
        };
        let Ok(tip) = self.git.commit(&state.commit) else {
            return false;
        };
        // In a shallow clone the merged ones are not here.
        let merged = match tip.parents.as_slice() {
            [_, merged @ ..] => merged
                .iter()
                .filter_map(|id| self.git.commit(id).ok())
                .collect(),
            [] => Vec::new(),
        };
        let said: Vec<&str> = std::iter::once(&tip)
            .chain(&merged)
            .flat_map(|commit| commit.message.trailers_named(PROOF))
            .collect();
        let proof = || proof(repository, &state.entry, product, &state.snapshot);
        !said.is_empty() && proof().is_some_and(|proof| said.contains(&proof.as_str()))
    }

    /// What an environment's sources render to; `None` without a product manifest,
    /// or where `gitops.yaml` commits no rendering.
    ///
    /// # Errors
    /// The sources can't be rendered.
    pub fn rendered(&self, state: &EnvironmentState) -> Result<Option<RenderedIndex>, RenderError> {
        let repository = self.repository();
        let Some(product) = rendered_product(repository, state) else {
            return Ok(None);
        };
        let sources = sources_digest(product, repository, &state.entry, &state.snapshot);
        let kept = sources.as_ref().and_then(|key| self.git.recall(key));
        if let Some(index) = kept.and_then(|text| RenderedIndex::parse(&text)) {
            return Ok(Some(index));
        }
        let renderer = Renderer::new(product, repository, &state.entry)?;
        let index = renderer.index(state.snapshot.object_format())?;
        let known = sources.map(|sources| KnownRendering { sources, index });
        Ok(known.map(|known| {
            self.remember(&known);
            known.index
        }))
    }

    /// Keeps what some sources render to for the next run.
    pub fn remember(&self, known: &KnownRendering) {
        self.git.keep(&known.sources, &known.index.to_text());
    }
}
