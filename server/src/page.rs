//! Size caps: no answer outgrows what an agent can read, and each says how to get the rest.

use serde::Serialize;

/// Bytes of JSON that the rows of one answer may take.
const PAGE_BYTES: usize = 18 * 1024;
/// Bytes of one text inside a row; the evidence has it whole.
const TEXT_BYTES: usize = 600;
/// Bytes of one resource read.
pub(crate) const SLICE_BYTES: usize = 32 * 1024;

/// The rows from `offset` on that fit, and the offset of the rest. One row always fits.
pub(crate) fn page<T: Serialize>(
    rows: Vec<T>,
    offset: usize,
    limit: usize,
) -> (Vec<T>, Option<usize>) {
    let total = rows.len();
    let mut bytes = 0;
    let mut shown = Vec::new();
    for row in rows.into_iter().skip(offset).take(limit) {
        bytes += serde_json::to_string(&row).map_or(0, |it| it.len());
        if PAGE_BYTES < bytes && !shown.is_empty() {
            break;
        }
        shown.push(row);
    }
    let next = offset.saturating_add(shown.len());
    (shown, (next < total).then_some(next))
}

/// The text, cut where it is too long for a row.
pub(crate) fn clip(text: &str) -> String {
    if text.len() <= TEXT_BYTES {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(TEXT_BYTES);
    format!("{}… ({} bytes more in the evidence)", &text[..end], text.len() - end)
}

/// `text` from byte `offset` on, as much as one read may take, and the offset of the rest.
pub(crate) fn slice(text: &str, offset: usize) -> (&str, Option<usize>) {
    let start = text.floor_char_boundary(offset.min(text.len()));
    let end = text.floor_char_boundary(start.saturating_add(SLICE_BYTES).min(text.len()));
    (&text[start..end], (end < text.len()).then_some(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_to_the_whole() {
        let rows: Vec<String> = (0..50).map(|it| "x".repeat(it * 100)).collect();
        let (mut seen, mut offset) = (Vec::new(), Some(0));
        while let Some(from) = offset {
            let (shown, next) = page(rows.clone(), from, 20);
            assert!(!shown.is_empty() && shown.len() <= 20);
            seen.extend(shown);
            offset = next;
        }
        assert_eq!(seen, rows);
        assert_eq!(page(rows, 999, 20), (Vec::new(), None));
        assert_eq!(page(vec!["y".repeat(PAGE_BYTES * 2)], 0, 1).0.len(), 1);
    }

    #[test]
    fn slices_join_to_the_whole_and_cut_no_letter() {
        let text = "ä€𝄞".repeat(20_000);
        let (mut seen, mut offset) = (String::new(), Some(0));
        while let Some(from) = offset {
            let (part, next) = slice(&text, from);
            assert!(part.len() <= SLICE_BYTES);
            seen.push_str(part);
            offset = next;
        }
        assert_eq!(seen, text);
        assert_eq!(slice(&text, usize::MAX), ("", None));
        assert!(clip(&text).len() < TEXT_BYTES + 64);
    }
}
