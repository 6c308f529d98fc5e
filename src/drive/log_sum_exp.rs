//! ln Σ e^x, of rows and of what comes in pieces.
//!
//! A logarithm is kept in two words. A row is folded from blocks of [`LogSumExp::BLOCK`], each
//! summed on its own. A block of which one element is nearly all is near 0 where that element
//! is, and would lose what the others add to it: there the element is added to the sums of what
//! precedes and of what follows it.

use super::ones;
use super::sum::{Sum, height, largest, short_sums};
use crate::LogSumExp;
use crate::backend::Backend;
use crate::error::{Result, check_length};
use crate::math::double_word::{fast_two_sum, two_sum};
use crate::math::shifted_exp::Scale;
use crate::pass::{DoubleWords, LINE, Passes, SHORT, Scratch, Shifts, TILE, Tile, Totals};
use crate::rows::Rows;

/// How near 0 a logarithm must be for a dominant element to be taken out: 1, and what an
/// element's share may be below it.
const NEAR_0: f32 = 1.3;

impl Backend {
    /// As [`log_sum_exp`](crate::log_sum_exp()).
    #[inline]
    #[must_use]
    pub fn log_sum_exp(self, x: &[f32]) -> f32 {
        self.extend(LogSumExp::new(), x).value()
    }

    /// As [`log_add_exp`](crate::log_add_exp).
    #[inline]
    #[must_use]
    pub fn log_add_exp(self, a: f32, b: f32) -> f32 {
        self.merge(LogSumExp::of(a), LogSumExp::of(b)).value()
    }

    /// As [`LogSumExp::merge`].
    #[inline]
    #[must_use]
    pub fn merge(self, a: LogSumExp, b: LogSumExp) -> LogSumExp {
        merge(self.0, a, b)
    }

    /// As [`LogSumExp::extend_from_slice`] of a state.
    #[inline]
    #[must_use]
    pub fn extend(self, state: LogSumExp, x: &[f32]) -> LogSumExp {
        if self.0.take_rows() {
            return rows(self.0, state, x);
        }
        if self.0.has_lines() && (2..=LINE).contains(&x.len()) && state.high == f32::NEG_INFINITY {
            let (high, low) = self.0.line_log_sum_exp(&Tile::of_read(x));
            // Neither a NaN nor near 0.
            if high.abs() >= NEAR_0 {
                return LogSumExp { high, low };
            }
        }
        extend(self.0, state, x)
    }

    /// As [`log_dot_exp`](crate::log_dot_exp).
    #[inline]
    pub fn log_dot_exp(self, a: &[f32], b: &[f32]) -> Result<f32> {
        check_length("b", a.len(), b.len())?;
        Ok(log_dot_exp(self, &Tile::of_read(a), &Tile::of_read(b)))
    }

    /// As [`rows::log_dot_exp`](crate::rows::log_dot_exp).
    pub fn rows_log_dot_exp(self, a: Rows<'_>, b: &[f32], out: &mut [f32]) -> Result {
        check_length("b", a.columns(), b.len())?;
        check_length("out", a.rows(), out.len())?;
        let (a, b) = (Tile::read(a), Tile::of_read(b));
        for (i, out) in out.iter_mut().enumerate() {
            *out = log_dot_exp(self, &a.part(i, 1), &b);
        }
        Ok(())
    }

    /// As [`rows::log_sum_exp`](crate::rows::log_sum_exp).
    pub fn rows_log_sum_exp(self, x: Rows<'_>, out: &mut [f32]) -> Result {
        check_length("out", x.rows(), out.len())?;
        if self.0.take_rows() {
            for (x, out) in x.iter().zip(out) {
                *out = self.log_sum_exp(x);
            }
            return Ok(());
        }
        let (all, height) = (Tile::read(x), height(x.columns()));
        let mut sums = DoubleWords::new();
        for (k, out) in out.chunks_mut(height).enumerate() {
            let tile = all.part(k * height, height);
            // Rows of one element, and long rows, are taken each by itself.
            let mut again = u64::MAX;
            if (2..=TILE).contains(&x.columns()) {
                let (extreme, near_0) = logarithms(self.0, &tile, &mut sums);
                again = extreme | near_0;
                for (i, out) in out.iter_mut().enumerate() {
                    let (high, low) = sums.get(i);
                    *out = LogSumExp { high, low }.value();
                }
            }
            for i in ones(again) {
                if let Some(out) = out.get_mut(i) {
                    *out = extend(self.0, LogSumExp::new(), tile.row(i)).value();
                }
            }
        }
        Ok(())
    }
}

/// ln Σ e^(a + b) of two rows, piece by piece.
#[inline(never)]
fn log_dot_exp(backend: Backend, a: &Tile<'_>, b: &Tile<'_>) -> f32 {
    let (mut state, mut scratch) = (LogSumExp::new(), Scratch::new());
    let mut at = 0;
    while at < a.columns() {
        let a = a.piece(at, at + TILE);
        let sums = scratch.tile(a.columns(), a);
        backend.0.add(&a.to(&sums), &b.piece(at, at + TILE));
        state = backend.extend(state, sums.row(0));
        at += TILE;
    }
    state.value()
}

