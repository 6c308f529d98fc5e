//! Loops over elements that several kernels share: map, sum, and both of pairs.
//!
//! All load whole vectors and treat the tail as one padded vector, so every
//! element goes through the same formula, and sums run over [`BLOCK`] logical
//! lanes in an order that depends on the length alone.

use crate::kernel::row::Row;
use crate::math::words::{fast_two_sum, two_sum};
use crate::simd::{BLOCK, Lanes, Simd, Vectors, unroll};
use core::ops::Range;

/// A function of one element, for every lane alike.
pub trait Function: Copy {
    /// Whether it is short enough for several vectors side by side to stay in registers.
    const IS_SHORT: bool = true;
    /// The function's value.
    fn apply<V: Lanes>(self, x: V) -> V;
}

/// `out[i] = f(x[i])` over the shorter of the two.
#[inline(always)]
pub(crate) fn map<S: Simd>(simd: S, f: impl Function, x: &[f32], out: &mut [f32]) {
    let length = x.len().min(out.len());
    let (Some(x), Some(out)) = (x.get(..length), out.get_mut(..length)) else { return };
    let mut wide = x.chunks_exact(S::MapWide::COUNT);
    let mut wide_out = out.chunks_exact_mut(S::MapWide::COUNT);
    for (x, out) in (&mut wide).zip(&mut wide_out) {
        f.apply(S::MapWide::load(simd, x)).store(simd, out);
    }
    let (x, out) = (wide.remainder(), wide_out.into_remainder());
    for at in (0..x.len()).step_by(S::F32::COUNT) {
        let y = f.apply(simd.load(x.get(at..).unwrap_or(&[]), 0.0));
        simd.store(y, out.get_mut(at..).unwrap_or(&mut []));
    }
}

/// `x[i] = f(x[i])`.
#[inline(always)]
pub(crate) fn map_in_place<S: Simd>(simd: S, f: impl Function, x: &mut [f32]) {
    let mut wide = x.chunks_exact_mut(S::MapWide::COUNT);
    for x in &mut wide {
        f.apply(S::MapWide::load(simd, x)).store(simd, x);
    }
    for x in wide.into_remainder().chunks_mut(S::F32::COUNT) {
        simd.store(f.apply(simd.load(x, 0.0)), x);
    }
}

/// The same value everywhere.
#[derive(Clone, Copy)]
struct Constant(f32);

impl Function for Constant {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        x.splat(self.0)
    }
}

/// Writes a value everywhere.
#[inline(always)]
pub(crate) fn fill<S: Simd>(simd: S, value: f32, out: &mut [f32]) {
    // Of a known zero the compiler makes a call of memset.
    map_in_place(simd, Constant(core::hint::black_box(value)), out);
}

/// [`map_in_place`] from the end: what was just written there is in the nearest cache.
#[inline(always)]
pub(crate) fn map_back<S: Simd>(simd: S, f: impl Function, x: &mut [f32]) {
    let whole = x.len() - x.len() % S::MapWide::COUNT;
    let (x, rest) = x.split_at_mut(whole);
    for x in rest.chunks_mut(S::F32::COUNT) {
        simd.store(f.apply(simd.load(x, 0.0)), x);
    }
    let mut at = x.len();
    while let Some(x) = x.get_mut(at.wrapping_sub(S::MapWide::COUNT)..at) {
        f.apply(S::MapWide::load(simd, x)).store(simd, x);
        at -= S::MapWide::COUNT;
    }
}

/// [`map_row`] of whole vectors of a width. Returns how far it came.
#[inline(always)]
fn map_whole<S: Simd, V: Vectors<S>, R: Row>(simd: S, f: impl Function, row: &mut R) -> usize {
    let mut at = 0;
    while let Some(x) = row.input().get(at..).and_then(|x| x.get(..V::COUNT)) {
        let y = f.apply(V::load(simd, x));
        y.store(simd, row.output().get_mut(at..at + V::COUNT).unwrap_or(&mut []));
        at += V::COUNT;
    }
    at
}

