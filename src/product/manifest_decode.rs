//! Reading the kinds `Product`, `Component`, `Environment` and `Template`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::image::Reference;
use crate::repo::{Location, RepoPath};
use crate::yaml::{Decoder, Field, Fields, Path, Stream};

use super::decode::{At, Parts, document};
use super::error::ModelError;
use super::update::update;
use super::{
    Component, ComponentName, Environment, EnvironmentName, Located, Output, Override, Product,
    Template, TemplateName,
};

/// A component as its file says it: its template may still be the product's.
pub(super) struct Draft {
    pub(super) component: Component,
    pub(super) has_template: bool,
    pub(super) document: usize,
    pub(super) path: Path,
}

/// Says of a component, by its name and the product's default template, whether it need
/// not be read.
pub(super) type IsKnown<'k> =
    dyn FnMut(Option<&Located<TemplateName>>, &str, &Field<'_>) -> bool + 'k;

/// Reads `product.yaml`, without those of its components that `known` has already.
pub(super) fn product(
    stream: &Stream,
    file: &RepoPath,
    known: &mut IsKnown<'_>,
) -> Result<(Product, Vec<Draft>), Vec<ModelError>> {
    let at = At { file, document: 0 };
    document(stream, at, "Product", |decoder, parts| {
        let name = name_of(decoder, &parts)?;
        let value = name.parse();
        let location = at.of(&name);
        let Some(spec) = parts.spec else {
            decoder.fail(0, "spec is missing");
            return None;
        };
        let mut spec = spec.fields()?;
        let version = spec.optional("version").and_then(|field| at.string(&field));
        let (mut template, mut values) = (None, None);
        if let Some(mut defaults) = spec.optional("defaults").and_then(|field| field.fields()) {
            template = defaults
                .optional("template")
                .and_then(|field| at.parse::<TemplateName>(&field));
            values = defaults
                .optional("values")
                .and_then(|field| at.values(&field));
            defaults.finish();
        }
        let include = spec
            .optional("include")
            .map(|field| field.list())
            .unwrap_or_default();
        let include = include
            .iter()
            .filter_map(|item| pattern(at, item))
            .collect();
        let components = spec
            .optional("components")
            .map(|field| field.map())
            .unwrap_or_default();
        spec.finish();
        let default = template.as_ref();
        let drafts = components
            .iter()
            .filter(|(name, field)| !known(default, name, field))
            .filter_map(|(name, field)| component_of(at, decoder, name, field, template.as_ref()))
            .collect();
        let product = Product {
            name: value?,
            version,
            default_template: template,
            default_values: values,
            include,
            file: file.clone(),
            location,
        };
        Some((product, drafts))
    })
}

fn name_of<'c>(decoder: &Decoder<'_>, parts: &Parts<'c>) -> Option<Field<'c>> {
    if parts.name.is_none() {
        decoder.fail(0, "metadata.name is missing");
    }
    parts.name.clone()
}

fn pattern(at: At<'_>, item: &Field<'_>) -> Option<Located<String>> {
    let text = at.string(item)?;
    if text.value.starts_with('/') {
        item.fail("must be relative to the product manifest");
        return None;
    }
    if let Err(reason) = super::FilePattern::parse(&text.value) {
        item.fail(format!("is no pattern: {reason}"));
        return None;
    }
    Some(text)
}

fn component_of(
    at: At<'_>,
    decoder: &Decoder<'_>,
    name: &str,
    field: &Field<'_>,
    default: Option<&Located<TemplateName>>,
) -> Option<Draft> {
    let key = field.key_position();
    let name = match name.parse::<ComponentName>() {
        Ok(name) => name,
        Err(error) => {
            field.fail(format!("{error}"));
            return None;
        }
    };
    let _ = decoder;
    let mut fields = field.fields()?;
    let draft = component(at, name, at.location(key), &mut fields, default);
    fields.finish();
    Some(Draft {
        path: field.path(),
        ..draft?
    })
}

/// Reads one document of a file that the product includes.
pub(super) fn included(
    stream: &Stream,
    at: At<'_>,
    default: Option<&Located<TemplateName>>,
) -> Result<Draft, Vec<ModelError>> {
    document(stream, at, "Component", |decoder, parts| {
        let field = name_of(decoder, &parts)?;
        let name = field.parse()?;
        let Some(spec) = parts.spec else {
            decoder.fail(field.span().start, "spec is missing");
            return None;
        };
        let mut fields = spec.fields()?;
        let draft = component(at, name, at.of(&field), &mut fields, default);
        fields.finish();
        Some(Draft {
            path: spec.path(),
            ..draft?
        })
    })
}

fn component(
    at: At<'_>,
    name: ComponentName,
    location: Location,
    fields: &mut Fields<'_>,
    default: Option<&Located<TemplateName>>,
) -> Option<Draft> {
    let image_field = fields.optional("image");
    let image = image_field
        .as_ref()
        .map(|field| at.parse::<Reference>(field));
    let own = fields
        .optional("template")
        .map(|field| at.parse::<TemplateName>(&field));
    let version_field = fields.optional("version");
    if let (Some(field), Some(_)) = (&version_field, &image_field) {
        field.fail("stands beside an image, whose tag is the version");
    }
    let version = version_field.and_then(|field| at.string(&field));
    let values = fields
        .optional("values")
        .and_then(|field| at.values(&field));
    let environments = fields
        .optional("environments")
        .map(|field| environment_names(&field));
    let update_field = fields.optional("update");
    if let (Some(field), None) = (&update_field, &image_field) {
        field.fail("stands without an image, which it is about");
    }
    let update = update_field.and_then(|field| update(at, &field));
    let hold = fields.optional("hold").and_then(|field| at.string(&field));
    let renamed_from = fields
        .optional("renamedFrom")
        .and_then(|field| at.parse::<ComponentName>(&field));
    let has_template = own.is_some() || default.is_some();
    let template = match own {
        Some(own) => own?,
        // A component without any template is reported by whoever puts the
        // product together; this name never gets further.
        None => default.cloned().or_else(|| placeholder(&location))?,
    };
    Some(Draft {
        component: Component {
            name,
            image: match image {
                Some(image) => Some(image?),
                None => None,
            },
            version,
            template,
            values,
            environments,
            update,
            hold,
            renamed_from,
            location,
        },
        has_template,
        document: at.document,
        path: Path::root(),
    })
}

fn placeholder(location: &Location) -> Option<Located<TemplateName>> {
    Some(Located {
        value: "none".parse().ok()?,
        location: location.clone(),
    })
}

fn environment_names(field: &Field<'_>) -> Vec<EnvironmentName> {
    field.list().iter().filter_map(Field::parse).collect()
}

/// Reads `environment.yaml`.
pub(super) fn environment(
    stream: &Stream,
    file: &RepoPath,
) -> Result<(Environment, Location), Vec<ModelError>> {
    let at = At { file, document: 0 };
    document(stream, at, "Environment", |decoder, parts| {
        let field = name_of(decoder, &parts)?;
        let location = at.of(&field);
        let name = field.parse();
        let mut environment = Environment::unchanged(name?);
        environment.file = Some(file.clone());
        let Some(spec) = parts.spec else {
            return Some((environment, location));
        };
        let mut spec = spec.fields()?;
        for (prefix, field) in spec
            .optional("registry")
            .map(|it| it.map())
            .unwrap_or_default()
        {
            if let Some(target) = at.string(&field) {
                environment
                    .registry
                    .insert(prefix.trim_end_matches('/').to_owned(), target);
            }
        }
        let reachable = spec
            .optional("registryReachable")
            .and_then(|field| field.bool());
        environment.registry_reachable = reachable.unwrap_or(true);
        environment.values = spec.optional("values").and_then(|field| at.values(&field));
        let components = spec
            .optional("components")
            .map(|it| it.map())
            .unwrap_or_default();
        spec.finish();
        environment.components = components
            .iter()
            .filter_map(|(name, field)| override_of(at, name, field))
            .collect();
        Some((environment, location))
    })
}

fn override_of(at: At<'_>, name: &str, field: &Field<'_>) -> Option<(ComponentName, Override)> {
    let name = match name.parse() {
        Ok(name) => name,
        Err(error) => {
            field.fail(format!("{error}"));
            return None;
        }
    };
    let mut fields = field.fields()?;
    let values = fields
        .optional("values")
        .and_then(|field| at.values(&field));
    fields.finish();
    Some((
        name,
        Override {
            values,
            location: at.key_of(field),
        },
    ))
}

/// Reads `template.yaml`; the files beside it come later.
pub(super) fn template(stream: &Stream, file: &RepoPath) -> Result<Template, Vec<ModelError>> {
    let at = At { file, document: 0 };
    document(stream, at, "Template", |decoder, parts| {
        let field = name_of(decoder, &parts)?;
        let mut template = Template {
            name: field.parse()?,
            extends: None,
            owner: None,
            schema: Map::new(),
            schema_node: None,
            environment_may: Vec::new(),
            output: None,
            folder: file.parent().unwrap_or_default(),
            shared: false,
            sources: BTreeMap::new(),
            location: at.of(&field),
        };
        let Some(spec) = parts.spec else {
            return Some(template);
        };
        let mut spec = spec.fields()?;
        template.extends = spec.optional("extends").and_then(|field| at.parse(&field));
        template.owner = spec.optional("owner").and_then(|field| field.string());
        if let Some(field) = spec.optional("schema") {
            match field.value() {
                Some(Value::Object(map)) => template.schema = map,
                Some(_) => field.fail("must be a JSON Schema"),
                None => {}
            }
            template.schema_node = Some(at.node(&field));
        }
        template.environment_may = at.list(spec.optional("environmentMay"));
        template.output = spec.optional("output").and_then(|field| {
            field.one_of(&[("kubernetes", Output::Kubernetes), ("files", Output::Files)])
        });
        spec.finish();
        Some(template)
    })
}
