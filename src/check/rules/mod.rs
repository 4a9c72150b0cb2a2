//! The rules about whole sets of objects, one file per rule.
//!
//! A rule is a function from the objects of an environment to remarks about
//! them. To add one: write its file, and add its line to [`RULES`].

mod cluster_scope;
mod config_reference;
mod duplicate_object;
mod mutable_tag;
mod pods;
mod ports;
mod require_limits;
mod scale_target;
mod service_backend;
mod service_selector;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::finding::{RuleId, Severity};
use super::suggest::{listed, suggestion};
use super::walk::{Target, Violation};
use crate::resource::ResourceId;
use crate::yaml::{Path, Step};

/// What is done with a rule's findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The rule is not asked.
    Off,
    /// Its findings are warnings.
    Warn,
    /// Its findings are errors.
    Enforce,
    /// The rule weighs each finding itself.
    Own,
}

/// A rule that a person can switch.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Its name.
    pub id: RuleId,
    /// What is done when nobody says anything.
    pub default: Level,
    /// What it looks for, in one sentence.
    pub about: &'static str,
    /// Looks at the objects; `None` for rules that the operation itself decides.
    check: Option<fn(&Scene<'_>, &mut Vec<Remark>)>,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({})", self.id)
    }
}

/// The committed rendering differs from what the environment renders to.
pub const RENDERED_STALE: RuleId = RuleId::new("rendered-stale");
/// A file among the rendered ones that this rendering does not produce.
pub const FOREIGN_FILE: RuleId = RuleId::new("foreign-file");
/// Values for a component that the product does not have.
pub const DANGLING_OVERRIDE: RuleId = RuleId::new("dangling-override");

/// Every rule, in the order of reports.
pub static RULES: [Rule; 14] = [
    Rule::of(
        duplicate_object::RULE,
        Level::Own,
        "no two files hold the same object",
        duplicate_object::check,
    ),
    Rule::of(
        cluster_scope::RULE,
        Level::Own,
        "objects of the cluster name no namespace",
        cluster_scope::check,
    ),
    Rule::of(
        config_reference::RULE,
        Level::Own,
        "pods find their ConfigMaps, Secrets, accounts and volume claims",
        config_reference::check,
    ),
    Rule::of(
        service_selector::RULE,
        Level::Own,
        "a Service selects pods that have its ports",
        service_selector::check,
    ),
    Rule::of(
        service_backend::RULE,
        Level::Own,
        "an Ingress or HTTPRoute leads to Services that exist",
        service_backend::check,
    ),
    Rule::of(
        scale_target::RULE,
        Level::Own,
        "autoscalers and disruption budgets mean workloads that exist",
        scale_target::check,
    ),
    Rule::of(
        ports::RULE,
        Level::Enforce,
        "port numbers are between 1 and 65535",
        ports::check,
    ),
    Rule::of(
        require_limits::RULE,
        Level::Off,
        "containers request CPU and memory and limit memory",
        require_limits::check,
    ),
    Rule::of(
        mutable_tag::RULE,
        Level::Off,
        "images have a tag other than latest, or a digest",
        mutable_tag::check,
    ),
    Rule::of(
        mutable_tag::DIGEST_RULE,
        Level::Off,
        "images are pinned by digest",
        mutable_tag::check_digests,
    ),
    Rule::by_operation(
        RuleId::UNKNOWN_SCHEMA,
        Level::Own,
        "every kind has a schema, so that its objects are checked",
    ),
    Rule::by_operation(
        RENDERED_STALE,
        Level::Enforce,
        "the committed rendering is what the environment renders to",
    ),
    Rule::by_operation(
        FOREIGN_FILE,
        Level::Warn,
        "every file among the rendered ones comes from the rendering",
    ),
    Rule::by_operation(
        DANGLING_OVERRIDE,
        Level::Own,
        "an environment overrides only components that exist in it",
    ),
];

impl Rule {
    const fn of(
        id: RuleId,
        default: Level,
        about: &'static str,
        check: fn(&Scene<'_>, &mut Vec<Remark>),
    ) -> Self {
        Rule {
            id,
            default,
            about,
            check: Some(check),
        }
    }

    const fn by_operation(id: RuleId, default: Level, about: &'static str) -> Self {
        Rule {
            id,
            default,
            about,
            check: None,
        }
    }
}

/// One object that rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its identity as written.
    pub id: &'a ResourceId,
    /// The object.
    pub value: &'a Value,
    /// Where it lives: its own namespace, else the environment's. `None` for
    /// objects of the cluster, and where nothing says it.
    pub namespace: Option<&'a str>,
    /// Whether its kind belongs to the cluster rather than to a namespace.
    pub cluster_scoped: bool,
}

/// The objects of one environment.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// All of them, in the order of their files.
    pub subjects: &'a [Subject<'a>],
    /// Whether these are all objects there are, so that an absence says something.
    pub whole: bool,
}

/// What a rule has to say about one object.
#[derive(Clone, Debug)]
pub struct Remark {
    /// The object's index in the scene.
    pub subject: usize,
    /// It is about something that is not among the objects.
    pub absence: bool,
    /// How it weighs, unless the rule's level says otherwise.
    pub severity: Severity,
    /// What and where.
    pub violation: Violation,
}

/// A rule's name or level that is not one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RuleError {
    /// No rule has this name.
    #[error("there is no rule {name:?}{}", near.map(|near| format!(", did you mean {near:?}?")).unwrap_or_default())]
    Name {
        /// What was written.
        name: String,
        /// The name that is probably meant.
        near: Option<&'static str>,
    },
    /// The level is not a word that exists.
    #[error("{0:?} is not off, warn or enforce")]
    Level(String),
}

