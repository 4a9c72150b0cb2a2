//! Which version of each component every environment runs, how far it is
//! behind the environment that it is promoted from, and what was changed in it
//! directly. Compares exactly as a promotion does; writes nothing.

mod gather;
mod promoted;

pub use gather::{StatusError, status};

use std::collections::BTreeMap;

use serde::Serialize;

use crate::promotion::{Class, Decision, Item};

/// The state of a repository's environments.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    /// The product, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The environments, in the order of `gitops.yaml`.
    pub environments: Vec<EnvironmentStatus>,
    /// Every component that stands in one of them, by name.
    pub components: Vec<ComponentStatus>,
    /// What to do next, where that is plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
}

/// One environment.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentStatus {
    /// Its name.
    pub name: String,
    /// The branch that holds it.
    pub branch: String,
    /// The branch's tip; absent when it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The product's version there, a label for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The environment that it is promoted from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promote_from: Option<String>,
    /// The newest promotion into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_promotion: Option<LastPromotion>,
    /// How it stands to the environment that it is promoted from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// Why nothing can be said about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The newest promotion into an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastPromotion {
    /// The commit on the target; absent where a shallow clone does not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// When it was committed, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "moments")]
    pub time: Option<i64>,
    /// The environment that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The source's commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_commit: Option<String>,
}

/// How an environment stands to the one that it is promoted from.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// What the source has changed and this environment has not got yet.
    pub behind: Vec<UnitStatus>,
    /// When the oldest such change was committed, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "moments")]
    pub behind_since: Option<i64>,
    /// What was changed here and not in the source.
    pub changed_here: Vec<UnitStatus>,
    /// What is not as in the source where nothing tells which of the two went
    /// on: nothing was ever promoted, and the branches have no past in common.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<UnitStatus>,
    /// What the source has and promotions leave out, because it was rolled back or
    /// reverted here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held_back: Vec<UnitStatus>,
    /// What was kept here against the source's values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<UnitStatus>,
    /// Promoted files that cannot be promoted, with the reason: their names cannot be
    /// said, or they are submodules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Rendered files that were edited by hand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edited_files: Vec<String>,
}

/// A unit and the key paths that are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnitStatus {
    /// A component's name, `templates/NAME`, `product`, or a path.
    pub unit: String,
    /// Whether it is a component.
    #[serde(skip)]
    pub component: bool,
    /// How it stands.
    pub standing: Standing,
    /// The key paths inside the unit; empty for the unit as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

/// How a unit of an environment stands to its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Its own values were kept against the source's.
    Kept,
    /// The source's content was rolled back here, and promotions leave it out.
    HeldBack,
    /// It is not as in the source, and nothing tells which of the two went on.
    Differs,
    /// The source went on.
    Behind,
    /// It was changed here.
    Hotfix,
    /// It was changed here and in the source.
    Conflict,
}

impl Standing {
    /// Returns what a difference means for its unit, with what was decided about it
    /// before; `None` where both sides came to the same.
    pub fn of(item: &Item) -> Option<Self> {
        match (item.decision, item.difference.class) {
            (_, Class::AlreadyThere) => None,
            (Decision::Refused, _) => Some(Standing::HeldBack),
            (Decision::Kept, _) => Some(Standing::Kept),
            (_, Class::Change | Class::Removal) => Some(Standing::Behind),
            (_, Class::Hotfix) => Some(Standing::Hotfix),
            (_, Class::Conflict) => Some(Standing::Conflict),
            (_, Class::Ahead | Class::Held) => None,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Kept => "kept",
            Standing::HeldBack => "held back",
            Standing::Differs => "differs",
            Standing::Behind => "behind",
            Standing::Hotfix => "hotfix",
            Standing::Conflict => "conflict",
        }
    }
}

/// One component in all environments.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentStatus {
    /// Its name.
    pub name: String,
    /// Where it exists, in the order of the environments.
    pub environments: Vec<ComponentVersion>,
    /// Whether it is the same everywhere, values included.
    pub same: bool,
}

/// A component in one environment.
#[derive(Clone, Debug, Serialize)]
pub struct ComponentVersion {
    /// The environment.
    pub environment: String,
    /// Whether it exists there.
    pub exists: bool,
    /// Its version there: a tag, a digest, or what its manifest says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How it stands to the same component in the source, where it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Next {
    /// The command.
    pub action: Action,
    /// The environment that it is for.
    pub environment: String,
}

/// A command that [`Next`] may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Bring the source's state into the environment.
    Promote,
    /// Carry the environment's own changes to its source.
    Backport,
}

