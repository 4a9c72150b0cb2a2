//! Sites that need no declaration: containers of plain resources, Helm values, Flux's
//! and Argo CD's objects. Each kind is read in a file of its own; here the files are
//! chosen, and what other sites already cover is left to them.
//!
//! Kustomize overrides win: an image that a kustomization of the environment sets
//! through `images` is pinned there, not in the resource that the kustomization reads.
//! Files that SOPS encrypted and Go templates are never touched.

use std::collections::BTreeSet;

use crate::image::Reference;
use crate::product::{ComponentName, EnvironmentEntry, PinEntry};
use crate::repo::{Location, RepoPath, Snapshot};
use crate::yaml::{self, Document, Parts, Path, Stream};

use super::kustomize::{self, NAMES};
use super::overlay::Overlays;
use super::remote::{self, Base};
use super::{
    Deployed, Holds, Node, Shape, Site, SiteKind, argo, component_of, flux_objects, helm, resource,
};

/// What was found, and what was found and cannot be edited.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) sites: Vec<(ComponentName, Site)>,
    pub(super) warnings: BTreeSet<String>,
}

impl Scanned {
    /// Reads a very large file of Helm values, part by part; false where that cannot be done.
    fn values_in_parts(&mut self, file: &RepoPath, text: &str, declared: &[PinEntry]) -> bool {
        let Some(parts) = Parts::of(text) else {
            return false;
        };
        if text.contains("{{") || file.file_name().is_some_and(|it| NAMES.contains(&it)) {
            return false;
        }
        // Reading is nearly all of the work.
        let found: Vec<Option<Scanned>> = std::thread::scope(|scope| {
            let shares = parts.shares().into_iter();
            let running: Vec<_> = shares
                .map(|share| scope.spawn(move || Scanned::of_parts(share, file, declared)))
                .collect();
            let done = running.into_iter();
            done.map(|running| running.join().ok().flatten()).collect()
        });
        let Some(found) = found.into_iter().collect::<Option<Vec<_>>>() else {
            return false;
        };
        for found in found {
            self.sites.extend(found.sites);
            self.warnings.extend(found.warnings);
        }
        true
    }

    /// What stands in some parts; none where the whole has to be looked at.
    fn of_parts(parts: Parts<'_>, file: &RepoPath, declared: &[PinEntry]) -> Option<Scanned> {
        let mut found = Scanned::default();
        for part in parts {
            let root = part.as_ref().and_then(|part| part.document().root());
            let (Some(part), Some(root)) = (&part, root) else {
                return None;
            };
            // Other kinds of files say what they are, and the parts of an image at the top
            // belong together.
            let marks = [
                "apiVersion",
                "kind",
                "sops",
                "repository",
                "tag",
                "imageTag",
            ];
            if root
                .entries()
                .iter()
                .any(|it| it.name().is_some_and(|it| marks.contains(&it.as_ref())))
            {
                return None;
            }
            let mut finder = Finder {
                file,
                document: part.document(),
                number: 0,
                declared,
                scanned: &mut found,
                shift: Shift::default(),
            };
            helm::values(&mut finder, SiteKind::HelmValues, root, &Path::root());
        }
        Some(found)
    }
}

