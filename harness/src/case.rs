//! The questions that both sides are asked: token ids, precision, and how the tokens are fed.
//!
//! A sequence is 64 tokens (a synthetic model's window and chunk are 8, so it goes far past both),
//! and every case is answered by logits that must equal those of the reference's one plain forward.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Tokens in a sequence; eight times the window of a synthetic checkpoint.
pub const TOKENS: usize = 64;
/// Rows of a batch, longest first; the shortest still fills the window twice.
pub const BATCH_LENGTHS: [usize; 3] = [TOKENS, 41, 17];
/// Tokens at the end of each row of a batch that are decoded one by one.
pub const DECODED: usize = 8;
/// Tokens of the prompt and of the greedy continuation in the generation case.
pub const PROMPT: usize = 12;
/// Tokens of a short prompt. Rotations that are scaled by the length of a text (longrope, dynamic) have
/// another branch below the length that the model was first trained for, which is 64 in a synthetic one.
pub const SHORT: usize = 24;
/// Tokens in front of which caches are as they are, before they are packed or kept.
pub const HEAD_START: usize = 40;
pub const NEW_TOKENS: usize = 32;
/// What a random model generates has so many different tokens in a row: the best one that is not among the
/// last. Tied ones would repeat one token for ever, after which every model is alike.
pub const APART: usize = 8;
/// Tokens of the long text, after the same prompt: past 256, where bfloat16 no longer counts by ones.
pub const LONG_TEXT: usize = 320;
/// Bytes of weights from which on a model is large. A token of it costs a tenth of a second and more, so less
/// is asked: what needs many ways of feeding, the same port shows on a tiny checkpoint.
pub const LARGE: u64 = 64 << 20;
/// Tokens of a large model's long text.
pub const LONG_TEXT_OF_LARGE: usize = 64;
/// Rows of a large model's batch.
pub const BATCH_LENGTHS_OF_LARGE: [usize; 3] = [33, 22, 12];
/// Tokens of a long prompt in one call: past 256, where masks and kernels are made in blocks.
pub const LONG_PROMPT: usize = 300;
/// Tokens of a long text that are judged together, by their median.
pub const TEXT_WINDOW: usize = 32;
/// How a port is quantised: bits of a value, and values that share a scale. Four bits in groups of 64
/// is what mlx-lm does unasked; eight bits cost little, so that a fault stands out, and the small groups
/// divide rows that the large ones do not.
pub const QUANTISATIONS: [Quantisation; 2] =
    [Quantisation { bits: 8, group: 32 }, Quantisation { bits: 4, group: 64 }];

/// How the caches of keys and values are packed: the groups divide heads of [`PACKABLE_HEAD`].
pub const CACHE_QUANTISATION: Quantisation = Quantisation { bits: 8, group: 32 };
/// Width of the heads of a synthetic model whose caches are packed.
pub const PACKABLE_HEAD: u32 = 32;

/// A floating-point format of weights and activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    Float64,
    Float32,
    Bfloat16,
    Float16,
}

impl Precision {
    /// Unit roundoff: half the gap between 1 and the next number.
    pub fn roundoff(self) -> f64 {
        match self {
            Self::Float64 => 2f64.powi(-53),
            Self::Float32 => 2f64.powi(-24),
            Self::Bfloat16 => 2f64.powi(-8),
            Self::Float16 => 2f64.powi(-11),
        }
    }

    /// Bytes of one value, from a dtype name as torch and MLX give it; `None` for other dtypes.
    pub fn width_of(dtype: &str) -> Option<u32> {
        Some(match dtype.rsplit('.').next().unwrap_or(dtype) {
            "float64" => 8,
            "float32" => 4,
            "bfloat16" | "float16" => 2,
            _ => return None,
        })
    }
}

/// Affine quantisation of weights in groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Quantisation {
    pub bits: u32,
    pub group: u32,
}

/// Which question the run answers; never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Regime {
    /// Every float of both sides in 64 bits, under the name of the dtype that it would have: is it the same
    /// model, to the last constant? Of embedded engines only.
    Exact,
    /// Both sides in float32, judged against the reference in float64: is it the same model?
    Logic,
    /// Both sides in the checkpoint's dtype, judged against the reference in float32: does it behave?
    Native,
}

