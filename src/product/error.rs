//! What can be wrong with the files of the model: one value per mistake, with
//! the place that a person edits.

use crate::repo::{Location, RepoPath};

/// A mistake in a file of the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {problem}")]
pub struct ModelError {
    /// Where it stands.
    pub location: Location,
    /// What is wrong.
    pub problem: Problem,
}

impl ModelError {
    /// A mistake at a place.
    pub fn new(location: Location, problem: Problem) -> Self {
        Self { location, problem }
    }
}

/// What is wrong with a file of the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The text is not YAML.
    #[error("{0}")]
    Yaml(String),
    /// A field is unknown, missing, or of the wrong type.
    #[error("{0}")]
    Field(String),
    /// A file that is needed cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// The file is of another kind or version.
    #[error("this is {found}, not {wanted}")]
    Kind {
        /// The `apiVersion` and `kind` that stand there.
        found: String,
        /// Those that are wanted.
        wanted: String,
    },
    /// The file holds another number of documents than it may.
    #[error("one document is wanted here, but the file has {0}")]
    Documents(usize),
    /// Another version of this tool is wanted.
    #[error("this repository wants kubectl-gitops {wanted}, but this is {running}")]
    Requires {
        /// The range that the repository names.
        wanted: String,
        /// The version that runs.
        running: String,
    },
    /// A name stands twice.
    #[error("{what} {name} stands here and at {first}")]
    Duplicate {
        /// What is named.
        what: &'static str,
        /// The name.
        name: String,
        /// Where it stands first.
        first: Location,
    },
    /// Two environments are the same place.
    #[error("environment {name} lies {how} environment {other} ({first})")]
    SamePlace {
        /// The later environment.
        name: String,
        /// `at the same place as` or `inside`.
        how: &'static str,
        /// The earlier environment.
        other: String,
        /// Where that one stands.
        first: Location,
    },
    /// A name is used that nothing bears.
    #[error("there is no {what} {name}{}", did_you_mean(.suggestion))]
    Unknown {
        /// What is missing.
        what: &'static str,
        /// The name.
        name: String,
        /// A name that exists and looks alike.
        suggestion: Option<String>,
    },
    /// Things that lead back to themselves.
    #[error("{what} in a cycle: {}", .names.join(" → "))]
    Cycle {
        /// What goes round.
        what: &'static str,
        /// The names, the first one again at the end.
        names: Vec<String>,
    },
    /// A component has no template, and the product no default one.
    #[error("component {component} has no template, and the product names no default one")]
    NoTemplate {
        /// The component.
        component: String,
    },
    /// A component has both an image and a version, or an update policy without an image.
    #[error("component {component} has {what}")]
    Component {
        /// The component.
        component: String,
        /// What does not go together.
        what: &'static str,
    },
    /// A pattern of files that matches nothing.
    #[error("no file matches {pattern}")]
    NoFile {
        /// The pattern.
        pattern: String,
    },
    /// A character that rendering uses for itself.
    #[error(
        "a private-use character (U+{code:04X}) stands here, which no text of the model may hold"
    )]
    PrivateUse {
        /// Its code point.
        code: u32,
    },
    /// A name or value that says something else than its place does.
    #[error("this file says {found}, but its place says {wanted}")]
    Misplaced {
        /// The name that stands there.
        found: String,
        /// The name that its place has.
        wanted: String,
    },
    /// A folder `templates/NAME` without its `template.yaml`.
    #[error("the folder {folder} has no template.yaml")]
    NoTemplateFile {
        /// The folder.
        folder: RepoPath,
    },
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    match suggestion {
        Some(name) => format!(", did you mean {name}?"),
        None => String::new(),
    }
}

/// Of the names that exist, the one that a person most likely meant.
pub(crate) fn nearest<'a>(
    wanted: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, name)| *distance <= 2.max(name.chars().count() / 3))
        .min()
        .map(|(_, name)| name.to_owned())
}

/// A non-fatal remark about the files of the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {remark}")]
pub struct ModelWarning {
    /// Where it stands.
    pub location: Location,
    /// What is remarkable.
    pub remark: Remark,
}

/// What a [`ModelWarning`] says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Remark {
    /// The environment overrides a component that the product does not have.
    #[error("the environment overrides component {component}, which the product does not have{}", did_you_mean(.suggestion))]
    NoSuchComponent {
        /// The component.
        component: String,
        /// A component that exists and looks alike.
        suggestion: Option<String>,
    },
    /// A component names an environment that the repository does not have.
    #[error("component {component} exists in {environment}, which is no environment of this repository{}", did_you_mean(.suggestion))]
    NoSuchEnvironment {
        /// The component.
        component: String,
        /// The environment.
        environment: String,
        /// An environment that exists and looks alike.
        suggestion: Option<String>,
    },
    /// The environment overrides a component that does not exist in it.
    #[error("the environment overrides component {component}, which does not exist in it")]
    ComponentElsewhere {
        /// The component.
        component: String,
    },
}
