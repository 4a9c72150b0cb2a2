//! How large a value may become that a template makes, and the filters and functions that
//! see to it. All work on values (printing, comparing, sorting, dropping) calls itself once
//! for each level and visits each item as often as it is held, so both are bounded where
//! values are made.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::value::{
    DynObject, Kwargs, ObjectRepr, Rest, Tuple, Value, ValueKind, ValueOrKwargs,
};
use minijinja::{Environment, Error, ErrorKind, Expression, State, context, filters, functions};

use super::super::context::Ordered;
use super::joined::Joined;

/// The most that a value may hold that a template makes: items, keys, and one for each 64
/// bytes of text; what is held twice counts twice. 12 MiB of text, more than a template may
/// write.
/// See `docs/limits.md`.
pub(crate) const WEIGHT: usize = 200_000;

/// The most items of a list that a template makes; the engine's own limit for `range`.
/// See `docs/limits.md`.
pub(crate) const ITEMS: usize = 100_000;

/// The deepest value that a template may make. Files nest up to 100 deep.
/// See `docs/limits.md`.
pub(crate) const DEPTH: usize = 128;

/// So much of a value's weight costs one step.
const WEIGHT_OF_A_STEP: usize = 16;

/// Bytes of text that weigh as much as one item, and that cost one step.
pub(super) const BYTES: usize = 64;

/// What a value holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::template) struct Size {
    /// See [`WEIGHT`].
    pub(in crate::template) weight: usize,
    /// Levels below it.
    pub(in crate::template) depth: usize,
}

impl Size {
    /// Of a list or mapping with these in it.
    pub(in crate::template) fn around(parts: impl Iterator<Item = Size>) -> Self {
        parts.fold(
            Self {
                weight: 1,
                depth: 1,
            },
            |sum, part| Self {
                weight: sum.weight.saturating_add(part.weight),
                depth: sum.depth.max(part.depth.saturating_add(1)),
            },
        )
    }

    /// Of a value that comes from files, whose size is bounded there.
    pub(in crate::template) fn of(value: &Value) -> Self {
        if let Some(text) = value.as_str() {
            let weight = 1 + text.len() / BYTES;
            return Self { weight, depth: 0 };
        }
        if let Some(map) = value.downcast_object_ref::<Ordered>() {
            return map.size();
        }
        if let Some(list) = value.downcast_object_ref::<Joined>() {
            return list.size();
        }
        if let Some(list) = value.downcast_object_ref::<Vec<Value>>() {
            return Self::around(list.iter().map(Self::of));
        }
        Self {
            weight: 1,
            depth: 0,
        }
    }
}

/// Adds the guarded operations to an engine, and puts bounded ones in the place of its own.
pub(super) fn install(engine: &mut Environment<'_>) {
    engine.add_filter("_add", add);
    engine.add_filter("_mul", mul);
    engine.add_filter("_kept", kept);
    engine.add_filter("_held", held);
    engine.add_filter("chain", chain);
    engine.add_filter("zip", zip);
    engine.add_filter("sum", sum);
    engine.add_function("dict", dict);
    engine.add_function("namespace", namespace);
    // It prints whatever there is, without end.
    engine.remove_global("debug");
}

