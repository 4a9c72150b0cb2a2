//! The template engine, closed in: it sees the files of the templates and the
//! values that it is handed, nothing else, and its steps and output are bounded, as is
//! all else that a template takes ([`super::bounds`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};

use crate::product::{TemplateName, TemplateSource};
use crate::repo::{Location, RepoPath};

use super::bounds::{self, Guarded, TextFault, guarded};
use super::chain::Chain;
use super::filters;
use super::trace::{Span, SpanFiles};

/// Steps of one file's rendering; 64 bytes of output or of values cost one.
/// See `docs/limits.md`.
const FUEL: u64 = 1_000_000;

/// The most that one file of a template may write for one component, in bytes.
/// See `docs/limits.md`.
const OUTPUT: usize = 8 << 20;

/// Why a file could not be rendered.
pub(super) enum Failure {
    /// It goes beyond a bound, at a place where one is known.
    TooMuch(&'static str, Option<Location>),
    /// The engine says no.
    Refused {
        reason: String,
        location: Location,
        chain: Vec<String>,
    },
}

/// A file's rendering.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) spans: Vec<Span>,
    /// The files that the spans point into.
    pub(super) files: SpanFiles,
}

/// What the context parts are that a template looks at beyond its component.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reads {
    /// `components`: its rendering depends on all components.
    pub components: bool,
    /// `product`: its rendering depends on the product's name and version.
    pub product: bool,
}

impl Reads {
    const ALL: Self = Self {
        components: true,
        product: true,
    };

    fn or(self, other: Self) -> Self {
        Self {
            components: self.components || other.components,
            product: self.product || other.product,
        }
    }
}

/// The compiled templates of one product.
pub(super) struct Engine {
    environment: Environment<'static>,
    /// Every file by the name that the engine knows it by, `TEMPLATE/FILE`.
    files: Arc<BTreeMap<String, File>>,
}

/// A file and where it is.
struct File {
    path: Arc<RepoPath>,
    text: Arc<str>,
    /// What the engine compiles.
    guarded: Result<Guarded, TextFault>,
}

