//! What goes into a component's rendering: its merged and checked values, its
//! image as the environment serves it, and the context that templates see.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use crate::image::Reference;
use crate::product::{
    Component, ComponentName, ComponentNode, Environment, NodeRef, ProductTree, TemplateName,
    Values,
};
use crate::repo::Location;
use crate::yaml::{Path, Step};

use super::chain::Chain;
use super::error::{RenderCause, RenderProblem};
use super::merge::merge;

/// Who gives a value, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LevelKind {
    /// `spec.defaults.values` of the product.
    ProductDefaults,
    /// `values` of the component.
    Component,
    /// `spec.values` of the environment.
    Environment,
    /// `spec.components.NAME.values` of the environment.
    EnvironmentComponent,
}

impl LevelKind {
    fn is_shared(self) -> bool {
        matches!(self, Self::ProductDefaults | Self::Environment)
    }

    fn is_environment(self) -> bool {
        matches!(self, Self::Environment | Self::EnvironmentComponent)
    }
}

/// One level of a component's values.
#[derive(Debug, Clone, Copy)]
pub struct Level<'t> {
    /// Who gives them.
    pub kind: LevelKind,
    /// The values, whether or not they reach the component.
    pub values: &'t Values,
}

/// The levels that give values to a component, weakest first. Values of the
/// shared levels reach it only where its template declares them.
pub fn levels<'t>(tree: &'t ProductTree, component: &'t Component) -> Vec<Level<'t>> {
    let environment = &tree.environment;
    let over = environment.components.get(&component.name);
    [
        (
            LevelKind::ProductDefaults,
            tree.product.default_values.as_ref(),
        ),
        (LevelKind::Component, component.values.as_ref()),
        (LevelKind::Environment, environment.values.as_ref()),
        (
            LevelKind::EnvironmentComponent,
            over.and_then(|it| it.values.as_ref()),
        ),
    ]
    .into_iter()
    .filter_map(|(kind, values)| {
        Some(Level {
            kind,
            values: values?,
        })
    })
    .collect()
}

/// The place that gives a component the value at a key path below `values`:
/// the strongest level that sets it, or the nearest mapping above it.
pub fn origin(tree: &ProductTree, component: &Component, path: &Path) -> Option<Location> {
    let levels = levels(tree, component);
    (1..=path.steps().len()).rev().find_map(|length| {
        let steps = &path.steps()[..length];
        let level = levels
            .iter()
            .rev()
            .find(|level| holds(&level.values.map, steps))?;
        Some(tree.locate(&below(&level.values.node, steps)))
    })
}

fn holds(map: &Map<String, Json>, steps: &[Step]) -> bool {
    let mut steps = steps.iter();
    let Some(Step::Key(first)) = steps.next() else {
        return false;
    };
    let mut at = map.get(first);
    for step in steps {
        at = at.and_then(|value| step.down(value));
    }
    at.is_some()
}

fn below(node: &NodeRef, steps: &[Step]) -> NodeRef {
    let mut node = node.clone();
    node.path = node.path.join(&Path::new(steps.to_vec()));
    node
}

/// A component with everything that its rendering needs.
pub(super) struct Input<'t> {
    pub(super) node: &'t ComponentNode,
    pub(super) values: Json,
    pub(super) image: Option<Reference>,
}

/// Makes inputs, and collects what is wrong with them.
pub(super) struct Gatherer<'a, 't> {
    pub(super) tree: &'t ProductTree,
    pub(super) chains: &'a BTreeMap<TemplateName, Chain<'t>>,
    pub(super) problems: Vec<RenderProblem>,
    /// Shared values that were refused, so that each is reported once per template.
    refused: BTreeSet<(TemplateName, String)>,
}

impl<'a, 't> Gatherer<'a, 't> {
    pub(super) fn new(
        tree: &'t ProductTree,
        chains: &'a BTreeMap<TemplateName, Chain<'t>>,
    ) -> Self {
        Self {
            tree,
            chains,
            problems: Vec::new(),
            refused: BTreeSet::new(),
        }
    }

