//! How long a template's text may be, and how much may hang together in it: the engine's
//! parser and compiler call themselves once for each operator of a chain.

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

/// The longest template file, in bytes. The largest files that are kept as templates are
/// generated CRDs of some hundred kB; an output may be 8 MiB.
/// See `docs/limits.md`.
pub(crate) const TEXT: usize = 4 << 20;

/// The most words, signs and literals between one `{{` or `{%` and its end. A chain of them
/// nests as deep; a mapping of 400 entries has 1,600.
/// See `docs/limits.md`.
pub(crate) const TOKENS: usize = 2_000;

/// The most `elif` in one file, each of which nests one deeper than the one before.
/// See `docs/limits.md`.
pub(crate) const ELIFS: usize = 500;

/// The deepest brackets and parentheses in one expression. The engine's own limit is 150,
/// of which each bracket that is guarded takes two more.
/// See `docs/limits.md`.
pub(crate) const BRACKETS: usize = 40;

/// Why a template's text is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextFault {
    /// The byte that it is about.
    pub(crate) offset: usize,
    /// What there is too much of.
    pub(crate) reason: String,
}

/// Refuses text that is too long, or that nests too deep, before it is parsed.
pub(super) fn check(text: &str, syntax: &SyntaxConfig) -> Result<(), TextFault> {
    let refuse = |offset: usize, reason: String| Err(TextFault { offset, reason });
    if text.len() > TEXT {
        return refuse(0, format!("a template of more than {} MiB", TEXT >> 20));
    }
    let (mut start, mut tokens, mut elifs, mut open, mut first) = (0, 0, 0, 0_usize, false);
    for token in tokenize(text, false, syntax.clone()) {
        // What cannot be split into tokens is the parser's to explain.
        let Ok((token, span)) = token else { break };
        let offset = span.start_offset as usize;
        match token {
            Token::VariableStart | Token::BlockStart => {
                (start, tokens, open, first) = (offset, 0, 0, true);
                continue;
            }
            Token::Ident("elif") if first => elifs += 1,
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => open += 1,
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                open = open.saturating_sub(1);
            }
            _ => {}
        }
        first = false;
        tokens += 1;
        if tokens > TOKENS {
            let reason = format!("an expression of more than {TOKENS} words and signs");
            return refuse(start, reason);
        }
        if open > BRACKETS {
            return refuse(offset, format!("brackets nested deeper than {BRACKETS}"));
        }
        if elifs > ELIFS {
            return refuse(offset, format!("more than {ELIFS} elif"));
        }
    }
    Ok(())
}
