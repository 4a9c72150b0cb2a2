//! A template's text as the engine gets it: where it puts lists together, makes new ones of
//! values, remembers a value or compares two, the text goes through filters of
//! [`super::values`] and [`super::comparing`]. The engine has no other place where these can
//! be counted. All places that it reports are
//! those of the text that a person wrote.

use minijinja::machinery::ast::{self, BinOpKind, CallArg, Expr, Stmt};
use minijinja::machinery::parse;
use minijinja::syntax::SyntaxConfig;

use super::text::{TextFault, check};

/// A text with its guards.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guarded {
    /// What the engine compiles.
    pub(crate) text: String,
    /// Where the guards are, in the order of their places.
    edits: Vec<Edit>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    /// The byte of the written text.
    at: usize,
    /// Bytes of it that are left out.
    removed: usize,
    put: &'static str,
}

impl Guarded {
    /// The byte of the written text for one of the guarded text.
    pub(crate) fn written(&self, guarded: usize) -> usize {
        let (mut written, mut seen) = (0, 0);
        for edit in &self.edits {
            let here = seen + (edit.at - written);
            if guarded < here {
                break;
            }
            if guarded < here + edit.put.len() {
                return edit.at;
            }
            seen = here + edit.put.len();
            written = edit.at + edit.removed;
        }
        written + (guarded.saturating_sub(seen))
    }
}

/// Guards a text.
///
/// # Errors
/// It is too long or nests too deep. Text that does not parse is left to the engine, which
/// says why.
pub(crate) fn guarded(text: &str, syntax: &SyntaxConfig) -> Result<Guarded, TextFault> {
    check(text, syntax)?;
    let mut edits = Vec::new();
    if let Ok(template) = parse(text, "", syntax.clone()) {
        let mut found = Finder { text, edits };
        found.statement(&template);
        edits = found.edits;
    }
    // Inner guards are found before outer ones, and end before them.
    edits.sort_by_key(|edit| (edit.at, edit.removed));
    let mut put = String::with_capacity(text.len() + edits.len() * 8);
    let mut at = 0;
    for edit in &edits {
        put.push_str(text.get(at..edit.at).unwrap_or_default());
        put.push_str(edit.put);
        at = edit.at + edit.removed;
    }
    put.push_str(text.get(at..).unwrap_or_default());
    Ok(Guarded { text: put, edits })
}

struct Finder<'t> {
    text: &'t str,
    edits: Vec<Edit>,
}