/// All such sites of an environment that no other site covers.
pub(super) fn scanned_sites(
    snapshot: &Snapshot,
    entry: &EnvironmentEntry,
    declared: &[PinEntry],
    others: &[(ComponentName, Site)],
) -> Scanned {
    let mut scanned = Scanned::default();
    let mut templates: Vec<&RepoPath> = Vec::new();
    for (file, _) in snapshot.under(&entry.path) {
        let Some(text) = candidate(snapshot, entry, file) else {
            continue;
        };
        if scanned.values_in_parts(file, text, declared) {
            continue;
        }
        let templated = text.contains("{{");
        let stream = match Stream::parse(text) {
            Ok(stream) if !(templated && in_chart(snapshot, file)) => stream,
            Ok(_) | Err(_) => {
                if templated && text.contains("image:") {
                    templates.push(file);
                }
                continue;
            }
        };
        for (number, document) in stream.documents().iter().enumerate() {
            let mut finder = Finder {
                file,
                document,
                number,
                declared,
                scanned: &mut scanned,
                shift: Shift::default(),
            };
            finder.read();
        }
    }
    let overlays = Overlays::read(snapshot, &entry.path);
    scanned.sites.retain(|(_, site)| {
        let overridden = site.kind() == SiteKind::Resource
            && site
                .image()
                .is_some_and(|image| overlays.hold(site.file(), image.name()));
        !overridden && !others.iter().any(|(_, other)| covers(other, site))
    });
    if let Some((first, rest)) = templates.split_first() {
        let others = match rest.len() {
            0 => "is a Go template".to_owned(),
            1 => "and 1 other file are Go templates".to_owned(),
            several => format!("and {several} other files are Go templates"),
        };
        scanned.warnings.insert(format!(
            "{first} {others}: nothing can edit the images there safely; pin them in the chart's values"
        ));
    }
    scanned
}

/// The images of the resources in one file, bare ones too, and where each stands.
pub(super) fn images_in(file: &RepoPath, text: &str) -> Vec<(Reference, Location)> {
    let mut scanned = Scanned::default();
    let stream = Stream::parse(text).ok();
    let documents = stream.as_ref().map(Stream::documents).unwrap_or_default();
    for (number, document) in documents.iter().enumerate() {
        let mut finder = Finder {
            file,
            document,
            number,
            declared: &[],
            scanned: &mut scanned,
            shift: Shift::default(),
        };
        finder.read();
    }
    let resources = scanned.sites.into_iter().map(|(_, site)| site);
    resources
        .filter(|site| site.kind() == SiteKind::Resource)
        .filter_map(|site| match site.deployed {
            Deployed::Image(image) => Some((image, site.location)),
            Deployed::Version(_) => None,
        })
        .collect()
}

/// The text of a file that may pin something.
fn candidate<'a>(
    snapshot: &'a Snapshot,
    entry: &EnvironmentEntry,
    file: &RepoPath,
) -> Option<&'a str> {
    let name = file.file_name()?;
    // Hidden files and folders configure tools; Argo CD and Flux pass over them, too.
    let hidden = file.segments().any(|segment| segment.starts_with('.'));
    let kustomization = NAMES.contains(&name);
    let yaml = kustomization || name.ends_with(".yaml") || name.ends_with(".yml");
    if hidden || !yaml || !entry.holds(file) {
        return None;
    }
    let text = snapshot.text(file).ok()??;
    let words: &[&str] = match kustomization {
        true => &["ref=", "version=", "helmCharts"],
        false => &["mage", "HelmRelease", "OCIRepository", "Application"],
    };
    words.iter().any(|word| text.contains(word)).then_some(text)
}

/// Whether a file is a template of a chart.
fn in_chart(snapshot: &Snapshot, file: &RepoPath) -> bool {
    let mut folder = file.parent();
    while let Some(here) = folder {
        if here.file_name() == Some("templates") {
            let chart = here.parent().unwrap_or_default().join("Chart.yaml");
            if chart.is_ok_and(|chart| snapshot.entry(&chart).is_some()) {
                return true;
            }
        }
        folder = here.parent();
    }
    false
}

/// Whether another site is the same place, or a part of it.
fn covers(other: &Site, site: &Site) -> bool {
    other.node.file == site.node.file
        && other.node.document == site.node.document
        && !matches!(other.shape, Shape::Text { .. })
        && other.node.path.starts_with(&site.node.path)
}

/// One document in which sites are looked for. Aliases are passed over: what they
/// repeat is found, and changed, where it stands.
pub(super) struct Finder<'a> {
    file: &'a RepoPath,
    document: &'a Document,
    number: usize,
    declared: &'a [PinEntry],
    scanned: &'a mut Scanned,
    shift: Shift,
}

/// Where a document begins that stands within another one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shift {
    pub(super) lines: u32,
    pub(super) columns: u32,
}

