//! Rendering an environment: templates and inputs to files. A pure function of
//! the environment's tree, its entry in `gitops.yaml`, and this renderer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use minijinja::value::Value;

use crate::product::{
    Component, ComponentName, ComponentNode, EnvironmentEntry, LayerName, Output, ProductTree,
    Repository, SOURCE_SUFFIX, TemplateName, TemplateSource,
};
use crate::repo::{Location, ObjectFormat, RepoPath};
use crate::resource::ResourceId;

use super::bounds::{Bench, Stuck, on_known_stack};
use super::chain::Chain;
use super::collect::{Collector, Indexed, Kept};
use super::engine::{Engine, Failure, Reads, Written};
use super::error::{RenderCause, RenderError, RenderProblem};
use super::index::RenderedIndex;
use super::inputs::{Gatherer, Input};
use super::scene::Scene;
use super::split::{NoObject, documents, identity, private_use};
use super::trace::{Origin, Trace, locate};

/// Changes whenever equal inputs may give other files than before.
pub const RENDERER_VERSION: u32 = 1;

/// The folder of files that are not for Kubernetes, below an environment's path.
pub const FILES_FOLDER: &str = "files";

/// The folder of rendered resources where `gitops.yaml` names none.
const DEFAULT_FOLDER: &str = "manifests";

/// Fewer components than this are not worth a thread.
const SHARE: usize = 32;

/// Files that are handed to a thread before the first of them is taken back.
const AHEAD: usize = 16;

/// The layer of resources that no layer claims.
const DEFAULT_LAYER: &str = "app";

/// Everything that an environment, or some of its components, renders to.
#[derive(Debug, Clone, Default)]
pub struct Rendering {
    /// The files by their path from the repository's root.
    pub files: BTreeMap<RepoPath, RenderedFile>,
}

/// One rendered file.
#[derive(Debug, Clone)]
pub struct RenderedFile {
    /// Its text, ending with a line break.
    pub text: String,
    /// The component that it is rendered for.
    pub component: ComponentName,
    /// The layer that it belongs to; `None` for what is not for Kubernetes.
    pub layer: Option<LayerName>,
    /// The object that it holds; `None` for what is not for Kubernetes.
    pub resource: Option<ResourceId>,
    /// Where its first line stands in the template.
    pub source: Location,
    /// Where each byte of the text comes from.
    pub trace: Trace,
}

impl Rendering {
    /// What wrote the place at a line and column of a rendered file, both from 1.
    pub fn origin(&self, path: &RepoPath, line: u32, column: u32) -> Option<Origin> {
        let file = self.files.get(path)?;
        let mut start = 0;
        for (index, text) in file.text.split_inclusive('\n').enumerate() {
            if index + 1 == line as usize {
                let inside = text
                    .char_indices()
                    .nth(column.saturating_sub(1) as usize)
                    .map_or(text.len().saturating_sub(1), |(at, _)| at);
                return file.trace.origin(start + inside);
            }
            start += text.len();
        }
        None
    }
}

/// A file with its path, or why there is none.
type Made = Result<(RepoPath, RenderedFile), Box<RenderProblem>>;

/// Renders an environment.
pub fn render(
    tree: &ProductTree,
    repository: &Repository,
    entry: &EnvironmentEntry,
) -> Result<Rendering, RenderError> {
    Renderer::new(tree, repository, entry)?.render()
}

/// Renders some components of an environment. Values and templates of the
/// others are not looked at, unless a template asks for all components.
pub fn render_components(
    tree: &ProductTree,
    repository: &Repository,
    entry: &EnvironmentEntry,
    only: &BTreeSet<ComponentName>,
) -> Result<Rendering, RenderError> {
    Renderer::new(tree, repository, entry)?.render_components(only)
}

/// The compiled templates of one environment, ready to render its components.
pub struct Renderer<'t> {
    pub(super) tree: &'t ProductTree,
    repository: &'t Repository,
    pub(super) entry: &'t EnvironmentEntry,
    chains: BTreeMap<TemplateName, Chain<'t>>,
    engine: Arc<Engine>,
    reads: BTreeMap<TemplateName, Reads>,
    folder: RepoPath,
}

