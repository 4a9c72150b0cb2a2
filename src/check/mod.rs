//! What may be wrong: findings, the strict walk over a resource's shape, rules.
//!
//! Works on values that others have read; knows no Git, no cluster, no output.

mod finding;
mod format;
mod kinds;
mod limits;
mod metadata;
mod network;
mod rules;
mod schema;
mod schema_set;
mod suggest;
#[cfg(test)]
mod tests;
mod walk;

pub use finding::{Finding, RuleId, Severity};
pub use format::is_quantity;
pub use kinds::identify;
pub use metadata::check_names;
pub use network::check_addresses;
pub use rules::{
    DANGLING_OVERRIDE, FOREIGN_FILE, Level, Levels, RENDERED_STALE, RULES, Remark, Rule, RuleError,
    Scene, Subject, run_rules,
};
pub use schema::{Additional, Dialect, Limits, ListType, Schema, SchemaError, Types};
pub use schema_set::{Kind, LooseKind, OBJECT_META, SchemaSet, Scope};
pub use suggest::suggestion;
pub use walk::{Target, Violation, WalkOptions, describe, walk};