impl<'a> Finder<'a> {
    fn read(&mut self) {
        let document = self.document;
        let Some(root) = document.root().filter(|root| root.get("sops").is_none()) else {
            return;
        };
        if self.file.file_name().is_some_and(|it| NAMES.contains(&it)) {
            return remote::read(self, root);
        }
        let text = |key: &str| root.get(key).and_then(yaml::Node::as_str);
        match (text("apiVersion"), text("kind")) {
            (_, Some(kind)) => self.object(kind, root, &Path::root()),
            (None, None) => {
                helm::values(self, SiteKind::HelmValues, root, &Path::root());
            }
            _ => {}
        }
    }

    pub(super) fn object(&mut self, kind: &str, root: &'a yaml::Node, path: &Path) {
        match kind {
            "HelmRelease" => flux_objects::helm_release(self, root, path),
            "Kustomization" => flux_objects::kustomization(self, root, path),
            "OCIRepository" => flux_objects::oci_repository(self, root, path),
            "Application" | "ApplicationSet" => argo::read(self, kind, root, path),
            "ConfigMap" => helm::config_map(self, root, path),
            _ => resource::read(self, kind, root, path),
        }
    }

    /// Adds a scalar that holds a whole image. `before` stands in front of it.
    pub(super) fn reference(
        &mut self,
        kind: SiteKind,
        before: &str,
        node: &yaml::Node,
        path: &Path,
    ) {
        let Some(text) = node.as_str() else {
            return;
        };
        let Ok(image) = text[before.len()..].parse::<Reference>() else {
            // Values may say anything; a container's image is one.
            if kind == SiteKind::Resource {
                let place = self.place(node);
                self.warn(format!("{place}: {text:?} is no image"));
            }
            return;
        };
        // In values a bare name may be anything, and its tag may stand elsewhere.
        if kind != SiteKind::Resource && image.tag().is_none() && image.digest().is_none() {
            return;
        }
        let shape = Shape::Found {
            kind,
            holds: Holds::Image,
            before: before.to_owned(),
            after: String::new(),
        };
        self.image(node, path, image, shape);
    }

