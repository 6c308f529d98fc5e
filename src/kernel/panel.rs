//! Short rows, a panel of them at a time.
//!
//! A row of ten fills ten lanes of sixteen, and adding up its lanes takes longer than
//! their exponentials. Sixteen rows of ten are ten full vectors, and sixteen sums are
//! added up together, a row a lane.
//!
//! Nothing here depends on N but the range of f32: every operation on e^x · 2^-N
//! rounds alike for all N. So one N serves all rows of which no |x| is large, and each
//! other row has its own.

use crate::kernel::exp_sum::{LEVEL, NOWHERE, Shift, largest, ln_1p_of_ratio, ln_of_shifted};
use crate::math::shifted_exp::{power, shifted_exp};
use crate::simd::{BLOCK, Lanes, SIXTEENTHS, Simd};
use crate::sweep::{Function, Total};

/// Rows of a panel: a lane each where there is one value a row.
pub(crate) const ROWS: usize = BLOCK;
/// Columns of a short row, at most.
pub(crate) const COLUMNS: usize = 4 * BLOCK;
/// Elements for one row, and for a panel: whole blocks are read and written from any
/// element on.
pub(crate) const ONE: usize = COLUMNS + BLOCK;
pub(crate) const ALL: usize = ROWS * COLUMNS + BLOCK;

/// Magnitudes up to which one N serves.
const CALM: f32 = 40.0;
const CALM_SHIFT: Shift = Shift { center: 0.0, exponent: -LEVEL };

/// The lanes' numbers.
const NUMBERS: [f32; BLOCK] =
    [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];

/// Whether panels are the way to many rows.
#[inline(always)]
pub(crate) fn serves<S: Simd>(rows: usize, columns: usize) -> bool {
    S::EXCHANGES && rows > 1 && columns <= COLUMNS
}

/// e^x · 2^-N in two words, row after row.
pub struct Panel<const N: usize> {
    columns: usize,
    pub(crate) rows: usize,
    exp: [f32; N],
    low: [f32; N],
    pub(crate) shift: [Shift; ROWS],
}

