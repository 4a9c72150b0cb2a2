//! Filters that sort or look for equal items, counted by what their comparisons look at:
//! where keys are large, the items are sorted once for counting before the engine does it.

use std::borrow::Cow;

use minijinja::value::{Kwargs, Rest, Value, ValueOrKwargs, from_args};
use minijinja::{Environment, Error, State, filters};

use super::comparing::{Comparing, afford, afford_keys, log2};
use super::values::{BYTES, WEIGHT};

/// Puts counted filters in the place of the engine's own.
pub(super) fn install(engine: &mut Environment<'_>) {
    engine.add_filter("sort", sort);
    engine.add_filter("unique", unique);
    engine.add_filter("groupby", groupby);
    engine.add_filter("dictsort", dictsort);
    engine.add_filter("min", min);
    engine.add_filter("max", max);
    engine.add_filter("map", map);
    engine.add_filter("selectattr", selectattr);
    engine.add_filter("rejectattr", rejectattr);
}

fn sort(state: &mut State<'_, '_>, values: Value, how: Kwargs) -> Result<Value, Error> {
    let attributes = how.get::<Option<&str>>("attribute")?.unwrap_or_default();
    let several: Vec<&str> = attributes.split(',').map(str::trim).collect();
    for attribute in several {
        afford_sort(state, &values, attribute)?;
    }
    filters::sort(state, values, how)
}

fn unique(state: &mut State<'_, '_>, values: Value, how: Kwargs) -> Result<Value, Error> {
    let attribute = how.get::<Option<&str>>("attribute")?.unwrap_or_default();
    afford_sort(state, &values, attribute)?;
    filters::unique(state, values, how)
}

fn groupby(
    state: &mut State<'_, '_>,
    values: Value,
    attribute: Option<&str>,
    how: Kwargs,
) -> Result<Value, Error> {
    // The engine's own filter asks this first, and the one that can be called here does not.
    let values = match values.is_undefined() {
        true => state.apply_filter("list", &[values])?,
        false => values,
    };
    let by = match attribute {
        Some(attribute) => attribute,
        None => how.get::<&str>("attribute")?,
    };
    // The items are looked at once before, which the engine counts here and not there.
    let keys = keys(state, &values, by)?;
    afford(state, keys.len().saturating_mul(log2(keys.len())))?;
    afford_sort_of(state, keys)?;
    filters::groupby(values, attribute, how)
}

fn dictsort(state: &State<'_, '_>, values: &Value, how: Kwargs) -> Result<Value, Error> {
    let by_value = how.get::<Option<&str>>("by")? == Some("value");
    let pairs = values.as_object().and_then(|map| map.try_iter_pairs());
    let keys: Vec<Value> = pairs
        .into_iter()
        .flatten()
        .map(|(key, value)| if by_value { value } else { key })
        .collect();
    afford(state, keys.len().saturating_mul(log2(keys.len())))?;
    afford_sort_of(state, keys)?;
    filters::dictsort(values, how)
}

fn min(state: &mut State<'_, '_>, values: Value, how: Kwargs) -> Result<Value, Error> {
    afford_extreme(state, &values, &how)?;
    filters::min(state, values, how)
}

fn max(state: &mut State<'_, '_>, values: Value, how: Kwargs) -> Result<Value, Error> {
    afford_extreme(state, &values, &how)?;
    filters::max(state, values, how)
}

/// `map`, whose attribute is looked up in each item.
fn map(
    state: &mut State<'_, '_>,
    values: Value,
    how: Rest<ValueOrKwargs>,
) -> Result<Vec<Value>, Error> {
    let given = how.into_values();
    let (_, named): (&[Value], Kwargs) = from_args(&given)?;
    if let Some(attribute) = named.get::<Option<Value>>("attribute")? {
        match attribute.as_str() {
            Some(name) => afford_name(state, name, &values)?,
            None => afford_keys(state, &attribute, WEIGHT, values.len().unwrap_or(0))?,
        }
    }
    filters::map(
        state,
        values,
        Rest(given.into_iter().map(Into::into).collect()),
    )
}

fn selectattr(
    state: &mut State<'_, '_>,
    values: Value,
    attribute: Cow<'_, str>,
    test: Option<Cow<'_, str>>,
    more: Rest<ValueOrKwargs>,
) -> Result<Vec<Value>, Error> {
    afford_name(state, &attribute, &values)?;
    filters::selectattr(state, values, attribute, test, more)
}

