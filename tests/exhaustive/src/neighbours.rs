//! A function at 32 neighbouring f32 from its values at five of them, where it is smooth
//! enough for the others to follow: libm would take most of a proof's time.

/// How many inputs, of consecutive bits.
pub const COUNT: usize = 32;
/// From one computed value to the next; the fifth belongs to the next 32 inputs.
const SPACING: usize = COUNT / 4;
/// How far the values may be from the function's, in ULP.
pub const CHECKED: u64 = 4;

/// `f`, which is monotonic, at the `COUNT` inputs from `first` on, whose bits are a multiple of
/// `COUNT`; none where it is not smooth.
///
/// The polynomial of degree 4 through the five values. Their errors grow 2.2-fold at most, the
/// sum of its weights.
pub fn values(f: fn(f64) -> f64, first: f32) -> Option<[f64; COUNT]> {
    let input = |i: usize| f32::from_bits(first.to_bits().wrapping_add((i * SPACING) as u32));
    let [a, b, middle, c, d] = std::array::from_fn(|i| f(f64::from(input(i))));
    if a.to_bits() == d.to_bits() {
        return Some([a; COUNT]);
    }
    // Differences between values as near as these are exact.
    let [a, b, c, d] = [a, b, c, d].map(|value| value - middle);
    let odd = [(a - d + 8.0 * (c - b)) / 12.0, (d - a + 2.0 * (b - c)) / 12.0];
    let even = [(16.0 * (b + c) - a - d) / 24.0, (a + d - 4.0 * (b + c)) / 24.0];
    // The last term moves no value by more than 16 ULP: the first that is missing moves none by
    // anything. NaN is not smooth.
    let smooth = a.abs().max(d.abs()) < middle.abs() / 4.0
        && even[1].abs() < middle.abs() * f64::EPSILON / 2.0;
    smooth.then(|| {
        std::array::from_fn(|i| {
            let s = i as f64 / SPACING as f64 - 2.0;
            middle + s * (odd[0] + s * (even[0] + s * (odd[1] + s * even[1])))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::FUNCTIONS;

    /// Every 1021st block of inputs.
    fn blocks() -> impl Iterator<Item = u32> {
        (0..=u32::MAX).step_by(1021 * COUNT)
    }

    fn inputs(first: u32) -> impl Iterator<Item = f64> {
        (first..).take(COUNT).map(|bits| f64::from(f32::from_bits(bits)))
    }

    #[test]
    fn values_are_those_of_the_function() {
        for target in FUNCTIONS {
            let f = target.formulas.near;
            let mut smooth = 0;
            for first in blocks() {
                let Some(values) = values(f, f32::from_bits(first)) else { continue };
                smooth += COUNT;
                for (value, x) in values.into_iter().zip(inputs(first)) {
                    let right = f(x);
                    let ulps = value.to_bits().abs_diff(right.to_bits());
                    let both_nan = value.is_nan() && right.is_nan();
                    assert!(ulps <= CHECKED || both_nan, "{} of {x:e}: {ulps} ULP", target.name);
                }
            }
            // ln is NaN for one half of them, sigmoid constant for most: nothing is left to libm.
            let share = smooth as f64 / (blocks().count() * COUNT) as f64;
            assert!(share > 0.98, "{}: {share}", target.name);
        }
    }

    #[test]
    fn edges_are_not_smooth() {
        let step = |x: f64| if x < 1.000_001 { 1.0 } else { 1.000_001 }; // 8 ULP of f32
        assert_eq!(values(step, 0.5), Some([1.0; COUNT]));
        assert_eq!(values(step, 1.0), None);
        assert_eq!(values(f64::ln, 1.0), None);
        assert_eq!(values(f64::ln, 0.0), None);
        assert_eq!(values(f64::exp_m1, -0.0), None);
        assert_eq!(values(f64::sqrt, f32::INFINITY), None);
    }
}