impl<'t> Renderer<'t> {
    /// Compiles the templates that the product uses.
    pub fn new(
        tree: &'t ProductTree,
        repository: &'t Repository,
        entry: &'t EnvironmentEntry,
    ) -> Result<Self, RenderError> {
        let mut problems = Vec::new();
        let used: BTreeSet<&TemplateName> = tree
            .components
            .values()
            .map(|node| &node.component.template.value)
            .collect();
        let mut chains: BTreeMap<TemplateName, Chain<'t>> = tree
            .templates
            .iter()
            .map(|(name, template)| (name.clone(), Chain::resolve(tree, template)))
            .collect();
        let compiled = on_known_stack(|| {
            let engine = Engine::new(chains.values());
            let reads = engine.reads(&chains);
            (Arc::new(engine), reads)
        });
        let (engine, mut reads) = compiled.map_err(|stuck| {
            RenderError::new(vec![RenderProblem {
                component: None,
                location: Location::new(entry.path.clone(), 1, 1),
                cause: gave_up(stuck),
            }])
        })?;
        chains.retain(|name, _| used.contains(name));
        reads.retain(|name, _| used.contains(name));
        for chain in chains.values_mut() {
            chain.compile(tree, &mut problems);
        }
        if !problems.is_empty() {
            return Err(RenderError::new(problems));
        }
        let rendered = match &repository.rendered {
            Some(folder) => folder.clone(),
            None => fixed_path(DEFAULT_FOLDER),
        };
        let folder = entry.path.join_path(&rendered);
        Ok(Self {
            tree,
            repository,
            entry,
            chains,
            engine,
            reads,
            folder,
        })
    }

    /// What a template looks at beyond its component.
    pub fn reads(&self, template: &TemplateName) -> Reads {
        self.reads.get(template).copied().unwrap_or_default()
    }

