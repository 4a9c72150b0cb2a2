//! A template together with those that it extends, as one: files, schema,
//! permissions, and the schema compiled for checking values.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::product::{Output, ProductTree, Template, TemplateName, TemplateSource};
use crate::repo::Location;
use crate::yaml::{self, Step};

use super::error::{RenderCause, RenderProblem};
use super::merge::{declares, extend_schema, schema_defaults};

/// The files whose names start with this are parts of others, never rendered
/// by themselves.
const PARTIAL: char = '_';

/// A template with everything that it inherits.
pub(super) struct Chain<'t> {
    pub(super) template: &'t Template,
    pub(super) owner: Option<String>,
    pub(super) output: Output,
    /// All files, its own over inherited ones.
    pub(super) sources: BTreeMap<&'t str, &'t TemplateSource>,
    pub(super) schema: Map<String, Value>,
    pub(super) defaults: Map<String, Value>,
    pub(super) environment_may: Vec<yaml::Path>,
    validator: Option<jsonschema::Validator>,
    /// The template and those that it extends, nearest first.
    lineage: Vec<&'t Template>,
}

/// Makes what all schemas of values are checked with, once.
pub fn get_ready() {
    let any = jsonschema::options().should_validate_formats(true);
    // It is the checking of this one that is of use.
    let _ = any.build(&serde_json::json!({"type": "object"}));
}

impl<'t> Chain<'t> {
    /// Resolves one template of a tree, whose `extends` were checked when it
    /// was loaded.
    pub(super) fn resolve(tree: &'t ProductTree, template: &'t Template) -> Self {
        let lineage = lineage(tree, template);
        let mut chain = Self {
            template,
            owner: lineage.iter().find_map(|it| it.owner.clone()),
            output: lineage.iter().find_map(|it| it.output).unwrap_or_default(),
            sources: BTreeMap::new(),
            schema: Map::new(),
            defaults: Map::new(),
            environment_may: Vec::new(),
            validator: None,
            lineage: Vec::new(),
        };
        for ancestor in lineage.iter().rev() {
            for (name, source) in &ancestor.sources {
                chain.sources.insert(name, source);
            }
            extend_schema(&mut chain.schema, &ancestor.schema);
        }
        chain.lineage = lineage;
        chain
    }

    /// Prepares the schema for checking values; needed before inputs are made.
    pub(super) fn compile(&mut self, tree: &ProductTree, problems: &mut Vec<RenderProblem>) {
        // What the schema does not declare is refused, unless it says otherwise.
        if !self.schema.contains_key("additionalProperties")
            && !self.schema.contains_key("unevaluatedProperties")
        {
            self.schema
                .insert("additionalProperties".to_owned(), Value::Bool(false));
        }
        self.defaults = schema_defaults(&self.schema);
        for ancestor in std::mem::take(&mut self.lineage).into_iter().rev() {
            self.permit(ancestor, problems);
        }
        self.build_validator(tree, problems);
    }

    fn permit(&mut self, ancestor: &Template, problems: &mut Vec<RenderProblem>) {
        for key in &ancestor.environment_may {
            let known = match key.value.steps().first() {
                Some(Step::Key(top)) => declares(&self.schema, top),
                _ => false,
            };
            if !known {
                problems.push(RenderProblem {
                    component: None,
                    location: key.location.clone(),
                    cause: RenderCause::MayUndeclared {
                        template: ancestor.name.clone(),
                        key: key.value.to_string(),
                    },
                });
            }
            if !self.environment_may.contains(&key.value) {
                self.environment_may.push(key.value.clone());
            }
        }
    }

    fn build_validator(&mut self, tree: &ProductTree, problems: &mut Vec<RenderProblem>) {
        let schema = Value::Object(self.schema.clone());
        match jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
        {
            Ok(validator) => self.validator = Some(validator),
            Err(error) => {
                let pointer = error.instance_path().to_string();
                problems.push(RenderProblem {
                    component: None,
                    location: self.schema_location(tree, &pointer),
                    cause: RenderCause::Schema {
                        template: self.template.name.clone(),
                        reason: error.to_string(),
                    },
                });
            }
        }
    }

    /// Where the part of the schema at a JSON pointer stands, as far as it
    /// stands in this template's own file.
    fn schema_location(&self, tree: &ProductTree, pointer: &str) -> Location {
        match &self.template.schema_node {
            Some(node) => tree.locate_pointer(node, pointer),
            None => self.template.location.clone(),
        }
    }

    pub(super) fn name(&self) -> &TemplateName {
        &self.template.name
    }

    /// The files that are rendered by themselves.
    pub(super) fn entry_files(&self) -> impl Iterator<Item = (&'t str, &'t TemplateSource)> + '_ {
        self.sources.iter().filter_map(|(name, source)| {
            let file = name.rsplit('/').next().unwrap_or(name);
            (!file.starts_with(PARTIAL)).then_some((*name, *source))
        })
    }

    pub(super) fn declares(&self, key: &str) -> bool {
        declares(&self.schema, key)
    }

    pub(super) fn declared_keys(&self) -> impl Iterator<Item = &str> {
        self.schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(|properties| properties.keys().map(String::as_str))
    }

    /// Whether an environment may set the value at a key path.
    pub(super) fn environment_may_set(&self, path: &[Step]) -> bool {
        self.environment_may
            .iter()
            .any(|allowed| path.starts_with(allowed.steps()))
    }

    /// What the schema says against values.
    pub(super) fn complaints<'v>(
        &'v self,
        values: &'v Value,
    ) -> impl Iterator<Item = jsonschema::ValidationError<'v>> {
        self.validator
            .iter()
            .flat_map(move |validator| validator.iter_errors(values))
    }
}

/// A template and those that it extends, nearest first.
fn lineage<'t>(tree: &'t ProductTree, template: &'t Template) -> Vec<&'t Template> {
    let mut lineage = vec![template];
    let mut at = template;
    while let Some(base) = at
        .extends
        .as_ref()
        .and_then(|name| tree.templates.get(&name.value))
    {
        if lineage.iter().any(|seen| seen.name == base.name) {
            break;
        }
        lineage.push(base);
        at = base;
    }
    lineage
}
