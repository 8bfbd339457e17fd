//! Mutants of a source, from a seed: the same seed gives the same mutant.

use portwright_source::Source;

/// A small generator of numbers (`SplitMix64`), so that every run sees the same mutants.
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

/// What is put in somewhere.
const PIECES: &[&str] = &[
    "\0",
    "\r",
    "\r\n",
    "\t",
    "\u{feff}",
    "\u{c}",
    ";",
    "; x = 1",
    " \\\n",
    "\\",
    "\n",
    "    ",
    "\"\"\"",
    "'",
    "f\"{",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "@",
    "#",
    "# ö\n",
    "é",
    "\u{1F6A8}",
    "pass",
    "super().__init__()",
    "super().forward(x)",
    "del self.x",
    "AttributeError()",
    "**super_kwargs",
    "@property\n",
    "@no_inherit_decorator\n",
    "__all__ = [\"A\"]\n",
    "__getattr__ = f(a={\"B\": c})\n",
    "NAME[0] = 1\n",
    "if x:\n    import y\n",
    "if x: import y\n",
    "try: import z\nexcept: pass\n",
    "class A: pass\n",
    "class A(B): x = 1; y = 2\n",
    "def f(): return 1\n",
    "def f(self, *, a, /, b): ...\n",
    "from . import x\n",
    "from .. import x\n",
    "from ..old import modeling_old\n",
    "import a.b.c as d\n",
    "from ..new.modeling_new import NewModel\n",
    "from ..old.modeling_old import *\n",
    "async ",
    "lambda: ",
    "if x:\n    pass\nelif y:\n    import q\n",
    "match x:\n    case {**y}: pass\n",
    "type X[T] = T\n",
];

/// The text cut into words, runs of blanks, newlines and single signs.
fn tokens(text: &str) -> Vec<&str> {
    let class = |c: char| match c {
        '\n' => 0,
        ' ' | '\t' => 1,
        c if c.is_alphanumeric() || c == '_' => 2,
        _ => 3,
    };
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, c) in text.char_indices() {
        let this = class(c);
        if last.is_some_and(|last| last != this || this == 3 || this == 0) {
            tokens.push(&text[start..at]);
            start = at;
        }
        last = Some(this);
    }
    tokens.push(&text[start..]);
    tokens
}

/// `text` with one to four changes. Most mutants are still Python: of the others the parser alone
/// would learn.
pub(crate) fn mutate(text: &str, seed: &mut Seed) -> String {
    let mut text = text.to_owned();
    for _ in 0..=seed.below(4) {
        for _ in 0..8 {
            let changed = change(&text, seed);
            if seed.below(8) == 0 || Source::parse("a.py", changed.as_str()).is_ok() {
                text = changed;
                break;
            }
        }
    }
    text
}

/// `text` with one change.
fn change(text: &str, seed: &mut Seed) -> String {
    let mut parts = if seed.below(2) == 0 { tokens(text) } else { lines(text) };
    let (one, other) = (seed.below(parts.len()), seed.below(parts.len()));
    match seed.below(12) {
        0 | 1 => {
            parts.remove(one);
            parts.concat()
        }
        2 => {
            parts.insert(one, parts[one]);
            parts.concat()
        }
        3 => {
            parts.swap(one, other);
            parts.concat()
        }
        4 => parts[..one].concat(),
        5 => text.replace('\n', "\r\n"),
        6 => text.trim_end().to_owned(),
        7 => text.replacen("    ", seed.pick(&["\t", "  ", "        ", " "]), one),
        8 => {
            // A block goes to the line of its header.
            let headers: Vec<usize> = text.match_indices(":\n").map(|(at, _)| at).collect();
            match headers.get(seed.below(headers.len())) {
                Some(at) => format!("{} {}", &text[..=*at], text[at + 2..].trim_start()),
                None => text.to_owned(),
            }
        }
        9 => {
            // Two lines become one.
            let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
            match ends.get(seed.below(ends.len())) {
                Some(at) => {
                    let glue = seed.pick(&["; ", " \\\n", " ", "\r"]);
                    format!("{}{glue}{}", &text[..*at], text[at + 1..].trim_start())
                }
                None => text.to_owned(),
            }
        }
        _ => {
            // Where it can, a piece stands as deep as what follows it.
            let indent: String = parts[one].chars().take_while(|c| *c == ' ').collect();
            let piece = format!("{indent}{}", seed.pick(PIECES));
            parts.insert(one, &piece);
            parts.concat()
        }
    }
}

fn lines(text: &str) -> Vec<&str> {
    if text.is_empty() { vec![""] } else { text.split_inclusive('\n').collect() }
}
