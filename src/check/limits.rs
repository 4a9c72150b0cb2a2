//! Bounds of numbers, texts, lists and maps.

use serde_json::Value;

use super::schema::Limits;

/// Why a value is outside its bounds, one sentence end each.
pub(super) fn refusals(limits: &Limits, value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    match value {
        Value::Number(number) => {
            if let Some(number) = number.as_f64() {
                numbers(limits, number, &mut out);
            }
        }
        Value::String(text) => {
            size(limits.length, text.chars().count(), "characters", &mut out);
            if let Some(pattern) = limits
                .pattern
                .as_ref()
                .filter(|pattern| !pattern.is_match(text))
            {
                out.push(format!("must match {}", pattern.as_str()));
            }
        }
        Value::Array(items) => {
            size(limits.items, items.len(), "elements", &mut out);
            if limits.unique
                && items
                    .iter()
                    .enumerate()
                    .any(|(index, item)| items[..index].contains(item))
            {
                out.push("has an element twice".to_owned());
            }
        }
        Value::Object(map) => size(limits.fields, map.len(), "fields", &mut out),
        Value::Null | Value::Bool(_) => {}
    }
    out
}

fn numbers(limits: &Limits, number: f64, out: &mut Vec<String>) {
    match limits.minimum {
        Some((least, true)) if number <= least => out.push(format!("must be greater than {least}")),
        Some((least, false)) if number < least => out.push(format!("must be at least {least}")),
        _ => {}
    }
    match limits.maximum {
        Some((most, true)) if number >= most => out.push(format!("must be less than {most}")),
        Some((most, false)) if number > most => out.push(format!("must be at most {most}")),
        _ => {}
    }
    if let Some(factor) = limits.multiple_of
        && factor > 0.0
        && (number / factor).fract() != 0.0
    {
        out.push(format!("must be a multiple of {factor}"));
    }
}

fn size((least, most): (Option<u64>, Option<u64>), size: usize, unit: &str, out: &mut Vec<String>) {
    let size = size as u64;
    if let Some(least) = least.filter(|least| size < *least) {
        out.push(format!("must have at least {least} {unit}, and has {size}"));
    }
    if let Some(most) = most.filter(|most| size > *most) {
        out.push(format!("must have at most {most} {unit}, and has {size}"));
    }
}
