//! What a vector can do, said once.
//!
//! A [`Simd`] value is a *token*: passes hold one only where they were compiled for its
//! instruction set, so whoever holds one may use that set. Vectors come from tokens, and what
//! is done with vectors is safe; formulas are written over [`Lanes`]. How an instruction set
//! does an operation is decided in the files below `simd/`, and nowhere else.
//!
//! Memory is touched through raw pointers: a pass gets places and lengths from its driver,
//! which made them from slices.

#![allow(unsafe_code)]

use core::ops::{Add, Div, Mul, Neg, Sub};

/// Makes a type the vector of a backend: [`Vectors`] of one, with arithmetic operators, each also
/// with an `f32` on the right. The backend says what each does.
macro_rules! vector {
    (
        $lanes:ident of $token:ty,
        Neg::neg = |$n:ident| $neg:expr,
        $($trait:ident::$method:ident = |$a:ident, $b:ident| $value:expr,)*
    ) => {
        impl AsRef<[Self]> for $lanes {
            #[inline(always)]
            fn as_ref(&self) -> &[Self] {
                core::slice::from_ref(self)
            }
        }

        impl AsMut<[Self]> for $lanes {
            #[inline(always)]
            fn as_mut(&mut self) -> &mut [Self] {
                core::slice::from_mut(self)
            }
        }

        impl $crate::simd::Vectors<$token> for $lanes {
            #[inline(always)]
            fn splat_of(simd: $token, value: f32) -> Self {
                $crate::simd::Simd::splat(simd, value)
            }
        }

        impl core::ops::Neg for $lanes {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                let $n = self;
                $neg
            }
        }

        $(
            impl core::ops::$trait for $lanes {
                type Output = Self;
                #[inline(always)]
                fn $method(self, other: Self) -> Self {
                    let ($a, $b) = (self, other);
                    $value
                }
            }

            impl core::ops::$trait<f32> for $lanes {
                type Output = Self;
                #[inline(always)]
                fn $method(self, other: f32) -> Self {
                    core::ops::$trait::$method(self, $crate::simd::Lanes::splat(self, other))
                }
            }
        )*
    };
}

/// Methods of one expression each, inlined.
#[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
macro_rules! inlined {
    ($(fn $name:ident($($arguments:tt)*) $(-> $result:ty)? = $value:expr;)*) => {$(
        #[inline(always)]
        fn $name($($arguments)*) $(-> $result)? {
            $value
        }
    )*};
}

/// `for $i in 0..$n { $body }` for a constant `$n`, up to four without a loop: left to the
/// compiler, unrolling loops over a few vectors took longer than all else together.
macro_rules! unroll {
    ($i:ident in 0..$n:expr, $body:expr) => {
        if const { $n > 4 } {
            for $i in 0..$n {
                $body;
            }
        } else {
            $crate::simd::unroll!(@ $i, $n, $body, 0, 1, 2, 3);
        }
    };
    (@ $i:ident, $n:expr, $body:expr, $($value:literal),*) => {$(
        if const { $value < $n } {
            let $i = $value;
            $body;
        }
    )*};
}
pub(crate) use unroll;

/// [`Lanes::call`] of a formula that is inlined there.
macro_rules! call {
    ($lanes:ty, $arguments:expr, |$argument:pat_param| $formula:expr) => {
        <$lanes as $crate::simd::Lanes>::call(
            $arguments,
            #[inline(always)]
            |$argument| $formula,
        )
    };
}
pub(crate) use call;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub(crate) mod avx2;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub(crate) mod avx512;
#[cfg(any(
    target_arch = "x86",
    target_arch = "x86_64",
    not(all(target_os = "none", target_pointer_width = "32")),
))]
pub(crate) mod interleaved;
#[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
pub(crate) mod portable;
pub(crate) mod scalar;

/// Sums run over this many logical lanes whatever the width of a register, so that every
/// backend adds in the same order.
pub(crate) const BLOCK: usize = 16;

