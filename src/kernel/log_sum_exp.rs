//! ln Σ e^x, of a row and of what comes in pieces.
//!
//! **Method.** A logarithm is kept in two words, and two of them, a ≥ b, are added as
//! a + ln(1 + e^(b − a)): the difference, the exponential and the logarithm of two words
//! each, so that what is added errs by 2^-25 of itself and the sum by 2^-48.
//! A row is folded from blocks of [`LogSumExp::BLOCK`](crate::LogSumExp::BLOCK), each
//! summed on its own (see `exp_sum.rs`). A block of which one element is nearly all is
//! near 0 where that element is, and would lose what the others add to it: there the
//! element is added to the sums of what precedes and what follows it.

use crate::LogSumExp as State;
use crate::error::{Error, check_length};
use crate::kernel::exp_sum::{ExpSum, NOWHERE, ShiftedSum, exp_sum, head, largest};
use crate::kernel::panel::{self, Ln, Panel, ROWS, RowsFunction, Values, map_rows};
use crate::kernel::row::{Row, take_mut};
use crate::kernel::row_map::{Memory, RowFunction, for_rows};
use crate::kernel::softmax::{shifts, values};
use crate::math::exp::Parts;
use crate::math::ln::ln_scaled;
use crate::math::shifted_exp::Scale;
use crate::math::words::{fast_two_sum, two_sum};
use crate::rows::Rows;
use crate::simd::{EIGHTHS, Kernel, Lanes, Mask, Simd};
use crate::sweep::{self, Itself};

/// ln Σ e^x of one vector.
pub struct LogSumExp<'a> {
    x: &'a [f32],
}

impl<'a> LogSumExp<'a> {
    /// Nothing to check.
    #[inline]
    #[must_use]
    pub fn new(x: &'a [f32]) -> Self {
        Self { x }
    }
}

impl Kernel for LogSumExp<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        extend(simd, State::new(), self.x).value()
    }
}

/// ln Σ e^x of what has been seen and of a vector.
pub struct ExtendLogSumExp<'a> {
    state: State,
    x: &'a [f32],
}

impl<'a> ExtendLogSumExp<'a> {
    /// Nothing to check.
    #[inline]
    #[must_use]
    pub fn new(state: State, x: &'a [f32]) -> Self {
        Self { state, x }
    }
}

impl Kernel for ExtendLogSumExp<'_> {
    type Output = State;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> State {
        extend(simd, self.state, self.x)
    }
}

/// ln(e^a + e^b) of two logarithms of sums.
pub struct LogAddExp {
    a: State,
    b: State,
}

impl LogAddExp {
    /// Nothing to check.
    #[inline]
    #[must_use]
    pub fn new(a: State, b: State) -> Self {
        Self { a, b }
    }
}

impl Kernel for LogAddExp {
    type Output = State;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> State {
        log_add_exp(simd.splat(0.0), self.a, self.b)
    }
}

/// ln Σ e^x of each row.
pub struct RowsLogSumExp<'a> {
    x: Rows<'a>,
    out: &'a mut [f32],
}

impl<'a> RowsLogSumExp<'a> {
    /// # Errors
    /// [`Error::Length`] if `out` has not one element a row.
    #[inline]
    pub fn new(x: Rows<'a>, out: &'a mut [f32]) -> Result<Self, Error> {
        check_length("out", x.rows(), out.len())?;
        Ok(Self { x, out })
    }
}

impl Kernel for RowsLogSumExp<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let shape = [self.x.rows(), self.x.columns()];
        for_rows(simd, &mut InRows { out: self.out }, shape, self.x);
    }
}

/// Where the results of the rows that come go.
struct InRows<'a> {
    out: &'a mut [f32],
}

