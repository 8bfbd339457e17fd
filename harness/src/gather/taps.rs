//! Both sides' taps of the plain forward, paired and measured.

use std::collections::{BTreeMap, HashMap};

use super::{
    ask::Ran,
    plan::Plan,
    read::{floor, unreadable},
    said::{Baseline, Said},
};
use crate::{
    answers::{Asked, Reordered, Taps},
    case::Regime,
    engine::{Opened, ParameterInfo, TapInfo},
    figure::Order,
    layer::{Layer, is_decoder_layer},
    measure::{
        pairing::pair_modules,
        taps::{TapFigure, factor, relative_error},
    },
    need::Need,
    outcome::Absence,
    tap,
    tensors::{Tensor, TensorFile},
    tolerance::bound,
};

/// Pair the taps of the plain forward and measure each pair, a few tensors in memory at a time.
pub(super) fn taps(
    plan: &Plan<'_>,
    baseline: Result<&Baseline, &Absence>,
    port: &Said,
) -> Asked<Taps> {
    let baseline = baseline.map_err(Clone::clone)?;
    let (truth_taps, truth) = opened(baseline.truth.clone()?)?;
    let (_, run) = opened(baseline.run.clone()?)?;
    let nudged = baseline.nudged.as_ref().map_err(Clone::clone)?.iter();
    let nudged = nudged.map(|it| Ok(opened(it.clone())?.1)).collect::<Asked<_>>()?;
    let (port_taps, port_file) = opened(port.forward(Need::Logits)?)?;
    let port = port.opened(Need::Judged)?;
    let pairs = modules(&truth_taps, &port_taps, &baseline.opened, &port);
    let of_parts = parts(&truth_taps, &port_taps);
    let by_path: HashMap<&str, &TapInfo> =
        port_taps.iter().map(|it| (it.path.as_str(), it)).collect();
    let regime = plan.question.regime;
    let files = Files { regime, truth, run, nudged, port: port_file };
    let mut result =
        Taps { reordered: reordered(&truth_taps, &port_taps, &pairs), ..Taps::default() };
    for tap in &truth_taps {
        if tap::part(&tap.path).is_some() {
            // What a port has no like of it may do without: only outputs are held to be complete.
            if let Some(other) = of_parts.get(tap.path.as_str())
                && let Ok(figure) = files.measure(tap, other)?
            {
                result.pairs.push(figure);
            }
            continue;
        }
        let other = pairs.get(&tap.path).and_then(|it| by_path.get(it.as_str()));
        let figure = match other {
            Some(other) => files.measure(tap, other)?,
            None => Err("no module of the port has its name or its weights".to_owned()),
        };
        match figure {
            Ok(figure) => result.pairs.push(figure),
            Err(why) => result.unpaired.push((tap.path.clone(), why)),
        }
    }
    Ok(result)
}

fn opened((forwarded, path): Ran) -> Asked<(Vec<TapInfo>, TensorFile)> {
    let file = TensorFile::open(&path).map_err(|err| unreadable(&err))?;
    Ok((forwarded.taps, file))
}

/// The tensors of both sides.
struct Files {
    regime: Regime,
    truth: TensorFile,
    run: TensorFile,
    nudged: Vec<TensorFile>,
    port: TensorFile,
}

impl Files {
    /// The figure of one pair; or why the two cannot be compared.
    fn measure(&self, tap: &TapInfo, other: &TapInfo) -> Asked<Result<TapFigure, String>> {
        let (Some(key), Some(other_key)) = (&tap.key, &other.key) else {
            return Ok(Err("its value could not be computed".to_owned()));
        };
        let elements = |shape: &[usize]| shape.iter().product::<usize>();
        if elements(&tap.shape) != elements(&other.shape) {
            let why = format!("its shape is {:?}, the port's {:?}", tap.shape, other.shape);
            return Ok(Err(why));
        }
        let read = |file: &TensorFile, key: &str| file.tensor(key).map_err(|err| unreadable(&err));
        let expected = read(&self.truth, key)?;
        let floor = floor(key, &expected, &self.run, &self.nudged, relative_error)?;
        let limit = bound(self.regime, Order::Linear, floor, 1.0).limit();
        let found: Tensor = read(&self.port, other_key)?;
        let (error, position) = relative_error(&expected, &found);
        let mut figure = TapFigure {
            reference: tap.path.clone(),
            port: other.path.clone(),
            error,
            floor: floor.max(self.regime.roundoff()),
            bound: limit,
            position,
            shape: tap.shape.clone(),
            reference_dtype: tap.dtype.clone(),
            port_dtype: other.dtype.clone(),
            factor: None,
        };
        if figure.diverges() {
            figure.factor = factor(&expected, &found, limit);
        }
        Ok(Ok(figure))
    }
}