/// `EIGHTHS + k` for a whole number `k / 8` of small size has `k` in its lowest bits: adding it
/// rounds to eighths, and its bits index tables and build powers of two.
pub(crate) const EIGHTHS: f32 = 1_572_864.0; // 1.5 · 2^20, whose last bit is 2^-3
/// [`EIGHTHS`] for sixteenths.
pub(crate) const SIXTEENTHS: f32 = 786_432.0;

/// The least mantissa that [`Lanes::split_exp2`] gives.
const fn least_mantissa(fused: bool) -> f32 {
    if fused { 1.0 } else { core::f32::consts::FRAC_1_SQRT_2 }
}

/// Lanes of a block in order, on a cache line of their own.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Lane16(pub(crate) [f32; BLOCK]);

/// A backend's token: proof that its instructions may be used, and the source of its vectors.
///
/// # Safety
/// Of every method that takes a pointer: it is valid for as many elements as are read or
/// written, which the method names.
#[allow(clippy::missing_safety_doc)] // said once, above
pub(crate) trait Simd: Copy {
    /// A vector of `f32`.
    type F32: Vectors<Self>;
    /// [`BLOCK`] lanes, as an array of vectors.
    type Block: Copy + AsRef<[Self::F32]> + AsMut<[Self::F32]>;
    /// As many vectors as a loop takes side by side: whole blocks, or one lane.
    type Wide: Vectors<Self>;
    /// As many as a loop takes whose formula is long: more would not stay in registers.
    type MapWide: Vectors<Self>;

    /// Whether [`Wide`](Self::Wide) is more than one vector. A loop over one vector at a time
    /// follows it for the rest: without this, both would be the same code.
    const IS_WIDE: bool = <Self::Wide as Lanes>::COUNT > <Self::F32 as Lanes>::COUNT;
    /// Whether sums of long formulas go several vectors side by side, too: where lanes come from
    /// a library, their code is several times as long.
    const IS_NATIVE: bool = false;
    /// Whether passes of one row take rows of any length, and any number of them: see `pass/row.rs`.
    const TAKES_ROWS: bool = false;

    /// The same value in every lane.
    fn splat(self, value: f32) -> Self::F32;
    /// Loads a whole vector.
    unsafe fn load(self, from: *const f32) -> Self::F32;
    /// Loads the first `count` lanes, at least one and not all; others hold 0.
    unsafe fn load_first(self, from: *const f32, count: usize) -> Self::F32;
    /// Writes a whole vector.
    unsafe fn store(self, value: Self::F32, to: *mut f32);
    /// Writes the first `count` lanes, at least one and not all.
    unsafe fn store_first(self, value: Self::F32, to: *mut f32, count: usize);
    /// Asks for a cache line to be brought near, wherever it is: this never faults.
    #[inline(always)]
    fn prefetch(self, from: *const f32) {
        let _ = from;
    }
    /// The first `count` lanes of at least as many; others hold `fill`.
    fn keep_first(self, value: Self::F32, count: usize, fill: f32) -> Self::F32;
    /// One lane, others 0; all 0 for a lane that is not there.
    fn only(self, value: Self::F32, lane: usize) -> Self::F32;

    /// Loads `count` lanes, at least one, or all; others hold `fill`.
    #[inline(always)]
    unsafe fn load_part(self, from: *const f32, count: usize, fill: f32) -> Self::F32 {
        unsafe {
            if count >= Self::F32::COUNT {
                self.load(from)
            } else {
                let value = self.load_first(from, count);
                if fill == 0.0 { value } else { self.keep_first(value, count, fill) }
            }
        }
    }
    /// Writes `count` lanes, at least one, or all.
    #[inline(always)]
    unsafe fn store_part(self, value: Self::F32, to: *mut f32, count: usize) {
        unsafe {
            if count >= Self::F32::COUNT {
                self.store(value, to);
            } else {
                self.store_first(value, to, count);
            }
        }
    }

