//! Comparisons that a template asks for, counted by what they look at. The engine counts the
//! first level of two lists and nothing below it, so a loop over large values would take
//! minutes within its steps. The results are those of the engine.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::LazyLock;

use minijinja::value::{DynObject, ObjectRepr, Value};
use minijinja::{Environment, Error, ErrorKind, Expression, State};

use super::values::{BYTES, evaluate, settled};

/// So many compared values cost one step, as those of the first level do with the engine.
const COMPARED_OF_A_STEP: usize = 2;

/// So many bytes of a text that is made of a value cost one step, as with the engine.
const BYTES_OF_MADE_TEXT: usize = 4;

/// What a pair of a mapping costs, in compared values: it is looked up by its key.
const PAIR: usize = 2;

type Operation = LazyLock<Result<Expression<'static, 'static>, Error>>;

/// An order that a template asks for: the filter in the place of the operator, the tests,
/// what must hold, and the engine's own operation.
struct Order {
    filter: &'static str,
    tests: [&'static str; 3],
    holds: fn(Ordering) -> bool,
    plain: &'static Operation,
}

macro_rules! plain {
    ($operation:literal) => {{
        static PLAIN: Operation =
            LazyLock::new(|| super::values::PLAIN.compile_expression($operation));
        &PLAIN
    }};
}

/// Adds the counted operations, and puts counted ones in the place of the engine's tests.
pub(super) fn install(engine: &mut Environment<'_>) {
    let orders = [
        Order {
            filter: "_lt",
            tests: ["lt", "lessthan", "<"],
            holds: Ordering::is_lt,
            plain: plain!("a < b"),
        },
        Order {
            filter: "_le",
            tests: ["le", "<=", "<="],
            holds: Ordering::is_le,
            plain: plain!("a <= b"),
        },
        Order {
            filter: "_gt",
            tests: ["gt", "greaterthan", ">"],
            holds: Ordering::is_gt,
            plain: plain!("a > b"),
        },
        Order {
            filter: "_ge",
            tests: ["ge", ">=", ">="],
            holds: Ordering::is_ge,
            plain: plain!("a >= b"),
        },
    ];
    for order in orders {
        install_order(engine, &order);
    }
    install_equality(
        engine,
        "_eq",
        ["eq", "equalto", "=="],
        true,
        plain!("a == b"),
    );
    install_equality(engine, "_ne", ["ne", "!=", "!="], false, plain!("a != b"));
    engine.add_filter("_in", is_in);
    engine.add_filter("_out", is_not_in);
    engine.add_test("in", test_in);
    engine.add_filter("_compared", compared);
    engine.add_filter("_key", key);
    // The engine itself takes the steps for a text that a filter is given.
    engine.add_filter("_read", |value: Value| value);
    engine.add_filter("_cut", cut);
    engine.add_filter("attr", attr);
    engine.add_test("lower", |state: &State<'_, '_>, value: &Value| {
        afford(state, bytes_of(value))?;
        Ok::<_, Error>(minijinja::tests::is_lower(value))
    });
    engine.add_test("upper", |state: &State<'_, '_>, value: &Value| {
        afford(state, bytes_of(value))?;
        Ok::<_, Error>(minijinja::tests::is_upper(value))
    });
    // The engine makes a list of a text's characters for that.
    engine.add_test("iterable", |value: &Value| {
        value.as_str().is_some() || minijinja::tests::is_iterable(value)
    });
    engine.add_test("startingwith", affix(minijinja::tests::is_startingwith));
    engine.add_test("endingwith", affix(minijinja::tests::is_endingwith));
}

fn install_order(engine: &mut Environment<'_>, order: &Order) {
    let (holds, plain) = (order.holds, order.plain);
    engine.add_filter(
        order.filter,
        move |state: &State<'_, '_>, a: Value, b: Value| match a.is_undefined() || b.is_undefined()
        {
            true => evaluate(plain, a, b),
            false => Ok(Value::from(holds(Comparing::of(state).order(&a, &b)?))),
        },
    );
    for test in order.tests {
        engine.add_test(test, move |state: &State<'_, '_>, a: &Value, b: &Value| {
            Comparing::of(state).order(a, b).map(holds)
        });
    }
}

fn install_equality(
    engine: &mut Environment<'_>,
    filter: &'static str,
    tests: [&'static str; 3],
    wanted: bool,
    plain: &'static Operation,
) {
    engine.add_filter(
        filter,
        move |state: &State<'_, '_>, a: Value, b: Value| match a.is_undefined() || b.is_undefined()
        {
            true => evaluate(plain, a, b),
            false => Ok(Value::from(Comparing::of(state).equal(&a, &b)? == wanted)),
        },
    );
    for test in tests {
        engine.add_test(test, move |state: &State<'_, '_>, a: &Value, b: &Value| {
            Ok::<_, Error>(Comparing::of(state).equal(a, b)? == wanted)
        });
    }
}

/// A test on the beginning or the end of a text, of which other values are made first.
fn affix(
    holds: fn(Cow<'_, str>, Cow<'_, str>) -> bool,
) -> impl Fn(&State<'_, '_>, Cow<'_, str>, Cow<'_, str>) -> Result<bool, Error> + Send + Sync + 'static
{
    move |state, a, b| {
        afford(state, a.len().min(b.len()) / BYTES)?;
        for text in [&a, &b] {
            if matches!(text, Cow::Owned(_)) {
                state.consume_fuel((text.len() / BYTES_OF_MADE_TEXT) as u64)?;
            }
        }
        Ok(holds(a, b))
    }
}

/// Takes the steps of so many compared values.
pub(super) fn afford(state: &State<'_, '_>, compared: usize) -> Result<(), Error> {
    state.consume_fuel((compared / COMPARED_OF_A_STEP) as u64)
}

/// Returns the steps for comparing the text of a value; 0 for any other value.
fn bytes_of(value: &Value) -> usize {
    value.as_str().map_or(0, |text| text.len() / BYTES)
}

/// Takes the steps for the text that is made of a value.
fn afford_text_of(state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.as_object() {
        Some(_) => afford(state, settled(state, value.clone(), 0)?.1.weight),
        None => afford(state, bytes_of(value)),
    }
}

/// Takes the steps for finding a key among so many.
fn afford_key(state: &State<'_, '_>, key: &Value, among: usize) -> Result<(), Error> {
    afford_keys(state, key, among, 1)
}

/// The same for a key that is looked up a number of times.
pub(super) fn afford_keys(
    state: &State<'_, '_>,
    key: &Value,
    among: usize,
    times: usize,
) -> Result<(), Error> {
    let weight = match key.as_object() {
        Some(_) => settled(state, key.clone(), 0)?.1.weight,
        None => bytes_of(key),
    };
    let compared = weight.saturating_mul(log2(among));
    afford(state, compared.saturating_mul(times))
}

/// The comparisons that find one among so many, rounded up.
pub(super) fn log2(among: usize) -> usize {
    (usize::BITS - among.leading_zeros()) as usize
}

/// The value itself, with the steps for one comparison of all that it holds. For operands
/// that a filter can't replace: those of a chain, and the arguments of `loop.changed`.
fn compared(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    if value.as_object().is_none() {
        afford(state, bytes_of(&value))?;
        return Ok(value);
    }
    let (value, size) = settled(state, value, 0)?;
    afford(state, size.weight)?;
    Ok(value)
}

/// The value itself, with the steps for looking it up in a large mapping.
fn key(state: &State<'_, '_>, key: Value) -> Result<Value, Error> {
    afford_key(state, &key, super::values::WEIGHT)?;
    Ok(key)
}

/// The value itself, with the steps for passing over the items before a part of it.
fn cut(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    if value.as_object().is_some() {
        afford(state, value.len().unwrap_or(0) / BYTES)?;
    }
    Ok(value)
}

fn attr(state: &State<'_, '_>, value: &Value, key: &Value) -> Result<Value, Error> {
    afford_key(state, key, super::values::WEIGHT)?;
    minijinja::filters::attr(value, key)
}

/// `A in B`.
fn is_in(state: &State<'_, '_>, value: Value, container: Value) -> Result<Value, Error> {
    if value.is_undefined() || container.is_undefined() {
        return evaluate(plain!("a in b"), value, container);
    }
    match contains(state, &value, &container)? {
        Some(found) => Ok(Value::from(found)),
        None => Err(Error::new(
            ErrorKind::InvalidOperation,
            "cannot perform a containment check on this value",
        )),
    }
}

/// `A not in B`.
fn is_not_in(state: &State<'_, '_>, value: Value, container: Value) -> Result<Value, Error> {
    Ok(Value::from(!is_in(state, value, container)?.is_true()))
}

/// `A is in B`, which is false for what contains nothing.
fn test_in(state: &State<'_, '_>, value: &Value, container: &Value) -> Result<bool, Error> {
    if container.is_undefined() {
        return minijinja::tests::is_in(state, value, container);
    }
    Ok(contains(state, value, container)?.unwrap_or(false))
}

/// Whether a container holds a value; none for what is no container.
fn contains(
    state: &State<'_, '_>,
    value: &Value,
    container: &Value,
) -> Result<Option<bool>, Error> {
    if let Some(text) = container.as_str() {
        state.consume_fuel((text.len() / BYTES) as u64)?;
        if let Some(part) = value.as_str() {
            return Ok(Some(text.contains(part)));
        }
        afford_text_of(state, value)?;
        return Ok(Some(text.contains(&value.to_string())));
    }
    let Some(object) = container.as_object() else {
        return Ok(None);
    };
    match object.repr() {
        ObjectRepr::Map => {
            afford_key(state, value, object.enumerator_len().unwrap_or(0))?;
            Ok(Some(object.get_value(value).is_some()))
        }
        ObjectRepr::Seq | ObjectRepr::Iterable => {
            let mut comparing = Comparing::of(state);
            for item in container.try_iter()?.checked() {
                if comparing.equal(&item?, value)? {
                    return Ok(Some(true));
                }
            }
            Ok(Some(false))
        }
        _ => Ok(Some(false)),
    }
}

/// A comparison, which ends when there are no steps left.
pub(super) struct Comparing<'s, 't, 'e> {
    state: &'s State<'t, 'e>,
    /// Values looked at that are not paid for yet.
    compared: usize,
}

impl<'s, 't, 'e> Comparing<'s, 't, 'e> {
    pub(super) fn of(state: &'s State<'t, 'e>) -> Self {
        Self { state, compared: 0 }
    }

