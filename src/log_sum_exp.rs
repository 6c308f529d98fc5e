//! ln Σ e^x of elements that arrive in pieces.

use crate::backend::Backend;

/// A running ln Σ e^x of elements, of chunks, or of the results of several threads.
///
/// It holds the logarithm L as the sum of two `f32`. Another logarithm M is merged by
///
/// ```text
/// L ← max(L, M) + ln(1 + e^-|L − M|)
/// ```
///
/// For an element x, M = x; for a slice, M is its ln Σ e^x. Elements, slices and merges may
/// be mixed in any order and grouping.
///
/// **Special values.** As in [`log_sum_exp`](crate::log_sum_exp). No elements give −∞, and merging
/// this −∞ changes no bit. One element gives the element. A NaN gives NaN; a +∞ without a NaN
/// gives +∞.
///
/// **Accuracy.** [`contract::LOG_SUM_EXP`](crate::contract::LOG_SUM_EXP), and near 0
/// [`LOG_SUM_EXP_RISE`](crate::contract::LOG_SUM_EXP_RISE), for every grouping. A merge adds
/// ln(1 + e^-|L − M|) with an error of less than 2⁻²⁵ of this number, in either direction, so errors
/// of many merges largely cancel.
///
/// **Same bits.** Adding the chunks of a slice in order gives the bits of
/// [`log_sum_exp`](crate::log_sum_exp) of the slice, if the length of every chunk but the last
/// is a multiple of [`BLOCK`](Self::BLOCK). Other chunks may change the last bit. The same
/// chunks always give the same bits on the same backend.
///
/// ```
/// use logits::LogSumExp;
///
/// let x: Vec<f32> = (0..100_000).map(|i| (i % 1000) as f32 / 100.0).collect();
/// let mut sum = LogSumExp::new();
/// for chunk in x.chunks(LogSumExp::BLOCK) {
///     sum.extend_from_slice(chunk);
/// }
/// assert_eq!(sum.value(), logits::log_sum_exp(&x));
///
/// // Halves on two threads.
/// let (a, b) = x.split_at(50_000);
/// let halves = std::thread::scope(|scope| {
///     [a, b].map(|half| scope.spawn(|| half.iter().collect::<LogSumExp>()))
///         .map(|half| half.join().unwrap())
/// });
/// let [a, b] = halves;
/// assert!((a.merge(b).value() - sum.value()).abs() < 1e-5);
/// ```
///
/// Online softmax (Milakov and Gimelshein, 2018) is the weighted mean Σ wₖ·vₖ with
/// w = softmax(scores), in one pass over scores and values:
///
/// ```
/// use logits::LogSumExp;
///
/// let (scores, values) = ([1.0_f32, 3.0, -2.0, 200.0, 199.0], [4.0_f32, 1.0, 0.0, 2.0, 3.0]);
/// let (mut sum, mut mean) = (LogSumExp::new(), 0.0);
/// for (score, value) in scores.into_iter().zip(values) {
///     sum.push(score);
///     // The weight of the new value among all values so far.
///     mean += (score - sum.value()).exp() * (value - mean);
/// }
/// assert!((mean - (2.0 + 3.0 / 1f32.exp()) / (1.0 + 1.0 / 1f32.exp())).abs() < 1e-6);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogSumExp {
    pub(crate) high: f32,
    pub(crate) low: f32,
}

impl LogSumExp {
    /// The number of elements of a slice that are summed before a merge.
    ///
    /// At this length a merge takes little of the time, and elements that must be read twice are
    /// still in the cache.
    pub const BLOCK: usize = 1 << 16;

    /// The sum of no elements: −∞.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self::of(f32::NEG_INFINITY)
    }

    /// Of one element.
    #[inline(always)]
    pub(crate) const fn of(x: f32) -> Self {
        // Adding −0 changes nothing, not even −0.
        Self { high: x, low: -0.0 }
    }

    /// Adds an element.
    ///
    /// For many elements, [`extend_from_slice`](Self::extend_from_slice) is much faster.
    #[inline]
    pub fn push(&mut self, x: f32) {
        *self = self.merge(Self::of(x));
    }

    /// Adds the elements of a slice.
    #[inline]
    pub fn extend_from_slice(&mut self, x: &[f32]) {
        *self = Backend::best().extend(*self, x);
    }

    /// The log-sum-exp of the elements of `self` and `other`. Exchanging the two changes no bit.
    #[inline]
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Backend::best().merge(self, other)
    }

    /// ln Σ e^x, rounded.
    #[inline]
    #[must_use]
    pub fn value(self) -> f32 {
        self.high + self.low
    }
}

impl Default for LogSumExp {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

/// The number of elements of an iterator that are added in one call.
const GATHERED: usize = 256;

impl Extend<f32> for LogSumExp {
    /// As [`extend_from_slice`](Self::extend_from_slice) of 256 elements at a time.
    fn extend<I: IntoIterator<Item = f32>>(&mut self, x: I) {
        let mut gathered = [f32::NEG_INFINITY; GATHERED];
        let mut x = x.into_iter();
        loop {
            let mut count = 0;
            for (gathered, x) in gathered.iter_mut().zip(&mut x) {
                *gathered = x;
                count += 1;
            }
            self.extend_from_slice(gathered.get(..count).unwrap_or(&[]));
            if count < GATHERED {
                return;
            }
        }
    }
}

impl<'a> Extend<&'a f32> for LogSumExp {
    /// As [`extend_from_slice`](Self::extend_from_slice) of 256 elements at a time.
    fn extend<I: IntoIterator<Item = &'a f32>>(&mut self, x: I) {
        self.extend(x.into_iter().copied());
    }
}

impl FromIterator<f32> for LogSumExp {
    fn from_iter<I: IntoIterator<Item = f32>>(x: I) -> Self {
        let mut sum = Self::new();
        sum.extend(x);
        sum
    }
}

impl<'a> FromIterator<&'a f32> for LogSumExp {
    fn from_iter<I: IntoIterator<Item = &'a f32>>(x: I) -> Self {
        x.into_iter().copied().collect()
    }
}