impl Level {
    /// How it is written in `gitops.yaml`; `by case` when the rule decides.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Off => "off",
            Level::Warn => "warn",
            Level::Enforce => "enforce",
            Level::Own => "by case",
        }
    }
}

impl FromStr for Level {
    type Err = RuleError;

    fn from_str(word: &str) -> Result<Self, RuleError> {
        match word {
            "off" => Ok(Level::Off),
            "warn" => Ok(Level::Warn),
            "enforce" => Ok(Level::Enforce),
            _ => Err(RuleError::Level(word.to_owned())),
        }
    }
}

/// What is done with each rule's findings in one repository.
#[derive(Clone, Debug, Default)]
pub struct Levels(BTreeMap<RuleId, Level>);

impl Levels {
    /// Sets one rule's level.
    pub fn set(&mut self, name: &str, level: Level) -> Result<(), RuleError> {
        let Some(rule) = RULES.iter().find(|rule| rule.id.as_str() == name) else {
            let near = suggestion(name, RULES.iter().map(|rule| rule.id.as_str()));
            return Err(RuleError::Name {
                name: name.to_owned(),
                near,
            });
        };
        self.0.insert(rule.id, level);
        Ok(())
    }

    /// The level of a rule.
    pub fn of(&self, id: RuleId) -> Level {
        let default = || {
            RULES
                .iter()
                .find(|rule| rule.id == id)
                .map_or(Level::Own, |rule| rule.default)
        };
        self.0.get(&id).copied().unwrap_or_else(default)
    }

    /// The severity of a rule's finding that weighs `own`; `None` when it is not reported.
    pub fn weigh(&self, id: RuleId, own: Severity) -> Option<Severity> {
        match self.of(id) {
            Level::Off => None,
            Level::Warn => Some(Severity::Warning),
            Level::Enforce => Some(Severity::Error),
            Level::Own => Some(own),
        }
    }
}

/// Asks every rule that is not switched off.
pub fn run_rules(scene: &Scene<'_>, levels: &Levels) -> Vec<Remark> {
    let mut out = Vec::new();
    for rule in &RULES {
        let Some(check) = rule.check.filter(|_| levels.of(rule.id) != Level::Off) else {
            continue;
        };
        let start = out.len();
        check(scene, &mut out);
        if !scene.whole {
            let kept = out
                .split_off(start)
                .into_iter()
                .filter(|remark| !remark.absence);
            out.extend(kept.collect::<Vec<_>>());
        }
        for remark in &mut out[start..] {
            remark.severity = levels
                .weigh(rule.id, remark.severity)
                .unwrap_or(remark.severity);
        }
    }
    out
}

/// Collects a rule's remarks about one object.
struct Pen<'a> {
    rule: RuleId,
    subject: usize,
    out: &'a mut Vec<Remark>,
}

impl Pen<'_> {
    fn error(&mut self, path: Path, message: String) -> &mut Remark {
        self.write(Severity::Error, path, message)
    }

    fn warning(&mut self, path: Path, message: String) -> &mut Remark {
        self.write(Severity::Warning, path, message)
    }

    /// A warning that something is not among the objects; it may come from elsewhere.
    fn absent(&mut self, path: Path, message: String) -> &mut Remark {
        let remark = self.write(Severity::Warning, path, message);
        remark.absence = true;
        remark
    }

    fn write(&mut self, severity: Severity, path: Path, message: String) -> &mut Remark {
        let violation = Violation {
            rule: self.rule,
            path,
            target: Target::Value,
            message,
            label: None,
        };
        let index = self.out.len();
        self.out.push(Remark {
            subject: self.subject,
            absence: false,
            severity,
            violation,
        });
        &mut self.out[index]
    }
}

impl Remark {
    /// Says that another name is probably meant, when one is near.
    fn suggest<'a>(&mut self, wrong: &str, known: impl Iterator<Item = &'a str>) {
        self.violation.label =
            suggestion(wrong, known).map(|near| format!("did you mean {near:?}?"));
    }

    fn list(&mut self, what: &str, mut known: Vec<&str>) {
        known.sort_unstable();
        if self.violation.label.is_none() && (1..=8).contains(&known.len()) {
            self.violation.label = Some(format!("{what} {}", listed(&known)));
        }
    }
}

impl<'a> Scene<'a> {
    fn each(&self) -> impl Iterator<Item = (usize, Subject<'a>)> + use<'a> {
        self.subjects.iter().copied().enumerate()
    }

    /// The objects of a kind in a namespace.
    fn of_kind(
        &self,
        group: &'a str,
        kind: &'a str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = Subject<'a>> + use<'a> {
        self.subjects.iter().copied().filter(move |one| {
            one.id.kind == kind && one.id.group() == group && one.namespace == namespace
        })
    }

    fn find(
        &self,
        group: &'a str,
        kind: &'a str,
        namespace: Option<&'a str>,
        name: &str,
    ) -> Option<Subject<'a>> {
        self.of_kind(group, kind, namespace)
            .find(|one| one.id.name == name)
    }
}

fn key(name: &str) -> Step {
    Step::Key(name.to_owned())
}

fn extend(base: &Path, steps: &[Step]) -> Path {
    Path::new(base.steps().iter().chain(steps).cloned().collect())
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (usize, &'a Value)> + use<'a> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
}

#[cfg(test)]
mod tests;
