//! Columns that line up: cells are padded by what a person sees, so colour
//! does not shift them. No boxes, no wrapping.

use super::{Style, Tone, clean};

/// One cell: text (cleaned when it is made) and its tone.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell in `tone`.
    pub fn new(tone: Tone, text: impl AsRef<str>) -> Self {
        Self {
            text: clean(text.as_ref()).into_owned(),
            tone,
        }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(Tone::Plain, text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(Tone::Plain, text)
    }
}

/// Rows of cells. Rows may differ in length; the last cell of a row does not
/// widen its column, so that a long remark pushes nothing aside.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Vec<Cell>>,
    indent: usize,
}

impl Table {
    /// A table without rows, `indent` columns from the left.
    pub fn new(indent: usize) -> Self {
        Self {
            rows: Vec::new(),
            indent,
        }
    }

    /// Adds one row.
    pub fn row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether no row was added.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as lines, each ended by a newline and free of trailing blanks.
    pub fn render(&self, style: &Style) -> String {
        const GAP: usize = 2;
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            for (index, cell) in row.iter().enumerate() {
                if index == widths.len() {
                    widths.push(0);
                }
                if index + 1 < row.len() {
                    widths[index] = widths[index].max(cell.width());
                }
            }
        }
        let mut lines = String::new();
        for row in &self.rows {
            let last = row.iter().rposition(|cell| !cell.text.is_empty());
            let mut blanks = self.indent;
            for (index, cell) in row.iter().enumerate() {
                if last.is_none_or(|last| index > last) {
                    break;
                }
                if !cell.text.is_empty() {
                    lines.extend(std::iter::repeat_n(' ', blanks));
                    lines.push_str(&style.paint(cell.tone, &cell.text));
                    blanks = 0;
                }
                blanks += (widths[index] + GAP).saturating_sub(cell.width());
            }
            lines.push('\n');
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_without_trailing_blanks() {
        let mut table = Table::new(2);
        table.row(["cartservice", "v1.4.2", "v1.4.1"]);
        table.row(["frontend", "", "v2.3.0"]);
        table.row(["größe", "v1", ""]);
        assert_eq!(
            table.render(&Style::default()),
            "  cartservice  v1.4.2  v1.4.1\n  frontend             v2.3.0\n  größe        v1\n"
        );
    }

    #[test]
    fn colour_does_not_shift_a_column() {
        let mut table = Table::new(0);
        table.row([Cell::new(Tone::Bad, "ab"), "x".into()]);
        table.row([Cell::from("abcd"), "y".into()]);
        let style = Style {
            color: true,
            ..Style::default()
        };
        assert_eq!(
            table.render(&style),
            "\u{1b}[31mab\u{1b}[0m    x\nabcd  y\n"
        );
    }

    #[test]
    fn a_long_remark_at_the_end_widens_nothing() {
        let mut table = Table::new(0);
        table.row(["a", "a long remark"]);
        table.row(["b", "2", "3"]);
        assert_eq!(
            table.render(&Style::default()),
            "a  a long remark\nb  2  3\n"
        );
    }
}