/// One environment as it was read.
#[derive(Clone, Debug, Default)]
pub struct EnvironmentFacts {
    /// What the report says of it.
    pub status: EnvironmentStatus,
    /// The product, where there is one.
    pub product: Option<String>,
    /// The components of its manifest.
    pub components: BTreeMap<String, ComponentFacts>,
}

/// One component as an environment's manifest has it.
#[derive(Clone, Debug, Default)]
pub struct ComponentFacts {
    /// Its version.
    pub version: Option<String>,
    /// Whether it exists in this environment.
    pub exists: bool,
}

/// Puts the report together.
pub fn plan(facts: Vec<EnvironmentFacts>) -> StatusReport {
    let mut names: Vec<&String> = facts.iter().flat_map(|it| it.components.keys()).collect();
    names.sort();
    names.dedup();
    let components = names
        .into_iter()
        .map(|name| component(name, &facts))
        .collect();
    let product = facts.iter().find_map(|it| it.product.clone());
    let environments: Vec<_> = facts.into_iter().map(|it| it.status).collect();
    StatusReport {
        product,
        next: next(&environments),
        environments,
        components,
    }
}

fn component(name: &str, facts: &[EnvironmentFacts]) -> ComponentStatus {
    // An environment that could not be read says nothing about its components.
    let known = facts.iter().filter(|it| it.status.problem.is_none());
    let environments: Vec<ComponentVersion> = known
        .clone()
        .map(|it| {
            let component = it.components.get(name).filter(|component| component.exists);
            ComponentVersion {
                environment: it.status.name.clone(),
                exists: component.is_some(),
                version: component.and_then(|component| component.version.clone()),
                standing: standing(name, &it.status),
            }
        })
        .collect();
    // One that its manifest keeps out of an environment does not differ there.
    let mut versions: Vec<Option<&Option<String>>> = known
        .map(|it| it.components.get(name))
        .filter(|component| component.is_none_or(|component| component.exists))
        .map(|component| component.map(|component| &component.version))
        .collect();
    versions.dedup();
    let same = versions.len() <= 1 && environments.iter().all(|it| it.standing.is_none());
    ComponentStatus {
        name: name.to_owned(),
        environments,
        same,
    }
}

fn standing(name: &str, environment: &EnvironmentStatus) -> Option<Standing> {
    let comparison = environment.comparison.as_ref()?;
    comparison
        .behind
        .iter()
        .chain(&comparison.changed_here)
        .chain(&comparison.differs)
        .chain(&comparison.held_back)
        .chain(&comparison.kept)
        .filter(|unit| unit.component && unit.unit == name)
        .map(|unit| unit.standing)
        .max()
}

/// The first environment that is behind goes on; unless it has hotfixes, which
/// a promotion would refuse to lose, so that those go back first.
fn next(environments: &[EnvironmentStatus]) -> Option<Next> {
    let compared = || {
        environments
            .iter()
            .filter_map(|it| Some((it, it.comparison.as_ref()?)))
    };
    let behind = compared().find(|(_, comparison)| !comparison.behind.is_empty());
    let ahead = || compared().find(|(_, comparison)| !comparison.changed_here.is_empty());
    let differs = || compared().find(|(_, comparison)| !comparison.differs.is_empty());
    let (environment, comparison) = behind.or_else(ahead).or_else(differs)?;
    let hotfix = |unit: &UnitStatus| unit.standing == Standing::Hotfix;
    let action = if comparison.changed_here.iter().any(hotfix) {
        Action::Backport
    } else {
        Action::Promote
    };
    Some(Next {
        action,
        environment: environment.name.clone(),
    })
}

fn moment<S: serde::Serializer>(seconds: &i64, to: S) -> Result<S::Ok, S::Error> {
    match jiff::Timestamp::from_second(*seconds) {
        Ok(moment) => to.serialize_str(&moment.to_string()),
        Err(_) => to.serialize_none(),
    }
}

