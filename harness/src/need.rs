//! What a check reads, and so what the engines are asked: the one link between checks and questions.

use crate::case::StateWay;

/// One thing that is gathered. Checks name what they need, and only that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// The reference: its plain forward at the truth's precision, and its noise.
    Reference,
    /// The judged side as it was opened: what it loaded, which fields it took.
    Judged,
    /// The judged side's logits of the plain forward.
    Logits,
    /// The plain forward's modules, paired and measured.
    Taps,
    /// Each decoder layer with the definition's own input.
    Alone,
    /// One way of feeding that must change nothing.
    State(StateWay),
    /// The reference fed as a port is, beside its own plain forward.
    Itself,
    /// The angles that each layer rotates by.
    Rotations,
    /// The dtypes of both sides' modules in bfloat16.
    Dtypes,
    /// The checkpoint converted, saved and loaded again.
    Roundtrip,
    /// The same model with `tie_word_embeddings` the other way.
    Retied,
    /// The fields that the definition reads, and what dropping each does.
    Fields,
    /// Greedy tokens after a prompt.
    Generation,
    /// The reference's long text, read along by both sides.
    Long,
    /// A long prompt, in one call and in chunks.
    Prompt,
    /// Both sides with quantised weights.
    Quantised,
    /// The same checkpoint with the other spelling of the RoPE settings.
    OtherSpelling,
    /// The same checkpoint with tensors beside the model's, as published ones have them.
    Stray,
    /// The same checkpoint under the names that the definition's class builds.
    AsBuilt,
    /// The same model with its linear weights in fp8, as it is published so.
    Fp8,
    /// The port converted to a narrower dtype by its own library.
    Cast,
    /// Both sides in float16.
    Float16,
    /// Both sides with keys and values packed in their caches.
    PackedCache,
    /// The port shared by two ranks.
    Sharded,
    /// Other configs of the same model, on both sides.
    Variations,
}

impl From<StateWay> for Need {
    fn from(way: StateWay) -> Self {
        Self::State(way)
    }
}

#[cfg(test)]
impl Need {
    /// Every need.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![
            Self::Reference,
            Self::Judged,
            Self::Logits,
            Self::Taps,
            Self::Alone,
            Self::Itself,
            Self::Rotations,
            Self::Dtypes,
            Self::Roundtrip,
            Self::Retied,
            Self::Fields,
            Self::Generation,
            Self::Long,
            Self::Prompt,
            Self::Quantised,
            Self::OtherSpelling,
            Self::Stray,
            Self::AsBuilt,
            Self::Fp8,
            Self::Cast,
            Self::Float16,
            Self::PackedCache,
            Self::Sharded,
            Self::Variations,
        ];
        all.extend(crate::case::STATE_CASES.iter().map(|it| Self::State(it.way)));
        all
    }
}