impl Finder<'_> {
    fn put(&mut self, at: usize, removed: usize, put: &'static str) {
        self.edits.push(Edit { at, removed, put });
    }

    fn statements(&mut self, statements: &[Stmt<'_>]) {
        statements.iter().for_each(|it| self.statement(it));
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(it) => self.statements(&it.children),
            Stmt::EmitExpr(it) => self.expression(&it.expr),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(it) => {
                self.expression(&it.iter);
                self.maybe(it.filter_expr.as_ref());
                self.statements(&it.body);
                self.statements(&it.else_body);
            }
            Stmt::IfCond(it) => {
                self.expression(&it.expr);
                self.statements(&it.true_body);
                self.statements(&it.false_body);
            }
            Stmt::WithBlock(it) => {
                for (_, value) in &it.assignments {
                    self.expression(value);
                }
                self.statements(&it.body);
            }
            Stmt::Set(it) => self.set(it),
            Stmt::SetBlock(it) => {
                self.maybe(it.filter.as_ref());
                self.statements(&it.body);
            }
            Stmt::AutoEscape(it) => {
                self.expression(&it.enabled);
                self.statements(&it.body);
            }
            Stmt::FilterBlock(it) => {
                self.expression(&it.filter);
                self.statements(&it.body);
            }
            Stmt::Block(it) => self.statements(&it.body),
            Stmt::Import(it) => self.expression(&it.expr),
            Stmt::FromImport(it) => self.expression(&it.expr),
            Stmt::Extends(it) => self.expression(&it.name),
            Stmt::Include(it) => self.expression(&it.name),
            Stmt::Macro(it) => self.block_of_macro(it),
            Stmt::CallBlock(it) => {
                self.call(&it.call);
                self.block_of_macro(&it.macro_decl);
            }
            Stmt::Do(it) => self.call(&it.call),
        }
    }

    fn block_of_macro(&mut self, it: &ast::Macro<'_>) {
        it.defaults.iter().for_each(|value| self.expression(value));
        self.statements(&it.body);
    }

    /// `{% set x = VALUE %}`: what is remembered is counted, whatever made it.
    fn set(&mut self, it: &ast::Spanned<ast::Set<'_>>) {
        match &it.expr {
            // `{% set x = a, b %}`: a tuple that begins behind its first comma.
            Expr::Tuple(tuple) if begins_before(&tuple.items, &it.expr) => {
                tuple.items.iter().for_each(|item| self.expression(item));
            }
            value => self.expression(value),
        }
        let scalar = matches!(&it.expr, Expr::Const(value) if value.value.as_object().is_none());
        let from = it.target.span().end_offset as usize;
        let sign = self.text.get(from..).and_then(|rest| rest.find('='));
        if let (Some(sign), false) = (sign, scalar) {
            self.put(from + sign + 1, 0, "(");
            let put = match &it.target {
                // `{% set namespace.x = VALUE %}`
                Expr::GetAttr(_) => ")|_held",
                _ => ")|_kept",
            };
            self.put(it.span().end_offset as usize, 0, put);
        }
    }

    fn maybe(&mut self, expression: Option<&Expr<'_>>) {
        if let Some(expression) = expression {
            self.expression(expression);
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        for argument in arguments {
            match argument {
                CallArg::Pos(it)
                | CallArg::Kwarg(_, it)
                | CallArg::PosSplat(it)
                | CallArg::KwargSplat(it) => self.expression(it),
            }
        }
    }

    fn call(&mut self, it: &ast::Call<'_>) {
        self.expression(&it.expr);
        match &it.expr {
            // `loop.changed(VALUE)` compares it with the one before.
            Expr::GetAttr(method) if method.name == "changed" => {
                for argument in &it.args {
                    match argument {
                        CallArg::Pos(value) => self.compared(value),
                        other => self.arguments(std::slice::from_ref(other)),
                    }
                }
            }
            _ => self.arguments(&it.args),
        }
    }

    fn expression(&mut self, expression: &Expr<'_>) {
        match expression {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::Slice(it) => {
                self.read(&it.expr, ")|_cut)");
                self.maybe(it.start.as_ref());
                self.maybe(it.stop.as_ref());
                self.maybe(it.step.as_ref());
            }
            Expr::UnaryOp(it) => self.expression(&it.expr),
            Expr::BinOp(it) => self.operation(it),
            Expr::Compare(it) => {
                self.compared(&it.expr);
                it.ops.iter().for_each(|op| self.compared(&op.expr));
            }
            Expr::IfExpr(it) => {
                self.expression(&it.test_expr);
                self.expression(&it.true_expr);
                self.maybe(it.false_expr.as_ref());
            }
            Expr::Filter(it) => {
                self.maybe(it.expr.as_ref());
                self.arguments(&it.args);
            }
            Expr::Test(it) => self.test(it),
            Expr::GetAttr(it) => self.expression(&it.expr),
            Expr::GetItem(it) => {
                match &it.subscript_expr {
                    Expr::Const(name) if name.value.as_str().is_some() => self.expression(&it.expr),
                    _ => self.read(&it.expr, ")|_read)"),
                }
                self.around(&it.subscript_expr, ")|_key");
            }
            Expr::Call(it) => self.call(it),
            Expr::List(it) => {
                it.items.iter().for_each(|item| self.expression(item));
                self.literal(expression);
            }
            Expr::Tuple(it) => {
                it.items.iter().for_each(|item| self.expression(item));
                self.literal(expression);
            }
            Expr::Map(it) => {
                it.keys.iter().for_each(|key| self.around(key, ")|_key"));
                it.values.iter().for_each(|value| self.expression(value));
                self.literal(expression);
            }
        }
    }

    /// `A is in B`: a guard of the argument begins with a parenthesis, which would be that of a call.
    fn test(&mut self, it: &ast::Spanned<ast::Test<'_>>) {
        self.expression(&it.expr);
        let (start, end) = (
            it.span().start_offset as usize,
            it.span().end_offset as usize,
        );
        let behind = start + it.name.len();
        let rest = self.text.get(behind..end).unwrap_or_default();
        let argument = rest.trim_start();
        if it.args.is_empty() || argument.starts_with('(') {
            self.arguments(&it.args);
            return;
        }
        self.put(behind + rest.len() - argument.len(), 0, "(");
        self.arguments(&it.args);
        self.put(end, 0, ")");
    }

    /// `[VALUE]`, `(VALUE, VALUE)` or `{"key": VALUE}`. Those of constants alone hold no more
    /// than what is written, and a tuple without parentheses is the value of a `set`.
    fn literal(&mut self, literal: &Expr<'_>) {
        let span = literal.span();
        let (start, end) = (span.start_offset as usize, span.end_offset as usize);
        let written = self.text.get(start..end).unwrap_or_default();
        if is_constant(literal) || !written.starts_with(['[', '(', '{']) {
            return;
        }
        self.put(start, 0, "(");
        self.put(end, 0, "|_kept)");
    }

    /// An operand whose comparison is counted where it comes from.
    fn compared(&mut self, operand: &Expr<'_>) {
        self.around(operand, ")|_compared");
    }

    /// What is read from by its position: `((VALUE)|_read)[0]`.
    fn read(&mut self, value: &Expr<'_>, put: &'static str) {
        if is_guarded_deep(value) {
            return self.expression(value);
        }
        self.put(start_of(value), 0, "((");
        self.expression(value);
        self.put(value.span().end_offset as usize, 0, put);
    }

    /// `(VALUE)|_key` for a value that is no constant.
    fn around(&mut self, value: &Expr<'_>, put: &'static str) {
        if is_constant(value) {
            self.expression(value);
            return;
        }
        self.put(start_of(value), 0, "(");
        self.expression(value);
        self.put(value.span().end_offset as usize, 0, put);
    }

    /// `A == B` is `(A)|_eq(B)`, and so are other comparisons, unless one of both is so small
    /// that it bounds what is looked at.
    fn comparison(&mut self, it: &ast::Spanned<ast::BinOp<'_>>) {
        let contained = matches!(it.op, BinOpKind::In);
        let small = match contained {
            true => is_scalar(&it.left) || is_constant(&it.right),
            false => is_constant(&it.left) || is_constant(&it.right),
        };
        let operator = self.operator(it);
        let (Some((from, length, put)), false) = (operator, small) else {
            self.expression(&it.left);
            self.expression(&it.right);
            return;
        };
        self.put(start_of(&it.left), 0, "(");
        self.expression(&it.left);
        self.put(from, length, put);
        self.expression(&it.right);
        self.put(it.span().end_offset as usize, 0, ")");
    }

    /// Where the operator of a comparison is, its length, and what comes in its place.
    fn operator(&self, it: &ast::BinOp<'_>) -> Option<(usize, usize, &'static str)> {
        let end_of_left = it.left.span().end_offset as usize;
        let rest = self.text.get(end_of_left..)?;
        // The left operand may be in parentheses, which are no part of it.
        let found = rest.trim_start_matches(|c: char| c == ')' || c.is_whitespace());
        let from = self.text.len() - found.len();
        if let Some(behind) = found.strip_prefix("not") {
            let behind = behind.trim_start().strip_prefix("in")?;
            return Some((from, found.len() - behind.len(), ")|_out("));
        }
        let (sign, put) = SIGNS.iter().find(|(sign, _)| found.starts_with(sign))?;
        Some((from, sign.len(), put))
    }

    /// `A + B` and `A * B` are `(A)|_add(B)` and `(A)|_mul(B)`, unless both can be no lists.
    fn operation(&mut self, it: &ast::Spanned<ast::BinOp<'_>>) {
        if is_comparison(it.op) {
            return self.comparison(it);
        }
        let Some((sign, put)) = guarded_sign(it) else {
            self.expression(&it.left);
            self.expression(&it.right);
            return;
        };
        let start = it.span().start_offset as usize;
        let chained = match &it.left {
            Expr::BinOp(left) if left.span().start_offset as usize == start => {
                guarded_sign(left).is_some_and(|(same, _)| same == sign)
            }
            _ => false,
        };
        let end_of_left = it.left.span().end_offset as usize;
        let rest = self.text.get(end_of_left..).unwrap_or_default();
        let Some(at) = rest.find(sign).map(|found| end_of_left + found) else {
            return;
        };
        match &it.left {
            Expr::BinOp(left) if chained => self.front(left),
            left => {
                self.put(start, 0, "(");
                self.expression(left);
            }
        }
        self.put(at, 1, put);
        self.expression(&it.right);
        self.put(it.span().end_offset as usize, 0, ")");
    }

    /// The front of a chain: the sign behind it ends its last call.
    fn front(&mut self, it: &ast::Spanned<ast::BinOp<'_>>) {
        self.operation(it);
        let end = it.span().end_offset as usize;
        let is_end = |edit: &Edit| edit.at == end && edit.put == ")";
        if let Some(last) = self.edits.iter().rposition(is_end) {
            self.edits.remove(last);
        }
    }
}

