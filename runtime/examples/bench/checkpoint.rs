//! Random checkpoints in the shape of a llama, written as the Hub has them.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

use serde_json::{Map, Value, json};

use super::Failure;

/// The sizes of a llama.
pub(crate) struct Sizes {
    pub(crate) vocabulary: usize,
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) intermediate: usize,
    pub(crate) heads: usize,
    pub(crate) key_heads: usize,
}

/// About 495 million parameters.
pub(crate) const LARGE: Sizes = Sizes {
    vocabulary: 32000,
    hidden: 1280,
    layers: 24,
    intermediate: 3456,
    heads: 20,
    key_heads: 4,
};

/// What a test runs.
pub(crate) const TINY: Sizes =
    Sizes { vocabulary: 128, hidden: 64, layers: 2, intermediate: 128, heads: 4, key_heads: 2 };

impl Sizes {
    fn config(&self) -> Value {
        json!({
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "intermediate_size": self.intermediate,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_heads,
            "max_position_embeddings": 2048,
            "rms_norm_eps": 1e-6,
            "hidden_act": "silu",
            "tie_word_embeddings": false,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "dtype": "float32",
        })
    }

    /// The tensors by name, in the order of the file.
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (hidden, head) = (self.hidden, self.hidden / self.heads);
        let (keys, wide) = (self.key_heads * head, self.intermediate);
        let mut all = vec![("model.embed_tokens.weight".to_owned(), vec![self.vocabulary, hidden])];
        for layer in 0..self.layers {
            let parts = [
                ("input_layernorm", vec![hidden]),
                ("self_attn.q_proj", vec![hidden, hidden]),
                ("self_attn.k_proj", vec![keys, hidden]),
                ("self_attn.v_proj", vec![keys, hidden]),
                ("self_attn.o_proj", vec![hidden, hidden]),
                ("post_attention_layernorm", vec![hidden]),
                ("mlp.gate_proj", vec![wide, hidden]),
                ("mlp.up_proj", vec![wide, hidden]),
                ("mlp.down_proj", vec![hidden, wide]),
            ];
            all.extend(
                parts.map(|(name, shape)| (format!("model.layers.{layer}.{name}.weight"), shape)),
            );
        }
        all.push(("model.norm.weight".to_owned(), vec![hidden]));
        all.push(("lm_head.weight".to_owned(), vec![self.vocabulary, hidden]));
        all
    }
}

/// Writes config and weights, unless they are there.
pub(crate) fn make(folder: &Path, sizes: &Sizes) -> Result<(), Failure> {
    let weights = folder.join("model.safetensors");
    if weights.is_file() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    fs::write(folder.join("config.json"), sizes.config().to_string())?;
    let (mut header, mut end) = (Map::new(), 0);
    header.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    for (name, shape) in sizes.tensors() {
        let start = end;
        end += shape.iter().product::<usize>() * 4;
        let row = json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]});
        header.insert(name, row);
    }
    let mut header = Value::Object(header).to_string();
    // The elements begin at a multiple of eight, so that they can be mapped.
    header.push_str(&" ".repeat((8 - header.len() % 8) % 8));
    let unfinished = folder.join("model.unfinished");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&unfinished)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for (name, shape) in sizes.tensors() {
        let count: usize = shape.iter().product();
        let (middle, width) = if name.contains("norm") { (1.0, 0.1) } else { (0.0, 0.035) };
        for _ in 0..count {
            // Xorshift (Marsaglia 2003): any numbers do that differ.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let unit = (state >> 40) as f32 / (1_u64 << 24) as f32;
            file.write_all(&(middle + width * (2.0 * unit - 1.0)).to_le_bytes())?;
        }
    }
    file.flush()?;
    fs::rename(unfinished, weights)?;
    Ok(())
}