/// `out[i] = f(x[i])` of a row that is written.
#[inline(always)]
pub(crate) fn map_row<S: Simd, F: Function, R: Row>(simd: S, f: F, row: &mut R) {
    let length = row.input().len();
    let at = if F::IS_SHORT {
        map_whole::<S, S::MapWide, R>(simd, f, row)
    } else {
        map_whole::<S, S::F32, R>(simd, f, row)
    };
    let mut at = at;
    while at < length {
        let y = f.apply(simd.load(row.input().get(at..).unwrap_or(&[]), 0.0));
        simd.store(y, row.output().get_mut(at..).unwrap_or(&mut []));
        at += S::F32::COUNT;
    }
}

/// A function of one element of each of two.
pub(crate) trait FunctionOfTwo: Copy {
    /// The function's value.
    fn apply<V: Lanes>(self, x: V, y: V) -> V;
}

/// `out[i] = f(x[i], y[i])` of a row that is written.
#[inline(always)]
pub(crate) fn map_row_with<S: Simd, R: Row>(
    simd: S,
    f: impl FunctionOfTwo,
    row: &mut R,
    y: &[f32],
) {
    for at in (0..row.input().len().min(y.len())).step_by(S::F32::COUNT) {
        let x = simd.load(row.input().get(at..).unwrap_or(&[]), 0.0);
        let value = f.apply(x, simd.load(y.get(at..).unwrap_or(&[]), 0.0));
        simd.store(value, row.output().get_mut(at..).unwrap_or(&mut []));
    }
}

/// Elements ahead of the loop that are asked for where memory is the limit: about
/// what is read while one line comes. Prefetchers in hardware stop at every page.
pub(crate) const AHEAD: usize = 2048;

/// Asks for what a loop at `at` will read of x, `count` elements a step.
#[inline(always)]
pub(crate) fn prefetch<S: Simd>(simd: S, x: &[f32], at: usize, count: usize) {
    if let Some(ahead) = x.get(at + AHEAD..at + AHEAD + count) {
        for line in ahead.chunks(BLOCK) {
            simd.prefetch(line);
        }
    }
}

/// `out[i] = f(x[i])` past the caches, for `out` at least as long as `x`.
#[inline(always)]
pub(crate) fn map_streaming<S: Simd>(simd: S, f: impl Function, x: &[f32], out: &mut [f32]) {
    // As far as the first element that is aligned; the results there are written again.
    let head = out.as_ptr().align_offset(4 * S::F32::COUNT).min(x.len());
    if head > 0 {
        let y = f.apply(simd.load(x, 0.0));
        simd.store(y, out);
    }
    let (x, out) = (x.get(head..).unwrap_or(&[]), out.get_mut(head..).unwrap_or(&mut []));
    let mut wide = x.chunks_exact(S::MapWide::COUNT);
    let mut wide_out = out.chunks_exact_mut(S::MapWide::COUNT);
    for (at, (x_wide, out)) in (&mut wide).zip(&mut wide_out).enumerate() {
        prefetch(simd, x, at * S::MapWide::COUNT, S::MapWide::COUNT);
        let y = f.apply(S::MapWide::load(simd, x_wide));
        unroll!(j in 0..S::MapWide::COUNT / S::F32::COUNT, {
            simd.stream(y.as_ref()[j], out.get_mut(j * S::F32::COUNT..).unwrap_or(&mut []));
        });
    }
    let (x, out) = (wide.remainder(), wide_out.into_remainder());
    for at in (0..x.len()).step_by(S::F32::COUNT) {
        let y = f.apply(simd.load(x.get(at..).unwrap_or(&[]), 0.0));
        simd.stream(y, out.get_mut(at..).unwrap_or(&mut []));
    }
}

/// What a sum adds up: a function of one element of each input.
pub(crate) trait Term<const N: usize>: Copy {
    /// What vectors are padded with: the x whose value is 0.
    const NOTHING: f32 = 0.0;
    /// The function's value in two words. The second means nothing beside an infinity or
    /// a NaN.
    fn term<V: Lanes>(self, x: [V; N]) -> (V, V);
}

/// x.
#[derive(Clone, Copy)]
pub(crate) struct Itself;

impl Function for Itself {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        x
    }
}

impl Term<1> for Itself {
    #[inline(always)]
    fn term<V: Lanes>(self, [x]: [V; 1]) -> (V, V) {
        (x, x.splat(0.0))
    }
}

