//! Einstein summation: operands are contracted from left to right, each pair by one batched product.

use crate::{
    call::{Call, answer},
    error::{Result, fail},
    matmul::matmul,
    shape::{reshaped, unsqueezed},
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// One letter or one dimension of an ellipsis.
type Label = u32;

/// The labels below this are letters; those from here on stand for an ellipsis's dimensions.
const REST: Label = 0x11_0000;

/// A tensor with a label for each dimension, each label once.
struct Labelled {
    tensor: Tensor,
    labels: Vec<Label>,
}

/// A subscript's letters; `None` is the ellipsis.
fn letters(text: &str) -> Result<Vec<Option<char>>> {
    let text: String = text.replace("...", "…").chars().filter(|it| *it != ' ').collect();
    text.chars()
        .map(|it| match it {
            '…' => Ok(None),
            it if it.is_ascii_alphabetic() => Ok(Some(it)),
            it => fail!(Runtime, "einsum(): invalid subscript given: `{it}` must be in [a-zA-Z]"),
        })
        .collect()
}

/// Names an operand's dimensions; a repeated letter becomes its diagonal.
fn label(tensor: &Tensor, letters: &[Option<char>]) -> Result<Labelled> {
    let named = letters.iter().flatten().count();
    let has_rest = letters.iter().any(Option::is_none);
    let Some(rest) = tensor.rank().checked_sub(named).filter(|it| has_rest || *it == 0) else {
        fail!(
            Runtime,
            "einsum(): the number of subscripts ({named}) does not match the number of dimensions ({}) of an operand",
            tensor.rank()
        );
    };
    let mut all = Vec::new();
    for letter in letters {
        match letter {
            Some(it) => all.push(*it as Label),
            None => all.extend((0..rest).rev().map(|it| REST + it as Label)),
        }
    }
    let mut tensor = tensor.clone();
    let mut labels: Vec<Label> = Vec::new();
    for name in all {
        let dim = labels.len();
        let Some(first) = labels.iter().position(|it| *it == name) else {
            labels.push(name);
            continue;
        };
        if tensor.shape()[first] != tensor.shape()[dim] {
            fail!(Runtime, "einsum(): a repeated subscript names dimensions of different sizes");
        }
        let mut layout = tensor.layout.clone();
        layout.strides[first] += layout.strides[dim];
        layout.shape.remove(dim);
        layout.strides.remove(dim);
        tensor = tensor.view(layout);
    }
    Ok(Labelled { tensor, labels })
}

impl Labelled {
    fn size(&self, label: Label) -> Option<usize> {
        self.labels.iter().position(|it| *it == label).map(|it| self.tensor.shape()[it])
    }

    /// The tensor with its dimensions in that order; labels it lacks become sizes of one.
    fn arranged(&self, order: &[Label]) -> Tensor {
        let present: Vec<usize> =
            order.iter().filter_map(|it| self.labels.iter().position(|own| own == it)).collect();
        let mut out = self.tensor.view(self.tensor.layout.permute(&present));
        for (dim, label) in order.iter().enumerate() {
            if !self.labels.contains(label) {
                out = unsqueezed(&out, dim);
            }
        }
        out
    }

    /// Sums over the labels that nothing else needs.
    fn without(self, keep: impl Fn(Label) -> bool) -> Result<Self> {
        let drop: Vec<Value> = (0..self.labels.len())
            .filter(|it| !keep(self.labels[*it]))
            .map(|it| Value::Int(it as i64))
            .collect();
        if drop.is_empty() {
            return Ok(self);
        }
        let args = [Value::Tensor(self.tensor), Value::List(drop), Value::Bool(false)];
        let Value::Tensor(tensor) = crate::reduce::sum(&Call::new(&args))? else {
            fail!(Type, "a sum is a tensor");
        };
        Ok(Self { tensor, labels: self.labels.into_iter().filter(|it| keep(*it)).collect() })
    }
}

/// One product of two operands; labels for which `needed` does not hold are summed.
fn contract(a: Labelled, b: Labelled, needed: impl Fn(Label) -> bool) -> Result<Labelled> {
    let shared = |it: Label| a.labels.contains(&it) && b.labels.contains(&it);
    let (a_labels, b_labels) = (a.labels.clone(), b.labels.clone());
    let a_keep = |it: Label| needed(it) || b_labels.contains(&it);
    let b_keep = |it: Label| needed(it) || a_labels.contains(&it);
    let batch: Vec<Label> =
        a_labels.iter().copied().filter(|it| shared(*it) && needed(*it)).collect();
    let summed: Vec<Label> =
        a_labels.iter().copied().filter(|it| shared(*it) && !needed(*it)).collect();
    let (a, b) = (a.without(a_keep)?, b.without(b_keep)?);
    let own = |labels: &[Label], other: &[Label]| -> Vec<Label> {
        labels.iter().copied().filter(|it| !other.contains(it)).collect()
    };
    let (left, right) = (own(&a.labels, &b.labels), own(&b.labels, &a.labels));
    let size = |it: &Label| -> Result<usize> {
        match (a.size(*it), b.size(*it)) {
            (Some(x), Some(y)) if x == y || y == 1 => Ok(x),
            (Some(1), Some(y)) => Ok(y),
            (Some(x), None) | (None, Some(x)) => Ok(x),
            (x, y) => fail!(
                Runtime,
                "einsum(): operands do not broadcast: sizes {x:?} and {y:?} of one subscript"
            ),
        }
    };
    let sizes = |labels: &[Label]| labels.iter().map(size).collect::<Result<Vec<usize>>>();
    let (batch_sizes, summed_sizes) = (sizes(&batch)?, sizes(&summed)?);
    let (left_sizes, right_sizes) = (sizes(&left)?, sizes(&right)?);
    let product = |it: &[usize]| it.iter().product::<usize>();
    let flat = |tensor: Tensor, groups: [&[usize]; 3]| -> Result<Tensor> {
        let full = tensor.view(tensor.layout.expand(&groups.concat())?);
        reshaped(&full, &groups.map(product))
    };
    let x = flat(
        a.arranged(&[batch.as_slice(), &left, &summed].concat()),
        [&batch_sizes, &left_sizes, &summed_sizes],
    )?;
    let y = flat(
        b.arranged(&[batch.as_slice(), &summed, &right].concat()),
        [&batch_sizes, &summed_sizes, &right_sizes],
    )?;
    let out = matmul(&x, &y)?;
    let shape = [batch_sizes, left_sizes, right_sizes].concat();
    Ok(Labelled { tensor: reshaped(&out, &shape)?, labels: [batch, left, right].concat() })
}

fn einsum(call: &Call) -> Result<Value> {
    let (equation, operands) = (call.text(0)?, call.tensors(1)?);
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs, Some(letters(output)?)),
        None => (equation, None),
    };
    let inputs = inputs.split(',').map(letters).collect::<Result<Vec<_>>>()?;
    if inputs.len() != operands.len() || operands.is_empty() {
        fail!(Runtime, "einsum(): {} subscripts for {} operands", inputs.len(), operands.len());
    }
    let labelled = operands
        .iter()
        .zip(&inputs)
        .map(|(tensor, letters)| label(tensor, letters))
        .collect::<Result<Vec<_>>>()?;
    let mut rest: Vec<Label> =
        labelled.iter().flat_map(|it| it.labels.iter().copied()).filter(|it| *it >= REST).collect();
    rest.sort_unstable_by(|a, b| b.cmp(a));
    rest.dedup();
    let wanted: Vec<Label> = if let Some(output) = output {
        output
            .into_iter()
            .flat_map(|it| it.map_or_else(|| rest.clone(), |it| vec![it as Label]))
            .collect()
    } else {
        let mut once: Vec<char> = inputs.iter().flatten().flatten().copied().collect();
        let every = once.clone();
        once.retain(|it| every.iter().filter(|other| *other == it).count() == 1);
        once.sort_unstable();
        rest.iter().copied().chain(once.into_iter().map(|it| it as Label)).collect()
    };
    let known = |it: &Label| labelled.iter().any(|operand| operand.labels.contains(it));
    if !wanted.iter().all(known) {
        fail!(
            Runtime,
            "einsum(): output subscript does not appear in the equation for any input operand"
        );
    }
    let later: Vec<Vec<Label>> = labelled.iter().map(|it| it.labels.clone()).collect();
    let mut operands = labelled.into_iter();
    let Some(first) = operands.next() else {
        fail!(Runtime, "einsum(): no operands");
    };
    let mut out = first;
    for (idx, next) in operands.enumerate() {
        let needed = |it: Label| {
            wanted.contains(&it) || later[idx + 2..].iter().any(|labels| labels.contains(&it))
        };
        out = contract(out, next, needed)?;
    }
    let out = out.without(|it| wanted.contains(&it))?;
    answer(out.arranged(&wanted))
}

pub(crate) const KERNELS: &[&[Kernel]] =
    &[&[Kernel::new("einsum", einsum, "einsum(equation, tensors)")]];