impl Engine {
    pub(super) fn new<'t>(chains: impl Iterator<Item = &'t Chain<'t>>) -> Self {
        let mut files = BTreeMap::new();
        for chain in chains {
            for (name, source) in &chain.sources {
                files.insert(format!("{}/{name}", chain.name()), File::of(source));
            }
        }
        let files = Arc::new(files);
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.set_debug(true);
        environment.set_formatter(write_value);
        filters::install(&mut environment);
        bounds::install(&mut environment);
        let known = Arc::clone(&files);
        environment.set_loader(move |name| known.get(name).map(File::compiled).transpose());
        let known = Arc::clone(&files);
        environment.set_path_join_callback(move |name, parent| {
            let folder = parent.split('/').next().unwrap_or_default();
            let near = format!("{folder}/{name}");
            if known.contains_key(&near) {
                near.into()
            } else {
                name.to_owned().into()
            }
        });
        Self { environment, files }
    }

    /// Renders one file of a template.
    pub(super) fn render(
        &self,
        template: &TemplateName,
        file: &str,
        context: Value,
    ) -> Result<Written, Failure> {
        let name = format!("{template}/{file}");
        if let Some((file, Err(fault))) = self.files.get(&name).map(|it| (it, &it.guarded)) {
            return Err(Failure::Refused {
                reason: fault.reason.clone(),
                location: super::trace::locate(&file.path, &file.text, fault.offset),
                chain: Vec::new(),
            });
        }
        let result = self
            .environment
            .get_template(&name)
            .and_then(|compiled| compiled.render_with_spans(context));
        let (text, spans) = result.map_err(|error| self.failure(&name, &error))?;
        if text.len() > OUTPUT {
            return Err(Failure::TooMuch("8 MiB of output", None));
        }
        let (spans, files) = self.spans(&spans);
        Ok(Written { text, spans, files })
    }

    fn spans(&self, spans: &[minijinja::OutputSpan]) -> (Vec<Span>, SpanFiles) {
        // A rendering runs through few files, most of it through one.
        let mut names: Vec<(&str, &File)> = Vec::new();
        let mut files = Vec::new();
        let mut found = Vec::with_capacity(spans.len());
        for span in spans {
            let known = names.iter().position(|(name, _)| *name == span.name());
            let file = known.or_else(|| {
                let file = self.files.get(span.name())?;
                names.push((span.name(), file));
                files.push((Arc::clone(&file.path), Arc::clone(&file.text)));
                Some(files.len() - 1)
            });
            let source = span.source_range();
            found.push(Span {
                output: span.output_range(),
                source: match file.and_then(|index| names.get(index)) {
                    Some((_, file)) => file.written(source),
                    None => source,
                },
                verbatim: span.kind() == minijinja::OutputSpanKind::Raw,
                file,
            });
        }
        (found, files.into())
    }

    fn failure(&self, name: &str, error: &minijinja::Error) -> Failure {
        let mut errors = vec![error];
        let mut at: &dyn std::error::Error = error;
        while let Some(source) = at.source() {
            if let Some(inner) = source.downcast_ref::<minijinja::Error>() {
                errors.push(inner);
            }
            at = source;
        }
        // The innermost error that knows its place is the one to look at.
        let inner = errors
            .iter()
            .rev()
            .find(|it| it.name().is_some())
            .unwrap_or(&error);
        let location = self.place(inner.name().unwrap_or(name), inner);
        if errors.iter().any(|it| it.kind() == ErrorKind::OutOfFuel) {
            return Failure::TooMuch("1,000,000 steps", Some(location));
        }
        let mut chain: Vec<String> = Vec::new();
        for outer in errors.iter().filter(|it| !std::ptr::eq(**it, *inner)) {
            if let (Some(name), Some(line)) = (outer.name(), outer.line()) {
                let path = self.files.get(name).map_or(name, |file| file.path.as_str());
                chain.push(format!("{path}:{line}"));
            }
        }
        chain.dedup();
        Failure::Refused {
            reason: self.reason(inner),
            location,
            chain,
        }
    }

    /// The engine's message, with the words of the template that it is about.
    fn reason(&self, error: &minijinja::Error) -> String {
        let mut reason = error.kind().to_string();
        if let Some(detail) = error.detail() {
            // The engine quotes the values there, and they may be secrets.
            let detail = match detail.starts_with("unable to calculate") {
                true => "unable to calculate the result",
                false => detail,
            };
            reason = format!("{reason}: {detail}");
        }
        if error.kind() == ErrorKind::UndefinedError
            && error.detail().is_none()
            && let Some(words) = self.words(error)
        {
            reason = format!("{reason}: {words}");
        }
        reason
    }

    fn words(&self, error: &minijinja::Error) -> Option<&str> {
        let file = self.files.get(error.name()?)?;
        let words = file.text.get(file.written(error.range()?))?.trim();
        (!words.is_empty() && words.len() < 80 && !words.contains('\n')).then_some(words)
    }

    fn place(&self, name: &str, error: &minijinja::Error) -> Location {
        let Some(file) = self.files.get(name) else {
            return Location::new(RepoPath::root(), 1, 1);
        };
        match error.range() {
            Some(range) => super::trace::locate(&file.path, &file.text, file.written(range).start),
            None => {
                let line = error.line().unwrap_or(1);
                Location::new(
                    (*file.path).clone(),
                    u32::try_from(line).unwrap_or(u32::MAX),
                    1,
                )
            }
        }
    }

    /// What each template looks at, through everything that it may include.
    pub(super) fn reads<'t>(
        &self,
        chains: &BTreeMap<TemplateName, Chain<'t>>,
    ) -> BTreeMap<TemplateName, Reads> {
        let mut reads: BTreeMap<TemplateName, Reads> = chains
            .iter()
            .map(|(name, chain)| (name.clone(), self.own_reads(chain)))
            .collect();
        let mentions: BTreeMap<&TemplateName, BTreeSet<&TemplateName>> = chains
            .iter()
            .map(|(name, chain)| (name, mentioned(chain, chains)))
            .collect();
        // Each round carries what is read one template further.
        for _ in 0..chains.len() {
            let before = reads.clone();
            for (name, others) in &mentions {
                let sum = others
                    .iter()
                    .filter_map(|other| before.get(*other))
                    .fold(before[*name], |sum, other| sum.or(*other));
                reads.insert((*name).clone(), sum);
            }
            if reads == before {
                break;
            }
        }
        reads
    }

    fn own_reads(&self, chain: &Chain<'_>) -> Reads {
        let mut reads = Reads::default();
        for (file, source) in &chain.sources {
            if includes_by_expression(&source.text) {
                return Reads::ALL;
            }
            let name = format!("{}/{file}", chain.name());
            // A file that does not compile fails when it is rendered.
            let Ok(compiled) = self.environment.get_template(&name) else {
                return Reads::ALL;
            };
            let variables = compiled.undeclared_variables(false);
            reads = reads.or(Reads {
                components: variables.contains("components"),
                product: variables.contains("product"),
            });
        }
        reads
    }
}

