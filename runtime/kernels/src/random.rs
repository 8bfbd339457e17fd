//! Seeded random numbers. The sequence is ours: PyTorch's own is not reproduced.

use std::cell::RefCell;

use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::{
    call::{Call, answer},
    cast::cast,
    context,
    dtype::DType,
    elementwise::integers,
    error::{Result, fail},
    layout::numel,
    storage,
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

thread_local! {
    static GENERATOR: RefCell<SmallRng> = RefCell::new(SmallRng::seed_from_u64(0));
}

/// Draws with the thread's generator, or with a fresh one where a seed is given.
fn draw<T>(seed: Option<i64>, f: impl FnOnce(&mut SmallRng) -> T) -> T {
    match seed {
        Some(seed) => f(&mut SmallRng::seed_from_u64(seed as u64)),
        None => GENERATOR.with(|it| f(&mut it.borrow_mut())),
    }
}

fn manual_seed(call: &Call) -> Result<Value> {
    let seed = call.int(0)?;
    GENERATOR.with(|it| *it.borrow_mut() = SmallRng::seed_from_u64(seed as u64));
    Ok(Value::None)
}

/// Two uniform numbers make a normal one (Box and Muller).
fn normal(rng: &mut SmallRng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn drawn(
    shape: &[usize],
    dtype: DType,
    seed: Option<i64>,
    f: impl Fn(&mut SmallRng) -> f64,
) -> Result<Tensor> {
    let mut values = storage::zeros::<f64>(numel(shape)?)?;
    draw(seed, |rng| values.iter_mut().for_each(|it| *it = f(rng)));
    cast(&Tensor::new(values, shape, DType::F64)?, dtype)
}

fn shaped(call: &Call, f: impl Fn(&mut SmallRng) -> f64) -> Result<Value> {
    let dtype = call.optional_dtype(1)?.unwrap_or(context::settings().default_dtype);
    answer(drawn(&call.sizes(0)?, dtype, call.optional_int(2)?, f)?)
}

fn rand(call: &Call) -> Result<Value> {
    shaped(call, rand::Rng::random::<f64>)
}

fn randn(call: &Call) -> Result<Value> {
    shaped(call, normal)
}

/// `randint(low, high, shape, dtype)`.
fn randint(call: &Call) -> Result<Value> {
    let (low, high, shape) = (call.int(0)?, call.int(1)?, call.sizes(2)?);
    if low >= high {
        fail!(
            Runtime,
            "random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        );
    }
    let dtype = call.optional_dtype(3)?.unwrap_or(DType::I64);
    let mut values = storage::zeros::<i64>(numel(&shape)?)?;
    draw(call.optional_int(4)?, |rng| {
        for it in &mut values {
            *it = rng.random_range(low..high);
        }
    });
    let out = Tensor::new(values, &shape, DType::I64)?;
    answer(cast(&out, dtype)?)
}

fn randperm(call: &Call) -> Result<Value> {
    let Some(&count) = call.sizes(0)?.first() else {
        fail!(Type, "randperm takes a count");
    };
    context::admit(count, 8)?;
    let mut values: Vec<i64> = (0..count as i64).collect();
    draw(call.optional_int(2)?, |rng| {
        for idx in (1..count).rev() {
            values.swap(idx, rng.random_range(0..=idx));
        }
    });
    answer(integers(values, &[count], call.optional_dtype(1)?.unwrap_or(DType::I64))?)
}

/// Fills `x` with drawn numbers.
fn fill(
    call: &Call,
    f: impl Fn(&mut SmallRng, f64, f64) -> f64,
    defaults: [f64; 2],
) -> Result<Value> {
    let x = call.tensor(0)?;
    let (a, b) = (call.float_or(1, defaults[0])?, call.float_or(2, defaults[1])?);
    x.copy_from(&drawn(x.shape(), DType::F64, None, |rng| f(rng, a, b))?)?;
    answer(x.clone())
}

fn uniform_(call: &Call) -> Result<Value> {
    fill(call, |rng, low, high| low + (high - low) * rng.random::<f64>(), [0.0, 1.0])
}

fn normal_(call: &Call) -> Result<Value> {
    fill(call, |rng, mean, std| mean + std * normal(rng), [0.0, 1.0])
}

fn exponential_(call: &Call) -> Result<Value> {
    fill(call, |rng, rate, _| -(1.0 - rng.random::<f64>()).ln() / rate, [1.0, 0.0])
}

fn bernoulli(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let chances = x.read::<f64>()?;
    let mut values = storage::zeros::<f64>(chances.len())?;
    draw(None, |rng| {
        for (to, chance) in values.iter_mut().zip(chances.iter()) {
            *to = f64::from(u8::from(rng.random::<f64>() < *chance));
        }
    });
    answer(cast(&Tensor::new(values, x.shape(), DType::F64)?, x.dtype())?)
}

/// `multinomial(weights, count, replacement)`.
fn multinomial(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let (len, rows) = match x.shape() {
        [len] => (*len, 1),
        [rows, len] => (*len, *rows),
        _ => fail!(Runtime, "prob_dist must be 1 or 2 dim"),
    };
    let count = usize::try_from(call.int(1)?).unwrap_or(0);
    let replace = call.bool_or(2, false)?;
    if count == 0 || len == 0 || (!replace && count > len) {
        fail!(Runtime, "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
    }
    let chances = x.read::<f64>()?;
    if chances.iter().any(|it| !it.is_finite() || *it < 0.0) {
        fail!(Runtime, "probability tensor contains either `inf`, `nan` or element < 0");
    }
    let mut out = storage::zeros::<i64>(numel(&[rows, count])?)?;
    for (row, places) in out.chunks_exact_mut(count).enumerate() {
        let mut weights = chances[row * len..(row + 1) * len].to_vec();
        for place in places {
            let total: f64 = weights.iter().sum();
            if total <= 0.0 {
                fail!(Runtime, "invalid multinomial distribution (sum of probabilities <= 0)");
            }
            let mut left = draw(None, rand::Rng::random::<f64>) * total;
            let last = weights.iter().rposition(|it| *it > 0.0).unwrap_or(0);
            let at = weights
                .iter()
                .position(|it| {
                    left -= it;
                    left < 0.0
                })
                .unwrap_or(last);
            *place = at as i64;
            if !replace {
                weights[at] = 0.0;
            }
        }
    }
    let shape = if x.rank() == 1 { vec![count] } else { vec![rows, count] };
    answer(Tensor::new(out, &shape, DType::I64)?)
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new("manual_seed", manual_seed, "manual_seed(seed)"),
    Kernel::new("rand", rand, "rand(shape, dtype=default, seed=None)"),
    Kernel::new("randn", randn, "randn(shape, dtype=default, seed=None)"),
    Kernel::new("randint", randint, "randint(low, high, shape, dtype=int64, seed=None)"),
    Kernel::new("randperm", randperm, "randperm(n, dtype=int64, seed=None)"),
    Kernel::new("uniform_", uniform_, "uniform_(x, low=0, high=1): writes to x"),
    Kernel::new("normal_", normal_, "normal_(x, mean=0, std=1): writes to x"),
    Kernel::new("exponential_", exponential_, "exponential_(x, rate=1): writes to x"),
    Kernel::new("bernoulli", bernoulli, "bernoulli(chances)"),
    Kernel::new("multinomial", multinomial, "multinomial(weights, count, replacement=False)"),
]];