    /// The document that is read.
    pub(super) fn document(&self) -> &'a Document {
        self.document
    }

    /// What is found in a document that stands within this one.
    pub(super) fn within(
        &mut self,
        document: &Document,
        shift: Shift,
        read: impl FnOnce(&mut Finder<'_>),
    ) -> Vec<(ComponentName, Site)> {
        let mut scanned = Scanned::default();
        read(&mut Finder {
            file: self.file,
            document,
            number: self.number,
            declared: self.declared,
            scanned: &mut scanned,
            shift,
        });
        self.scanned.warnings.extend(scanned.warnings);
        scanned.sites
    }

    /// Adds a site.
    pub(super) fn found(&mut self, component: ComponentName, site: Site) {
        self.scanned.sites.push((component, site));
    }

    /// Adds an entry of `images` as kustomizations have them.
    pub(super) fn entry(&mut self, entry: &yaml::Node, path: Path) {
        let node = Node {
            file: self.file.clone(),
            document: self.number,
            path,
        };
        match kustomize::site(self.document, entry, node, self.declared) {
            Ok(found) => self.scanned.sites.extend(found),
            Err(error) => self.warn(error.to_string()),
        }
    }

    /// Adds the version of a chart, when it is one version and no range. Charts have
    /// names of their own, because images are often called the same.
    pub(super) fn chart(
        &mut self,
        kind: SiteKind,
        chart: &str,
        node: Option<&yaml::Node>,
        path: &Path,
    ) {
        let Some((node, text)) = node.and_then(|node| Some((node, node.as_str()?))) else {
            return;
        };
        let name = chart.rsplit('/').next().unwrap_or_default();
        let Ok(component) = format!("{name}-chart").parse::<ComponentName>() else {
            return;
        };
        if !is_version(text) {
            return;
        }
        let shape = Shape::Found {
            kind,
            holds: Holds::Version,
            before: String::new(),
            after: String::new(),
        };
        let deployed = Deployed::Version(text.to_owned());
        self.add(component, (node, path), deployed, shape);
    }

    /// Adds the version of a remote base. Like charts, bases have names of their own.
    pub(super) fn base(&mut self, base: &Base<'_>, node: &yaml::Node, path: &Path) {
        let Ok(component) = format!("{}-base", base.name()).parse::<ComponentName>() else {
            return;
        };
        if !is_version(base.version) {
            return;
        }
        let shape = Shape::Found {
            kind: SiteKind::KustomizeBase,
            holds: Holds::Version,
            before: base.before.to_owned(),
            after: base.after.to_owned(),
        };
        let deployed = Deployed::Version(base.version.to_owned());
        self.add(component, (node, path), deployed, shape);
    }

    /// Adds an image under the name that it has, or that `gitops.yaml` gives it.
    pub(super) fn image(&mut self, node: &yaml::Node, path: &Path, image: Reference, shape: Shape) {
        match component_of(&image, self.declared) {
            Ok(component) => {
                let deployed = Deployed::Image(image);
                self.add(component, (node, path), deployed, shape);
            }
            Err(error) => {
                let place = self.place(node);
                self.warn(format!("{place}: {error}"));
            }
        }
    }

    fn add(
        &mut self,
        component: ComponentName,
        (node, path): (&yaml::Node, &Path),
        deployed: Deployed,
        shape: Shape,
    ) {
        let site = Site {
            location: self.place(node),
            deployed,
            node: Node {
                file: self.file.clone(),
                document: self.number,
                path: path.clone(),
            },
            shape,
        };
        self.scanned.sites.push((component, site));
    }

    pub(super) fn place(&self, node: &yaml::Node) -> Location {
        let position = self.document.position(node.start());
        let line = position.line + self.shift.lines;
        Location::new(
            self.file.clone(),
            line,
            position.column + self.shift.columns,
        )
    }

    pub(super) fn warn(&mut self, text: String) {
        self.scanned.warnings.insert(text);
    }
}

/// Whether a text is one version, with all three numbers.
fn is_version(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<&str> = core.split('.').collect();
    numbers.len() == 3
        && numbers
            .iter()
            .all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::environment_pins;
    use super::*;
    use crate::product::Repository;

    const GITOPS: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nspec:\n  environments:\n    - {name: dev, branch: env/dev}\n";

    /// Where each pin stands.
    fn places(text: &str) -> Vec<String> {
        let file = [("values.yaml".parse().unwrap(), text.as_bytes().to_vec())];
        let snapshot = Snapshot::from_files(None, file);
        let repository = Repository::decode(&"gitops.yaml".parse().unwrap(), GITOPS).unwrap();
        let entry = &repository.environments[0];
        let pins = environment_pins(&snapshot, entry, &repository)
            .unwrap()
            .pins;
        let sites = pins.iter().flat_map(|pin| &pin.sites);
        sites
            .map(|site| format!("{} {}", site.location, site.node.path))
            .collect()
    }

    #[test]
    fn the_pins_of_a_very_large_file_are_those_of_a_small_one() {
        let (first, last) = (
            "api: {image: shop/api:v1}\n",
            "web:\n  image:\n    repository: shop/web\n    tag: v1\n",
        );
        let middle: String = (0..20_000)
            .map(|at| format!("s{at}: {{x: \"{at}\"}}\n"))
            .collect();
        let large = format!("# values\n{first}{middle}{last}");
        assert!(Parts::of(&large).is_some());
        let found = [
            "values.yaml:2:14 api.image",
            "values.yaml:20006:10 web.image",
        ];
        assert_eq!(places(&large), found);
        // What says that it is no values file, wherever that stands.
        for mark in ["sops: {}\n", "kind: ConfigMap\n", "\"apiVersion\": v1\n"] {
            assert_eq!(places(&format!("{large}{mark}")), [""; 0], "{mark}");
        }
        // A part that only the whole parser reads.
        let odd = large.replace("s19000:", "s19000: &anchor");
        assert_eq!(places(&odd), found);
    }
}
