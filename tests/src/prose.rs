//! What Markdown holds: blocks of code by language, and spans of code.

/// The text of each fenced block of `language`, without its fences.
pub fn blocks(text: &str, language: &str) -> Vec<String> {
    let (mut blocks, mut open) = (Vec::new(), None::<(bool, Vec<&str>)>);
    for line in text.lines() {
        let fence = line.trim_start().strip_prefix("```");
        open = match (open, fence) {
            (None, Some(info)) => Some((info.trim() == language, Vec::new())),
            (Some((wanted, lines)), Some(_)) => {
                if wanted {
                    blocks.push(lines.join("\n"));
                }
                None
            }
            (Some((wanted, mut lines)), None) => {
                lines.push(line);
                Some((wanted, lines))
            }
            (None, None) => None,
        };
    }
    blocks
}

/// The text of each span in single backticks, outside of blocks.
pub fn spans(text: &str) -> Vec<&str> {
    let (mut spans, mut fenced) = (Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            spans.extend(line.split('`').skip(1).step_by(2));
        }
    }
    spans
}

/// The lines of commands in a block: those broken with a backslash whole, without comments.
pub fn commands(block: &str) -> Vec<String> {
    let whole = block.replace("\\\n", " ");
    let lines = whole.lines().map(|it| it.split(" #").next().unwrap_or(it).trim().to_owned());
    lines.filter(|it| !it.is_empty() && !it.starts_with('#')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_spans_are_told_apart() {
        let text =
            "a `b` c `d e`\n```sh\nportwright `x` # why\n\na \\\n  b\n```\n```mcp\ny\n```\n`z`";
        let sh = blocks(text, "sh");
        assert_eq!(sh.len(), 1);
        assert_eq!(commands(&sh[0]), ["portwright `x`", "a    b"]);
        assert_eq!(blocks(text, "mcp"), ["y"]);
        assert_eq!(spans(text), ["b", "d e", "z"]);
    }
}