    /// Refuses shared values that no template in use declares.
    pub(super) fn check_shared(&mut self) {
        let shared = [
            self.tree.product.default_values.as_ref(),
            self.tree.environment.values.as_ref(),
        ];
        for values in shared.into_iter().flatten() {
            for key in values.map.keys() {
                if self.chains.values().any(|chain| chain.declares(key)) {
                    continue;
                }
                let known = self.chains.values().flat_map(Chain::declared_keys);
                let cause = RenderCause::UndeclaredEverywhere {
                    key: key.clone(),
                    suggestion: crate::product::nearest(key, known),
                };
                let location = self
                    .tree
                    .locate(&below(&values.node, &[Step::Key(key.clone())]));
                self.problems.push(RenderProblem {
                    component: None,
                    location,
                    cause,
                });
            }
        }
    }

    /// The input of one component; `None` when its template is unknown.
    pub(super) fn input(&mut self, node: &'t ComponentNode) -> Option<Input<'t>> {
        let component = &node.component;
        let chain = self.chains.get(&component.template.value)?;
        let mut values = chain.defaults.clone();
        for level in levels(self.tree, component) {
            if level.kind.is_environment() {
                self.check_permission(component, chain, level);
            }
            if !level.kind.is_shared() {
                merge(&mut values, &level.values.map);
                continue;
            }
            let reaching: Map<String, Json> = level
                .values
                .map
                .iter()
                .filter(|(key, _)| chain.declares(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            merge(&mut values, &reaching);
        }
        let values = Json::Object(values);
        self.check_values(component, chain, &values);
        let image = self.image(component);
        Some(Input {
            node,
            values,
            image,
        })
    }

    fn check_permission(&mut self, component: &Component, chain: &Chain<'_>, level: Level<'_>) {
        let mut leaves = Vec::new();
        for (key, value) in &level.values.map {
            if level.kind.is_shared() && !chain.declares(key) {
                continue;
            }
            collect_leaves(value, &mut vec![Step::Key(key.clone())], &mut leaves);
        }
        for leaf in leaves {
            // An undeclared key gets a better answer from the schema.
            let declared = matches!(leaf.first(), Some(Step::Key(key)) if chain.declares(key));
            if !declared || chain.environment_may_set(&leaf) {
                continue;
            }
            let key = Path::new(leaf.clone()).to_string();
            if level.kind.is_shared() && !self.refused.insert((chain.name().clone(), key.clone())) {
                continue;
            }
            self.problems.push(RenderProblem {
                component: Some(component.name.clone()),
                location: self.tree.locate(&below(&level.values.node, &leaf)),
                cause: RenderCause::Forbidden {
                    component: component.name.clone(),
                    key,
                    template: chain.name().clone(),
                    allowed: chain.environment_may.iter().map(Path::to_string).collect(),
                    owner: chain.owner.clone(),
                },
            });
        }
    }

    fn check_values(&mut self, component: &Component, chain: &Chain<'_>, values: &Json) {
        for complaint in chain.complaints(values) {
            for (path, cause) in explain(component, chain, values, &complaint) {
                let location = origin(self.tree, component, &path)
                    .unwrap_or_else(|| component.location.clone());
                self.problems.push(RenderProblem {
                    component: Some(component.name.clone()),
                    location,
                    cause,
                });
            }
        }
    }

    /// The component's image as the environment serves it.
    fn image(&mut self, component: &Component) -> Option<Reference> {
        let image = component.image.as_ref()?;
        match mapped(&self.tree.environment, component, &image.value) {
            Ok(reference) => Some(reference),
            Err(cause) => {
                self.problems.push(RenderProblem {
                    component: Some(component.name.clone()),
                    location: image.location.clone(),
                    cause,
                });
                None
            }
        }
    }
}

/// The key paths of everything in a value that is no mapping with keys.
fn collect_leaves(value: &Json, at: &mut Vec<Step>, leaves: &mut Vec<Vec<Step>>) {
    match value {
        Json::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                at.push(Step::Key(key.clone()));
                collect_leaves(value, at, leaves);
                at.pop();
            }
        }
        _ => leaves.push(at.clone()),
    }
}

/// A complaint of the schema as causes, each with the value that it is about.
fn explain(
    component: &Component,
    chain: &Chain<'_>,
    values: &Json,
    complaint: &jsonschema::ValidationError<'_>,
) -> Vec<(Path, RenderCause)> {
    use jsonschema::error::ValidationErrorKind as Kind;
    let at = path_of(values, complaint.instance_path().as_str());
    let value_cause = |path: &Path, reason: String| RenderCause::Value {
        component: component.name.clone(),
        path: path.to_string(),
        reason,
        template: chain.name().clone(),
        owner: chain.owner.clone(),
    };
    let child = |key: &str| at.key(key);
    match complaint.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            unexpected
                .iter()
                .map(|key| {
                    let path = child(key);
                    let cause = if at.is_root() {
                        RenderCause::Undeclared {
                            template: chain.name().clone(),
                            key: key.clone(),
                            suggestion: crate::product::nearest(key, chain.declared_keys()),
                            owner: chain.owner.clone(),
                        }
                    } else {
                        value_cause(&path, "the schema declares no such key".to_owned())
                    };
                    (path, cause)
                })
                .collect()
        }
        Kind::Required { property } => {
            let path = child(property.as_str().unwrap_or_default());
            let cause = RenderCause::Missing {
                component: component.name.clone(),
                path: path.to_string(),
                template: chain.name().clone(),
                owner: chain.owner.clone(),
            };
            // The mapping that lacks the key is where to add it.
            vec![(at, cause)]
        }
        _ => {
            let secrecy = crate::product::secrecy(&at, &[values]);
            let value = complaint.instance();
            let reason = match secrecy.shown(value) == *value.as_ref() {
                true => complaint.to_string(),
                false => complaint.masked().to_string(),
            };
            vec![(at.clone(), value_cause(&at, reason))]
        }
    }
}

