//! What a definition ends in, and so what it is asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of the library's tables of models.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    #[default]
    CausalLm,
    MaskedLm,
    Seq2seqLm,
    SpeechSeq2seq,
    ImageClassification,
    SequenceClassification,
}

/// Every head, in the order of the table in the docs.
pub const HEADS: [Head; 6] = [
    Head::CausalLm,
    Head::MaskedLm,
    Head::Seq2seqLm,
    Head::SpeechSeq2seq,
    Head::ImageClassification,
    Head::SequenceClassification,
];

impl Head {
    /// As it is spelled on the command line and in the data.
    pub fn id(self) -> &'static str {
        match self {
            Self::CausalLm => "causal-lm",
            Self::MaskedLm => "masked-lm",
            Self::Seq2seqLm => "seq2seq-lm",
            Self::SpeechSeq2seq => "speech-seq2seq",
            Self::ImageClassification => "image-classification",
            Self::SequenceClassification => "sequence-classification",
        }
    }

    /// The middle of `MODEL_FOR_..._MAPPING_NAMES` in transformers.
    pub fn table(self) -> &'static str {
        match self {
            Self::CausalLm => "CAUSAL_LM",
            Self::MaskedLm => "MASKED_LM",
            Self::Seq2seqLm => "SEQ_TO_SEQ_CAUSAL_LM",
            Self::SpeechSeq2seq => "SPEECH_SEQ_2_SEQ",
            Self::ImageClassification => "IMAGE_CLASSIFICATION",
            Self::SequenceClassification => "SEQUENCE_CLASSIFICATION",
        }
    }

    /// As people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::CausalLm => "Causal language models",
            Self::MaskedLm => "Masked language models",
            Self::Seq2seqLm => "Encoder-decoders",
            Self::SpeechSeq2seq => "Speech to text",
            Self::ImageClassification => "Image classification",
            Self::SequenceClassification => "Sequence classification",
        }
    }
}