fn too_much(what: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

fn too_heavy() -> Error {
    too_much(format!("a value that holds more than {WEIGHT} others"))
}

fn too_long() -> Error {
    too_much(format!("a list of more than {ITEMS} items"))
}

/// The value itself when it is small enough, with lists that were still to be made.
pub(super) fn kept(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    Ok(settled(state, value, 0)?.0)
}

/// The same for what becomes part of another value: a namespace may not.
fn held(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    Ok(settled(state, value, 1)?.0)
}

/// A value with its size, once all of it is made.
pub(super) fn settled(
    state: &State<'_, '_>,
    value: Value,
    depth: usize,
) -> Result<(Value, Size), Error> {
    if value.as_object().is_none() {
        let size = Size::of(&value);
        return Ok((value, size));
    }
    let mut weighing = Weighing::default();
    let made = weighing.settle(&value, depth);
    state.consume_fuel((weighing.visited / WEIGHT_OF_A_STEP) as u64)?;
    let (made, below) = made?;
    let size = Size {
        weight: weighing.weight,
        depth: below,
    };
    Ok((made.unwrap_or(value), size))
}

#[derive(Default)]
struct Weighing {
    weight: usize,
    /// Values that were looked at one by one.
    visited: usize,
}

/// Another value in the place of one in which something was still to be made, and the
/// levels below it.
type Settled = Result<(Option<Value>, usize), Error>;

impl Weighing {
    fn add(&mut self, size: Size, depth: usize) -> Result<(), Error> {
        self.visited += 1;
        self.weight = self.weight.saturating_add(size.weight);
        if self.weight > WEIGHT {
            return Err(too_heavy());
        }
        if depth.saturating_add(size.depth) > DEPTH {
            return Err(too_much(format!("a value that nests deeper than {DEPTH}")));
        }
        Ok(())
    }

    /// Weighs a value at a depth.
    fn settle(&mut self, value: &Value, depth: usize) -> Settled {
        let known = |it: &DynObject| {
            it.downcast_ref::<Joined>().is_some() || it.downcast_ref::<Ordered>().is_some()
        };
        let object = match value.as_object() {
            Some(object) if !known(object) => object,
            _ => {
                let size = Size::of(value);
                self.add(size, depth)?;
                return Ok((None, size.depth));
            }
        };
        let itself = Size {
            weight: 1,
            depth: 0,
        };
        self.add(itself, depth)?;
        match object.repr() {
            ObjectRepr::Map => self.map(object, depth),
            ObjectRepr::Seq => self.list(value, depth),
            ObjectRepr::Iterable => self.lazy(value, depth),
            _ => Ok((None, 0)),
        }
    }

    /// A list whose items are still to be made.
    fn lazy(&mut self, value: &Value, depth: usize) -> Settled {
        let before = self.weight;
        let (mut items, mut below) = (Vec::new(), 0);
        for item in value.try_iter()?.checked() {
            let item = item?;
            if items.len() == ITEMS {
                return Err(too_long());
            }
            let (settled, deep) = self.settle(&item, depth + 1)?;
            below = below.max(deep + 1);
            items.push(settled.unwrap_or(item));
        }
        let size = Size {
            weight: self.weight - before + 1,
            depth: below,
        };
        Ok((Some(Value::from_object(Joined::new(items, size))), below))
    }

    fn list(&mut self, value: &Value, depth: usize) -> Settled {
        let mut made: Option<Vec<Value>> = None;
        let mut below = 0;
        for (index, item) in value.try_iter()?.checked().enumerate() {
            let item = item?;
            let (settled, deep) = self.settle(&item, depth + 1)?;
            below = below.max(deep + 1);
            match (&mut made, settled) {
                (Some(items), settled) => items.push(settled.unwrap_or(item)),
                (None, Some(settled)) => {
                    let mut items: Vec<Value> = value.try_iter()?.take(index).collect();
                    items.push(settled);
                    made = Some(items);
                }
                (None, None) => {}
            }
        }
        let made = made.map(|items| match value.is_tuple() {
            true => Value::from(Tuple::from(items)),
            false => Value::from(items),
        });
        Ok((made, below))
    }

    fn map(&mut self, object: &DynObject, depth: usize) -> Settled {
        if is_namespace(object) {
            return match depth {
                0 => Ok((None, 0)),
                _ => Err(too_much(
                    "a namespace cannot be part of another value".to_owned(),
                )),
            };
        }
        let mut made: Option<Vec<(Value, Value)>> = None;
        let mut below = 0;
        let pairs: Vec<(Value, Value)> = object.try_iter_pairs().into_iter().flatten().collect();
        for (index, (key, value)) in pairs.iter().enumerate() {
            let (_, deep) = self.settle(key, depth + 1)?;
            let (settled, deeper) = self.settle(value, depth + 1)?;
            below = below.max(deep.max(deeper) + 1);
            if settled.is_some() && made.is_none() {
                made = Some(pairs[..index].to_vec());
            }
            if let Some(made) = &mut made {
                made.push((key.clone(), settled.unwrap_or_else(|| value.clone())));
            }
        }
        let made = made.map(|pairs| Value::from(pairs.into_iter().collect::<BTreeMap<_, _>>()));
        Ok((made, below))
    }
}

/// A mapping that a template may change, so that it could come to hold itself.
fn is_namespace(object: &DynObject) -> bool {
    object.type_name().ends_with("::Namespace")
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) && !value.is_tuple()
}