    /// A vector throughout a block.
    fn block(self, value: Self::F32) -> Self::Block;
    /// Loads a block.
    #[inline(always)]
    unsafe fn load_block(self, from: *const f32) -> Self::Block {
        let mut block = self.block(self.splat(0.0));
        unroll!(j in 0..BLOCK / Self::F32::COUNT, {
            block.as_mut()[j] = unsafe { self.load(from.add(j * Self::F32::COUNT)) };
        });
        block
    }
    /// Writes a block.
    #[inline(always)]
    unsafe fn store_block(self, block: Self::Block, to: *mut f32) {
        unroll!(j in 0..BLOCK / Self::F32::COUNT, {
            unsafe { self.store(block.as_ref()[j], to.add(j * Self::F32::COUNT)) };
        });
    }
    /// The step of a transposition: lanes i and i + HALF of `a` where i & HALF = 0, lanes
    /// i − HALF and i of `b` elsewhere, for HALF = 8, 4, 2 or 1.
    #[inline(always)]
    fn exchange<const HALF: usize>(
        self,
        a: Self::Block,
        b: Self::Block,
    ) -> (Self::Block, Self::Block) {
        let (a, b) = (self.block_to_array(a), self.block_to_array(b));
        let (mut first, mut second) = (a, b);
        for i in 0..BLOCK {
            if i & HALF == 0 {
                second.0[i] = a.0[i | HALF];
            } else {
                first.0[i] = b.0[i & !HALF];
            }
        }
        // SAFETY: both arrays hold a block.
        unsafe { (self.load_block(first.0.as_ptr()), self.load_block(second.0.as_ptr())) }
    }
    /// The largest lane, for lanes without NaN.
    #[inline(always)]
    fn largest(self, block: Self::Block) -> f32 {
        let mut largest = f32::NEG_INFINITY;
        for lane in self.block_to_array(block).0 {
            largest = if lane > largest { lane } else { largest };
        }
        largest
    }
    /// The lanes of a block in order.
    #[inline(always)]
    fn block_to_array(self, block: Self::Block) -> Lane16 {
        let mut array = Lane16([0.0; BLOCK]);
        // SAFETY: the array holds a block.
        unsafe { self.store_block(block, array.0.as_mut_ptr()) };
        array
    }
}