impl RowFunction for InRows<'_> {
    #[inline(always)]
    fn long<S: Simd, R: Row, const H: usize>(
        &mut self,
        simd: S,
        columns: usize,
        rows: &mut R,
        _: &mut Memory<'_>,
    ) {
        if const { H == 1 } {
            self.set_one(simd, rows.input());
            return;
        }
        let (mut sums, mut heads) = ([ShiftedSum::nan(simd); H], [f32::NAN; H]);
        let count = rows.input().len().checked_div(columns).unwrap_or(0).min(H);
        // All heads first: each waits for itself, not for the row before.
        for i in 0..count {
            heads[i] = head(simd, part(rows.input(), i, columns), NOWHERE);
        }
        let mut drift = [[0.0; ROWS]];
        for i in 0..count {
            let mut row = part(rows.input(), i, columns);
            if let ExpSum::Finite(sum) =
                exp_sum::<S, _, false>(simd, Scale::ONE, &mut row, heads[i], NOWHERE, false)
            {
                (sums[i], drift[0][i]) = (sum, sum.drift);
            }
        }
        let (values, mut ln) = (values(simd, &sums), Values::<1, 2>::new());
        let ([sum, low], shifts) = (values.each(), shifts(&sums));
        let [center, exponent] = shifts.each();
        map_rows(simd, LnOfSum, count, [sum, low, exponent, center, &drift], ln.each_mut());
        self.set(simd, rows.input(), columns, ln.0[0].as_flattened());
    }

    #[inline(always)]
    fn short<S: Simd, R: Row, const N: usize, const G: usize>(
        &mut self,
        simd: S,
        panel: &mut Panel<'_, N, G>,
        panels: impl Iterator<Item = R>,
    ) {
        let (mut sums, mut ln) = (Values::new(), Values::new());
        for rows in panels {
            if const { N == panel::ONE } {
                self.set_one(simd, rows.input());
            } else {
                ln_of_sums(simd, panel, rows.input(), &mut sums, &mut ln);
                self.set(simd, rows.input(), panel.columns, ln.0[0].as_flattened());
            }
        }
    }
}

/// The i-th row.
#[inline(always)]
fn part(x: &[f32], i: usize, columns: usize) -> &[f32] {
    x.get(i * columns..(i + 1) * columns).unwrap_or(&[])
}

impl InRows<'_> {
    #[inline(always)]
    fn set_one<S: Simd>(&mut self, simd: S, x: &[f32]) {
        if let [out] = take_mut(&mut self.out, 1) {
            *out = extend(simd, State::new(), x).value();
        }
    }

    /// The results of some rows, or once more one by one what is not a number, or may have a
    /// dominant element.
    #[inline(always)]
    fn set<S: Simd>(&mut self, simd: S, x: &[f32], columns: usize, ln: &[f32]) {
        let out = take_mut(&mut self.out, x.len().checked_div(columns).unwrap_or(0));
        let ln = ln.get(..out.len()).unwrap_or(&[]);
        sweep::map(simd, Itself, ln, out);
        for start in (0..ln.len()).step_by(S::F32::COUNT) {
            let several = ln.get(start..).unwrap_or(&[]);
            let distance = simd.load(several, f32::INFINITY).abs();
            if distance.splat(NEAR_0).le(distance).all() {
                continue;
            }
            for (i, ln) in several.iter().enumerate().take(S::F32::COUNT) {
                let i = start + i;
                if let (true, Some(out)) = (ln.is_nan() || ln.abs() < NEAR_0, out.get_mut(i)) {
                    *out = extend(simd, State::new(), part(x, i, columns)).value();
                }
            }
        }
    }
}

/// ln Σ e^x of a panel's rows, in two words.
#[inline(always)]
fn ln_of_sums<S: Simd, const N: usize, const G: usize>(
    simd: S,
    panel: &mut Panel<'_, N, G>,
    x: &[f32],
    sums: &mut Values<G, 2>,
    ln: &mut Values<G, 2>,
) {
    panel.exp_sums::<S, false, true>(simd, x, &[[NOWHERE; panel::ROWS]; G], sums);
    let [sum, low] = sums.each();
    let of_rows = [sum, low, &panel.exponent, &panel.center];
    panel.map_rows(simd, LnOfSum, of_rows, ln.each_mut());
}

/// ln Σ e^x in two words, from the sum of e^x · 2^-N, N, the center and, unless it is 0, the
/// drift.
#[derive(Clone, Copy)]
struct LnOfSum;

impl RowsFunction<4, 2> for LnOfSum {
    #[inline(always)]
    fn apply<V: Lanes>(self, [sum, low, exponent, center]: [V; 4]) -> [V; 2] {
        let drift = sum.splat(0.0);
        self.apply([sum, low, exponent, center, drift])
    }
}

impl RowsFunction<5, 2> for LnOfSum {
    #[inline(always)]
    fn apply<V: Lanes>(self, [sum, low, exponent, center, drift]: [V; 5]) -> [V; 2] {
        let [high, low] = Ln.apply([sum, low, exponent]);
        let (sum, error) = two_sum(center, high);
        let (high, low) = fast_two_sum(sum, error + (low - drift));
        [high, low]
    }
}