    /// The components whose rendering may change when these change: they
    /// themselves, and all whose templates look at every component.
    pub fn affected_by(&self, changed: &BTreeSet<ComponentName>) -> BTreeSet<ComponentName> {
        self.enabled()
            .map(|(name, node)| (name, &node.component.template.value))
            .filter(|(name, template)| {
                changed.contains(*name) || (!changed.is_empty() && self.reads(template).components)
            })
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn enabled(&self) -> impl Iterator<Item = (&'t ComponentName, &'t ComponentNode)> {
        let environment = &self.entry.name;
        self.tree
            .components
            .iter()
            .filter(move |(_, node)| node.component.exists_in(environment))
            .map(|(name, node)| (name, &**node))
    }

    /// Renders all components that exist in the environment.
    pub fn render(&self) -> Result<Rendering, RenderError> {
        let files = self.render_where(&|_| true, &|file| file)?;
        Ok(Rendering { files })
    }

    /// Renders some of the components.
    pub fn render_components(
        &self,
        only: &BTreeSet<ComponentName>,
    ) -> Result<Rendering, RenderError> {
        let files = self.render_where(&|name| only.contains(name), &|file| file)?;
        Ok(Rendering { files })
    }

    /// What all components render to without the texts, none of which is held for longer
    /// than it takes to tell its id in a repository of this format.
    pub fn index(&self, format: ObjectFormat) -> Result<RenderedIndex, RenderError> {
        let files = self.render_where(&|_| true, &|file| Indexed::of(file, format))?;
        let files = files.into_iter().map(|(path, file)| (path, file.file));
        Ok(RenderedIndex {
            files: files.collect(),
        })
    }

    fn render_where<K: Kept>(
        &self,
        wanted: &dyn Fn(&ComponentName) -> bool,
        keep: &(dyn Fn(RenderedFile) -> K + Sync),
    ) -> Result<BTreeMap<RepoPath, K>, RenderError> {
        let chosen = |node: &ComponentNode| wanted(&node.component.name);
        let everything = self
            .enabled()
            .any(|(_, node)| chosen(node) && self.reads(&node.component.template.value).components);
        let mut gatherer = Gatherer::new(self.tree, &self.chains);
        gatherer.check_shared();
        let mut inputs = Vec::new();
        for (_, node) in self.enabled() {
            if everything || chosen(node) {
                inputs.extend(gatherer.input(node));
            }
        }
        if !gatherer.problems.is_empty() {
            return Err(RenderError::new(gatherer.problems));
        }
        let scene = Scene::new(self, &inputs, everything);
        let work: Vec<(usize, &Input<'_>)> = inputs
            .iter()
            .enumerate()
            .filter(|(_, input)| chosen(input.node))
            .collect();
        self.render_all(&work, &scene, keep).finish()
    }

    /// Many components are rendered side by side; the result is put together
    /// in the order of the components, whoever was done first.
    fn render_all<K: Kept>(
        &self,
        work: &[(usize, &Input<'_>)],
        scene: &Scene,
        keep: &(dyn Fn(RenderedFile) -> K + Sync),
    ) -> Collector<K> {
        let in_turn = |part: &[(usize, &Input<'_>)]| {
            let mut collector = Collector::default();
            self.render_part(part, scene, &mut |made| match made {
                Ok((path, file)) => collector.add(path, keep(file)),
                Err(problem) => collector.fail(*problem),
            });
            collector
        };
        let hands = std::thread::available_parallelism().map_or(1, usize::from);
        let share = work.len().div_ceil(hands).max(SHARE);
        if work.len() <= share {
            return in_turn(work);
        }
        std::thread::scope(|scope| {
            let parts: Vec<_> = work
                .chunks(share)
                .map(|part| (part, scope.spawn(move || in_turn(part))))
                .collect();
            let mut whole = Collector::default();
            for (part, running) in parts {
                // A thread that could not go on is done over here, where a
                // panic is reported as one.
                whole.append(running.join().unwrap_or_else(|_| in_turn(part)));
            }
            whole
        })
    }

    /// Renders components one after the other: the engine works on a thread of its own,
    /// and what it wrote is taken apart here meanwhile.
    fn render_part(&self, part: &[(usize, &Input<'_>)], scene: &Scene, done: &mut dyn FnMut(Made)) {
        let engine = Arc::clone(&self.engine);
        let bench = Bench::new(
            move |(template, file, context): (TemplateName, String, Value)| {
                engine.render(&template, &file, context)
            },
        );
        let mut waiting = VecDeque::with_capacity(AHEAD);
        let mut bench = match bench {
            Ok(bench) => bench,
            Err(stuck) => {
                let files = part.iter().flat_map(|(_, input)| self.files_of(input));
                if let Some(first) = files.into_iter().next() {
                    done(Err(Box::new(first.gave_up(stuck))));
                }
                return;
            }
        };
        for (index, input) in part {
            let context = scene.context(self, input, *index);
            for file in self.files_of(input) {
                let name = (file.chain.name().clone(), file.name.to_owned());
                bench.give((name.0, name.1, context.clone()));
                waiting.push_back(file);
                if waiting.len() >= AHEAD && !self.take(&mut bench, &mut waiting, done) {
                    return;
                }
            }
        }
        while !waiting.is_empty() {
            if !self.take(&mut bench, &mut waiting, done) {
                return;
            }
        }
    }

    /// Takes one rendering back; false when nothing more comes.
    fn take(
        &self,
        bench: &mut Bench<(TemplateName, String, Value), Result<Written, Failure>>,
        waiting: &mut VecDeque<InWork<'_, 't>>,
        done: &mut dyn FnMut(Made),
    ) -> bool {
        let Some(file) = waiting.pop_front() else {
            return false;
        };
        let result = match bench.take() {
            Ok(result) => result,
            Err(stuck) => {
                done(Err(Box::new(file.gave_up(stuck))));
                return false;
            }
        };
        let files = result
            .map_err(|failure| Box::new(failed(file.component, file.source, failure)))
            .and_then(|written| {
                self.files(
                    file.component,
                    file.chain,
                    (file.name, file.source),
                    &written,
                )
            });
        match files {
            Ok(files) => files.into_iter().for_each(|made| done(Ok(made))),
            Err(problem) => done(Err(problem)),
        }
        true
    }

    fn files_of<'r>(&'r self, input: &'r Input<'_>) -> Vec<InWork<'r, 't>> {
        let component = &input.node.component;
        let Some(chain) = self.chains.get(&component.template.value) else {
            return Vec::new();
        };
        let file = |(name, source)| InWork {
            component,
            chain,
            name,
            source,
        };
        chain.entry_files().map(file).collect()
    }

    /// The files that one rendered template file becomes.
    fn files(
        &self,
        component: &Component,
        chain: &Chain<'_>,
        (name, source): (&str, &TemplateSource),
        written: &Written,
    ) -> Result<Vec<(RepoPath, RenderedFile)>, Box<RenderProblem>> {
        let problem = |offset: usize, cause: RenderCause| {
            let whole = Trace::part(&written.spans, &written.files, &(0..written.text.len()));
            let location = whole.origin(offset).map_or_else(
                || Location::new(source.path.clone(), 1, 1),
                |origin| origin.location,
            );
            Box::new(RenderProblem {
                component: Some(component.name.clone()),
                location,
                cause,
            })
        };
        if let Some(c) = private_use(&written.text) {
            let cause = RenderCause::PrivateUse {
                component: component.name.clone(),
                code: u32::from(c),
            };
            return Err(problem(written.text.find(c).unwrap_or(0), cause));
        }
        if chain.output == Output::Files {
            let file = self.plain_file(component, name, source, written);
            return file
                .map(|file| vec![file])
                .map_err(|cause| problem(0, cause));
        }
        let mut files = Vec::new();
        for range in documents(&written.text) {
            let text = format!("{}\n", &written.text[range.clone()]);
            let id = identity(&text)
                .map_err(|error| problem(range.start, no_object(component, error)))?;
            let (path, layer) = self
                .resource_path(component, &id)
                .map_err(|cause| problem(range.start, cause))?;
            let trace = Trace::part(&written.spans, &written.files, &range);
            let source = trace.origin(0).map_or_else(
                || Location::new(source.path.clone(), 1, 1),
                |origin| origin.location,
            );
            let file = RenderedFile {
                text,
                component: component.name.clone(),
                layer: Some(layer),
                resource: Some(id),
                source,
                trace,
            };
            files.push((path, file));
        }
        Ok(files)
    }

    fn plain_file(
        &self,
        component: &Component,
        name: &str,
        source: &TemplateSource,
        written: &Written,
    ) -> Result<(RepoPath, RenderedFile), RenderCause> {
        let relative = name.strip_suffix(SOURCE_SUFFIX).unwrap_or(name);
        let path = self
            .entry
            .path
            .join(&format!("{FILES_FOLDER}/{}/{relative}", component.name))
            .map_err(|error| file_name(component, relative, error.reason))?;
        let mut text = written.text.clone();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let file = RenderedFile {
            component: component.name.clone(),
            layer: None,
            resource: None,
            source: locate(&source.path, &source.text, 0),
            trace: Trace::part(&written.spans, &written.files, &(0..text.len())),
            text,
        };
        Ok((path, file))
    }

    /// `manifests/<layer>/<kind>-<name>.yaml`, with the namespace where the
    /// object lives in another one than the environment.
    fn resource_path(
        &self,
        component: &Component,
        id: &ResourceId,
    ) -> Result<(RepoPath, LayerName), RenderCause> {
        let layer = match self
            .repository
            .layer_of(&component.name, &id.kind, id.group())
        {
            Some(layer) => layer.name.clone(),
            None => DEFAULT_LAYER
                .parse()
                .map_err(|_| RenderCause::NotAnObject {
                    component: component.name.clone(),
                    field: "layer",
                })?,
        };
        let kind = id.kind.to_lowercase();
        // A colon stands in names of roles, but in no file name on Windows.
        let name = id.name.replace(':', "-");
        let file = match &id.namespace {
            Some(namespace) if Some(namespace.as_str()) != self.entry.namespace() => {
                format!("{kind}-{namespace}-{name}.yaml")
            }
            _ => format!("{kind}-{name}.yaml"),
        };
        if file.contains('/') {
            return Err(file_name(component, &file, "it contains '/'"));
        }
        match self.folder.join(&format!("{layer}/{file}")) {
            Ok(path) => Ok((path, layer)),
            Err(error) => Err(file_name(component, &file, error.reason)),
        }
    }
}

/// A template's file that is rendered for a component.
struct InWork<'r, 't> {
    component: &'r Component,
    chain: &'r Chain<'t>,
    name: &'t str,
    source: &'t TemplateSource,
}

impl InWork<'_, '_> {
    fn gave_up(&self, stuck: Stuck) -> RenderProblem {
        RenderProblem {
            component: Some(self.component.name.clone()),
            location: Location::new(self.source.path.clone(), 1, 1),
            cause: gave_up(stuck),
        }
    }
}

fn gave_up(stuck: Stuck) -> RenderCause {
    match stuck {
        Stuck::Time => RenderCause::TooLong,
        Stuck::NoThread(reason) => RenderCause::NoThread { reason },
    }
}

fn fixed_path(text: &str) -> RepoPath {
    text.parse().unwrap_or_default()
}

fn file_name(component: &Component, name: &str, reason: &str) -> RenderCause {
    RenderCause::FileName {
        component: component.name.clone(),
        name: name.to_owned(),
        reason: reason.to_owned(),
    }
}

fn no_object(component: &Component, error: NoObject) -> RenderCause {
    let component = component.name.clone();
    match error {
        NoObject::NotYaml { line, reason } => RenderCause::NotYaml {
            component,
            line,
            reason,
        },
        NoObject::Lacks(field) => RenderCause::NotAnObject { component, field },
    }
}

fn failed(component: &Component, source: &TemplateSource, failure: Failure) -> RenderProblem {
    let name = component.name.clone();
    let (location, cause) = match failure {
        Failure::TooMuch(limit, location) => (
            location.unwrap_or_else(|| Location::new(source.path.clone(), 1, 1)),
            RenderCause::TooMuch {
                component: name.clone(),
                limit,
            },
        ),
        Failure::Refused {
            reason,
            location,
            chain,
        } => (
            location,
            RenderCause::Template {
                component: name.clone(),
                reason,
                chain,
            },
        ),
    };
    RenderProblem {
        component: Some(name),
        location,
        cause,
    }
}