/// A vector of `f32` lanes. An `f32` operand means that value in every lane.
pub(crate) trait Lanes:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Add<f32, Output = Self>
    + Sub<f32, Output = Self>
    + Mul<f32, Output = Self>
    + Div<f32, Output = Self>
{
    /// Lanes; those of one vector divide [`BLOCK`].
    const COUNT: usize;
    /// Whether `mul_add` rounds once. Backends that agree in this agree in every bit.
    const FUSED: bool;
    /// Whether [`call`](Self::call) makes a formula a function of its own.
    const CALLS: bool = false;
    /// One truth value a lane.
    type Mask: Mask;

    /// A formula of some arguments, which captures nothing. One that is long, or in many passes, is
    /// a function of its own where it may be: in a dozen passes, it was half of all code. Where
    /// lanes need instructions that such a function would not be compiled for, it is in place.
    #[inline(always)]
    fn call<A, R>(arguments: A, formula: impl Fn(A) -> R) -> R {
        #[inline(never)]
        fn apart<A, R>(arguments: A, formula: impl Fn(A) -> R) -> R {
            formula(arguments)
        }
        if const { Self::CALLS } { apart(arguments, formula) } else { formula(arguments) }
    }

    /// On scalar, which computes elementwise functions by integers, a function of the bits.
    #[inline(always)]
    fn by_integers(self, _: impl Fn(u32) -> u32) -> Option<Self> {
        None
    }

    /// `value` in every lane; `self` proves that the instructions exist.
    fn splat(self, value: f32) -> Self;
    /// The first lane.
    fn first(self) -> f32;

    /// `self · factor + term`, rounded once or twice as [`Lanes::FUSED`] says.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// `self` where it is smaller, else `other`. A NaN in `other` stays one, a
    /// NaN in `self` may give either.
    fn min(self, other: Self) -> Self;
    /// `self` where it is larger, else `other`. A NaN in `other` stays one, a
    /// NaN in `self` may give either.
    fn max(self, other: Self) -> Self;
    /// The larger of two positive numbers.
    #[inline(always)]
    fn max_positive(self, other: Self) -> Self {
        self.max(other)
    }
    /// The smaller of two positive numbers.
    #[inline(always)]
    fn min_positive(self, other: Self) -> Self {
        self.min(other)
    }
    /// The larger of a magnitude, `self`, and that of another number; a NaN is larger
    /// than all.
    fn max_magnitude(self, other: Self) -> Self;
    /// The nearest number from `least` to `most`; a NaN stays one.
    #[inline(always)]
    fn clamp(self, least: f32, most: f32) -> Self {
        self.splat(least).max(self.splat(most).min(self))
    }
    /// The magnitude: the sign bit cleared, of NaN too.
    fn abs(self) -> Self;
    /// The upper half of the 24 bits: the lower 12 cleared.
    fn truncated(self) -> Self;

    /// `self < other`, false with a NaN.
    fn lt(self, other: Self) -> Self::Mask;
    /// `self <= other`, false with a NaN.
    fn le(self, other: Self) -> Self::Mask;
    /// `self == other`, false with a NaN.
    fn eq(self, other: Self) -> Self::Mask;
    /// A bit for each lane, the first the lowest: of at most 64.
    fn bits(mask: Self::Mask) -> u64;
    /// `yes` where `mask` holds, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    /// Whether every magnitude in every vector is at most `bound`; false with a
    /// NaN.
    #[inline(always)]
    fn all_within<const N: usize>(vectors: [Self; N], bound: f32) -> bool {
        let bound = vectors[0].splat(bound);
        let mut within = vectors[0].abs().le(bound);
        for x in &vectors[1..] {
            within = within.and(x.abs().le(bound));
        }
        within.all()
    }

    /// Whether every lane of every vector lies between two positive numbers; false with
    /// a NaN.
    #[inline(always)]
    fn all_between<const N: usize>(vectors: [Self; N], least: f32, most: f32) -> bool {
        let mut distance = vectors[0].splat(0.0);
        for x in vectors {
            distance = distance.max_distance(x, least);
        }
        distance.all_up_to(most, least)
    }

    /// Whether every lane is above a number. A NaN may count as either.
    #[inline(always)]
    fn all_above(self, least: f32) -> bool {
        self.splat(least).lt(self).all()
    }

    /// The larger of `self` and of how far x lies above a positive number: the difference
    /// of their bits, an unsigned integer. What is below and NaN are farther than all else.
    fn max_distance(self, x: Self, least: f32) -> Self;
    /// Whether no lane, such a distance, is more than that of `most`.
    fn all_up_to(self, most: f32, least: f32) -> bool;

    /// `table[k mod L]` of each table, for `self = EIGHTHS + k/8` and L = 8, or
    /// `SIXTEENTHS + k/16` and L = 16.
    fn lookup<const L: usize, const T: usize>(self, tables: [&[f32; L]; T]) -> [Self; T];
    /// `self · 2^⌊k/8⌋` for `power = EIGHTHS + k/8`, rounded once, subnormal
    /// results included; |k/8| ≤ 250 and 2^-50 ≤ |self| < 4, or self = 0.
    fn scale_exp2(self, power: Self) -> Self;
    /// [`scale_exp2`](Self::scale_exp2) where operand and result are
    /// normal.
    fn scale_exp2_normal(self, power: Self) -> Self;
    /// The bits of `self` plus k · 2^23 / L, for `power` and L as in
    /// [`lookup`](Self::lookup): times 2^⌊k/L⌋ where the bits of `self` lack
    /// (k mod L) · 2^23 / L, operand and result being normal.
    fn add_power<const L: usize>(self, power: Self) -> Self;
    /// Whether every lane of every vector is positive and normal, and so is its
    /// reciprocal.
    #[inline(always)]
    fn all_invertible<const N: usize>(vectors: [Self; N]) -> bool {
        Self::all_between(vectors, f32::MIN_POSITIVE, 1.0 / f32::MIN_POSITIVE)
    }

    /// `(m, e)` with self = m · 2^e, where 1 ≤ m < 2 if multiplication is fused
    /// and √½ ≤ m < √2 if not, for positive normal lanes. Others hold anything,
    /// or see [`SPLITS_ALL`](Self::SPLITS_ALL).
    fn split_exp2(self) -> (Self, Self);
    /// Whether [`split_exp2`](Self::split_exp2) takes positive subnormals too, and
    /// gives e = ∓∞ for ±0 and +∞, and a NaN for other negative lanes and NaN.
    const SPLITS_ALL: bool = false;
    /// `table[⌊8(m − 1)⌋]` of each table, for 1 ≤ self = m < 2.
    fn lookup_eighth<const T: usize>(self, tables: [&[f32; 8]; T]) -> [Self; T];
    /// What ln x begins with where multiplication is fused, for lanes that
    /// [`all_invertible`](Self::all_invertible) lets through or that
    /// [`split_exp2`](Self::split_exp2) takes all. It is [`reduce`], to the bit.
    #[inline(always)]
    fn reduce(self, tables: &Logarithms) -> Reduced<Self> {
        reduce(self.split_exp2(), tables)
    }
}

