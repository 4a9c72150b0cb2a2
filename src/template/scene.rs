//! What a template sees: the context of one component, and what all contexts
//! share. Decides no values; they come merged and checked.

use minijinja::value::Value;

use crate::image::Reference;
use crate::product::Component;

use super::context::{from_json, from_map, mapping};
use super::inputs::Input;
use super::render::Renderer;

/// What the contexts of all components share.
pub(super) struct Scene {
    product: Value,
    environment: Value,
    components: Option<Value>,
    /// The values of each input, by its index, so that they are made once.
    values: Vec<Value>,
}

impl Scene {
    pub(super) fn new(renderer: &Renderer<'_>, inputs: &[Input<'_>], everything: bool) -> Self {
        let product = &renderer.tree.product;
        let environment = &renderer.tree.environment;
        let values: Vec<Value> = inputs
            .iter()
            .map(|input| from_json(&input.values))
            .collect();
        let components = everything.then(|| {
            let list: Vec<Value> = inputs
                .iter()
                .zip(&values)
                .map(|(input, values)| {
                    mapping([
                        (
                            "name",
                            Some(Value::from(input.node.component.name.as_str())),
                        ),
                        ("image", input.image.as_ref().map(image_value)),
                        ("version", version(&input.node.component).map(Value::from)),
                        ("values", Some(values.clone())),
                    ])
                })
                .collect();
            Value::from(list)
        });
        Self {
            product: mapping([
                ("name", Some(Value::from(product.name.as_str()))),
                (
                    "version",
                    product
                        .version
                        .as_ref()
                        .map(|it| Value::from(it.value.as_str())),
                ),
            ]),
            environment: mapping([
                ("name", Some(Value::from(renderer.entry.name.as_str()))),
                (
                    "values",
                    Some(match &environment.values {
                        Some(values) => from_map(&values.map),
                        None => from_map(&serde_json::Map::new()),
                    }),
                ),
            ]),
            components,
            values,
        }
    }

    pub(super) fn context(
        &self,
        renderer: &Renderer<'_>,
        input: &Input<'_>,
        index: usize,
    ) -> Value {
        let component = &input.node.component;
        mapping([
            ("name", Some(Value::from(component.name.as_str()))),
            ("namespace", renderer.entry.namespace().map(Value::from)),
            ("image", input.image.as_ref().map(image_value)),
            ("version", version(component).map(Value::from)),
            ("values", self.values.get(index).cloned()),
            ("product", Some(self.product.clone())),
            ("environment", Some(self.environment.clone())),
            ("components", self.components.clone()),
            ("labels", Some(labels(renderer, component))),
        ])
    }
}

fn version(component: &Component) -> Option<String> {
    match &component.image {
        Some(image) => image.value.tag().map(|tag| tag.as_str().to_owned()),
        None => component
            .version
            .as_ref()
            .map(|version| version.value.clone()),
    }
}

fn image_value(image: &Reference) -> Value {
    let repository = image.repository();
    mapping([
        ("ref", Some(Value::from(image.to_string()))),
        ("registry", Some(Value::from(repository.host()))),
        ("repository", Some(Value::from(repository.path()))),
        ("tag", image.tag().map(|tag| Value::from(tag.as_str()))),
        (
            "digest",
            image.digest().map(|digest| Value::from(digest.as_str())),
        ),
    ])
}

/// The labels that Kubernetes recommends for all objects of an application.
fn labels(renderer: &Renderer<'_>, component: &Component) -> Value {
    let version = version(component).filter(|text| is_label_value(text));
    mapping([
        (
            "app.kubernetes.io/name",
            Some(Value::from(component.name.as_str())),
        ),
        (
            "app.kubernetes.io/part-of",
            Some(Value::from(renderer.tree.product.name.as_str())),
        ),
        ("app.kubernetes.io/version", version.map(Value::from)),
        (
            "app.kubernetes.io/managed-by",
            Some(Value::from("kubectl-gitops")),
        ),
    ])
}

fn is_label_value(text: &str) -> bool {
    let ends_well = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && ends_well(text.chars().next())
        && ends_well(text.chars().next_back())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}