/// The port's module of each of the definition's, by paths.
fn modules(
    truth: &[TapInfo],
    port: &[TapInfo],
    definition: &Opened,
    judged: &Opened,
) -> BTreeMap<String, String> {
    let paths = |taps: &[TapInfo]| {
        let outputs = taps.iter().filter(|it| tap::part(&it.path).is_none());
        outputs.map(|it| it.path.clone()).collect::<Vec<_>>()
    };
    let fingerprints = |opened: &Opened| {
        let pair = |it: &ParameterInfo| {
            Some((it.built_as.clone().unwrap_or(it.name.clone()), it.fingerprint.clone()?))
        };
        opened.parameters.iter().filter_map(pair).collect::<Vec<_>>()
    };
    pair_modules(&paths(truth), &paths(port), &fingerprints(definition), &fingerprints(judged))
}

/// The port's tap of what went into each of the definition's modules. Modules may nest differently: of a
/// layer the same parts count, where both sides have as many of them.
fn parts<'a>(truth: &'a [TapInfo], port: &'a [TapInfo]) -> HashMap<&'a str, &'a TapInfo> {
    let by_layer = |taps: &'a [TapInfo]| {
        let mut found: BTreeMap<(Layer, &str), Vec<&TapInfo>> = BTreeMap::new();
        for it in taps {
            let layer = Layer::around(tap::module(&it.path));
            if let (Some(layer), Some(part)) = (layer, tap::part(&it.path)) {
                found.entry((layer, part)).or_default().push(it);
            }
        }
        found
    };
    let others = by_layer(port);
    let mut pairs = HashMap::new();
    for (key, taps) in by_layer(truth) {
        if let Some(others) = others.get(&key).filter(|it| it.len() == taps.len()) {
            pairs.extend(taps.into_iter().map(|it| it.path.as_str()).zip(others.iter().copied()));
        }
    }
    pairs
}

/// Parts of a layer that the two sides call in another order: of each layer the first two.
fn reordered(
    truth: &[TapInfo],
    port: &[TapInfo],
    pairs: &BTreeMap<String, String>,
) -> Vec<Reordered> {
    let at: HashMap<&str, usize> =
        port.iter().enumerate().map(|(at, it)| (it.path.as_str(), at)).collect();
    let layers = truth.iter().filter(|it| is_decoder_layer(&it.path));
    let in_layer = |layer: &TapInfo| {
        let prefix = format!("{}.", layer.path);
        let called = truth.iter().filter_map(|it| {
            let name = it.path.strip_prefix(&prefix)?;
            let is_part = !name.contains(['.', ':', '#']);
            let place = at.get(pairs.get(&it.path)?.as_str())?;
            is_part.then(|| (name.to_owned(), *place))
        });
        let called: Vec<(String, usize)> = called.collect();
        let turned = called.windows(2).find(|it| it[1].1 < it[0].1)?;
        let [first, second] = [&turned[0].0, &turned[1].0].map(Clone::clone);
        Some(Reordered { layer: layer.path.clone(), first, second })
    };
    layers.filter_map(in_layer).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taps(paths: &[&str]) -> Vec<TapInfo> {
        let tap = |it: &&str| {
            let tap = json!({"path": it, "key": it, "shape": [1], "dtype": "float32"});
            serde_json::from_value(tap).unwrap()
        };
        paths.iter().map(tap).collect()
    }

    #[test]
    fn operands_pair_by_layer_whatever_their_attention_is_called() {
        let truth = taps(&["model.layers.0:input", "model.layers.0.self_attn:key"]);
        let port = taps(&["layers.0:input", "layers.0.attn.core:key", "layers.1.attn:key"]);
        let pairs = parts(&truth, &port);
        assert_eq!(pairs["model.layers.0.self_attn:key"].path, "layers.0.attn.core:key");
        let twice = taps(&["layers.0.a:key", "layers.0.b:key"]);
        assert!(parts(&truth, &twice).is_empty());
    }

    #[test]
    fn parts_of_a_layer_that_are_called_in_another_order_are_told() {
        let order = |names: [&str; 3]| {
            let mut paths = names.map(|it| format!("layers.0.{it}")).to_vec();
            paths.push("layers.0".to_owned());
            taps(&paths.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let (pre, post) = (order(["norm", "attn", "mlp"]), order(["attn", "norm", "mlp"]));
        let pairs = pre.iter().map(|it| (it.path.clone(), it.path.clone())).collect();
        assert_eq!(reordered(&pre, &pre, &pairs), []);
        let [found] = &reordered(&post, &pre, &pairs)[..] else { panic!() };
        assert_eq!((found.first.as_str(), found.second.as_str()), ("attn", "norm"));
    }
}
