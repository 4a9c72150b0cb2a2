//! What must hold for any bytes whatever. The fuzz targets feed these functions without
//! end, and `make test` feeds them a few thousand texts made from the seeds, always the
//! same ones. They panic where something does not hold.

mod answers;
mod names;
mod templates;
mod yaml_edits;
mod yaml_reading;

pub use answers::{registry_answer, repository_address};
pub use names::{commit_message, image_reference, text_sites, version_range};
pub use templates::template;
pub use yaml_edits::yaml_edit;
pub use yaml_reading::yaml_parse;

/// The first line of some bytes and what stands below it.
fn command(data: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(data).ok()?.split_once('\n')
}
