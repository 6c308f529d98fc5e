//! Several vectors side by side as one.
//!
//! An out-of-order core sees a window of instructions; a formula of twenty that
//! each wait for the last fills it with waiting. Doing every operation for N
//! vectors before the next keeps the window full of work that is ready.

use super::{Lanes, Logarithms, Mask, Reduced, Simd, Vectors};
use core::ops::{Add, Div, Mul, Neg, Sub};

/// N vectors as one, each operation done for all before the next.
#[derive(Clone, Copy)]
pub(crate) struct Interleaved<V, const N: usize>([V; N]);

impl<V, const N: usize> AsRef<[V]> for Interleaved<V, N> {
    #[inline(always)]
    fn as_ref(&self) -> &[V] {
        &self.0
    }
}

impl<S: Simd, const N: usize> Vectors<S> for Interleaved<S::F32, N> {
    #[inline(always)]
    fn load(simd: S, from: &[f32]) -> Self {
        let mut vectors = [simd.splat(0.0); N];
        for (i, v) in vectors.iter_mut().enumerate() {
            *v = simd.load(from.get(i * S::F32::COUNT..).unwrap_or(&[]), 0.0);
        }
        Self(vectors)
    }
}

impl<V: Lanes, const N: usize> Interleaved<V, N> {
    #[inline(always)]
    fn map(mut self, f: impl Fn(V) -> V) -> Self {
        for v in &mut self.0 {
            *v = f(*v);
        }
        self
    }

    #[inline(always)]
    fn zip(mut self, other: Self, f: impl Fn(V, V) -> V) -> Self {
        for i in 0..N {
            self.0[i] = f(self.0[i], other.0[i]);
        }
        self
    }

    #[inline(always)]
    fn compare(self, other: Self, f: impl Fn(V, V) -> V::Mask) -> Masks<V::Mask, N> {
        let mut masks = [f(self.0[0], other.0[0]); N];
        for i in 1..N {
            masks[i] = f(self.0[i], other.0[i]);
        }
        Masks(masks)
    }
}

impl<V: Lanes, const N: usize> Lanes for Interleaved<V, N> {
    const COUNT: usize = N * V::COUNT;
    const FUSED: bool = V::FUSED;
    type Mask = Masks<V::Mask, N>;

    #[inline(always)]
    fn splat(self, value: f32) -> Self {
        Self([self.0[0].splat(value); N])
    }

    #[inline(always)]
    fn first(self) -> f32 {
        self.0[0].first()
    }

