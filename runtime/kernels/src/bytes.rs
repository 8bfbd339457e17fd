//! Tensors from bytes and back: what weights, taps and logits travel as.

use half::{bf16, f16};

use crate::{
    dtype::{DType, Physical},
    element::{Element, with_element},
    error::{Result, fail},
    layout::numel,
    storage,
    tensor::Tensor,
};

impl Tensor {
    /// A tensor from little-endian bytes in row-major order. In exact mode floats are widened.
    ///
    /// # Errors
    ///
    /// The bytes do not fill the shape, or the memory limit is passed.
    pub fn from_bytes(bytes: &[u8], shape: &[usize], dtype: DType) -> Result<Self> {
        let count = numel(shape)? * if dtype.is_complex() { 2 } else { 1 };
        let native = dtype.physical(crate::Precision::Native);
        if Some(bytes.len()) != count.checked_mul(native.size()) {
            fail!(Value, "{} bytes do not fill shape {shape:?} of {dtype}", bytes.len());
        }
        let tensor = with_element!(native, T => {
            let mut values = storage::zeros::<T>(count)?;
            bytemuck::cast_slice_mut::<T, u8>(&mut values).copy_from_slice(bytes);
            if dtype == DType::Bool {
                for value in &mut values {
                    *value = T::from_i64(i64::from(*value != T::default()));
                }
            }
            Self::new(values, shape, dtype)?
        });
        tensor.stored_as(Self::target(dtype))
    }

    /// The elements in row-major order as little-endian bytes of the nominal dtype.
    ///
    /// # Errors
    ///
    /// The memory limit is passed by a conversion.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let native = self.dtype().physical(crate::Precision::Native);
        with_element!(native, T => Ok(bytemuck::cast_slice::<T, u8>(&self.read::<T>()?).to_vec()))
    }

    /// The elements in row-major order in 64 bits; complex elements are pairs.
    ///
    /// # Errors
    ///
    /// The memory limit is passed by the conversion.
    pub fn to_f64_vec(&self) -> Result<Vec<f64>> {
        self.read::<f64>()?.into_vec()
    }

    /// A tensor of floating values, rounded to `dtype`.
    ///
    /// # Errors
    ///
    /// The values do not fill the shape, or `dtype` is not a floating one.
    pub fn from_f64(values: &[f64], shape: &[usize], dtype: DType) -> Result<Self> {
        match (dtype.is_float(), Self::target(dtype)) {
            (false, _) => fail!(Type, "{dtype} is not a floating dtype"),
            (_, Physical::F64) => Self::new(values.to_vec(), shape, dtype),
            (_, Physical::F32) => {
                Self::new(values.iter().map(|it| *it as f32).collect::<Vec<f32>>(), shape, dtype)
            }
            (_, Physical::F16) => {
                let values = values.iter().map(|it| f16::from_f64(*it)).collect::<Vec<f16>>();
                Self::new(values, shape, dtype)
            }
            _ => {
                let values = values.iter().map(|it| bf16::from_f64(*it)).collect::<Vec<bf16>>();
                Self::new(values, shape, dtype)
            }
        }
    }

    /// A tensor of whole numbers.
    ///
    /// # Errors
    ///
    /// The values do not fill the shape.
    pub fn from_i64(values: &[i64], shape: &[usize]) -> Result<Self> {
        Self::new(values.to_vec(), shape, DType::I64)
    }

    /// Bytes that the elements take at the nominal dtype.
    pub fn nbytes(&self) -> usize {
        self.numel() * self.dtype().size()
    }
}
