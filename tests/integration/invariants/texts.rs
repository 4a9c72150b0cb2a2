//! YAML in every style that people and programs write: block, flow and JSON, all kinds of
//! scalars, comments, anchors, several documents, any ends of lines.

use super::Numbers;

/// Writes one text; the same one for the same seed.
pub struct Writer {
    numbers: Numbers,
    out: String,
    step: usize,
    comments: bool,
    /// Anchors of this document: the name, and whether it is a mapping's.
    anchors: Vec<(String, bool)>,
}

const KEYS: [&str; 12] = [
    "a",
    "image",
    "tag",
    "newTag",
    "\"b c\"",
    "'d'",
    "on",
    "1.10",
    "e.f/g",
    "-h",
    "\"\\u00e9\"",
    "~x",
];

const SCALARS: [&str; 22] = [
    "v1",
    "1.10",
    "yes",
    "~",
    "null",
    "0644",
    "shop/web:v1",
    "a b",
    "a#b",
    "'it''s'",
    "'q # r'",
    "\"s: t\"",
    "\"\\n\\\"\\t\"",
    "''",
    "\"\"",
    "é",
    "2024-01-02",
    "<<",
    "=",
    "-x",
    "http://u/w",
    "a:b",
];

impl Writer {
    pub fn new(seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        numbers.below(2);
        let step = 1 + numbers.below(4);
        let comments = numbers.below(2) == 0;
        Self {
            numbers,
            out: String::new(),
            step,
            comments,
            anchors: Vec::new(),
        }
    }

    pub fn text(mut self) -> String {
        let documents = 1 + self.below(5).saturating_sub(2);
        for number in 0..documents {
            if self.comments {
                self.out.push_str("# head\n");
            }
            if number > 0 || self.chance(4) {
                self.put(&["---\n", "--- # next\n"]);
            }
            self.anchors.clear();
            self.document();
            if self.chance(6) {
                self.out.push_str("...\n");
            }
        }
        if self.chance(4) {
            self.out.pop();
        }
        if self.chance(4) {
            self.out = self.out.replace('\n', "\r\n");
        }
        if self.chance(6) {
            self.out.insert(0, '\u{feff}');
        }
        self.out
    }

    fn below(&mut self, bound: usize) -> usize {
        self.numbers.below(bound)
    }