impl Regime {
    pub const ALL: [Self; 3] = [Self::Exact, Self::Logic, Self::Native];

    /// As it is written on the command line and in tables.
    pub fn id(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Logic => "logic",
            Self::Native => "native",
        }
    }

    /// The precision that both sides run at; in `exact` the one that they name.
    pub fn precision(self) -> Precision {
        match self {
            Self::Exact | Self::Logic => Precision::Float32,
            Self::Native => Precision::Bfloat16,
        }
    }

    /// The precision of the reference that both are measured against.
    pub fn truth(self) -> Precision {
        match self {
            Self::Logic => Precision::Float64,
            Self::Exact | Self::Native => Precision::Float32,
        }
    }

    /// Unit roundoff of what both sides compute.
    pub fn roundoff(self) -> f64 {
        match self {
            Self::Exact => Precision::Float64.roundoff(),
            Self::Logic | Self::Native => self.precision().roundoff(),
        }
    }
}

/// How config.json writes the RoPE settings: both occur on the Hub.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// `rope_theta` and `rope_scaling`, as checkpoints before transformers 5 write them.
    RopeTheta,
    /// `rope_parameters`, as transformers 5 writes them.
    RopeParameters,
}

impl Spelling {
    pub const ALL: [Self; 2] = [Self::RopeTheta, Self::RopeParameters];

    /// The config.json field that names the spelling.
    pub fn id(self) -> &'static str {
        match self {
            Self::RopeTheta => "rope_theta",
            Self::RopeParameters => "rope_parameters",
        }
    }

    pub fn other(self) -> Self {
        match self {
            Self::RopeTheta => Self::RopeParameters,
            Self::RopeParameters => Self::RopeTheta,
        }
    }
}

/// What a model is fed, whoever asks it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Inputs {
    /// Rows of token ids `[B, T]`, which go through the decoder; none where a definition is called once
    /// with all that it takes by name.
    pub tokens: Vec<Vec<u32>>,
    /// All else by the names under which the definition takes it: pixels, masks, ids of an encoder. Empty
    /// for text.
    pub signals: BTreeMap<String, Signal>,
}

impl Inputs {
    /// Text alone.
    pub fn text(tokens: Vec<Vec<u32>>) -> Self {
        Self { tokens, signals: BTreeMap::new() }
    }

    /// One call with these arguments.
    pub fn named(signals: BTreeMap<String, Signal>) -> Self {
        Self { tokens: Vec::new(), signals }
    }
}

/// One thing that is fed by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Signal {
    /// Rows of whole numbers: ids or a mask.
    Rows(Vec<Vec<i64>>),
    /// Numbers between -1 and 1 in this shape, which every engine makes alike.
    Shape { shape: Vec<usize> },
}

/// Where the padding of a batch goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Left,
    Right,
}

/// How the tokens of a case reach the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// A cache, a prompt of this many tokens, then one token at a time.
    Decode { prompt: usize },
    /// A cache, and chunks of these sizes, repeated until the tokens are used up.
    Chunks { sizes: &'static [usize] },
    /// A batch of [`BATCH_LENGTHS`], padded on this side.
    Batch { side: Side },
    /// A cache of this many tokens, trimmed by some of them, which are then fed again.
    Trim { of: usize, by: usize },
    /// As [`Feed::Decode`], with the cache saved, loaded and copied after the prompt.
    Kept { prompt: usize },
    /// The first tokens alone, so many of them, in one call.
    Short { of: usize },
    /// One call, with the rows of the embedding in place of the tokens.
    Embeddings,
    /// Rows of [`BATCH_LENGTHS`] that are read alone, and whose last [`DECODED`] tokens are decoded in
    /// batches that they join and leave: two are joined, a third comes, the first leaves, the last is taken
    /// out and goes on alone.
    Joined,
}

