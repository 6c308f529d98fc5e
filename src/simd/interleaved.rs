//! Several vectors side by side as one.
//!
//! An out-of-order core sees a window of instructions; a formula of twenty that
//! each wait for the last fills it with waiting. Doing every operation for N
//! vectors before the next keeps the window full of work that is ready.

use super::{Lanes, Logarithms, Mask, Reduced, Simd, Vectors};
use core::ops::{Add, Div, Mul, Neg, Sub};

/// Operations of one vector, for each of N.
macro_rules! vector_by_vector {
    ($($operation:ident($($operand:ident),*);)*) => {$(
        #[inline(always)]
        fn $operation(mut self $(, $operand: Self)*) -> Self {
            unroll!(i in 0..N, self.0[i] = self.0[i].$operation($($operand.0[i]),*));
            self
        }
    )*};
}

/// Comparisons of two vectors, for each of N.
macro_rules! comparisons {
    ($($operation:ident)*) => {$(
        #[inline(always)]
        fn $operation(self, other: Self) -> Self::Mask {
            let mut masks = [self.0[0].$operation(other.0[0]); N];
            unroll!(i in 0..N, masks[i] = self.0[i].$operation(other.0[i]));
            Masks(masks)
        }
    )*};
}

/// N vectors as one, each operation done for all before the next.
#[derive(Clone, Copy)]
pub(crate) struct Interleaved<V, const N: usize>([V; N]);

impl<V, const N: usize> AsRef<[V]> for Interleaved<V, N> {
    #[inline(always)]
    fn as_ref(&self) -> &[V] {
        &self.0
    }
}

impl<V, const N: usize> AsMut<[V]> for Interleaved<V, N> {
    #[inline(always)]
    fn as_mut(&mut self) -> &mut [V] {
        &mut self.0
    }
}

impl<S: Simd, const N: usize> Vectors<S> for Interleaved<S::F32, N> {
    #[inline(always)]
    fn splat_of(simd: S, value: f32) -> Self {
        Self([simd.splat(value); N])
    }
}

impl<V: Lanes, const N: usize> Lanes for Interleaved<V, N> {
    const COUNT: usize = N * V::COUNT;
    const FUSED: bool = V::FUSED;
    type Mask = Masks<V::Mask, N>;

    vector_by_vector! {
        mul_add(factor, term);
        min(other);
        max(other);
        max_positive(other);
        min_positive(other);
        max_magnitude(other);
        abs();
        truncated();
        scale_exp2(power);
        scale_exp2_normal(power);
    }

    comparisons! { lt le eq }

    #[inline(always)]
    fn splat(self, value: f32) -> Self {
        Self([self.0[0].splat(value); N])
    }

    #[inline(always)]
    fn first(self) -> f32 {
        self.0[0].first()
    }

    #[inline(always)]
    fn bits(mask: Masks<V::Mask, N>) -> u64 {
        let mut bits = 0;
        unroll!(i in 0..N, bits |= V::bits(mask.0[i]) << (V::COUNT * i));
        bits
    }

    #[inline(always)]
    fn select(mask: Self::Mask, mut yes: Self, no: Self) -> Self {
        unroll!(i in 0..N, yes.0[i] = V::select(mask.0[i], yes.0[i], no.0[i]));
        yes
    }

    #[inline(always)]
    fn all_within<const M: usize>(vectors: [Self; M], bound: f32) -> bool {
        let mut all = true;
        unroll!(j in 0..M, all &= V::all_within(vectors[j].0, bound));
        all
    }

    #[inline(always)]
    fn lookup<const L: usize, const T: usize>(self, tables: [&[f32; L]; T]) -> [Self; T] {
        let mut values = [self; T];
        unroll!(i in 0..N, {
            let lanes = self.0[i].lookup(tables);
            unroll!(t in 0..T, values[t].0[i] = lanes[t]);
        });
        values
    }

    #[inline(always)]
    fn add_power<const L: usize>(mut self, power: Self) -> Self {
        unroll!(i in 0..N, self.0[i] = self.0[i].add_power::<L>(power.0[i]));
        self
    }

    #[inline(always)]
    fn all_between<const M: usize>(vectors: [Self; M], least: f32, most: f32) -> bool {
        let mut distance = vectors[0].0[0].splat(0.0);
        unroll!(j in 0..M, unroll!(i in 0..N, {
            distance = distance.max_distance(vectors[j].0[i], least);
        }));
        distance.all_up_to(most, least)
    }

    #[inline(always)]
    fn all_above(self, least: f32) -> bool {
        let mut smallest = self.0[0];
        unroll!(i in 0..N, smallest = smallest.min(self.0[i]));
        smallest.all_above(least)
    }

    #[inline(always)]
    fn max_distance(mut self, x: Self, least: f32) -> Self {
        unroll!(i in 0..N, self.0[i] = self.0[i].max_distance(x.0[i], least));
        self
    }

    #[inline(always)]
    fn all_up_to(self, most: f32, least: f32) -> bool {
        let mut all = true;
        unroll!(i in 0..N, all &= self.0[i].all_up_to(most, least));
        all
    }

    #[inline(always)]
    fn split_exp2(self) -> (Self, Self) {
        let (mut m, mut e) = (self, self);
        unroll!(i in 0..N, (m.0[i], e.0[i]) = self.0[i].split_exp2());
        (m, e)
    }

    const SPLITS_ALL: bool = V::SPLITS_ALL;

    #[inline(always)]
    fn lookup_eighth<const T: usize>(self, tables: [&[f32; 8]; T]) -> [Self; T] {
        let mut values = [self; T];
        unroll!(i in 0..N, {
            let lanes = self.0[i].lookup_eighth(tables);
            unroll!(t in 0..T, values[t].0[i] = lanes[t]);
        });
        values
    }

    #[inline(always)]
    fn reduce(self, tables: &Logarithms) -> Reduced<Self> {
        let mut reduced = Reduced { r: self, high: self, low: self };
        unroll!(i in 0..N, {
            let Reduced { r, high, low } = self.0[i].reduce(tables);
            (reduced.r.0[i], reduced.high.0[i], reduced.low.0[i]) = (r, high, low);
        });
        reduced
    }
}

/// The truth values of N vectors.
#[derive(Clone, Copy)]
pub(crate) struct Masks<M, const N: usize>([M; N]);

impl<M: Mask, const N: usize> Mask for Masks<M, N> {
    #[inline(always)]
    fn all(self) -> bool {
        let mut all = self.0[0];
        unroll!(i in 0..N, all = all.and(self.0[i]));
        all.all()
    }

    #[inline(always)]
    fn and(mut self, other: Self) -> Self {
        unroll!(i in 0..N, self.0[i] = self.0[i].and(other.0[i]));
        self
    }
}

impl<V: Lanes, const N: usize> Neg for Interleaved<V, N> {
    type Output = Self;
    vector_by_vector! { neg(); }
}

/// An operator, vector by vector, also with an `f32` on the right.
macro_rules! operator {
    ($operator:ident, $method:ident) => {
        impl<V: Lanes, const N: usize> $operator for Interleaved<V, N> {
            type Output = Self;
            vector_by_vector! { $method(other); }
        }

        impl<V: Lanes, const N: usize> $operator<f32> for Interleaved<V, N> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: f32) -> Self {
                $operator::$method(self, self.splat(other))
            }
        }
    };
}
operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);
