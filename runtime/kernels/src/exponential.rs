//! `exp` in single precision without branches, so that loops over it become vector instructions.

/// Adding this to a small number leaves its rounded value in the lowest bits.
const ROUNDER: f32 = 12_582_912.0;

/// Within two units in the last place; NaN stays, overflow is infinite, underflow is zero.
///
/// The argument is cut into a multiple of `ln 2` (in two parts, after Cody and Waite) and a rest of
/// at most half of it, whose exponential is a polynomial (Cephes, `expf`).
#[inline]
pub(crate) fn exp(x: f32) -> f32 {
    let cut = if x > 89.0 { 89.0 } else { x };
    let cut = if cut < -104.0 { -104.0 } else { cut };
    let rounded = cut * std::f32::consts::LOG2_E + ROUNDER;
    let whole = rounded - ROUNDER;
    let power = (rounded.to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32);
    let rest = cut - whole * 0.693_359_4 + whole * 2.121_944_4e-4;
    let mut sum = 1.987_569_1e-4_f32;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        sum = sum * rest + coefficient;
    }
    let value = sum * rest * rest + rest + 1.0;
    // Two factors reach the numbers below the normal range and those near the largest.
    let half = power >> 1;
    let scale = |it: i32| f32::from_bits((it.wrapping_add(127) as u32) << 23);
    value * scale(half) * scale(power.wrapping_sub(half))
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn agrees_with_the_wide_function_everywhere() {
        let mut x = -110.0_f32;
        while x < 95.0 {
            let (found, wanted) = (f64::from(exp(x)), f64::from(x).exp());
            let wanted = f64::from(wanted as f32);
            let near = (found - wanted).abs() <= wanted * 2.5e-7 + 3e-45;
            assert!(near || found == wanted, "exp({x}) = {found}, not {wanted}");
            x += 0.000_7 + x.abs() * 1e-6;
        }
    }

    #[test]
    fn keeps_the_special_values() {
        assert!(exp(f32::NAN).is_nan());
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(0.0), 1.0);
    }
}
