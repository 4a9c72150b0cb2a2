//! What environments render to, remembered in the Git folder: sources that were
//! rendered once are not rendered again only to see what they come to.

use super::{EnvironmentState, Estate};
use crate::ops::rerender::{KnownRendering, rendered_product};
use crate::template::{RenderError, RenderedIndex, Renderer, sources_digest};

impl Estate {
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