/// `Σᵢ term(x₀[i], x₁[i], …)` as two words whose sum it is, for inputs of one length.
#[inline(always)]
pub(crate) fn sum<S: Simd, T: Term<N>, const N: usize>(
    simd: S,
    f: T,
    inputs: [&[f32]; N],
) -> (f32, f32) {
    let mut total = Total::zero(simd);
    let length = inputs.first().map_or(0, |x| x.len());
    for start in (0..length).step_by(RUN) {
        let inputs = inputs.map(|x| part(x, start, RUN));
        let length = inputs.first().map_or(0, |x| x.len());
        let mut at = 0;
        while Run::<S>::WIDE <= length - at {
            let mut x = [S::Wide::load(simd, &[]); N];
            unroll!(i in 0..N, x[i] = S::Wide::load(simd, part(inputs[i], at, Run::<S>::WIDE)));
            let (high, low) = f.term(x);
            let (high, low) = (high.as_ref(), low.as_ref());
            unroll!(j in 0..S::Wide::COUNT / S::F32::COUNT, {
                total.add_term(j % (BLOCK / S::F32::COUNT), high[j], low[j]);
            });
            at += Run::<S>::WIDE;
        }
        for block in (at..length).step_by(BLOCK) {
            unroll!(j in 0..BLOCK / S::F32::COUNT, {
                let at = block + j * S::F32::COUNT;
                let mut x = [simd.splat(0.0); N];
                unroll!(i in 0..N, {
                    x[i] = simd.load(inputs[i].get(at..).unwrap_or(&[]), T::NOTHING);
                });
                let (high, low) = f.term(x);
                total.add_term(j, high, low);
            });
        }
        total.carry();
    }
    total.value(simd)
}

/// What K sums add up: functions of one element of each input.
pub(crate) trait Terms<const N: usize, const K: usize>: Copy {
    /// What vectors are padded with: elements whose terms are 0.
    const NOTHING: [f32; N];
    /// The terms, each in two words.
    fn terms<V: Lanes>(self, x: [V; N]) -> [(V, V); K];
}

/// Several sums over inputs of one length, without one of its places. One vector at a time:
/// the terms may need all registers.
#[inline(always)]
pub(crate) fn sums<S: Simd, T: Terms<N, K>, const N: usize, const K: usize>(
    simd: S,
    f: T,
    inputs: [&[f32]; N],
    without: usize,
) -> [(f32, f32); K] {
    let mut totals = [Total::zero(simd); K];
    let length = inputs.first().map_or(0, |x| x.len());
    for (start, end) in [(0, without.min(length)), (without.saturating_add(1), length)] {
        for start in (start..end).step_by(RUN) {
            let length = (end - start).min(RUN);
            let run = inputs.map(|x| part(x, start, length));
            for block in (0..length).step_by(BLOCK) {
                unroll!(j in 0..BLOCK / S::F32::COUNT, {
                    let at = block + j * S::F32::COUNT;
                    let mut x = [simd.splat(0.0); N];
                    unroll!(i in 0..N, {
                        x[i] = simd.load(run[i].get(at..).unwrap_or(&[]), T::NOTHING[i]);
                    });
                    let terms = f.terms(x);
                    unroll!(i in 0..K, totals[i].add_term(j, terms[i].0, terms[i].1));
                });
            }
            unroll!(i in 0..K, totals[i].carry());
        }
    }
    let mut sums = [(0.0, 0.0); K];
    unroll!(i in 0..K, sums[i] = totals[i].value(simd));
    sums
}

/// A function of pairs: a term of a sum, and a value that may be kept.
pub(crate) trait PairFunction: Copy {
    /// With 0 beside it, the x whose term is 0.
    const NOTHING: f32;
    /// The term and the value. One that is not used is not computed.
    fn apply<V: Lanes>(self, x: V, t: V) -> (V, V);
    /// The same, to the bit, for several vectors of pairs side by side, if none of them
    /// needs more than the shortest way; terms are not negative.
    #[inline(always)]
    fn apply_short<V: Lanes>(self, x: V, t: V) -> Option<(V, V)> {
        let _ = (x, t);
        None
    }
}