/// `A + B`.
fn add(state: &State<'_, '_>, a: Value, b: Value) -> Result<Value, Error> {
    if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
        afford_text(state, a.len().saturating_add(b.len()))?;
        return Ok(Value::from([a, b].concat()));
    }
    if is_list(&a) && is_list(&b) {
        let (a, b) = (settled(state, a, 0)?, settled(state, b, 0)?);
        return Ok(joined(state, &a, &b)?.0);
    }
    static SUM: LazyLock<Result<Expression<'static, 'static>, Error>> =
        LazyLock::new(|| PLAIN.compile_expression("a + b"));
    refuse_undefined(&a, &b)?;
    let sum = evaluate(&SUM, a, b)?;
    // Two tuples.
    kept(state, sum)
}

/// `A * B`.
fn mul(state: &State<'_, '_>, a: Value, b: Value) -> Result<Value, Error> {
    let (taken, times) = match a.as_usize() {
        Some(times) if !b.is_number() => (&b, times),
        _ => (&a, b.as_usize().unwrap_or(0)),
    };
    if let Some(text) = taken.as_str() {
        afford_text(state, text.len().saturating_mul(times))?;
    } else if matches!(taken.kind(), ValueKind::Seq | ValueKind::Iterable) {
        if taken.len().unwrap_or(0).saturating_mul(times) > ITEMS {
            return Err(too_long());
        }
        state.consume_fuel((times / WEIGHT_OF_A_STEP) as u64)?;
    }
    static PRODUCT: LazyLock<Result<Expression<'static, 'static>, Error>> =
        LazyLock::new(|| PLAIN.compile_expression("a * b"));
    refuse_undefined(&a, &b)?;
    let product = evaluate(&PRODUCT, a, b)?;
    kept(state, product)
}

fn refuse_undefined(a: &Value, b: &Value) -> Result<(), Error> {
    match a.is_undefined() || b.is_undefined() {
        true => Err(Error::from(ErrorKind::UndefinedError)),
        false => Ok(()),
    }
}

/// Where the engine's own operators are asked, one at a time.
pub(super) static PLAIN: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::empty();
    engine.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    engine
});

/// The result of an operation, and its error without a place: that would be one among the
/// letters of the operation.
pub(super) fn evaluate(
    operation: &Result<Expression<'static, 'static>, Error>,
    a: Value,
    b: Value,
) -> Result<Value, Error> {
    let value = match operation {
        Ok(operation) => operation.eval(context! { a, b }),
        Err(error) => return Err(Error::new(error.kind(), error.to_string())),
    };
    value.map_err(|error| match error.detail() {
        Some(detail) => Error::new(error.kind(), detail.to_owned()),
        None => Error::from(error.kind()),
    })
}

/// Refuses text that costs more than there is left, before it is made.
fn afford_text(state: &State<'_, '_>, bytes: usize) -> Result<(), Error> {
    let steps = (bytes / BYTES) as u64;
    match state.fuel_levels() {
        Some((_, left)) if steps >= left => Err(Error::from(ErrorKind::OutOfFuel)),
        _ => Ok(()),
    }
}