    fn count(&mut self, compared: usize) -> Result<(), Error> {
        self.compared = self.compared.saturating_add(compared);
        if self.compared < COMPARED_OF_A_STEP {
            return Ok(());
        }
        afford(self.state, self.compared)?;
        self.compared %= COMPARED_OF_A_STEP;
        Ok(())
    }

    /// Counts two values; what they hold is still to be compared when they are objects.
    fn count_both(&mut self, a: &Value, b: &Value) -> Result<(), Error> {
        let text = match (a.as_str(), b.as_str()) {
            (Some(a), Some(b)) => a.len().min(b.len()) / BYTES,
            _ => 0,
        };
        self.count(1 + text)
    }

    /// `a == b`.
    fn equal(&mut self, a: &Value, b: &Value) -> Result<bool, Error> {
        self.count_both(a, b)?;
        let (Some(one), Some(other)) = (a.as_object(), b.as_object()) else {
            return Ok(a == b);
        };
        if a.is_tuple() != b.is_tuple() || minijinja::tests::is_sameas(a, b) {
            return Ok(a.is_tuple() == b.is_tuple());
        }
        match (one.repr(), other.repr()) {
            (ObjectRepr::Map, ObjectRepr::Map) => self.equal_maps(one, other),
            (one, other) if is_list(one) && is_list(other) => self.equal_lists(a, b),
            _ => Ok(a == b),
        }
    }