/// The logarithm of the share of a sum from which on an element is taken out.
const LN_DOMINANT: f32 = -0.287_682_08; // ln ¾
/// How near 0 a sum must be for that: 1, and what an element's share may be below it.
const NEAR_0: f32 = 1.3;

/// Adds the blocks of a row.
#[inline(always)]
fn extend<S: Simd>(simd: S, mut state: State, x: &[f32]) -> State {
    for block in x.chunks(State::BLOCK) {
        // The block or, once its dominant element is known, what precedes that, the
        // element itself, and the rest: pieces of one loop, as `of_piece` is large.
        let (mut start, mut end, mut dominant) = (0, block.len(), NOWHERE);
        while start < block.len() {
            let piece = block.get(start..end).unwrap_or(&[]);
            let sum = of_piece(simd, piece);
            if dominant == NOWHERE {
                dominant = find_dominant(simd, piece, sum);
                if dominant != NOWHERE {
                    end = dominant;
                    continue;
                }
            }
            state = log_add_exp(simd.splat(0.0), state, sum);
            start = end;
            end = if end == dominant { end + 1 } else { block.len() };
        }
    }
    state
}

/// Where a sum near 0 has its dominant element.
#[inline(always)]
fn find_dominant<S: Simd>(simd: S, x: &[f32], sum: State) -> usize {
    if x.len() > 1 && sum.high.abs() < NEAR_0 {
        let max = largest(simd, x);
        if max - sum.high > LN_DOMINANT {
            return x.iter().position(|&x| x == max).unwrap_or(NOWHERE);
        }
    }
    NOWHERE
}

/// ln Σ e^x in one go.
#[inline(always)]
fn of_piece<S: Simd>(simd: S, x: &[f32]) -> State {
    match *x {
        [] => return State::new(),
        [x] => return State::of(x),
        _ => {}
    }
    if x.len() <= panel::COLUMNS {
        // The bits of a row among others.
        let mut panel = Panel::<{ panel::ONE }, 1>::new(x.len(), None);
        let (mut sums, mut ln) = (Values::new(), Values::new());
        ln_of_sums(simd, &mut panel, x, &mut sums, &mut ln);
        let [high, low] = ln.0;
        let (high, low) = (high[0][0], low[0][0]);
        if !high.is_nan() {
            return State { high, low };
        }
    }
    match exp_sum::<_, _, false>(simd, Scale::ONE, &mut &*x, head(simd, x, NOWHERE), NOWHERE, false)
    {
        ExpSum::Empty => State::new(),
        ExpSum::Nan => State::of(f32::NAN),
        ExpSum::Infinite => State::of(f32::INFINITY),
        ExpSum::Finite(sum) => {
            let (center, high, low) = sum.ln(simd);
            if center.is_nan() {
                return State::of(center);
            }
            let (sum, error) = two_sum(center, high);
            let (high, low) = fast_two_sum(sum, error + low);
            State { high, low }
        }
    }
}

/// Below this distance ln(1 + z) is a short series in z = e^d, and from here on z is 0.
const SERIES: f32 = -7.0;
const NOTHING: f32 = -104.0;

/// ln(e^a + e^b); `lanes` may hold anything.
#[inline(always)]
pub(crate) fn log_add_exp<V: Lanes>(lanes: V, a: State, b: State) -> State {
    let (a, b) = if (a.high, a.low) < (b.high, b.low) { (b, a) } else { (a, b) };
    if b.high.is_nan() {
        return b;
    }
    let (difference, error) = two_sum(b.high, -a.high);
    let (d, d_low) = two_sum(difference, error + (b.low - a.low));
    // NaN where the difference is infinite or overflows.
    if d.is_nan() || d < NOTHING {
        return a;
    }
    let exp = Parts::new(lanes.splat(d), lanes.splat(EIGHTHS)).and(lanes.splat(d_low));
    let (z, z_low) = exp.words();
    let z = z.scale_exp2(exp.power);
    let z_low = z_low * z.splat(1.0).scale_exp2(exp.power);
    let (high, low) = if d >= SERIES {
        let (sum, error) = fast_two_sum(z.splat(1.0), z);
        ln_scaled((sum, error + z_low), z.splat(0.0))
    } else {
        // z − z²/2 + z³/3: the next term is below 2^-32 of it.
        (z, z_low - z * z * (-z).mul_add(z.splat(1.0 / 3.0), z.splat(0.5)))
    };
    let (sum, error) = two_sum(a.high, high.first());
    let (high, low) = two_sum(sum, error + (a.low + low.first()));
    State { high, low }
}
