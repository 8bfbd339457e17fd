//! Rows of a dict or a list in a Python text, added and taken out where its syntax tree has them.

use ruff_python_ast::token::TokenKind;
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::text::{Source, line_end, line_start};

/// How much deeper a row stands than the bracket that opens its table, where no row shows it.
const STEP: &str = "    ";

/// `source`'s text with one row more at the end of a dict or a list.
///
/// `whole` is the display with its brackets, `rows` are its elements in order, and `row` is the new one,
/// line by line, without a comma at its end.
pub(super) fn with_row(
    source: &Source,
    whole: TextRange,
    rows: &[TextRange],
    row: &[String],
) -> String {
    let text = source.text();
    let close = whole.end() - TextSize::new(1);
    let last = rows.last().map_or(whole.start() + TextSize::new(1), Ranged::end);
    let comma = rows.last().and_then(|it| comma_after(source, *it, close));
    let from = comma.unwrap_or(last);
    // What stands between the last row and the bracket: a comment, blank lines, or nothing.
    let closes_alone =
        source.slice(TextRange::new(line_start(text, close), close)).trim().is_empty();
    let (before, rest) = text.split_at(last.to_usize());
    let missing = if rows.is_empty() || comma.is_some() { "" } else { "," };
    if !closes_alone {
        let (kept, after) = rest.split_at((from - last).to_usize());
        let space = if rows.is_empty() { "" } else { " " };
        return format!("{before}{missing}{kept}{space}{}{after}", row.join("\n"));
    }
    let at = line_start(text, close);
    let indent = match rows.first() {
        Some(first) => lead(text, first.start()).to_owned(),
        None => format!("{}{STEP}", lead(text, whole.start())),
    };
    let lines: Vec<String> = row.iter().map(|it| format!("{indent}{it}")).collect();
    let lines = format!("{},\n", lines.join("\n"));
    let (kept, after) = rest.split_at((at - last).to_usize());
    format!("{before}{missing}{kept}{lines}{after}")
}

/// `source`'s text without `gone`, rows of a display that ends at `end`: whole lines where a row has its
/// own, comment at their end included.
pub(super) fn without_rows(source: &Source, end: TextSize, gone: &[TextRange]) -> String {
    let mut text = source.text().to_owned();
    let mut gone = gone.to_vec();
    gone.sort_by_key(Ranged::start);
    for row in gone.into_iter().rev() {
        let to = comma_after(source, row, end).unwrap_or(row.end());
        let (first, last) = (line_start(source.text(), row.start()), line_end(source.text(), to));
        let after = source.slice(TextRange::new(to, last)).trim();
        let has_lines = source.slice(TextRange::new(first, row.start())).trim().is_empty()
            && (after.is_empty() || after.starts_with('#'));
        if has_lines {
            text.replace_range(first.to_usize()..last.to_usize(), "");
        } else {
            let spaces =
                text[to.to_usize()..].len() - text[to.to_usize()..].trim_start_matches(' ').len();
            text.replace_range(row.start().to_usize()..to.to_usize() + spaces, "");
        }
    }
    text
}

/// The end of the comma that follows a row.
fn comma_after(source: &Source, row: TextRange, end: TextSize) -> Option<TextSize> {
    let tokens = source.tokens(TextRange::new(row.end(), end));
    tokens.iter().find(|it| it.kind() == TokenKind::Comma).map(Ranged::end)
}

/// The white space that the line of a place begins with.
fn lead(text: &str, at: TextSize) -> &str {
    let line = &text[line_start(text, at).to_usize()..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}