fn moments<S: serde::Serializer>(seconds: &Option<i64>, to: S) -> Result<S::Ok, S::Error> {
    match seconds {
        Some(seconds) => moment(seconds, to),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(
        name: &str,
        from: Option<&str>,
        components: &[(&str, &str)],
    ) -> EnvironmentFacts {
        EnvironmentFacts {
            status: EnvironmentStatus {
                name: name.to_owned(),
                promote_from: from.map(str::to_owned),
                comparison: from.map(|_| Comparison::default()),
                ..EnvironmentStatus::default()
            },
            product: Some("shop".to_owned()),
            components: components
                .iter()
                .map(|(name, version)| {
                    let version = Some((*version).to_owned());
                    let exists = true;
                    ((*name).to_owned(), ComponentFacts { version, exists })
                })
                .collect(),
        }
    }

    fn unit(name: &str, standing: Standing) -> UnitStatus {
        UnitStatus {
            unit: name.to_owned(),
            component: true,
            standing,
            keys: Vec::new(),
        }
    }

    fn comparison(facts: &mut EnvironmentFacts) -> &mut Comparison {
        facts.status.comparison.get_or_insert_default()
    }

    #[test]
    fn a_component_is_the_same_only_if_its_values_are() {
        let dev = environment("dev", None, &[("a", "1"), ("b", "1"), ("c", "2")]);
        let mut prod = environment("prod", Some("dev"), &[("a", "1"), ("b", "1"), ("c", "1")]);
        comparison(&mut prod)
            .changed_here
            .push(unit("b", Standing::Hotfix));
        let report = plan(vec![dev, prod]);
        let same: Vec<bool> = report.components.iter().map(|it| it.same).collect();
        assert_eq!(same, [true, false, false]);
        assert_eq!(
            report.components[1].environments[1].standing,
            Some(Standing::Hotfix)
        );
    }

    #[test]
    fn a_component_that_its_manifest_keeps_out_does_not_differ() {
        let dev = environment("dev", None, &[("loadgenerator", "1")]);
        let mut prod = environment("prod", Some("dev"), &[("loadgenerator", "1")]);
        if let Some(component) = prod.components.get_mut("loadgenerator") {
            component.exists = false;
        }
        assert!(plan(vec![dev.clone(), prod]).components[0].same);
        let without = environment("prod", Some("dev"), &[]);
        assert!(!plan(vec![dev, without]).components[0].same);
    }

    #[test]
    fn a_conflict_outweighs_being_behind() {
        let mut prod = environment("prod", Some("dev"), &[("a", "1")]);
        comparison(&mut prod)
            .behind
            .push(unit("a", Standing::Behind));
        comparison(&mut prod)
            .changed_here
            .push(unit("a", Standing::Conflict));
        let report = plan(vec![prod]);
        assert_eq!(
            report.components[0].environments[0].standing,
            Some(Standing::Conflict)
        );
    }

    #[test]
    fn an_environment_that_could_not_be_read_hides_no_difference() {
        let dev = environment("dev", None, &[("a", "1")]);
        let mut broken = environment("staging", Some("dev"), &[]);
        broken.status.problem = Some("unreadable".to_owned());
        let prod = environment("prod", Some("staging"), &[("a", "2")]);
        let report = plan(vec![dev, broken, prod]);
        assert!(!report.components[0].same);
        assert_eq!(report.components[0].environments.len(), 2);
    }

    #[test]
    fn the_earliest_environment_that_is_behind_goes_next() {
        let dev = environment("dev", None, &[]);
        let mut staging = environment("staging", Some("dev"), &[]);
        let mut prod = environment("prod", Some("staging"), &[]);
        let next = |action, environment: &str| Next {
            action,
            environment: environment.to_owned(),
        };
        assert_eq!(plan(vec![dev.clone(), prod.clone()]).next, None);

        comparison(&mut prod)
            .behind
            .push(unit("a", Standing::Behind));
        let report = plan(vec![dev.clone(), staging.clone(), prod.clone()]);
        assert_eq!(report.next, Some(next(Action::Promote, "prod")));

        comparison(&mut staging)
            .behind
            .push(unit("a", Standing::Behind));
        let report = plan(vec![dev.clone(), staging, prod.clone()]);
        assert_eq!(report.next, Some(next(Action::Promote, "staging")));
    }

    #[test]
    fn hotfixes_go_back_before_a_promotion_that_would_lose_them() {
        let mut prod = environment("prod", Some("dev"), &[]);
        comparison(&mut prod)
            .behind
            .push(unit("a", Standing::Behind));
        comparison(&mut prod)
            .changed_here
            .push(unit("b", Standing::Hotfix));
        let next = plan(vec![prod.clone()]).next.map(|next| next.action);
        assert_eq!(next, Some(Action::Backport));
        // Somebody has to decide about a conflict; the promotion shows it.
        comparison(&mut prod).changed_here[0].standing = Standing::Conflict;
        let next = plan(vec![prod]).next.map(|next| next.action);
        assert_eq!(next, Some(Action::Promote));
    }
}
