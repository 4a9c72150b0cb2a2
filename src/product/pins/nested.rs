//! Values that stand in a text of another document, `values: |` above all: its sites are
//! found, and changed, in the lines of that text. Other texts (folded, in quotes) have no
//! lines of their own and are left alone.

use crate::yaml::{self, Path, Stream, literal_indent};

use super::scan::{Finder, Shift};
use super::{Shape, Site, SiteKind, helm};

/// The sites in a text of values.
pub(super) fn values(finder: &mut Finder<'_>, kind: SiteKind, node: &yaml::Node, path: &Path) {
    let Some(written) = node.as_str() else {
        return;
    };
    let document = finder.document();
    let Some(indent) = literal_indent(document, node) else {
        if mentions_images(written) {
            let place = finder.place(node);
            finder.warn(format!(
                "{place}: values inside a text cannot be edited safely there; write them as a mapping, or below a `|`"
            ));
        }
        return;
    };
    let Ok(stream) = Stream::parse(written) else {
        return;
    };
    // Several documents would be no values.
    let Ok(Some(inner)) = stream.single() else {
        return;
    };
    let Some(root) = inner.root() else {
        return;
    };
    let shift = Shift {
        lines: document.position(node.span.start).line,
        columns: u32::try_from(indent).unwrap_or_default(),
    };
    for (component, site) in finder.within(inner, shift, |finder| {
        helm::values(finder, kind, root, &Path::root());
    }) {
        let mut outer = site.node.clone();
        outer.path = path.clone();
        let site = Site {
            shape: Shape::Within {
                inner: site.node.path,
                shape: Box::new(site.shape),
            },
            node: outer,
            ..site
        };
        finder.found(component, site);
    }
}

fn mentions_images(text: &str) -> bool {
    text.lines()
        .any(|line| line.trim_end().ends_with("mage:") || line.contains("mage: "))
}