/// A JSON pointer as a key path, told apart by what the value is.
fn path_of(values: &Json, pointer: &str) -> Path {
    let mut steps = Vec::new();
    let mut at = Some(values);
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        match (at, part.parse::<usize>()) {
            (Some(Json::Array(items)), Ok(index)) => {
                at = items.get(index);
                steps.push(Step::Index(index));
            }
            _ => {
                at = at.and_then(|value| value.get(&part));
                steps.push(Step::Key(part));
            }
        }
    }
    Path::new(steps)
}

/// An image after the environment's registry map.
fn mapped(
    environment: &Environment,
    component: &Component,
    image: &Reference,
) -> Result<Reference, RenderCause> {
    if environment.registry.is_empty() {
        return Ok(image.clone());
    }
    let normalised = image.normalised();
    let names = [image.name(), normalised.name()];
    let best = environment
        .registry
        .iter()
        .flat_map(|(prefix, target)| names.iter().map(move |name| (prefix, target, name)))
        .filter_map(|(prefix, target, name)| {
            let rest = name.strip_prefix(prefix.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((prefix.len(), target, rest))
        })
        .max_by_key(|(length, _, _)| *length);
    let Some((_, target, rest)) = best else {
        return Err(RenderCause::Unmapped {
            component: component.name.clone(),
            image: image.to_string(),
        });
    };
    let name = format!("{}{rest}", target.value);
    match name.parse::<Reference>() {
        Ok(reference) => Ok(reference.with(image.tag().cloned(), image.digest().cloned())),
        Err(error) => Err(RenderCause::BadMapping {
            image: image.to_string(),
            mapped: name,
            reason: error.to_string(),
        }),
    }
}

/// An image as the environment of a tree serves it; `None` where its registry
/// map has no place for it.
pub fn served_image(tree: &ProductTree, name: &ComponentName) -> Option<Reference> {
    let component = &tree.components.get(name)?.component;
    mapped(
        &tree.environment,
        component,
        &component.image.as_ref()?.value,
    )
    .ok()
}