/// Where the x of pairs are, and where what is kept goes.
pub trait Place {
    /// The x.
    fn x(&self) -> &[f32];
    /// Keeps what belongs to the x of a range.
    fn store<S: Simd, V: Vectors<S>>(&mut self, simd: S, at: Range<usize>, term: V, value: V);
}

/// Pairs after which what has gathered beside a sum is carried into it: a multiple of what
/// every backend takes at once.
const CARRY: usize = 64 * RUN;

/// The sum of the terms in two words; values are kept on the way.
#[inline(always)]
pub(crate) fn pair_sum<S: Simd, F: PairFunction>(
    simd: S,
    f: F,
    mut place: impl Place,
    t: &[f32],
) -> (f32, f32) {
    let mut total = Total::zero(simd);
    for start in (0..t.len()).step_by(CARRY) {
        let t = t.get(..start.saturating_add(CARRY)).unwrap_or(t);
        add_pairs(simd, f, &mut place, t, start, &mut total);
        total.carry();
    }
    total.value(simd)
}

/// Adds the terms from the pair `at` on.
#[inline(always)]
fn add_pairs<S: Simd, F: PairFunction>(
    simd: S,
    f: F,
    place: &mut impl Place,
    t: &[f32],
    mut at: usize,
    total: &mut Total<S>,
) {
    let wide = Run::<S>::WIDE;
    while at < t.len() {
        // Slices of a length that is known: their loads and stores are of whole vectors.
        while let (Some(x), Some(t)) = (range(place.x(), at, wide), range(t, at, wide)) {
            let pairs = (S::Wide::load(simd, x), S::Wide::load(simd, t));
            let Some((term, value)) = f.apply_short(pairs.0, pairs.1) else { break };
            place.store(simd, at..at + wide, term, value);
            let term = term.as_ref();
            unroll!(j in 0..S::Wide::COUNT / S::F32::COUNT, {
                total.add_positive_term(j % (BLOCK / S::F32::COUNT), term[j]);
            });
            at += wide;
        }
        let end = t.len().min(at.saturating_add(wide));
        while at < end {
            let mut terms = simd.block(simd.splat(0.0));
            for (j, kept) in terms.as_mut().iter_mut().enumerate() {
                let at = at + j * S::F32::COUNT;
                if at < end {
                    let x = simd.load(place.x().get(at..).unwrap_or(&[]), F::NOTHING);
                    let (term, value) = f.apply(x, simd.load(t.get(at..).unwrap_or(&[]), 0.0));
                    place.store(simd, at..end.min(at + S::F32::COUNT), term, value);
                    *kept = term;
                }
            }
            total.add(terms);
            at += BLOCK;
        }
    }
}

/// `length` elements of x from `at` on, if there are as many.
#[inline(always)]
fn range(x: &[f32], at: usize, length: usize) -> Option<&[f32]> {
    x.get(at..)?.get(..length)
}

/// `length` elements of x from `at` on, or as many as there are.
#[inline(always)]
fn part(x: &[f32], at: usize, length: usize) -> &[f32] {
    let x = x.get(at..).unwrap_or(&[]);
    x.get(..length).unwrap_or(x)
}

/// Elements after which a run is flushed: `low` stays small against `high`.
pub(crate) const RUN: usize = 32 * BLOCK;

/// The sum of a few blocks of positive terms t·(1 + δ), as high − bias + low.
///
/// Starting above every t lets three operations tell exactly what an addition
/// rounds off (Dekker's sum needs the larger operand first). Plain sums of 16
/// blocks were 5 ULP off in softmax, of 4 blocks 3 ULP, of 2 blocks 2 ULP; these
/// are exact to about 2^-40 of the bias, and 2^-28 of the sum.
pub(crate) struct Run<S: Simd> {
    high: S::Block,
    low: S::Block,
    bias: f32,
}

impl<S: Simd> Run<S> {
    /// `bias` must exceed every t, and those that count by little.
    #[inline(always)]
    pub(crate) fn new(simd: S, bias: f32) -> Self {
        Self { high: simd.block(simd.splat(bias)), low: simd.block(simd.splat(0.0)), bias }
    }