/// A way of feeding that must change nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateWay {
    Decode,
    Chunked,
    Window,
    LeftPadded,
    RightPadded,
    Trim,
    Kept,
    Joined,
    Short,
    Embedded,
}

impl StateWay {
    /// As a sentence begins that goes on about who is fed.
    pub(crate) fn says(self) -> &'static str {
        match self {
            Self::Decode => "token by token after 40 at once",
            Self::Chunked => "in chunks",
            Self::Window => "token by token past the window",
            Self::LeftPadded => "in a batch padded on the left",
            Self::RightPadded => "in a batch padded on the right",
            Self::Trim => "with a trimmed cache",
            Self::Kept => "with a cache that was saved and loaded",
            Self::Joined => "in batches that rows join and leave",
            Self::Short => "by a short prompt",
            Self::Embedded => "by embeddings",
        }
    }
}

/// How tokens are fed in one [`StateWay`].
#[derive(Debug)]
pub struct StateCase {
    pub way: StateWay,
    /// What its files are called.
    pub name: &'static str,
    pub feed: Feed,
    /// Asked only of definitions with a sliding window.
    pub needs_window: bool,
}

/// Every state case, in the order they are asked.
pub const STATE_CASES: &[StateCase] = &[
    StateCase {
        way: StateWay::Decode,
        name: "state-decode",
        feed: Feed::Decode { prompt: HEAD_START },
        needs_window: false,
    },
    StateCase {
        way: StateWay::Chunked,
        name: "state-chunked",
        feed: Feed::Chunks { sizes: &[5, 11, 8] },
        needs_window: false,
    },
    StateCase {
        way: StateWay::Window,
        name: "state-window",
        feed: Feed::Decode { prompt: 3 },
        needs_window: true,
    },
    StateCase {
        way: StateWay::LeftPadded,
        name: "state-left-padded",
        feed: Feed::Batch { side: Side::Left },
        needs_window: false,
    },
    StateCase {
        way: StateWay::RightPadded,
        name: "state-right-padded",
        feed: Feed::Batch { side: Side::Right },
        needs_window: false,
    },
    StateCase {
        way: StateWay::Trim,
        name: "state-trim",
        feed: Feed::Trim { of: 7, by: 3 },
        needs_window: false,
    },
    StateCase {
        way: StateWay::Kept,
        name: "state-kept",
        feed: Feed::Kept { prompt: HEAD_START },
        needs_window: false,
    },
    StateCase {
        way: StateWay::Joined,
        name: "state-joined",
        feed: Feed::Joined,
        needs_window: false,
    },
    StateCase {
        way: StateWay::Short,
        name: "state-short",
        feed: Feed::Short { of: SHORT },
        needs_window: false,
    },
    StateCase {
        way: StateWay::Embedded,
        name: "state-embeddings",
        feed: Feed::Embeddings,
        needs_window: false,
    },
];

/// How a long prompt is fed.
#[derive(Debug)]
pub struct PromptCase {
    /// What its files are called.
    pub name: &'static str,
    /// As a sentence goes on after "fed".
    pub says: &'static str,
    /// Without one there is no cache.
    pub feed: Option<Feed>,
    /// Whether a large model is asked too.
    pub of_large: bool,
}

/// Every way of feeding a long prompt: how much is read in one step is a setting of whoever runs a model.
pub const PROMPT_CASES: [PromptCase; 4] = [
    PromptCase { name: "prompt-plain", says: "in one call", feed: None, of_large: false },
    PromptCase {
        name: "prompt-cached",
        says: "in one call with a cache",
        feed: Some(Feed::Chunks { sizes: &[LONG_PROMPT] }),
        of_large: true,
    },
    PromptCase {
        name: "prompt-256",
        says: "in chunks of 256",
        feed: Some(Feed::Chunks { sizes: &[256] }),
        of_large: false,
    },
    PromptCase {
        name: "prompt-100",
        says: "in chunks of 100",
        feed: Some(Feed::Chunks { sizes: &[100] }),
        of_large: false,
    },
];

