//! The filters that templates have beyond Jinja's own. Each one is a function
//! of its input alone; the engine charges what it returns to the render's fuel,
//! and the text that is made of a list or mapping is charged here.

use base64::Engine as _;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};
use sha2::Digest as _;

/// So many bytes of the text of a list or mapping cost one step.
const BYTES_OF_A_STEP: usize = 16;

/// The longest DNS label, in characters.
const LABEL: usize = 63;

/// Adds the filters to an engine.
pub(super) fn install(engine: &mut Environment<'_>) {
    engine.add_filter("to_yaml", to_yaml);
    engine.add_filter("to_json", to_json);
    engine.add_filter("quote", quote);
    engine.add_filter("b64encode", b64encode);
    engine.add_filter("sha256", sha256);
    engine.add_filter("dns_label", dns_label);
}

fn refuse_undefined(name: &str, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::new(
            ErrorKind::UndefinedError,
            format!("{name} of something undefined"),
        ));
    }
    Ok(())
}

fn json_of(name: &str, value: &Value) -> Result<serde_json::Value, Error> {
    refuse_undefined(name, value)?;
    serde_json::to_value(value)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

fn text_of(name: &str, value: &Value) -> Result<String, Error> {
    refuse_undefined(name, value)?;
    match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => Ok(value.to_string()),
        kind => Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("{name} wants a string or number, not a {kind}"),
        )),
    }
}

/// A text that was made of a value, when there are steps enough for it.
fn afforded(state: &State<'_, '_>, text: String) -> Result<String, Error> {
    state.consume_fuel((text.len() / BYTES_OF_A_STEP) as u64)?;
    Ok(text)
}

/// Block style without the final line break, for `| indent(n)` behind it.
fn to_yaml(state: &State<'_, '_>, value: Value) -> Result<String, Error> {
    let text = afforded(state, crate::yaml::to_yaml(&json_of("to_yaml", &value)?))?;
    Ok(text.trim_end_matches('\n').to_owned())
}

fn to_json(state: &State<'_, '_>, value: Value) -> Result<String, Error> {
    afforded(state, json_of("to_json", &value)?.to_string())
}

/// A double-quoted scalar, valid in JSON and in both versions of YAML.
fn quote(value: Value) -> Result<String, Error> {
    let text = serde_json::Value::String(text_of("quote", &value)?).to_string();
    Ok(text)
}

fn b64encode(value: Value) -> Result<String, Error> {
    let text = base64::engine::general_purpose::STANDARD.encode(text_of("b64encode", &value)?);
    Ok(text)
}

fn sha256(state: &State<'_, '_>, value: Value) -> Result<String, Error> {
    let text = match value.kind() {
        ValueKind::Map | ValueKind::Seq | ValueKind::Iterable => {
            afforded(state, json_of("sha256", &value)?.to_string())?
        }
        _ => text_of("sha256", &value)?,
    };
    Ok(hex(&sha2::Sha256::digest(text.as_bytes())))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A DNS label made of any text: lower case, other characters become `-`, and
/// what is too long is cut and told apart by a hash of the whole.
fn dns_label(value: Value) -> Result<String, Error> {
    let text = text_of("dns_label", &value)?;
    let mut label = String::with_capacity(text.len());
    for c in text.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_lowercase() || c.is_ascii_digit() => label.push(c),
            _ if !label.is_empty() && !label.ends_with('-') => label.push('-'),
            _ => {}
        }
    }
    if label.len() > LABEL {
        let hash = hex(&sha2::Sha256::digest(text.as_bytes()));
        label.truncate(LABEL - 9);
        return Ok(format!("{}-{}", label.trim_end_matches('-'), &hash[..8]));
    }
    let label = label.trim_end_matches('-');
    if label.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("dns_label finds no letter or digit in {text:?}"),
        ));
    }
    Ok(label.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use minijinja::context;

    fn render(template: &str) -> Result<String, Error> {
        let mut engine = Environment::new();
        install(&mut engine);
        engine.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        engine.render_str(
            template,
            context! { s => "on", long => "x".repeat(70), m => context! { a => 1 } },
        )
    }

    #[test]
    fn filters_write_what_kubernetes_reads() {
        assert_eq!(render("{{ s | quote }}").unwrap(), "\"on\"");
        assert_eq!(render("{{ 8080 | quote }}").unwrap(), "\"8080\"");
        assert_eq!(render("{{ m | to_json }}").unwrap(), "{\"a\":1}");
        assert_eq!(render("{{ s | b64encode }}").unwrap(), "b24=");
        assert_eq!(
            render("{{ '' | sha256 }}").unwrap(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            render("{{ 'Redis_Cart (EU)' | dns_label }}").unwrap(),
            "redis-cart-eu"
        );
        let long = render("{{ long | dns_label }}").unwrap();
        assert_eq!(long.len(), 63);
        assert!(render("{{ '--' | dns_label }}").is_err());
    }

    #[test]
    fn undefined_is_refused() {
        for filter in [
            "to_yaml",
            "to_json",
            "quote",
            "b64encode",
            "sha256",
            "dns_label",
        ] {
            let text = format!("{{{{ m.nothing | {filter} }}}}");
            assert!(render(&text).is_err(), "{filter}");
        }
    }
}
