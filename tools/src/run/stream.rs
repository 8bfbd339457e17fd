//! Text from tokens as they come: never half a letter, never the beginning of a stop text.

/// What was decoded so far of a list of tokens that grows.
///
/// Tokens are decoded in a window that begins with text that was told already: decoders treat the
/// beginning of a text in their own ways.
#[derive(Debug, Default)]
pub(super) struct TextStream {
    ids: Vec<u32>,
    /// Where the window begins, and up to where its text was taken.
    start: usize,
    taken: usize,
    /// Text that was taken but not told: it may be the beginning of a stop text.
    held: String,
    stops: Vec<String>,
}

/// What came of one more token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// What can be told now.
    pub(super) text: String,
    /// Whether a stop text has come; it is not part of any piece.
    pub(super) stopped: bool,
}

impl TextStream {
    pub(super) fn new(stops: &[String]) -> Self {
        let stops = stops.iter().filter(|it| !it.is_empty()).cloned().collect();
        Self { stops, ..Self::default() }
    }

    /// One more token; `decode` gives the text of a list of them.
    pub(super) fn push<E>(
        &mut self,
        id: u32,
        decode: impl Fn(&[u32]) -> Result<String, E>,
    ) -> Result<Piece, E> {
        self.ids.push(id);
        let before = decode(&self.ids[self.start..self.taken])?;
        let now = decode(&self.ids[self.start..])?;
        // A text that ends in a replacement character may be a letter whose last bytes are to come.
        if now.ends_with(char::REPLACEMENT_CHARACTER) || !now.starts_with(&before) {
            return Ok(Piece { text: String::new(), stopped: false });
        }
        self.start = self.taken;
        self.taken = self.ids.len();
        Ok(self.tell(&now[before.len()..]))
    }

    /// The end: what is left of the text of all tokens.
    pub(super) fn finish<E>(
        mut self,
        decode: impl Fn(&[u32]) -> Result<String, E>,
    ) -> Result<String, E> {
        let before = decode(&self.ids[self.start..self.taken])?;
        let now = decode(&self.ids[self.start..])?;
        let rest = now.strip_prefix(&before).unwrap_or_default().to_owned();
        let piece = self.tell(&rest);
        Ok(if piece.stopped { piece.text } else { piece.text + &self.held })
    }

    fn tell(&mut self, new: &str) -> Piece {
        self.held.push_str(new);
        if let Some(at) = self.stops.iter().filter_map(|it| self.held.find(it.as_str())).min() {
            let text = self.held[..at].to_owned();
            self.held.clear();
            return Piece { text, stopped: true };
        }
        let kept = self.stops.iter().map(|it| overlap(&self.held, it)).max().unwrap_or_default();
        let rest = self.held.split_off(self.held.len() - kept);
        let text = std::mem::replace(&mut self.held, rest);
        Piece { text, stopped: false }
    }
}

/// Bytes at the end of `text` that `stop` begins with.
fn overlap(text: &str, stop: &str) -> usize {
    let ends = stop.char_indices().map(|(at, _)| at).rev();
    ends.filter(|it| 0 < *it).find(|it| text.ends_with(&stop[..*it])).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// A token is a byte.
    #[expect(clippy::unnecessary_wraps, reason = "as a tokenizer's `decode` answers")]
    fn bytes(ids: &[u32]) -> Result<String, Infallible> {
        let bytes: Vec<u8> = ids.iter().map(|it| u8::try_from(*it).unwrap()).collect();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn pieces(text: &str, stops: &[&str]) -> (Vec<String>, bool) {
        let stops: Vec<String> = stops.iter().map(|it| (*it).to_owned()).collect();
        let (mut stream, mut told) = (TextStream::new(&stops), Vec::new());
        for byte in text.bytes() {
            let piece = stream.push(byte.into(), bytes).unwrap();
            told.push(piece.text);
            if piece.stopped {
                return (told, true);
            }
        }
        told.push(stream.finish(bytes).unwrap());
        (told, false)
    }

    #[test]
    fn letters_come_whole() {
        let text = "aä€𝄞z";
        let (told, _) = pieces(text, &[]);
        assert!(!told.concat().contains(char::REPLACEMENT_CHARACTER));
        assert_eq!(told.concat(), text);
        assert_eq!(told[0], "a");
        assert_eq!(told[1..3], ["", "ä"]);
    }

    #[test]
    fn half_a_letter_at_the_end_is_told_as_such() {
        let mut stream = TextStream::new(&[]);
        stream.push(0xc3, bytes).unwrap();
        assert_eq!(stream.finish(bytes).unwrap(), "\u{fffd}");
    }

    #[test]
    fn a_stop_text_is_never_told() {
        assert_eq!(
            pieces("one\nUser: two", &["\nUser:"]),
            (["o", "n", "e", "", "", "", "", "", ""].map(str::to_owned).to_vec(), true)
        );
        let (told, stopped) = pieces("one\nUsher", &["\nUser:"]);
        assert_eq!((told.concat().as_str(), stopped), ("one\nUsher", false));
        let (told, stopped) = pieces("aab", &["ab", "b"]);
        assert_eq!((told.concat().as_str(), stopped), ("a", true));
        assert_eq!(pieces("ab", &["abc"]).0.concat(), "ab");
    }
}