/// ln Σ e^x of a tile's rows of 2 to [`TILE`] elements; a bit for each row that is extreme, and one
/// for each whose logarithm is near 0.
fn logarithms(b: Passes, tile: &Tile<'_>, sums: &mut DoubleWords) -> (u64, u64) {
    let (rows, scale, mut shifts) = (tile.rows(), &Scale::ONE, Shifts::new());
    let (mut extreme, mut of_rows) = (0, None);
    if tile.columns() <= SHORT {
        let mut scratch = Scratch::new();
        if !b.exp_short(tile, scale, None, &mut scratch) {
            extreme = b.maxima(tile, &[], scale, &mut shifts);
            b.exp_short(tile, scale, Some(&shifts), &mut scratch);
            of_rows = Some(&shifts);
        }
        short_sums(b, tile, &scratch, None, sums);
    } else {
        let mut totals = Totals::new();
        extreme = b.maxima(tile, &[], scale, &mut shifts);
        b.exp_sums(tile, &[], scale, &shifts, true, &mut totals);
        b.sums(rows, totals.lanes(), false, 0, sums);
        of_rows = Some(&shifts);
    }
    (extreme, b.logarithms(rows, scale, of_rows, sums).near_0)
}

/// ln(e^a + e^c).
fn merge(b: Passes, a: LogSumExp, c: LogSumExp) -> LogSumExp {
    let (high, low) = b.log_add((a.high, a.low), (c.high, c.low));
    LogSumExp { high, low }
}

/// Adds the blocks of a row, where passes take rows whole.
fn rows(b: Passes, mut state: LogSumExp, x: &[f32]) -> LogSumExp {
    for block in x.chunks(LogSumExp::BLOCK) {
        let next = match *block {
            [x] => LogSumExp::of(x),
            _ => of_words(block, b.line_log_sum_exp(&Tile::of_read(block))),
        };
        // Nothing and a sum are that sum.
        state = if state.high == f32::NEG_INFINITY { next } else { merge(b, state, next) };
    }
    state
}

/// Adds the blocks of a row.
fn extend(b: Passes, mut state: LogSumExp, x: &[f32]) -> LogSumExp {
    for block in x.chunks(LogSumExp::BLOCK) {
        let sum = of_piece(b, block);
        let at = dominant(b, block, sum);
        // Without a dominant element, all of the block precedes it.
        let (before, rest) = block.split_at_checked(at).unwrap_or((block, &[]));
        let (own, after) = rest.split_at_checked(1).unwrap_or((rest, &[]));
        for piece in [before, own, after] {
            let sum = match piece.len() {
                0 => continue,
                n if n == block.len() => sum,
                _ => of_piece(b, piece),
            };
            // To merge with nothing would change no bit, but take as long as a short sum.
            let is_first = state.high == f32::NEG_INFINITY;
            state = if is_first { sum } else { merge(b, state, sum) };
        }
    }
    state
}

/// Where a sum near 0 has its dominant element: the length if it has none.
fn dominant(b: Passes, x: &[f32], sum: LogSumExp) -> usize {
    if x.len() > 1 && sum.high.abs() < NEAR_0 {
        let row = Tile::of_read(x);
        let max = largest(b, &row, usize::MAX);
        // ln ¾: the logarithm of its share.
        if max - sum.high > -0.287_682_08 {
            return b.position(&row, max);
        }
    }
    x.len()
}

/// ln Σ e^x in one go.
fn of_piece(b: Passes, x: &[f32]) -> LogSumExp {
    let row = Tile::of_read(x);
    let mut sums = DoubleWords::new();
    match *x {
        [] => return LogSumExp::new(),
        [x] => return LogSumExp::of(x),
        _ => {}
    }
    if x.len() <= TILE {
        let (extreme, _) = logarithms(b, &row, &mut sums);
        if extreme == 0 {
            return of_words(x, sums.get(0));
        }
    }
    let mut sum = Sum::of(b, &row, usize::MAX, &Scale::ONE);
    let mut ln = sum.value(b);
    b.logarithms(1, &Scale::ONE, Some(&sum.shifts()), &mut ln);
    let (high, low) = ln.get(0);
    if sum.shift.center == 0.0 {
        return of_words(x, (high, low));
    }
    let (sum, error) = two_sum(sum.shift.center, high);
    of_words(x, fast_two_sum(sum, error + low))
}

/// A logarithm in two words, or what stands for it in a row without a finite one.
fn of_words(x: &[f32], (high, low): (f32, f32)) -> LogSumExp {
    if !high.is_nan() {
        return LogSumExp { high, low };
    }
    // No element but −∞, an infinity, or a NaN.
    LogSumExp::of(x.iter().fold(f32::NEG_INFINITY, |max, x| {
        if x.is_nan() || max.is_nan() {
            f32::NAN
        } else if *x > max {
            *x
        } else {
            max
        }
    }))
}