    fn equal_lists(&mut self, a: &Value, b: &Value) -> Result<bool, Error> {
        let (mut a, mut b) = (a.try_iter()?, b.try_iter()?);
        loop {
            match (a.next(), b.next()) {
                (None, None) => return Ok(true),
                (Some(a), Some(b)) if self.equal(&a, &b)? => {}
                _ => return Ok(false),
            }
        }
    }

    fn equal_maps(&mut self, a: &DynObject, b: &DynObject) -> Result<bool, Error> {
        let lengths = (a.enumerator_len(), b.enumerator_len());
        if let (Some(a), Some(b)) = lengths
            && a != b
        {
            return Ok(false);
        }
        let Some(pairs) = a.try_iter_pairs() else {
            return Ok(false);
        };
        let mut count = 0;
        for (key, value) in pairs {
            count += 1;
            self.count(PAIR)?;
            afford_key(self.state, &key, lengths.1.unwrap_or(0))?;
            match b.get_value(&key) {
                Some(other) if self.equal(&other, &value)? => {}
                _ => return Ok(false),
            }
        }
        let known = matches!(lengths, (Some(_), Some(_)));
        Ok(known || b.try_iter().map_or(0, Iterator::count) == count)
    }

    /// Counts what it takes to compare two texts without regard to case: copies of both.
    pub(super) fn count_folded(&mut self, a: &Value, b: &Value) -> Result<(), Error> {
        self.count(bytes_of(a) + bytes_of(b))
    }

