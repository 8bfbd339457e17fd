//! Each decoder layer by itself: both sides' layers get the inputs that the definition's have at the truth's
//! precision, so that what one layer errs is not carried into the next.
//!
//! What arrives in front of the next layer, or as logits, is then one step's work alone.

use std::{collections::BTreeMap, path::PathBuf, sync::mpsc::Receiver};

use super::{
    ask::Ran,
    error::not_asked,
    plan::Plan,
    read::{LOGITS, floor, unreadable},
    said::{Baseline, Said},
    side::Side,
};
use crate::{
    answers::{Alone, Asked, Step},
    case::Regime,
    engine::{Feeding, Forward, Forwarded, Operation},
    figure::Order,
    layer::Layer,
    measure::taps::{TapFigure, row_error},
    need::Need,
    outcome::Absence,
    tap::{self, INPUT},
    tensors::{Tensor, TensorFile},
    tolerance::bound,
};

/// The layers of the text decoder that got an input, by index.
pub(super) type Layers = BTreeMap<u32, String>;

/// Whether this is asked: where errors add up, of engines that can be.
pub(super) fn wanted(plan: &Plan<'_>) -> Asked<()> {
    if !plan.question.wants(Need::Alone) {
        return Err(not_asked());
    }
    if plan.question.regime != Regime::Native {
        let reason = "outside bfloat16 the error of the whole model is small enough".to_owned();
        return Err(Absence::NotApplicable { reason });
    }
    for engine in plan.pair.engines() {
        let lacks = |lacks| Absence::Blocked { reason: format!("{lacks}") };
        engine.offers(Operation::FeedLayers).map_err(lacks)?;
    }
    Ok(())
}

/// The layers that got an input in a forward with taps.
pub(super) fn layers(said: &Forwarded) -> Asked<Layers> {
    let mut layers = Layers::new();
    for path in said.taps.iter().map(|it| it.path.as_str()) {
        if tap::part(path) != Some(INPUT) {
            continue;
        }
        let layer = tap::module(path);
        let index = Layer::at(layer).map_or(0, |it| it.index);
        if let Some(other) = layers.insert(index, layer.to_owned()) {
            let reason = format!("`{other}` and `{layer}` are layers with the same number");
            return Err(Absence::Blocked { reason });
        }
    }
    if layers.is_empty() {
        return Err(Absence::Blocked { reason: "no layer's input was tapped".to_owned() });
    }
    Ok(layers)
}

fn input(layer: &str) -> String {
    format!("{layer}:{INPUT}")
}

impl Side<'_, '_> {
    /// A forward in which this side's layers get the inputs of the definition's.
    pub(super) fn alone(&mut self, handle: &str, own: &Layers, source: &Layers) -> Asked<Ran> {
        wanted(self.plan)?;
        if own.keys().ne(source.keys()) {
            let (own, source) = (own.len(), source.len());
            let reason =
                format!("this side has {own} layers with an input, the definition {source}");
            return Err(Absence::Blocked { reason });
        }
        let inputs = own.iter().map(|(index, layer)| (layer.clone(), input(&source[index])));
        let feeding =
            Feeding { file: self.plan.work.join(super::REFERENCE_TAPS), inputs: inputs.collect() };
        let forward = Forward { feed: Some(feeding), ..self.untapped() };
        self.ask.forward(handle, &forward, &format!("alone-{handle}"))
    }

    /// The port's, once the definition's inputs are there.
    pub(super) fn alone_when_told(
        &mut self,
        plain: &Asked<Ran>,
        source: &Receiver<Asked<Layers>>,
    ) -> Asked<Ran> {
        wanted(self.plan)?;
        let source = source.recv().unwrap_or_else(|_| {
            Err(Absence::Blocked { reason: "the reference's side ended early".into() })
        })?;
        let own = layers(&plain.clone()?.0)?;
        self.alone("run", &own, &source)
    }
}

/// Every step of both sides.
pub(super) fn assemble(
    plan: &Plan<'_>,
    baseline: Result<&Baseline, &Absence>,
    reference: &Said,
    port: &Said,
) -> Asked<Alone> {
    wanted(plan)?;
    let baseline = baseline.map_err(Clone::clone)?;
    let (plain, truth) = baseline.truth.clone()?;
    let fed = reference.logits(Need::Alone)?;
    let (_, port_file) = port.forward(Need::Alone)?;
    let (own, source) = (layers(&port.forward(Need::Logits)?.0)?, layers(&plain)?);
    let open = |path: &PathBuf| TensorFile::open(path).map_err(|err| unreadable(&err));
    let (truth, port_file) = (open(&truth)?, open(&port_file)?);
    let fed = fed.iter().map(open).collect::<Asked<Vec<_>>>()?;
    let Some((run, nudged)) = fed.split_first() else { return Err(not_asked()) };
    let read = |file: &TensorFile, key: &str| file.tensor(key).map_err(|err| unreadable(&err));

    let mut steps = Vec::new();
    let mut before: Option<(String, Tensor)> = None;
    let ends = source.iter().map(|(index, layer)| (layer, input(layer), input(&own[index])));
    let last = (LOGITS.to_owned(), LOGITS.to_owned());
    let ends = ends.map(|it| (Some(it.0.clone()), (it.1, it.2))).chain([(None, last)]);
    for (next, (key, port_key)) in ends {
        let expected = read(&truth, &key)?;
        let floor = floor(&key, &expected, run, nudged, row_error)?;
        let (regime, found) = (plan.question.regime, read(&port_file, &port_key)?);
        let (error, position) = row_error(&expected, &found);
        let idle = before.as_ref().filter(|it| it.1.shape == expected.shape);
        let idle = idle.map_or(1.0, |it| row_error(&expected, &it.1).0);
        let layer = before.map(|it| it.0);
        let figure = TapFigure {
            reference: key,
            port: port_key,
            error,
            floor: floor.max(regime.roundoff()),
            bound: bound(regime, Order::Linear, floor, 1.0).limit(),
            position,
            shape: expected.shape.clone(),
            reference_dtype: String::new(),
            port_dtype: String::new(),
            factor: None,
        };
        steps.push(Step { layer, figure, idle });
        before = next.map(|it| (it, expected));
    }
    Ok(Alone { steps })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(paths: &[&str]) -> Forwarded {
        let tap = |it: &&str| json!({"path": it, "key": it, "shape": [1], "dtype": "float32"});
        let taps: Vec<_> = paths.iter().map(tap).collect();
        serde_json::from_value(json!({"shape": [1], "dtype": "float32", "taps": taps})).unwrap()
    }

    #[test]
    fn layers_are_known_by_their_numbers_and_two_of_one_number_are_told() {
        let found = layers(&said(&["m.layers.0:input", "m.layers.0.attn:key", "m.layers.1:input"]));
        assert_eq!(found.unwrap().into_values().collect::<Vec<_>>(), ["m.layers.0", "m.layers.1"]);
        let twice = layers(&said(&["a.layers.0:input", "b.layers.0:input"])).unwrap_err();
        assert!(twice.to_string().contains("`a.layers.0` and `b.layers.0`"), "{twice}");
        assert!(layers(&said(&["m.layers.0"])).is_err());
    }
}
