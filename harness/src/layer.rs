//! Where a module lies in a model: in which stack of layers, and in which layer of that.

/// A model's stacks of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stack {
    /// The decoder that reads text. Its layers are the stations on the way to the logits.
    Text,
    Vision,
    Audio,
    /// Between one of the towers and the text.
    Bridge,
}

/// Words in the segment of a path that names a tower or what stands beside it; all else is text.
const WORDS: [(&str, Stack); 9] = [
    ("vision", Stack::Vision),
    ("visual", Stack::Vision),
    ("image", Stack::Vision),
    ("audio", Stack::Audio),
    ("speech", Stack::Audio),
    ("projector", Stack::Bridge),
    ("connector", Stack::Bridge),
    ("resampler", Stack::Bridge),
    ("abstractor", Stack::Bridge),
];

impl Stack {
    /// The stack that a module lies in: `model.vision_tower.norm` is of the vision tower. What a layer
    /// calls a part of itself says nothing.
    pub fn around(path: &str) -> Self {
        let above = path.split('.').take_while(|it| number(it).is_none());
        let named = |segment: &str| WORDS.iter().find(|it| segment.contains(it.0)).map(|it| it.1);
        above.into_iter().find_map(named).unwrap_or(Self::Text)
    }
}

/// One layer of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Layer {
    pub stack: Stack,
    pub index: u32,
}

impl Layer {
    /// The layer that a module lies in, or is: the first number of its path.
    pub fn around(path: &str) -> Option<Self> {
        let index = path.split('.').find_map(number)?;
        Some(Self { stack: Stack::around(path), index })
    }

    /// The layer that a module is itself: its path ends in its one number.
    pub fn at(path: &str) -> Option<Self> {
        let ends = path.rsplit('.').next().is_some_and(|it| number(it).is_some());
        let numbers = path.split('.').filter(|it| number(it).is_some()).count();
        Self::around(path).filter(|_| ends && numbers == 1)
    }
}

/// Whether a module is a whole layer of the text decoder.
pub fn is_decoder_layer(path: &str) -> bool {
    Layer::at(path).is_some_and(|it| it.stack == Stack::Text)
}

fn number(segment: &str) -> Option<u32> {
    segment.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(stack: Stack, index: u32) -> Layer {
        Layer { stack, index }
    }

    #[test]
    fn layers_are_told_from_their_parts_and_from_experts() {
        for path in ["model.layers.3", "transformer.h.3", "model.language_model.layers.3"] {
            assert_eq!(Layer::at(path), Some(layer(Stack::Text, 3)), "{path}");
            assert!(is_decoder_layer(path));
        }
        let expert = "model.layers.3.mlp.experts.2";
        assert_eq!(Layer::at(expert), None);
        assert_eq!(Layer::around(expert), Some(layer(Stack::Text, 3)));
        assert_eq!(Layer::around("model.norm"), None);
        assert!(!is_decoder_layer(expert) && !is_decoder_layer("model.norm"));
    }

    #[test]
    fn layers_of_a_tower_beside_a_language_model_are_none_of_the_decoder() {
        for (path, stack) in [
            ("vision_tower.layers.3", Stack::Vision),
            ("model.vision_tower.vision_model.encoder.layers.3", Stack::Vision),
            ("model.visual.blocks.3", Stack::Vision),
            ("model.audio_tower.layers.3", Stack::Audio),
            ("model.multi_modal_projector.layers.3", Stack::Bridge),
        ] {
            assert_eq!(Layer::at(path), Some(layer(stack, 3)), "{path}");
            assert!(!is_decoder_layer(path), "{path}");
            assert_ne!(Layer::around(path), Layer::around("language_model.model.layers.3"));
        }
        assert_eq!(Stack::around("model.vision_tower.norm"), Stack::Vision);
        assert_eq!(Stack::around("model.language_model.norm"), Stack::Text);
    }

    #[test]
    fn the_engines_know_the_same_words() {
        let engines = include_str!("../workers/portwright_worker/stacks.py");
        let listed = engines.split_once("_OTHERS = (").unwrap().1.split_once(')').unwrap().0;
        let listed: Vec<&str> = listed.split(", ").map(|it| it.trim_matches('"')).collect();
        assert_eq!(listed, WORDS.map(|it| it.0));
    }

    #[test]
    fn what_a_decoder_layer_calls_its_parts_moves_it_to_no_tower() {
        let gate = "model.layers.1.vision_gate.experts.0";
        assert_eq!(Layer::around(gate), Some(layer(Stack::Text, 1)));
    }
}
