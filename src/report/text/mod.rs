//! One file per report: what a person reads on a terminal. Answer first, then
//! why, then what to type next; aligned columns, no boxes, colour only adds.

pub mod bump_image;
mod diff;
mod history;
mod pins;
pub mod render;
mod rollback;
mod status;
mod validate;

pub use diff::diff;
pub use history::history;
pub use pins::pins;
pub use rollback::{rollback, rollback_candidates, rollback_data, rollback_refusal};
pub use status::status;
pub use validate::validate;

use serde_json::Value;

/// A value on one line: texts as they are, maps and lists as JSON, all of it
/// shortened to what a line can hold.
fn inline(value: Option<&Value>) -> String {
    const LONGEST: usize = 60;
    let text = match value {
        None => return "nothing".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "\"\"".to_owned(),
        Some(Value::String(text)) => text.trim_end_matches('\n').to_owned(),
        Some(other) => other.to_string(),
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    let short: String = text.chars().take(LONGEST - 1).collect();
    format!("{short}…")
}
pub mod promote;