    /// The order of `a` and `b`.
    pub(super) fn order(&mut self, a: &Value, b: &Value) -> Result<Ordering, Error> {
        self.count_both(a, b)?;
        let (Some(one), Some(other)) = (a.as_object(), b.as_object()) else {
            return Ok(a.cmp(b));
        };
        if a.kind() != b.kind() || a.is_tuple() != b.is_tuple() || minijinja::tests::is_sameas(a, b)
        {
            return Ok(a.cmp(b));
        }
        match (one.repr(), other.repr()) {
            (ObjectRepr::Map, ObjectRepr::Map) => self.order_of_maps(one, other),
            (one, other) if is_list(one) && is_list(other) => self.order_of_lists(a, b),
            _ => Ok(a.cmp(b)),
        }
    }

    fn order_of_lists(&mut self, a: &Value, b: &Value) -> Result<Ordering, Error> {
        let (mut a, mut b) = (a.try_iter()?, b.try_iter()?);
        loop {
            let order = match (a.next(), b.next()) {
                (Some(a), Some(b)) => self.order(&a, &b)?,
                (a, b) => return Ok(a.is_some().cmp(&b.is_some())),
            };
            if order.is_ne() {
                return Ok(order);
            }
        }
    }

    /// Pair by pair, in the order in which they come, as the engine does.
    fn order_of_maps(&mut self, a: &DynObject, b: &DynObject) -> Result<Ordering, Error> {
        let (Some(mut a), Some(mut b)) = (a.try_iter_pairs(), b.try_iter_pairs()) else {
            return Ok(Ordering::Equal);
        };
        loop {
            let ((key, value), (other_key, other)) = match (a.next(), b.next()) {
                (Some(a), Some(b)) => (a, b),
                (a, b) => return Ok(a.is_some().cmp(&b.is_some())),
            };
            self.count(PAIR)?;
            let order = match self.order(&key, &other_key)? {
                Ordering::Equal => self.order(&value, &other)?,
                order => order,
            };
            if order.is_ne() {
                return Ok(order);
            }
        }
    }
}

fn is_list(repr: ObjectRepr) -> bool {
    matches!(repr, ObjectRepr::Seq | ObjectRepr::Iterable)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]
mod tests {
    use std::time::{Duration, Instant};

    use minijinja::syntax::SyntaxConfig;
    use serde_json::{Value as Json, json};

    use super::super::bench::on_known_stack;
    use super::super::guard::guarded;
    use super::*;
    use crate::template::context::from_json;

    /// The steps of a template, and few of them without optimisation, where counting
    /// itself is slow.
    const STEPS: u64 = if cfg!(debug_assertions) {
        30_000
    } else {
        1_000_000
    };

    /// How long each program may take: a second, and as much again twice for whatever else
    /// this machine does. Uncounted, it is minutes.
    const SOON: Duration = Duration::from_secs(3);