/// The signs of comparisons, longer ones before those that they begin with.
const SIGNS: [(&str, &str); 7] = [
    ("==", ")|_eq("),
    ("!=", ")|_ne("),
    ("<=", ")|_le("),
    (">=", ")|_ge("),
    ("<", ")|_lt("),
    (">", ")|_gt("),
    ("in", ")|_in("),
];

fn is_comparison(operation: BinOpKind) -> bool {
    use BinOpKind::{Eq, Gt, Gte, In, Lt, Lte, Ne};
    matches!(operation, Eq | Ne | Lt | Lte | Gt | Gte | In)
}

/// Subscripts in a row that are guarded; each takes two of the engine's parentheses.
const SUBSCRIPTS: usize = 8;

fn is_guarded_deep(mut value: &Expr<'_>) -> bool {
    for _ in 0..SUBSCRIPTS {
        value = match value {
            Expr::GetItem(it) => &it.expr,
            Expr::Slice(it) => &it.expr,
            Expr::GetAttr(it) => &it.expr,
            _ => return false,
        };
    }
    true
}

/// The byte at which an expression begins, or one behind a parenthesis before it. The
/// engine's places begin at the name of a filter or test, and before a comparison.
fn start_of(expression: &Expr<'_>) -> usize {
    let start = expression.span().start_offset as usize;
    match expression {
        Expr::Filter(it) => it.expr.as_ref().map_or(start, start_of),
        Expr::Test(it) => start_of(&it.expr),
        Expr::GetAttr(it) => start_of(&it.expr),
        Expr::GetItem(it) => start_of(&it.expr),
        Expr::Slice(it) => start_of(&it.expr),
        Expr::Call(it) => start_of(&it.expr),
        Expr::IfExpr(it) => start_of(&it.true_expr),
        Expr::Compare(it) => start_of(&it.expr),
        Expr::BinOp(it) if is_comparison(it.op) => start_of(&it.left),
        // `A not in B` and `A is not defined`
        Expr::UnaryOp(it) if it.expr.span().start_offset as usize == start => start_of(&it.expr),
        Expr::Tuple(it) if begins_before(&it.items, expression) => {
            it.items.first().map_or(start, start_of)
        }
        _ => start,
    }
}

