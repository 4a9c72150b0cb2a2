//! Why an environment cannot be rendered: one value per problem, with the
//! place that a person edits and, where one decides, the owner.

use crate::product::{ComponentName, TemplateName};
use crate::repo::Location;

/// Everything that keeps an environment from being rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", listing(.problems))]
pub struct RenderError {
    /// The problems, in the order of their places; at least one.
    pub problems: Vec<RenderProblem>,
}

impl RenderError {
    pub(super) fn new(mut problems: Vec<RenderProblem>) -> Self {
        problems.sort_by(|a, b| a.location.cmp(&b.location));
        problems.dedup();
        Self { problems }
    }
}

fn listing(problems: &[RenderProblem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// One reason why something cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {cause}")]
pub struct RenderProblem {
    /// The component that is rendered, where it is one's business.
    pub component: Option<ComponentName>,
    /// Where to look.
    pub location: Location,
    /// What is wrong.
    pub cause: RenderCause,
}

/// What is wrong with a component's rendering.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderCause {
    /// A template's schema is no JSON Schema.
    #[error("the schema of template {template} is no JSON Schema: {reason}")]
    Schema {
        /// The template.
        template: TemplateName,
        /// Why, in the validator's words.
        reason: String,
    },
    /// A template file does not compile.
    #[error("template {template}: {reason}")]
    Syntax {
        /// The template.
        template: TemplateName,
        /// Why, in the engine's words.
        reason: String,
    },
    /// A key that the schema does not declare.
    #[error("template {template} declares no value {key}{}{}", suggest(.suggestion), owned(.owner))]
    Undeclared {
        /// The template.
        template: TemplateName,
        /// The key.
        key: String,
        /// A declared key that looks alike.
        suggestion: Option<String>,
        /// Who decides about the template.
        owner: Option<String>,
    },
    /// A shared value that no template in use declares.
    #[error("no template in use declares a value {key}{}", suggest(.suggestion))]
    UndeclaredEverywhere {
        /// The key.
        key: String,
        /// A declared key that looks alike.
        suggestion: Option<String>,
    },
    /// A value that the schema refuses.
    #[error("value {path} of component {component}: {reason} (template {template}{})", owned(.owner))]
    Value {
        /// The component.
        component: ComponentName,
        /// The value's key path below `values`.
        path: String,
        /// What the schema says.
        reason: String,
        /// The template.
        template: TemplateName,
        /// Who decides about the template.
        owner: Option<String>,
    },
    /// A value that the schema wants and nobody gives.
    #[error("component {component} lacks the value {path}, which template {template} wants{}", owned(.owner))]
    Missing {
        /// The component.
        component: ComponentName,
        /// The value's key path below `values`.
        path: String,
        /// The template.
        template: TemplateName,
        /// Who decides about the template.
        owner: Option<String>,
    },
    /// An environment sets a value that the template keeps for the product.
    #[error("an environment may not set {key} of component {component}: template {template} allows {}{}", allowed_keys(.allowed), owned(.owner))]
    Forbidden {
        /// The component.
        component: ComponentName,
        /// The key path below `values`.
        key: String,
        /// The template.
        template: TemplateName,
        /// The key paths that it allows.
        allowed: Vec<String>,
        /// Who decides about the template.
        owner: Option<String>,
    },
    /// `environmentMay` names a key that the schema does not declare.
    #[error("environmentMay names {key}, which the schema of template {template} does not declare")]
    MayUndeclared {
        /// The template.
        template: TemplateName,
        /// The key.
        key: String,
    },
    /// The environment's registry map has no place for an image.
    #[error("image {image} of component {component} is not in the environment's registry map")]
    Unmapped {
        /// The component.
        component: ComponentName,
        /// The image.
        image: String,
    },
    /// The registry map makes something of an image that is none.
    #[error("image {image} becomes {mapped} by the environment's registry map: {reason}")]
    BadMapping {
        /// The image.
        image: String,
        /// What it becomes.
        mapped: String,
        /// Why that is no image.
        reason: String,
    },
    /// The template engine gave up.
    #[error("component {component}: {reason}{}", inside(.chain))]
    Template {
        /// The component.
        component: ComponentName,
        /// Why, in the engine's words.
        reason: String,
        /// The template files that led there, outermost first.
        chain: Vec<String>,
    },
    /// A rendering that needs more than its bounds.
    #[error("component {component}: the rendering of this file goes beyond {limit}")]
    TooMuch {
        /// The component.
        component: ComponentName,
        /// The bound.
        limit: &'static str,
    },
    /// A file whose rendering was given up.
    #[error("the rendering of this file takes longer than {} seconds", super::bounds::PATIENCE.as_secs())]
    TooLong,
    /// Nothing can be rendered on this machine.
    #[error("no thread can be started to render in: {reason}")]
    NoThread {
        /// What the system says.
        reason: String,
    },
    /// What was rendered is no YAML.
    #[error("component {component}: the rendered text is no YAML: line {line}: {reason}")]
    NotYaml {
        /// The component.
        component: ComponentName,
        /// The line of the rendered text.
        line: u32,
        /// What is wrong there.
        reason: String,
    },
    /// What was rendered is no Kubernetes object.
    #[error("component {component}: a rendered document has no {field}")]
    NotAnObject {
        /// The component.
        component: ComponentName,
        /// What it lacks.
        field: &'static str,
    },
    /// A name that no file may have.
    #[error("component {component}: {name:?} gives no file name: {reason}")]
    FileName {
        /// The component.
        component: ComponentName,
        /// The name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// Two things are rendered to one file.
    #[error("component {component} renders {path}, which component {other} renders too ({first})")]
    SameFile {
        /// The component.
        component: ComponentName,
        /// The file.
        path: String,
        /// The component that renders it first.
        other: ComponentName,
        /// The template that does.
        first: Location,
    },
    /// A private-use character in rendered text.
    #[error(
        "component {component}: a private-use character (U+{code:04X}) is rendered, which no text of the model may hold"
    )]
    PrivateUse {
        /// The component.
        component: ComponentName,
        /// Its code point.
        code: u32,
    },
}

fn suggest(name: &Option<String>) -> String {
    match name {
        Some(name) => format!(", did you mean {name}?"),
        None => String::new(),
    }
}

fn owned(owner: &Option<String>) -> String {
    match owner {
        Some(owner) => format!("; {owner} owns the template"),
        None => String::new(),
    }
}

fn allowed_keys(keys: &[String]) -> String {
    if keys.is_empty() {
        "nothing".to_owned()
    } else {
        format!("only {}", keys.join(", "))
    }
}

fn inside(chain: &[String]) -> String {
    if chain.is_empty() {
        String::new()
    } else {
        format!(" (reached from {})", chain.join(", "))
    }
}
