//! Reading an environment's templates: its own, and those that its branch shares; and
//! whether every one that is named exists.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::decode;
use super::error::{Problem, nearest};
use super::load::Loader;
use super::manifest_decode;
use super::tree::{ComponentNode, TEMPLATE_FILE, TEMPLATES_FOLDER};
use super::{
    ComponentName, Located, Product, SOURCE_SUFFIX, Template, TemplateName, TemplateSource,
};
use crate::repo::{Location, RepoPath};

impl Loader<'_> {
    pub(super) fn templates(&mut self) -> BTreeMap<TemplateName, Template> {
        let mut templates = BTreeMap::new();
        let own = self.fixed(TEMPLATES_FOLDER);
        self.templates_in(&own, false, &mut templates);
        if !self.entry.path.is_root() {
            let shared = RepoPath::root().join(TEMPLATES_FOLDER).unwrap_or_default();
            self.templates_in(&shared, true, &mut templates);
        }
        templates
    }

    /// The templates of one folder; those that are already known stay.
    fn templates_in(
        &mut self,
        folder: &RepoPath,
        shared: bool,
        templates: &mut BTreeMap<TemplateName, Template>,
    ) {
        let mut folders: BTreeMap<String, Vec<RepoPath>> = BTreeMap::new();
        for (path, _) in self.snapshot.under(folder) {
            let Some(relative) = path.strip_prefix(folder) else {
                continue;
            };
            if let Some((name, _)) = relative.as_str().split_once('/') {
                folders
                    .entry(name.to_owned())
                    .or_default()
                    .push(path.clone());
            }
        }
        for (name, files) in folders {
            if templates.contains_key(name.as_str()) {
                continue;
            }
            if let Some(mut template) = self.template(folder, &name, &files) {
                template.shared = shared;
                templates.insert(template.name.clone(), template);
            }
        }
    }

    fn template(&mut self, folder: &RepoPath, name: &str, files: &[RepoPath]) -> Option<Template> {
        let folder = folder.join(name).ok()?;
        let file = folder.join(TEMPLATE_FILE).ok()?;
        if !files.contains(&file) {
            self.fail(
                Location::new(files.first()?.clone(), 1, 1),
                Problem::NoTemplateFile { folder },
            );
            return None;
        }
        let stream = self.single(&file)?;
        let mut template = self.taken(manifest_decode::template(&stream, &file))?;
        if template.name.as_str() != name {
            let (found, wanted) = (template.name.to_string(), name.to_owned());
            self.fail(
                template.location.clone(),
                Problem::Misplaced { found, wanted },
            );
        }
        for path in files
            .iter()
            .filter(|path| path.as_str().ends_with(SOURCE_SUFFIX))
        {
            let (Some(text), Some(relative)) = (self.text(path), path.strip_prefix(&folder)) else {
                continue;
            };
            if let Some((offset, c)) = decode::private_use(&text) {
                let location = decode::place(path, &text, offset);
                self.fail(location, Problem::PrivateUse { code: u32::from(c) });
            }
            let source = TemplateSource {
                path: path.clone(),
                text: Arc::from(text),
            };
            template
                .sources
                .insert(relative.as_str().to_owned(), source);
        }
        Some(template)
    }

    /// Every template that is named exists, and extending ends.
    pub(super) fn check_templates(
        &mut self,
        product: &Product,
        components: &BTreeMap<ComponentName, Arc<ComponentNode>>,
        templates: &BTreeMap<TemplateName, Template>,
    ) {
        let mut named: Vec<&Located<TemplateName>> = product.default_template.iter().collect();
        // A component that names none has the default one, with its place.
        // One without any has its own error already.
        named.extend(
            components
                .values()
                .map(|node| &node.component)
                .filter(|component| component.template.location != component.location)
                .map(|component| &component.template),
        );
        named.extend(
            templates
                .values()
                .filter_map(|template| template.extends.as_ref()),
        );
        let mut reported: Vec<&Location> = Vec::new();
        for name in named {
            if templates.contains_key(&name.value) || reported.contains(&&name.location) {
                continue;
            }
            // A template that could not be read has its own error.
            let folder = format!("{TEMPLATES_FOLDER}/{}/", name.value);
            if self
                .errors
                .iter()
                .any(|it| it.location.path.as_str().contains(&folder))
            {
                continue;
            }
            reported.push(&name.location);
            let suggestion = nearest(
                name.value.as_str(),
                templates.keys().map(TemplateName::as_str),
            );
            let problem = Problem::Unknown {
                what: "template",
                name: name.value.to_string(),
                suggestion,
            };
            self.fail(name.location.clone(), problem);
        }
        for template in templates.values() {
            if let Some(problem) = cycle(template, templates) {
                self.fail(template.location.clone(), problem);
            }
        }
    }
}

/// The cycle that a template's extending ends in, told by its first member.
fn cycle(start: &Template, templates: &BTreeMap<TemplateName, Template>) -> Option<Problem> {
    let mut names = vec![start.name.to_string()];
    let mut at = start;
    while let Some(base) = &at.extends {
        names.push(base.value.to_string());
        if base.value == start.name {
            let smallest = names.iter().min() == names.first();
            return smallest.then_some(Problem::Cycle {
                what: "templates extend each other",
                names,
            });
        }
        at = templates.get(&base.value)?;
        if names.len() > templates.len() {
            return None;
        }
    }
    None
}