    #[inline(always)]
    fn mul_add(mut self, factor: Self, term: Self) -> Self {
        for i in 0..N {
            self.0[i] = self.0[i].mul_add(factor.0[i], term.0[i]);
        }
        self
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, V::min)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, V::max)
    }

    #[inline(always)]
    fn max_positive(self, other: Self) -> Self {
        self.zip(other, V::max_positive)
    }

    #[inline(always)]
    fn min_positive(self, other: Self) -> Self {
        self.zip(other, V::min_positive)
    }

    #[inline(always)]
    fn max_magnitude(self, other: Self) -> Self {
        self.zip(other, V::max_magnitude)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.map(V::abs)
    }

    #[inline(always)]
    fn truncated(self) -> Self {
        self.map(V::truncated)
    }

    #[inline(always)]
    fn lt(self, other: Self) -> Self::Mask {
        self.compare(other, V::lt)
    }

    #[inline(always)]
    fn le(self, other: Self) -> Self::Mask {
        self.compare(other, V::le)
    }

    #[inline(always)]
    fn eq(self, other: Self) -> Self::Mask {
        self.compare(other, V::eq)
    }

    #[inline(always)]
    fn bits(mask: Masks<V::Mask, N>) -> u64 {
        let mut bits = 0;
        for i in 0..N {
            bits |= V::bits(mask.0[i]) << (V::COUNT * i);
        }
        bits
    }

    #[inline(always)]
    fn select(mask: Self::Mask, mut yes: Self, no: Self) -> Self {
        for i in 0..N {
            yes.0[i] = V::select(mask.0[i], yes.0[i], no.0[i]);
        }
        yes
    }

    #[inline(always)]
    fn all_within<const M: usize>(vectors: [Self; M], bound: f32) -> bool {
        let mut all = true;
        for v in vectors {
            all &= V::all_within(v.0, bound);
        }
        all
    }

    #[inline(always)]
    fn lookup<const L: usize, const T: usize>(self, tables: [&[f32; L]; T]) -> [Self; T] {
        let mut values = [self; T];
        for i in 0..N {
            let lanes = self.0[i].lookup(tables);
            for t in 0..T {
                values[t].0[i] = lanes[t];
            }
        }
        values
    }

    #[inline(always)]
    fn scale_exp2(mut self, power: Self) -> Self {
        // By `zip`, AVX2's, which is long, was left as a function of its own.
        for i in 0..N {
            self.0[i] = self.0[i].scale_exp2(power.0[i]);
        }
        self
    }

    #[inline(always)]
    fn scale_exp2_normal(self, power: Self) -> Self {
        self.zip(power, V::scale_exp2_normal)
    }

    #[inline(always)]
    fn add_power<const L: usize>(self, power: Self) -> Self {
        self.zip(power, V::add_power::<L>)
    }

    #[inline(always)]
    fn all_between<const M: usize>(vectors: [Self; M], least: f32, most: f32) -> bool {
        let mut distance = vectors[0].0[0].splat(0.0);
        for v in vectors {
            for x in v.0 {
                distance = distance.max_distance(x, least);
            }
        }
        distance.all_up_to(most, least)
    }

    #[inline(always)]
    fn all_above(self, least: f32) -> bool {
        let mut smallest = self.0[0];
        for i in 1..N {
            smallest = smallest.min(self.0[i]);
        }
        smallest.all_above(least)
    }

    #[inline(always)]
    fn max_distance(mut self, x: Self, least: f32) -> Self {
        for i in 0..N {
            self.0[i] = self.0[i].max_distance(x.0[i], least);
        }
        self
    }

    #[inline(always)]
    fn at_distance(self, least: f32) -> Self {
        let mut result = self;
        for i in 0..N {
            result.0[i] = self.0[i].at_distance(least);
        }
        result
    }

    #[inline(always)]
    fn all_up_to(self, most: f32, least: f32) -> bool {
        let mut all = true;
        for v in self.0 {
            all &= v.all_up_to(most, least);
        }
        all
    }

    #[inline(always)]
    fn split_exp2(self) -> (Self, Self) {
        let (mut m, mut e) = (self, self);
        for i in 0..N {
            (m.0[i], e.0[i]) = self.0[i].split_exp2();
        }
        (m, e)
    }

    const SPLITS_ALL: bool = V::SPLITS_ALL;

    #[inline(always)]
    fn lookup_eighth<const T: usize>(self, tables: [&[f32; 8]; T]) -> [Self; T] {
        let mut values = [self; T];
        for i in 0..N {
            let lanes = self.0[i].lookup_eighth(tables);
            for t in 0..T {
                values[t].0[i] = lanes[t];
            }
        }
        values
    }

    #[inline(always)]
    fn reduce(self, tables: &Logarithms) -> Reduced<Self> {
        let mut reduced = Reduced { r: self, high: self, low: self };
        for i in 0..N {
            let Reduced { r, high, low } = self.0[i].reduce(tables);
            (reduced.r.0[i], reduced.high.0[i], reduced.low.0[i]) = (r, high, low);
        }
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
        for i in 1..N {
            all = all.and(self.0[i]);
        }
        all.all()
    }

    #[inline(always)]
    fn and(mut self, other: Self) -> Self {
        for i in 0..N {
            self.0[i] = self.0[i].and(other.0[i]);
        }
        self
    }
}

impl<V: Lanes, const N: usize> Neg for Interleaved<V, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.map(V::neg)
    }
}

/// An operator, vector by vector, also with an `f32` on the right.
macro_rules! operator {
    ($operator:ident, $method:ident) => {
        impl<V: Lanes, const N: usize> $operator for Interleaved<V, N> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                self.zip(other, <V as $operator>::$method)
            }
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