    /// Large values, each twice, so that nothing is equal by being the same.
    fn facts() -> Json {
        let numbers: Vec<usize> = (0..40_000).collect();
        let deep: Vec<Vec<usize>> = vec![(0..300).collect(); 200];
        let map: Json = (0..20_000).map(|n| (format!("k{n}"), json!([n]))).collect();
        let text = "ab".repeat(1 << 20);
        let texts: Vec<String> = (0..40)
            .map(|n| format!("{}{n}", "x".repeat(50_000)))
            .collect();
        let maps: Vec<Json> = (0..300)
            .map(|n| json!({"list": numbers[..200], "name": n, "text": "y".repeat(3_000)}))
            .collect();
        let one = json!({
            "numbers": numbers, "deep": deep, "map": map, "text": text, "texts": texts,
            "maps": maps,
        });
        json!({"a": one, "b": one})
    }

    fn programs() -> Vec<String> {
        let mut programs = Vec::new();
        let signs = [
            "==",
            "!=",
            "<",
            "<=",
            ">",
            ">=",
            "in",
            "not in",
            "is eq",
            "is ne",
            "is lessthan",
            "is ge",
            "is in",
            "is startingwith",
            "is endingwith",
        ];
        for value in ["numbers", "deep", "map", "text", "texts", "maps"] {
            for sign in signs {
                programs.push(format!("{{{{ a.{value} {sign} b.{value} }}}}"));
            }
        }
        for value in ["deep", "map", "text"] {
            for one in [
                "[a.V] == [b.V]",
                "(a.V, 1) < (b.V, 1)",
                "{'k': a.V} == {'k': b.V}",
                "a.V <= b.V <= a.V",
                "b.V in [1, a.V]",
                "[a.V, b.V]|unique",
                "[a.V, b.V]|sort",
                "[a.V, b.V]|min",
                "[a.V, b.V]|max",
                "[[a.V, 1], [b.V, 2]]|groupby(0)",
                "[{'k': a.V}, {'k': b.V}]|sort(attribute='k')",
                "[{'k': a.V}, {'k': b.V}]|unique(attribute='k')",
                "{'x': a.V, 'y': b.V}|dictsort(by='value')",
                "[a.V]|select('equalto', b.V)",
                "[a.V]|reject('in', [b.V])",
                "[{'k': a.V}]|selectattr('k', 'eq', b.V)",
                "{a.V: 1, b.V: 2}|length",
                "{a.V: 1}[b.V] is defined",
                "b.V in {a.V: 1}",
                "{a.V: 1}|attr(b.V) is defined",
                "[{a.V: 1}]|map(attribute=b.V)|length",
                "loop.changed(a.V if i % 2 else b.V)",
                "(a.V|list)[0:] == b.V|list",
                "a.V ~ '' == b.V ~ ''",
                "a.V is lower or b.V is upper",
                "a.V in a.text",
                "a.V[-1] is defined",
                "a.V[1000:1001]|length if a.V is not mapping",
                "a.V|sha256",
                "a.V|first == b.V|last",
                "a.V is iterable and b.V is iterable",
            ] {
                programs.push(format!("{{{{ {} }}}}", one.replace('V', value)));
            }
        }
        programs
    }

    /// Renders, and says how long it took.
    fn render(text: &str, facts: &Value) -> (Result<String, Error>, Duration) {
        let guarded = guarded(text, &SyntaxConfig::default()).unwrap();
        let mut engine = Environment::new();
        engine.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        engine.set_fuel(Some(STEPS));
        crate::template::filters::install(&mut engine);
        super::super::install(&mut engine);
        on_known_stack(|| {
            let began = Instant::now();
            let result = engine.render_str(&guarded.text, facts);
            (result, began.elapsed())
        })
        .unwrap()
    }

    #[test]
    fn comparing_large_values_again_and_again_ends_soon() {
        let facts = from_json(&facts());
        let mut slow = Vec::new();
        for program in programs() {
            let text = format!("\n{{% for i in range(100000) %}}{program}{{% endfor %}}");
            let (result, took) = render(&text, &facts);
            if took > SOON {
                slow.push(format!("{took:?} {program}"));
            }
            match result {
                Ok(text) => assert!(text.len() > 90_000, "{program}: {} bytes", text.len()),
                Err(error) => assert_eq!(error.line(), Some(2), "{program}: {error:?}"),
            }
        }
        assert!(slow.is_empty(), "{slow:#?}");
    }
}