fn rejectattr(
    state: &mut State<'_, '_>,
    values: Value,
    attribute: Cow<'_, str>,
    test: Option<Cow<'_, str>>,
    more: Rest<ValueOrKwargs>,
) -> Result<Vec<Value>, Error> {
    afford_name(state, &attribute, &values)?;
    filters::rejectattr(state, values, attribute, test, more)
}

/// Takes the steps for reading a name once for each item.
fn afford_name(state: &State<'_, '_>, name: &str, values: &Value) -> Result<(), Error> {
    let items = values.len().unwrap_or(0);
    afford(state, (name.len() / BYTES).saturating_mul(items))
}

/// What the items are compared by: an attribute, or they themselves when it has no name.
/// What is no list has none; the engine's filter says so.
fn keys(state: &mut State<'_, '_>, values: &Value, attribute: &str) -> Result<Vec<Value>, Error> {
    if values.is_undefined() {
        return Ok(Vec::new());
    }
    let keys = match attribute.is_empty() {
        true => values.clone(),
        false => {
            let how = Kwargs::from_iter([
                ("attribute", Value::from(attribute)),
                ("default", Value::from(())),
            ]);
            state.apply_filter("map", &[values.clone(), Value::from(how)])?
        }
    };
    match keys.try_iter() {
        Ok(keys) => keys.checked().collect(),
        Err(_) => Ok(Vec::new()),
    }
}

fn afford_sort(state: &mut State<'_, '_>, values: &Value, attribute: &str) -> Result<(), Error> {
    let keys = keys(state, values, attribute)?;
    afford_sort_of(state, keys)
}

/// Takes the steps of sorting by these keys, beyond those that the engine takes for each
/// comparison: none for numbers and short texts.
fn afford_sort_of(state: &State<'_, '_>, mut keys: Vec<Value>) -> Result<(), Error> {
    if !keys.iter().any(is_large) {
        return Ok(());
    }
    scatter(&mut keys);
    let mut comparing = Comparing::of(state);
    let mut width = 1;
    while width < keys.len() {
        let mut sorted = Vec::with_capacity(keys.len());
        for pair in keys.chunks(2 * width) {
            let (one, other) = pair.split_at(width.min(pair.len()));
            merge(&mut comparing, one, other, &mut sorted)?;
        }
        keys = sorted;
        width *= 2;
    }
    Ok(())
}

/// Another order, always the same one: a list that is sorted already would be compared less
/// often here than where each item is looked for among the others.
fn scatter(keys: &mut [Value]) {
    let length = keys.len();
    for at in 1..length {
        keys.swap(at, at.wrapping_mul(2_654_435_761) % (at + 1));
    }
}

/// Merges two sorted lists. Not the sort of the library, which may panic on values that
/// have no order.
fn merge(
    comparing: &mut Comparing<'_, '_, '_>,
    mut one: &[Value],
    mut other: &[Value],
    sorted: &mut Vec<Value>,
) -> Result<(), Error> {
    while let ([first, rest @ ..], [second, others @ ..]) = (one, other) {
        comparing.count_folded(first, second)?;
        if comparing.order(second, first)?.is_lt() {
            sorted.push(second.clone());
            other = others;
        } else {
            sorted.push(first.clone());
            one = rest;
        }
    }
    sorted.extend_from_slice(one);
    sorted.extend_from_slice(other);
    Ok(())
}

/// Takes the steps of comparing each item with the least or greatest before it.
fn afford_extreme(state: &mut State<'_, '_>, values: &Value, how: &Kwargs) -> Result<(), Error> {
    let attribute = how.get::<Option<&str>>("attribute")?.unwrap_or_default();
    let keys = keys(state, values, attribute)?;
    if !keys.iter().any(is_large) {
        return Ok(());
    }
    let mut comparing = Comparing::of(state);
    let Some(first) = keys.first() else {
        return Ok(());
    };
    let (mut least, mut greatest) = (first, first);
    for key in &keys {
        comparing.count_folded(key, least)?;
        if comparing.order(key, least)?.is_lt() {
            least = key;
        }
        if comparing.order(key, greatest)?.is_gt() {
            greatest = key;
        }
    }
    Ok(())
}

/// Whether comparing it may cost more than the step that the engine takes.
fn is_large(key: &Value) -> bool {
    key.as_object().is_some() || key.as_str().is_some_and(|text| text.len() >= BYTES)
}