impl<const N: usize> Panel<N> {
    /// For rows of so many elements.
    #[inline(always)]
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns, rows: 0, exp: [0.0; N], low: [0.0; N], shift: [CALM_SHIFT; ROWS] }
    }

    /// Of rows one after the other, at most [`ROWS`].
    #[inline(always)]
    pub(crate) fn exp<S: Simd>(&mut self, simd: S, x: &[f32]) {
        self.rows = x.len() / self.columns;
        self.shift = [CALM_SHIFT; ROWS];
        let mut calm = true;
        for at in (0..x.len()).step_by(BLOCK) {
            let mut exp = simd.load_block(x.get(at..).unwrap_or(&[]), 0.0);
            let mut low = exp;
            for (x, low) in exp.as_mut().iter_mut().zip(low.as_mut()) {
                calm &= S::F32::all_within([*x], CALM);
                let zero_point = x.splat(SIXTEENTHS + LEVEL);
                let (table, exp_m1) = shifted_exp::<_, true>(*x, power(*x, zero_point), zero_point);
                *x = table.mul_add(exp_m1, table);
                *low = table.mul_add(exp_m1, table - *x);
            }
            self.store(simd, at, exp, low);
        }
        if !calm {
            self.exp_by_row(simd, x);
        }
    }

    /// With an N for each row. Rows without a finite maximum give NaN.
    #[inline(always)]
    fn exp_by_row<S: Simd>(&mut self, simd: S, x: &[f32]) {
        for (i, row) in x.chunks_exact(self.columns).enumerate() {
            let max = largest(simd, row);
            let shift = Shift::new(if max.is_finite() { max } else { f32::NAN });
            if let Some(of_row) = self.shift.get_mut(i) {
                *of_row = shift;
            }
            for at in (0..row.len()).step_by(BLOCK) {
                let mut exp = simd.load_block(row.get(at..).unwrap_or(&[]), f32::NEG_INFINITY);
                let mut low = exp;
                for (x, low) in exp.as_mut().iter_mut().zip(low.as_mut()) {
                    let zero_point = x.splat(SIXTEENTHS - shift.exponent);
                    let y = shift.floored(*x - shift.center);
                    let (table, exp_m1) =
                        shifted_exp::<_, true>(y, power(y, zero_point), zero_point);
                    *x = table.mul_add(exp_m1, table);
                    *low = table.mul_add(exp_m1, table - *x);
                }
                self.store(simd, i * self.columns + at, exp, low);
            }
        }
    }

    /// Whole blocks: what goes beyond a row is written again by the next.
    #[inline(always)]
    fn store<S: Simd>(&mut self, simd: S, at: usize, exp: S::Block, low: S::Block) {
        for (j, (exp, low)) in exp.as_ref().iter().zip(low.as_ref()).enumerate() {
            let at = at + j * S::F32::COUNT;
            simd.store(*exp, self.exp.get_mut(at..).unwrap_or(&mut []));
            simd.store(*low, self.low.get_mut(at..).unwrap_or(&mut []));
        }
    }

    /// The lanes' sums of row i.
    #[inline(always)]
    fn total<S: Simd>(&self, simd: S, i: usize) -> Total<S> {
        let start = i * self.columns;
        let mut total = self.block(simd, start, self.columns);
        for j in (BLOCK..self.columns).step_by(BLOCK) {
            total.add_words(self.block(simd, start + j, self.columns - j));
        }
        total
    }

    /// A block of which `count` lanes count.
    #[inline(always)]
    fn block<S: Simd>(&self, simd: S, at: usize, count: usize) -> Total<S> {
        let mut high = simd.load_block(self.exp.get(at..at + BLOCK).unwrap_or(&[]), 0.0);
        let mut low = simd.load_block(self.low.get(at..at + BLOCK).unwrap_or(&[]), 0.0);
        let (numbers, zero) = (simd.load_block(&NUMBERS, 0.0), simd.splat(0.0));
        for j in 0..numbers.as_ref().len() {
            let counts = numbers.as_ref()[j].lt(simd.splat(count as f32));
            high.as_mut()[j] = S::F32::select(counts, high.as_ref()[j], zero);
            low.as_mut()[j] = S::F32::select(counts, low.as_ref()[j], zero);
        }
        Total::new(high, low)
    }

    /// Each row's sum in two words.
    #[inline(always)]
    pub(crate) fn sums<S: Simd>(&self, simd: S) -> (S::Block, S::Block) {
        if N == ONE || self.rows == 1 {
            let (high, low) = self.total(simd, 0).value(simd);
            return (simd.block(simd.splat(high)), simd.block(simd.splat(low)));
        }
        let mut totals = [Total::zero(simd); ROWS];
        for (i, total) in totals.iter_mut().enumerate() {
            *total = self.total(simd, i);
        }
        Total::values(simd, totals)
    }

    /// The logarithm of each row's sum, less its center, in two words.
    #[inline(always)]
    pub(crate) fn ln<S: Simd>(&self, simd: S, sums: (S::Block, S::Block)) -> (S::Block, S::Block) {
        let mut exponents = [0.0; ROWS];
        for (exponent, shift) in exponents.iter_mut().zip(&self.shift) {
            *exponent = shift.exponent;
        }
        let exponents = simd.load_block(&exponents, 0.0);
        let (mut high, mut low) = sums;
        for j in 0..exponents.as_ref().len() {
            let sum = (high.as_ref()[j], low.as_ref()[j]);
            let (h, l) = ln_of_shifted(sum, exponents.as_ref()[j]);
            // Not every backend keeps a NaN.
            high.as_mut()[j] = S::F32::select(sum.0.eq(sum.0), h, sum.0);
            low.as_mut()[j] = l;
        }
        (high, low)
    }

    /// Where row i has an element e^x · 2^-N above `least`, and the logarithm of its
    /// probability; nowhere, if it has none.
    #[inline(always)]
    pub(crate) fn likely<S: Simd>(
        &mut self,
        simd: S,
        i: usize,
        least: f32,
        x: &[f32],
    ) -> (usize, f32) {
        let row = i * self.columns..(i + 1) * self.columns;
        if largest(simd, self.exp.get(row.clone()).unwrap_or(&[])) <= least {
            return (NOWHERE, 0.0);
        }
        let Some(at) = row.clone().find(|&at| self.exp.get(at).is_some_and(|&exp| exp > least))
        else {
            return (NOWHERE, 0.0);
        };
        let (Some(high), Some(low), Some(&score), Some(&shift)) =
            (self.exp.get_mut(at), self.low.get_mut(at), x.get(at), self.shift.get(i))
        else {
            return (NOWHERE, 0.0);
        };
        let own = (core::mem::take(high), core::mem::take(low));
        let others = self.total(simd, i).value(simd);
        (at, 0.0 - ln_1p_of_ratio(simd, shift, score, others, own))
    }

    /// Takes x in the place of e^x.
    #[inline(always)]
    pub(crate) fn copy<S: Simd>(&mut self, simd: S, x: &[f32]) {
        for at in (0..x.len()).step_by(S::F32::COUNT) {
            let x = simd.load(x.get(at..).unwrap_or(&[]), 0.0);
            simd.store(x, self.exp.get_mut(at..).unwrap_or(&mut []));
        }
    }

    /// A function of each e^x · 2^-N.
    #[inline(always)]
    pub(crate) fn map<S: Simd, F: Function>(&self, simd: S, f: [F; ROWS], out: &mut [f32]) {
        for (i, f) in f.into_iter().enumerate().take(self.rows) {
            for j in (0..self.columns).step_by(BLOCK) {
                let at = i * self.columns + j;
                let exp = simd.load_block(self.exp.get(at..at + BLOCK).unwrap_or(&[]), 0.0);
                for (k, exp) in exp.as_ref().iter().enumerate() {
                    // Beyond the row, too, where the next will write.
                    let out = out.get_mut(at + k * S::F32::COUNT..).unwrap_or(&mut []);
                    simd.store(f.apply(*exp), out);
                }
            }
        }
    }
}
