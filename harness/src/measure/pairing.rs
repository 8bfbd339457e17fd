//! Which module of the port is which module of the definition.
//!
//! Names come first: paths that are equal once container prefixes are gone. Where names differ, the
//! weights decide: random weights are their own identity, so a parameter with the same fingerprint
//! is the same parameter under another name, and modules whose parameters pair up pair up too.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::layer::Layer;

/// Path segments that only say which container the decoder sits in.
const CONTAINERS: [&str; 7] =
    ["model", "transformer", "backbone", "language_model", "text_model", "decoder", "gpt_neox"];

/// Module paths of the definition mapped to module paths of the port.
///
/// `reference` and `port` list the module paths of each side; the parameters are `(name,
/// fingerprint)`.
pub fn pair_modules(
    reference: &[String],
    port: &[String],
    reference_parameters: &[(String, String)],
    port_parameters: &[(String, String)],
) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    let mut taken = HashSet::new();
    let by_name: HashMap<String, &String> = port.iter().map(|it| (normalised(it), it)).collect();
    for path in reference {
        if let Some(&other) = by_name.get(&normalised(path))
            && taken.insert(other.clone())
        {
            pairs.insert(path.clone(), other.clone());
        }
    }
    let votes = votes(reference_parameters, port_parameters);
    let known: HashSet<&String> = port.iter().collect();
    // Deepest first: a leaf's own weights are better evidence than its ancestors' votes.
    let mut open: Vec<&String> = reference.iter().filter(|it| !pairs.contains_key(*it)).collect();
    open.sort_by_key(|it| std::cmp::Reverse(depth(it)));
    for path in open {
        let Some(candidates) = votes.get(path.as_str()) else { continue };
        let total: usize = candidates.values().sum();
        let best = candidates
            .iter()
            .filter(|(it, _)| known.contains(it) && !taken.contains(*it))
            .max_by_key(|(path, count)| (**count, std::cmp::Reverse((*path).clone())));
        if let Some((other, &count)) = best
            && total < 2 * count
            && Layer::around(path) == Layer::around(other)
        {
            taken.insert(other.clone());
            pairs.insert(path.clone(), other.clone());
        }
    }
    pairs
}

/// A path without container prefixes: `model.layers.0.mlp` is `layers.0.mlp`.
pub fn normalised(path: &str) -> String {
    let mut segments: Vec<&str> = path.split('.').collect();
    while 1 < segments.len() && CONTAINERS.contains(&segments[0]) {
        segments.remove(0);
    }
    segments.join(".")
}

fn depth(path: &str) -> usize {
    path.matches('.').count()
}

/// For every ancestor of a parameter: which paths of the port its twins lie under, as often as said.
fn votes<'a>(
    reference: &'a [(String, String)],
    port: &[(String, String)],
) -> HashMap<&'a str, BTreeMap<String, usize>> {
    let mut by_fingerprint: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, fingerprint) in port {
        by_fingerprint.entry(fingerprint).or_default().push(name);
    }
    let mut votes: HashMap<&str, BTreeMap<String, usize>> = HashMap::new();
    for (name, fingerprint) in reference {
        let Some([twin]) = by_fingerprint.get(fingerprint.as_str()).map(Vec::as_slice) else {
            continue;
        };
        let (mut here, mut there) = (name.as_str(), *twin);
        while let (Some((up, _)), Some((other, _))) =
            (here.rsplit_once('.'), there.rsplit_once('.'))
        {
            *votes.entry(up).or_default().entry(other.to_owned()).or_default() += 1;
            (here, there) = (up, other);
        }
    }
    votes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(items: &[&str]) -> Vec<String> {
        items.iter().map(|&it| it.to_owned()).collect()
    }

    fn parameters(items: &[(&str, &str)]) -> Vec<(String, String)> {
        items.iter().map(|&(a, b)| (a.to_owned(), b.to_owned())).collect()
    }

    #[test]
    fn container_prefixes_do_not_matter() {
        let pairs = pair_modules(
            &strings(&["transformer.h.0.attn", "lm_head"]),
            &strings(&["model.h.0.attn", "lm_head"]),
            &[],
            &[],
        );
        assert_eq!(pairs["transformer.h.0.attn"], "model.h.0.attn");
        assert_eq!(pairs["lm_head"], "lm_head");
    }

    #[test]
    fn equal_weights_pair_modules_with_other_names() {
        let pairs = pair_modules(
            &strings(&["model.layers.1.self_attn", "model.layers.1.self_attn.q_proj"]),
            &strings(&["model.layers.1.attention", "model.layers.1.attention.wq"]),
            &parameters(&[("model.layers.1.self_attn.q_proj.weight", "aa")]),
            &parameters(&[("model.layers.1.attention.wq.weight", "aa")]),
        );
        assert_eq!(pairs["model.layers.1.self_attn"], "model.layers.1.attention");
        assert_eq!(pairs["model.layers.1.self_attn.q_proj"], "model.layers.1.attention.wq");
    }

    #[test]
    fn a_module_of_another_layer_is_never_a_pair() {
        let pairs = pair_modules(
            &strings(&["layers.0.a"]),
            &strings(&["layers.1.b"]),
            &parameters(&[("layers.0.a.weight", "aa")]),
            &parameters(&[("layers.1.b.weight", "aa")]),
        );
        assert!(pairs.is_empty());
    }

    #[test]
    fn a_module_of_a_tower_is_never_a_pair_of_one_of_the_decoder() {
        let vision = strings(&["vision_tower.layers.0", "vision_tower.layers.0.attn"]);
        let text =
            strings(&["language_model.model.layers.0", "language_model.model.layers.0.attn"]);
        let twins = |path: &str| parameters(&[(&format!("{path}.attn.weight"), "aa")]);
        let (here, there) = (twins(&vision[0]), twins(&text[0]));
        assert!(pair_modules(&vision, &text, &here, &there).is_empty());
        // The same weights under another name of the same tower are a pair.
        let visual = strings(&["visual.blocks.0.attn"]);
        let pairs = pair_modules(&vision, &visual, &here, &twins("visual.blocks.0"));
        assert_eq!(pairs["vision_tower.layers.0.attn"], "visual.blocks.0.attn");
    }
}