/// Writes a value as YAML reads it back: `true`, `null`, lists and mappings in
/// flow style, where Jinja would write them as Python does.
fn write_value(
    out: &mut minijinja::Output<'_>,
    state: &mut minijinja::State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    use minijinja::value::ValueKind;
    let text = match value.kind() {
        ValueKind::None => "null".to_owned(),
        ValueKind::Bool => value.is_true().to_string(),
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => serde_json::to_string(value)
            .map_err(|error| {
                minijinja::Error::new(ErrorKind::BadSerialization, error.to_string())
            })?,
        _ => return minijinja::escape_formatter(out, state, value),
    };
    out.write_str(&text)
        .map_err(|_| minijinja::Error::from(ErrorKind::WriteFailure))
}

impl File {
    fn of(source: &TemplateSource) -> Self {
        Self {
            path: Arc::new(source.path.clone()),
            text: Arc::clone(&source.text),
            guarded: guarded(&source.text, &SyntaxConfig::default()),
        }
    }

    fn compiled(&self) -> Result<String, minijinja::Error> {
        match &self.guarded {
            Ok(guarded) => Ok(guarded.text.clone()),
            Err(fault) => {
                let at = super::trace::locate(&self.path, &self.text, fault.offset);
                let reason = format!("{at}: {}", fault.reason);
                Err(minijinja::Error::new(ErrorKind::SyntaxError, reason))
            }
        }
    }

    /// The bytes of the file for those of the compiled text.
    fn written(&self, range: Range<usize>) -> Range<usize> {
        match &self.guarded {
            Ok(guarded) => guarded.written(range.start)..guarded.written(range.end),
            Err(_) => range,
        }
    }
}

/// The templates whose files a template may reach by their whole name.
fn mentioned<'c>(
    chain: &Chain<'_>,
    chains: &'c BTreeMap<TemplateName, Chain<'_>>,
) -> BTreeSet<&'c TemplateName> {
    chains
        .keys()
        .filter(|other| {
            let prefix = format!("{other}/");
            chain
                .sources
                .values()
                .any(|source| source.text.contains(&prefix))
        })
        .collect()
}

/// Whether a file includes others by anything but a literal name, so that
/// nobody can tell beforehand which.
fn includes_by_expression(text: &str) -> bool {
    text.split("{%").skip(1).any(|tag| {
        let tag = tag.trim_start_matches(['-', '+']).trim_start();
        let mut words = tag.splitn(2, char::is_whitespace);
        let keyword = words.next().unwrap_or_default();
        let rest = words.next().unwrap_or_default().trim_start();
        if !matches!(keyword, "include" | "extends" | "import" | "from") {
            return false;
        }
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            return true;
        };
        // After the closing quote only the words of these tags may follow.
        let after = rest[1..].split_once(quote).map_or("", |(_, after)| after);
        let next = after.trim_start().trim_start_matches(['-', '+']);
        let plain = ["%}", "as ", "import ", "with ", "without ", "ignore "];
        !plain.iter().any(|word| next.starts_with(word))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn only_literal_includes_can_be_followed() {
        for literal in [
            "{% include \"_a.j2\" %}",
            "{%- include '_a.j2' ignore missing -%}",
            "{% from \"_m.j2\" import x %}",
            "{% import '_m.j2' as m %}",
            "{% extends \"_a.j2\" -%}",
            "{% if includes %}",
        ] {
            assert!(!includes_by_expression(literal), "{literal}");
        }
        for open in [
            "{% include name %}",
            "{% include \"a\" ~ b %}",
            "{% extends values.base %}",
        ] {
            assert!(includes_by_expression(open), "{open}");
        }
    }
}