/// The sign of an operation that may put lists together, and what comes in its place.
fn guarded_sign(it: &ast::BinOp<'_>) -> Option<(char, &'static str)> {
    let (sign, put, either) = match it.op {
        BinOpKind::Add => ('+', ")|_add(", true),
        BinOpKind::Mul => ('*', ")|_mul(", false),
        _ => return None,
    };
    let (left, right) = (is_scalar(&it.left), is_scalar(&it.right));
    // Nothing is added to a list but a list; a list may be taken a number of times.
    let plain = if either { left || right } else { left && right };
    (!plain).then_some((sign, put))
}

fn begins_before(items: &[Expr<'_>], tuple: &Expr<'_>) -> bool {
    let start = tuple.span().start_offset;
    items
        .first()
        .is_some_and(|it| it.span().start_offset < start)
}

fn is_scalar(expression: &Expr<'_>) -> bool {
    matches!(expression, Expr::Const(it) if it.value.as_object().is_none())
}

fn is_constant(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::Const(_) => true,
        Expr::UnaryOp(it) => is_constant(&it.expr),
        Expr::List(it) => it.items.iter().all(is_constant),
        Expr::Tuple(it) => it.items.iter().all(is_constant),
        Expr::Map(it) => it.keys.iter().chain(&it.values).all(is_constant),
        _ => false,
    }
}