/// For each eighth of 1 ≤ m < 2 a number c near it: 1/c, and ln c in two words, as
/// ln 2 is.
pub(crate) struct Logarithms {
    pub(crate) reciprocal: [f32; 8],
    pub(crate) ln: [f32; 8],
    pub(crate) ln_low: [f32; 8],
    pub(crate) ln_2: [f32; 2],
}

/// ln x = high + ln(1 + r) + low.
#[derive(Clone, Copy)]
pub(crate) struct Reduced<V> {
    pub(crate) r: V,
    pub(crate) high: V,
    pub(crate) low: V,
}

/// For x = m · 2^e with 1 ≤ m < 2: r = m/c − 1, high + low = e·ln2 + ln c.
#[inline(always)]
pub(crate) fn reduce<V: Lanes>((m, e): (V, V), tables: &Logarithms) -> Reduced<V> {
    let Logarithms { reciprocal, ln, ln_low, ln_2 } = tables;
    let [reciprocal, ln, ln_low] = m.lookup_eighth([reciprocal, ln, ln_low]);
    Reduced {
        r: m.mul_add(reciprocal, m.splat(-1.0)),
        high: e.mul_add(m.splat(ln_2[0]), ln),
        low: e.mul_add(m.splat(ln_2[1]), ln_low),
    }
}

/// One vector or several as one.
#[allow(clippy::missing_safety_doc)] // as those of Simd
pub(crate) trait Vectors<S: Simd>: Lanes + AsRef<[S::F32]> + AsMut<[S::F32]> {
    /// The same value in every lane.
    fn splat_of(simd: S, value: f32) -> Self;

    /// Loads all lanes.
    #[inline(always)]
    unsafe fn load(simd: S, from: *const f32) -> Self {
        let mut all = Self::splat_of(simd, 0.0);
        unroll!(j in 0..Self::COUNT / S::F32::COUNT, {
            all.as_mut()[j] = unsafe { simd.load(from.add(j * S::F32::COUNT)) };
        });
        all
    }

    /// Writes all lanes.
    #[inline(always)]
    unsafe fn store(self, simd: S, to: *mut f32) {
        unroll!(j in 0..Self::COUNT / S::F32::COUNT, {
            unsafe { simd.store(self.as_ref()[j], to.add(j * S::F32::COUNT)) };
        });
    }
}

/// One truth value a lane.
pub(crate) trait Mask: Copy {
    /// Whether it holds in every lane.
    fn all(self) -> bool;
    /// Where both hold.
    fn and(self, other: Self) -> Self;
}