    /// Adds terms to lanes `j · COUNT` and following of the block.
    #[inline(always)]
    pub(crate) fn add(&mut self, j: usize, t: S::F32, delta: S::F32) {
        let (high, low) = (self.high.as_mut(), self.low.as_mut());
        let (sum, error) = fast_two_sum(high[j], t);
        high[j] = sum;
        // In this order `low` waits for one addition only.
        low[j] = low[j] + t.mul_add(delta, error);
    }

    /// The sum so far.
    #[inline(always)]
    pub(crate) fn words(&mut self) -> [&mut S::Block; 2] {
        [&mut self.high, &mut self.low]
    }

    /// Moves into `high` what fits there: then additions to `low` round little.
    #[inline(always)]
    pub(crate) fn carry(&mut self) {
        let (high, low) = (self.high.as_mut(), self.low.as_mut());
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            (high[j], low[j]) = fast_two_sum(high[j], low[j]);
        });
    }

    /// Goes on from a larger bias.
    #[inline(always)]
    pub(crate) fn raise(&mut self, bias: f32) {
        let (high, low) = (self.high.as_mut(), self.low.as_mut());
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            let (sum, error) = fast_two_sum(high[j].splat(bias), high[j] - self.bias);
            (high[j], low[j]) = (sum, low[j] + error);
        });
        self.bias = bias;
    }

    /// Elements of a step of the main loop: of whole blocks, or none.
    pub(crate) const WIDE: usize = if S::Wide::COUNT < BLOCK { usize::MAX } else { S::Wide::COUNT };

    /// Adds the vectors of whole blocks.
    #[inline(always)]
    pub(crate) fn add_wide(&mut self, t: S::Wide, delta: S::Wide) {
        unroll!(j in 0..S::Wide::COUNT / S::F32::COUNT, {
            self.add(j % (BLOCK / S::F32::COUNT), t.as_ref()[j], delta.as_ref()[j]);
        });
    }

    /// Adds the run to a total.
    #[inline(always)]
    pub(crate) fn flush(mut self, total: &mut Total<S>) {
        let high = self.high.as_mut();
        unroll!(j in 0..BLOCK / S::F32::COUNT, high[j] = high[j] - self.bias);
        total.add(self.high);
        total.add(self.low);
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            let (sum, error) = fast_two_sum(total.high.as_ref()[j], total.low.as_ref()[j]);
            (total.high.as_mut()[j], total.low.as_mut()[j]) = (sum, error);
        });
    }
}

/// A compensated sum in each of [`BLOCK`] lanes.
#[derive(Clone, Copy)]
pub(crate) struct Total<S: Simd> {
    high: S::Block,
    low: S::Block,
}

impl<S: Simd> Total<S> {
    /// Nothing yet.
    #[inline(always)]
    pub(crate) fn zero(simd: S) -> Self {
        let zero = simd.block(simd.splat(0.0));
        Self { high: zero, low: zero }
    }

    /// `high + low`.
    #[inline(always)]
    pub(crate) fn new(high: S::Block, low: S::Block) -> Self {
        Self { high, low }
    }

    /// The same in every lane.
    #[inline(always)]
    pub(crate) fn constant(simd: S, value: f32) -> Self {
        let value = simd.block(simd.splat(value));
        Self { high: value, low: value }
    }

