//! The arguments of one call, read by position and kind.

use crate::{
    dtype::DType,
    elementwise::Operand,
    error::{KernelError, Result, fail},
    tensor::Tensor,
    value::Value,
};

/// The arguments of one call. Those left out at the end count as `None`.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    args: &'a [Value],
}

impl<'a> Call<'a> {
    pub fn new(args: &'a [Value]) -> Self {
        Self { args }
    }

    pub(crate) fn args(&self) -> &'a [Value] {
        self.args
    }

    pub(crate) fn get(&self, idx: usize) -> &'a Value {
        self.args.get(idx).unwrap_or(&Value::None)
    }

    pub(crate) fn is_none(&self, idx: usize) -> bool {
        matches!(self.get(idx), Value::None)
    }

    fn wrong(&self, idx: usize, wanted: &str) -> KernelError {
        KernelError::Type(format!(
            "argument {} must be {wanted}, not {}",
            idx + 1,
            self.get(idx).kind()
        ))
    }

    pub(crate) fn tensor(&self, idx: usize) -> Result<&'a Tensor> {
        match self.get(idx) {
            Value::Tensor(it) => Ok(it),
            _ => Err(self.wrong(idx, "Tensor")),
        }
    }

    pub(crate) fn optional_tensor(&self, idx: usize) -> Result<Option<&'a Tensor>> {
        if self.is_none(idx) { Ok(None) } else { self.tensor(idx).map(Some) }
    }

    pub(crate) fn tensors(&self, idx: usize) -> Result<Vec<Tensor>> {
        let Value::List(items) = self.get(idx) else {
            return Err(self.wrong(idx, "a list of Tensors"));
        };
        let tensor = |it: &Value| match it {
            Value::Tensor(it) => Ok(it.clone()),
            _ => Err(self.wrong(idx, "a list of Tensors")),
        };
        items.iter().map(tensor).collect()
    }

    /// A whole number: an `int`, or a tensor that holds one.
    pub(crate) fn int(&self, idx: usize) -> Result<i64> {
        whole(self.get(idx)).unwrap_or_else(|| Err(self.wrong(idx, "int")))
    }

    pub(crate) fn optional_int(&self, idx: usize) -> Result<Option<i64>> {
        if self.is_none(idx) { Ok(None) } else { self.int(idx).map(Some) }
    }

    pub(crate) fn int_or(&self, idx: usize, default: i64) -> Result<i64> {
        Ok(self.optional_int(idx)?.unwrap_or(default))
    }

    pub(crate) fn float(&self, idx: usize) -> Result<f64> {
        match self.get(idx) {
            Value::Float(it) => Ok(*it),
            Value::Int(it) => Ok(*it as f64),
            Value::Bool(it) => Ok(f64::from(u8::from(*it))),
            Value::Tensor(it) => it.only::<f64>(),
            _ => Err(self.wrong(idx, "float")),
        }
    }

    pub(crate) fn float_or(&self, idx: usize, default: f64) -> Result<f64> {
        if self.is_none(idx) { Ok(default) } else { self.float(idx) }
    }

    pub(crate) fn bool_or(&self, idx: usize, default: bool) -> Result<bool> {
        match self.get(idx) {
            Value::None => Ok(default),
            Value::Bool(it) => Ok(*it),
            Value::Int(it) => Ok(*it != 0),
            Value::Tensor(it) => Ok(it.only::<f64>()? != 0.0),
            _ => Err(self.wrong(idx, "bool")),
        }
    }

    /// A list of whole numbers; one number counts as a list of one.
    pub(crate) fn ints(&self, idx: usize) -> Result<Vec<i64>> {
        match self.get(idx) {
            Value::List(items) => items
                .iter()
                .map(|it| whole(it).unwrap_or_else(|| Err(self.wrong(idx, "a list of ints"))))
                .collect(),
            Value::Tensor(it) if it.rank() == 1 => Ok(it.read::<i64>()?.to_vec()),
            _ => Ok(vec![self.int(idx).map_err(|_| self.wrong(idx, "a list of ints"))?]),
        }
    }

    pub(crate) fn optional_ints(&self, idx: usize) -> Result<Option<Vec<i64>>> {
        if self.is_none(idx) { Ok(None) } else { self.ints(idx).map(Some) }
    }

    /// A list of sizes, none of them negative.
    pub(crate) fn sizes(&self, idx: usize) -> Result<Vec<usize>> {
        let size = |it: i64| {
            usize::try_from(it).map_err(|_| {
                KernelError::Runtime(format!(
                    "Trying to create tensor with negative dimension {it}"
                ))
            })
        };
        let sizes = self.ints(idx)?.into_iter().map(size).collect::<Result<Vec<_>>>()?;
        crate::layout::numel(&sizes)?;
        Ok(sizes)
    }

    pub(crate) fn optional_dtype(&self, idx: usize) -> Result<Option<DType>> {
        match self.get(idx) {
            Value::None => Ok(None),
            Value::DType(it) => Ok(Some(*it)),
            _ => Err(self.wrong(idx, "dtype")),
        }
    }

    pub(crate) fn text(&self, idx: usize) -> Result<&'a str> {
        match self.get(idx) {
            Value::Str(it) => Ok(it),
            _ => Err(self.wrong(idx, "str")),
        }
    }

    pub(crate) fn text_or(&self, idx: usize, default: &'a str) -> Result<&'a str> {
        if self.is_none(idx) { Ok(default) } else { self.text(idx) }
    }

    pub(crate) fn list(&self, idx: usize) -> Result<&'a [Value]> {
        match self.get(idx) {
            Value::List(it) => Ok(it),
            _ => Err(self.wrong(idx, "list")),
        }
    }

    /// A tensor or a Python number.
    pub(crate) fn operand(&self, idx: usize) -> Result<Operand> {
        Operand::of(self.get(idx)).ok_or_else(|| self.wrong(idx, "Tensor or a number"))
    }

    pub(crate) fn optional_operand(&self, idx: usize) -> Result<Option<Operand>> {
        if self.is_none(idx) { Ok(None) } else { self.operand(idx).map(Some) }
    }
}

fn whole(value: &Value) -> Option<Result<i64>> {
    match value {
        Value::Int(it) => Some(Ok(*it)),
        Value::Bool(it) => Some(Ok(i64::from(*it))),
        Value::Tensor(it) if it.dtype().is_integral() => Some(it.only::<i64>()),
        _ => None,
    }
}

/// One tensor as a kernel's answer.
#[expect(clippy::unnecessary_wraps, reason = "the last line of a kernel, which may fail before")]
pub(crate) fn answer(tensor: Tensor) -> Result<Value> {
    Ok(Value::Tensor(tensor))
}

/// The index of a tensor argument's dimension in argument `idx`, with a default.
pub(crate) fn dim_of(call: &Call, idx: usize, tensor: &Tensor, default: i64) -> Result<usize> {
    crate::layout::dim(call.int_or(idx, default)?, tensor.rank())
}

/// Dimensions, each once; none means all of them.
pub(crate) fn dims_of(call: &Call, idx: usize, tensor: &Tensor) -> Result<Vec<usize>> {
    let rank = tensor.rank();
    let given = call.optional_ints(idx)?.unwrap_or_default();
    if given.is_empty() {
        return Ok((0..rank).collect());
    }
    let mut dims = Vec::with_capacity(given.len());
    for dim in given {
        let dim = crate::layout::dim(dim, rank)?;
        if dims.contains(&dim) {
            fail!(Runtime, "dim {dim} appears multiple times in the list of dims");
        }
        if rank > 0 {
            dims.push(dim);
        }
    }
    Ok(dims)
}