impl Feed {
    /// The chunk sizes that feed `total` tokens; they sum to `total`.
    pub fn chunks(self, total: usize) -> Vec<usize> {
        let (head, mut sizes): (usize, Box<dyn Iterator<Item = usize>>) = match self {
            Self::Decode { prompt } | Self::Kept { prompt } => {
                (prompt, Box::new(std::iter::repeat(1)))
            }
            Self::Chunks { sizes } => {
                (sizes[0], Box::new(sizes[1..].iter().chain(sizes.iter().cycle()).copied()))
            }
            Self::Batch { side: Side::Left } => (total - DECODED, Box::new(std::iter::repeat(1))),
            Self::Batch { side: Side::Right } => (total, Box::new(std::iter::repeat(1))),
            Self::Trim { of, .. } | Self::Short { of } => {
                (of.min(total), Box::new(std::iter::empty()))
            }
            Self::Embeddings | Self::Joined => (total, Box::new(std::iter::empty())),
        };
        let mut chunks = vec![head.min(total)];
        let is_part = matches!(self, Self::Trim { .. } | Self::Short { .. });
        let mut left = if is_part { 0 } else { total - chunks[0] };
        while 0 < left {
            let size = sizes.next().unwrap_or(1).min(left);
            chunks.push(size);
            left -= size;
        }
        chunks
    }
}

/// Rows of token ids for a vocabulary, the same for the same seed.
///
/// Ids below 4 are left out: configs like to put pad, BOS and EOS there, and a pad row of an
/// embedding may be zero.
pub fn token_rows(vocab: u32, lengths: &[usize], seed: u64) -> Vec<Vec<u32>> {
    let mut state = seed;
    let low = 4.min(vocab.saturating_sub(1));
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        // SplitMix64 (Steele, Lea and Flood, 2014).
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    };
    let span = u64::from(vocab - low).max(1);
    let mut id = || low + u32::try_from(next() % span).expect("less than a u32");
    lengths.iter().map(|&length| (0..length).map(|_| id()).collect()).collect()
}

/// `rows` padded with id 0 to the longest of them.
pub fn padded(rows: &[Vec<u32>], side: Side) -> Vec<Vec<u32>> {
    let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
    let pad = |row: &Vec<u32>| {
        let zeros = std::iter::repeat_n(0, longest - row.len());
        match side {
            Side::Left => zeros.chain(row.iter().copied()).collect(),
            Side::Right => row.iter().copied().chain(zeros).collect(),
        }
    };
    rows.iter().map(pad).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_always_sum_to_the_tokens() {
        for case in STATE_CASES {
            let fed = match case.feed {
                Feed::Trim { of, .. } | Feed::Short { of } => of,
                _ => TOKENS,
            };
            assert_eq!(case.feed.chunks(TOKENS).iter().sum::<usize>(), fed, "{}", case.name);
        }
        assert_eq!(Feed::Chunks { sizes: &[5, 11, 8] }.chunks(30), [5, 11, 8, 5, 1]);
        assert_eq!(Feed::Decode { prompt: 3 }.chunks(5), [3, 1, 1]);
    }

    #[test]
    fn a_long_prompt_is_fed_whole_in_every_way() {
        let sums = PROMPT_CASES.iter().filter_map(|it| it.feed).map(|it| it.chunks(LONG_PROMPT));
        assert!(sums.clone().all(|it| it.iter().sum::<usize>() == LONG_PROMPT));
        assert_eq!(sums.map(|it| it.len()).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn tokens_are_reproducible_and_inside_the_vocabulary() {
        let rows = token_rows(160, &BATCH_LENGTHS, 7);
        assert_eq!(rows, token_rows(160, &BATCH_LENGTHS, 7));
        assert_ne!(rows, token_rows(160, &BATCH_LENGTHS, 8));
        assert!(rows.iter().flatten().all(|&id| (4..160).contains(&id)));
    }

    #[test]
    fn padding_goes_to_its_side() {
        let rows = vec![vec![5, 6, 7], vec![8]];
        assert_eq!(padded(&rows, Side::Left)[1], [0, 0, 8]);
        assert_eq!(padded(&rows, Side::Right)[1], [8, 0, 0]);
    }
}