    /// Adds another, both of positive terms.
    #[inline(always)]
    pub(crate) fn add_positive(&mut self, other: Self) {
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            let (a, b) = (self.high.as_ref()[j], other.high.as_ref()[j]);
            let (sum, error) = two_sum_positive(a, b);
            self.high.as_mut()[j] = sum;
            self.low.as_mut()[j] = (self.low.as_ref()[j] + other.low.as_ref()[j]) + error;
        });
    }

    /// Adds a block; what the addition rounds off is kept in `low`.
    #[inline(always)]
    pub(crate) fn add(&mut self, block: S::Block) {
        let (high, low) = (self.high.as_mut(), self.low.as_mut());
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            let (sum, error) = two_sum(high[j], block.as_ref()[j]);
            high[j] = sum;
            low[j] = low[j] + error;
        });
    }

    /// Adds a term in two words to lanes `j · COUNT` and following of the block.
    #[inline(always)]
    pub(crate) fn add_term(&mut self, j: usize, high: S::F32, low: S::F32) {
        let (sum, error) = two_sum(self.high.as_ref()[j], high);
        self.high.as_mut()[j] = sum;
        self.low.as_mut()[j] = self.low.as_ref()[j] + (error + low);
    }

    /// Adds a term that is not negative to lanes `j · COUNT` and following of the block:
    /// as [`add`](Self::add), to the bit.
    #[inline(always)]
    fn add_positive_term(&mut self, j: usize, term: S::F32) {
        let (sum, error) = two_sum_positive(self.high.as_ref()[j], term);
        self.high.as_mut()[j] = sum;
        self.low.as_mut()[j] = self.low.as_ref()[j] + error;
    }

    /// Moves into `high` what fits there, so that `low`, whose additions round, stays
    /// small against it however many terms there are.
    #[inline(always)]
    pub(crate) fn carry(&mut self) {
        let (high, low) = (self.high.as_mut(), self.low.as_mut());
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            let (sum, error) = two_sum(high[j], low[j]);
            // Infinities and NaN live in `high`; their "error" means nothing.
            let finite = sum.abs().lt(sum.splat(f32::INFINITY));
            high[j] = S::F32::select(finite, sum, high[j]);
            low[j] = S::F32::select(finite, error, low[j]);
        });
    }

    /// The lanes added up in a fixed tree: the sum, and what it leaves.
    #[inline(always)]
    pub(crate) fn value(self, simd: S) -> (f32, f32) {
        let all = self
            .folded::<8, false>(simd, self)
            .folded_again::<4>(simd)
            .folded_again::<2>(simd)
            .folded_again::<1>(simd);
        let (high, low) = (all.high.as_ref()[0].first(), all.low.as_ref()[0].first());
        // Infinities and NaN live in `high`; their "error" means nothing.
        if high.is_finite() { fast_two_sum(high, low) } else { (high, 0.0) }
    }

    /// Two sums of positive terms, for [`values`](Self::values).
    #[inline(always)]
    pub(crate) fn with(self, simd: S, other: Self) -> Self {
        self.folded::<8, true>(simd, other)
    }

    /// [`value`](Self::value) of each of 16 sums of positive terms, the i-th
    /// [`with`](Self::with) the i + 8-th.
    #[inline(always)]
    pub(crate) fn values(simd: S, mut totals: [Self; BLOCK / 2]) -> (S::Block, S::Block) {
        unroll!(i in 0..4, {
            totals[i] = totals[i].folded::<4, true>(simd, totals[i + 4]);
        });
        unroll!(i in 0..2, {
            totals[i] = totals[i].folded::<2, true>(simd, totals[i + 2]);
        });
        let Self { mut high, mut low } = totals[0].folded::<1, true>(simd, totals[1]);
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            let (sum, error) = fast_two_sum(high.as_ref()[j], low.as_ref()[j]);
            (high.as_mut()[j], low.as_mut()[j]) = (sum, error);
        });
        (high, low)
    }

    #[inline(always)]
    fn folded_again<const HALF: usize>(self, simd: S) -> Self {
        self.folded::<HALF, false>(simd, self)
    }

    /// Lanes i and i + HALF added up, those of `self` where i & HALF = 0 and those of
    /// `other` elsewhere.
    #[inline(always)]
    fn folded<const HALF: usize, const POSITIVE: bool>(self, simd: S, other: Self) -> Self {
        let (mut high, second) = simd.exchange::<HALF>(self.high, other.high);
        let (mut low, second_low) = simd.exchange::<HALF>(self.low, other.low);
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            let (a, b) = (high.as_ref()[j], second.as_ref()[j]);
            let (sum, error) = if POSITIVE { two_sum_positive(a, b) } else { two_sum(a, b) };
            high.as_mut()[j] = sum;
            low.as_mut()[j] = (low.as_ref()[j] + second_low.as_ref()[j]) + error;
        });
        Self { high, low }
    }
}

/// As [`two_sum`] for positive numbers, with fewer additions: where those are scarce,
/// integers are compared beside them.
#[inline(always)]
fn two_sum_positive<V: Lanes>(a: V, b: V) -> (V, V) {
    let sum = a + b;
    (sum, a.min_positive(b) - (sum - a.max_positive(b)))
}