/// One list of two, each with its size.
fn joined(
    state: &State<'_, '_>,
    (a, size_of_a): &(Value, Size),
    (b, size_of_b): &(Value, Size),
) -> Result<(Value, Size), Error> {
    let size = Size {
        weight: size_of_a.weight.saturating_add(size_of_b.weight),
        depth: size_of_a.depth.max(size_of_b.depth),
    };
    let length = a.len().unwrap_or(0).saturating_add(b.len().unwrap_or(0));
    if length > ITEMS {
        return Err(too_long());
    }
    if size.weight > WEIGHT {
        return Err(too_heavy());
    }
    let more: Vec<Value> = b.try_iter()?.collect();
    state.consume_fuel(1 + (more.len() / WEIGHT_OF_A_STEP) as u64)?;
    if let Some(list) = a.downcast_object_ref::<Joined>()
        && let Some(list) = list.with(&more, size)
    {
        return Ok((Value::from_object(list), size));
    }
    let mut items = Vec::with_capacity(length);
    items.extend(a.try_iter()?);
    items.extend(more);
    state.consume_fuel((length / WEIGHT_OF_A_STEP) as u64)?;
    Ok((Value::from_object(Joined::new(items, size)), size))
}

fn chain(state: &State<'_, '_>, value: Value, others: Rest<Value>) -> Result<Value, Error> {
    if value.kind() == ValueKind::Map && others.iter().all(|it| it.kind() == ValueKind::Map) {
        let mut merged: Vec<(Value, Value)> = Vec::new();
        let mut weighing = Weighing::default();
        for map in std::iter::once(&value).chain(others.iter()) {
            weighing.settle(map, 0)?;
            merged.extend(
                map.as_object()
                    .and_then(DynObject::try_iter_pairs)
                    .into_iter()
                    .flatten(),
            );
        }
        let merged: BTreeMap<Value, Value> = merged.into_iter().collect();
        return kept(state, Value::from(merged));
    }
    let list = |value: Value| {
        let list = filters::chain(state, value, Rest(Vec::new()))?;
        settled(state, list, 0)
    };
    let mut all = list(value)?;
    for other in others.iter() {
        all = joined(state, &all, &list(other.clone())?)?;
    }
    Ok(all.0)
}

fn zip(state: &State<'_, '_>, value: Value, others: Rest<Value>) -> Result<Value, Error> {
    kept(state, filters::zip(state, value, others)?)
}

fn sum(
    state: &mut State<'_, '_>,
    values: Value,
    attribute: Option<String>,
    start: Option<Value>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    let attribute = match attribute {
        Some(attribute) => Some(attribute),
        None => kwargs.get::<Option<String>>("attribute")?,
    };
    let start = match start {
        Some(start) => start,
        None => kwargs
            .get::<Option<Value>>("start")?
            .unwrap_or(Value::from(0)),
    };
    kwargs.assert_all_used()?;
    let items = match attribute {
        Some(attribute) => {
            let how = Kwargs::from_iter([
                ("attribute", Value::from(attribute)),
                ("default", Value::UNDEFINED),
            ]);
            state.apply_filter("map", &[values, Value::from(how)])?
        }
        None => values,
    };
    let mut total = start;
    for item in items.try_iter()?.checked() {
        let item = item?;
        if item.is_undefined() {
            continue;
        }
        if total.is_number() && !item.is_number() && item.kind() != ValueKind::Bool {
            let reason = format!("can only sum numbers, got {}", item.kind());
            return Err(Error::new(ErrorKind::InvalidOperation, reason));
        }
        state.consume_fuel(1 + Size::of(&total).weight as u64 / WEIGHT_OF_A_STEP as u64)?;
        total = add(state, total, item)?;
    }
    Ok(total)
}

fn dict(state: &State<'_, '_>, value: Option<Value>, more: Kwargs) -> Result<Value, Error> {
    kept(state, functions::dict(value, more)?)
}

fn namespace(state: &State<'_, '_>, defaults: Option<ValueOrKwargs>) -> Result<Value, Error> {
    let Some(defaults) = defaults else {
        return functions::namespace(None);
    };
    let defaults = kept(state, defaults.into_value())?;
    let made: Vec<Value> = vec![defaults];
    let (defaults,): (Option<ValueOrKwargs>,) = minijinja::value::from_args(&made)?;
    functions::namespace(defaults)
}