    /// True once in so many times.
    fn chance(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn one<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    fn put(&mut self, words: &[&str]) {
        let word = self.one(words);
        self.out.push_str(word);
    }

    fn document(&mut self) {
        match self.below(10) {
            0 => {
                self.json(0);
                self.out.push('\n');
            }
            1 => self.sequence(0, 3),
            2 => {
                self.flow(3);
                self.end_line();
            }
            3 => self.block_scalar(0),
            _ => self.mapping(0, 3),
        }
    }

    fn pad(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// Perhaps a comment, and the end of the line.
    fn end_line(&mut self) {
        if self.comments && self.chance(4) {
            self.out.push_str(" # it's: {");
        }
        self.out.push('\n');
    }

    fn mapping(&mut self, indent: usize, depth: usize) {
        let (first, count) = (self.below(KEYS.len()), 1 + self.below(4));
        for at in 0..count {
            if at > 0 && self.comments {
                self.put(&["", "", "\n"]);
                if self.chance(3) {
                    self.pad(indent);
                    self.out.push_str("# about it\n");
                }
            }
            if at > 0 || !self.out.ends_with("- ") {
                self.pad(indent);
            }
            self.out.push_str(KEYS[(first + at * 5) % KEYS.len()]);
            self.out.push(':');
            self.value(indent, depth, true);
        }
    }

    fn sequence(&mut self, indent: usize, depth: usize) {
        for at in 0..=self.below(3) {
            if at > 0 || !self.out.ends_with("- ") {
                self.pad(indent);
            }
            self.out.push('-');
            if depth > 0 && self.chance(2) {
                self.out.push(' ');
                match self.chance(3) {
                    true => self.sequence(indent + 2, depth - 1),
                    false => self.mapping(indent + 2, depth - 1),
                }
            } else {
                self.value(indent, depth, false);
            }
        }
    }

    /// What stands behind a colon or dash, to the end of its last line.
    fn value(&mut self, indent: usize, depth: usize, of_key: bool) {
        let inner = indent + self.step;
        match self.below(14) {
            0 => self.end_line(),
            1 => {
                self.out.push(' ');
                self.block_scalar(inner);
            }
            2 | 3 => {
                self.out.push(' ');
                self.flow(2);
                self.end_line();
            }
            4 if of_key => {
                self.end_line();
                self.pad(inner);
                self.scalar();
                self.end_line();
            }
            5 => {
                let lines = self.one(&[
                    " two\n{} lines\n",
                    " \"two\n{}\n{} lines\"\n",
                    " 'a\n{} b'\n",
                ]);
                self.out.push_str(&lines.replace("{}", &" ".repeat(inner)));
            }
            6 => self.anchored(),
            7 => self.aliased(),
            8..=10 if depth > 0 && of_key => {
                if self.chance(6) {
                    self.name_anchor(true);
                }
                self.end_line();
                match self.below(3) {
                    0 => self.sequence(inner, depth - 1),
                    1 => self.sequence(indent, depth - 1),
                    _ => self.mapping(inner, depth - 1),
                }
            }
            _ => {
                self.put(&[" ", "   "]);
                self.scalar();
                self.end_line();
            }
        }
    }

    fn scalar(&mut self) {
        self.out
            .push_str(SCALARS[self.numbers.below(SCALARS.len())]);
    }

    fn name_anchor(&mut self, mapping: bool) {
        let name = format!("x{}", self.anchors.len());
        self.out.push_str(&format!(" &{name}"));
        // Used again only sometimes: an anchor alone forbids nothing.
        if self.chance(2) {
            self.anchors.push((name, mapping));
        }
    }

    fn anchored(&mut self) {
        match self.chance(2) {
            true => self.name_anchor(false),
            false => self.put(&[" !!str", " !local", " !!str &y"]),
        }
        self.out.push(' ');
        self.scalar();
        self.end_line();
    }

    fn aliased(&mut self) {
        match self.anchors.first().cloned() {
            Some((name, _)) => self.out.push_str(&format!(" *{name}")),
            None => self.out.push_str(" v3"),
        }
        self.end_line();
    }

    fn block_scalar(&mut self, inner: usize) {
        let inner = inner.max(1);
        let head = self.one(&["|", "|-", "|+", ">", ">-", ">+", "| # head", "|{}", "|-{}"]);
        self.out
            .push_str(&head.replace("{}", &self.step.min(inner).to_string()));
        self.out.push('\n');
        // An indentation that is written counts from the parent's.
        let lines = [
            &["text"][..],
            &["text", "", "  more: {"],
            &["# no comment", "end"],
        ];
        for line in lines[self.below(lines.len())] {
            if !line.is_empty() {
                self.pad(inner);
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
    }

    fn flow(&mut self, depth: usize) {
        let map = self.chance(2);
        self.out.push(if map { '{' } else { '[' });
        let count = self.below(4);
        for at in 0..count {
            if at > 0 {
                self.put(&[", ", ",", " , "]);
            }
            if map {
                self.out.push_str(["k", "\"l\"", "m n", "'o'"][at]);
                self.put(&[": ", ": ", ":  "]);
            }
            match self.below(5) {
                0 if depth > 0 => self.flow(depth - 1),
                1 if map => {}
                _ => self.put(&["v1", "1.10", "'q'", "\"r, s\"", "a b", "null"]),
            }
        }
        if count > 0 && !self.out.ends_with(": ") && self.chance(6) {
            self.out.push(',');
        }
        self.out.push(if map { '}' } else { ']' });
    }

    fn json(&mut self, indent: usize) {
        let map = self.chance(2) || indent == 0;
        self.out.push_str(if map { "{\n" } else { "[\n" });
        for at in 0..=self.below(3) {
            if at > 0 {
                self.out.push_str(",\n");
            }
            self.pad(indent + 2);
            if map {
                self.out
                    .push_str(["\"a\": ", "\"b c\": ", "\"d\": ", "\"e\": "][at]);
            }
            match self.below(4) {
                0 if indent < 6 => self.json(indent + 2),
                _ => self.put(&["\"v1\"", "1", "true", "null", "\"\\u00e9\"", "[]", "{}"]),
            }
        }
        self.out.push('\n');
        self.pad(indent);
        self.out.push(if map { '}' } else { ']' });
    }
}
