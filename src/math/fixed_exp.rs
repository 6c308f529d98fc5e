//! e^(s·x) as an integer times a power of two: what the scalar backend sums.
//!
//! **Method.** As in `shifted_exp.rs`, s·x = k·ln2 + r, here with k a whole number of 64ths, reduced
//! in `f32`. The rest is integer arithmetic: with v = r + 2^-6 > 0, e^r = p·(1 + v·(C1 + v·C2)), and
//! the table has p·2^(j/64). Where there is no floating-point unit, this takes a small part of what
//! `f32` would; and integers add up exactly, in any order.
//!
//! **Error.** 6.7e-9 of the polynomial, 1.9e-9 of r as an integer, 0.5e-9 of what is cut off; and
//! what r is rounded by in `f32`. Together, up to |s·x| = 330, this is 1.2e-8 for s = 1. For other s
//! it is 1.1e-8 up to |s·x| = 20, 3.5e-8 up to 224, and 4.6e-8 up to 330. Where the host rounds
//! otherwise, r may be twice as large: there is room for that.
//!
//! **Coefficients** by `fixed_exp.py`, beside this file.

use super::shifted_exp::Scale;

/// `SIXTY_FOURTHS + k` for a small number k of 64ths has k in its lowest bits.
const SIXTY_FOURTHS: f32 = 196_608.0; // 1.5 · 2^17, whose last bit is 2^-6
/// `CENTER + r` has r in its lowest bits, in units of 2^-28.
const CENTER: f32 = 0.046_875; // 1.5 · 2^-5

/// n of x = 0.
pub(crate) const POWER_OF_1: i32 = SIXTY_FOURTHS.to_bits() as i32 >> 6;

/// The integers of the formula.
pub(crate) struct Integers {
    /// C1 and C2 in units of 2^-31 and 2^-26.
    polynomial: [u32; 2],
    /// p·2^(31 + j/64).
    table: [u32; 64],
}

pub(crate) static INTEGERS: Integers = Integers { polynomial: POLYNOMIAL, table: TABLE };
const POLYNOMIAL: [u32; 2] = [0x7FFC_0FE6, 0x0208_1056];

#[rustfmt::skip]
const TABLE: [u32; 64] = [
    0x7E03_FF83, 0x7F63_4954, 0x80C6_666B, 0x822D_6171, 0x8398_452E, 0x8507_1C88, 0x8679_F282, 0x87F0_D23F,
    0x896B_C702, 0x8AEA_DC2B, 0x8C6E_1D3C, 0x8DF5_95D4, 0x8F81_51B6, 0x9111_5CC4, 0x92A5_C301, 0x943E_9091,
    0x95DB_D1BB, 0x977D_92E9, 0x9923_E0A5, 0x9ACE_C79E, 0x9C7E_54A6, 0x9E32_94B1, 0x9FEB_94DB, 0xA1A9_6260,
    0xA36C_0AA4, 0xA533_9B2F, 0xA700_21B0, 0xA8D1_ABF9, 0xAAA8_4808, 0xAC84_03FC, 0xAE64_EE1F, 0xB04B_14E2,
    0xB236_86DE, 0xB427_52D6, 0xB61D_87B3, 0xB819_348C, 0xBA1A_689E, 0xBC21_3352, 0xBE2D_A43D, 0xC03F_CB1F,
    0xC257_B7E2, 0xC475_7A9F, 0xC699_239A, 0xC8C2_C345, 0xCAF2_6A40, 0xCD28_295A, 0xCF64_118F, 0xD1A6_340C,
    0xD3EE_A22E, 0xD63D_6D80, 0xD892_A7C1, 0xDAEE_62DF, 0xDD50_B0FC, 0xDFB9_A46C, 0xE229_4FB4, 0xE49F_C590,
    0xE71D_18EE, 0xE9A1_5CF0, 0xEC2C_A4F1, 0xEEBF_047F, 0xF158_8F5E, 0xF3F9_598B, 0xF6A1_7739, 0xF950_FCD6,
];

/// The upper half of a product.
#[inline(always)]
pub(crate) fn high(a: u32, b: u32) -> u32 {
    ((u64::from(a) * u64::from(b)) >> 32) as u32
}

/// The numbers of the formula for an s.
#[derive(Clone, Copy)]
pub(crate) struct Reduction {
    s: f32,
    log2_e: f32,
    ln_2: [f32; 2],
    integers: &'static Integers,
}

impl Reduction {
    /// The integers are [`INTEGERS`], which a caller has in memory: as constants, each would take two
    /// instructions, every time.
    #[inline(always)]
    pub(crate) fn new(scale: &Scale, integers: &'static Integers) -> Self {
        Self { s: scale.words.0, log2_e: scale.log2_e, ln_2: scale.ln_2_shorter, integers }
    }
}

/// n of [`fixed_exp`], alone.
#[inline(always)]
pub(crate) fn power_of_exp(by: Reduction, x: f32) -> i32 {
    (x * by.log2_e + SIXTY_FOURTHS).to_bits() as i32 >> 6
}

/// `(m, n)` with e^(s·x) = m·2^(n − 31 − [`POWER_OF_1`]) and
/// 0.98·2^31 < m < 1.99·2^31, for |s·x| < 350. Farther down n still falls with x; of NaN it is
/// anything.
#[inline(always)]
pub(crate) fn fixed_exp(by: Reduction, x: f32) -> (u32, i32) {
    let Reduction { s, log2_e, ln_2, integers } = by;
    let power = x * log2_e + SIXTY_FOURTHS;
    let k = power - SIXTY_FOURTHS;
    let r = (x - k * ln_2[0]) - k * ln_2[1];
    // All but r drops out: what is left is v in units of 2^-37.
    let v = (r * s + CENTER).to_bits() << 9;
    let n = power.to_bits() as i32;
    let table = integers.table[(n & 63) as usize];
    let [c1, c2] = integers.polynomial;
    let exp_m1 = high(v, c1 + high(v, c2));
    (table.wrapping_add(high(table, exp_m1) >> 4), n >> 6)
}

#[cfg(test)]
mod tests {
    use super::super::polynomial::check::assert_about;
    use super::*;

    /// The largest error of e^x for |x| up to a bound.
    fn largest(scale: &Scale, most: f64) -> f64 {
        let s = f64::from(scale.words.0) + f64::from(scale.words.1);
        let errors = (-20_000..=20_000).map(|i| {
            let x = (most / s * f64::from(i) / 20_000.0) as f32;
            let (m, n) = fixed_exp(Reduction::new(scale, &INTEGERS), x);
            let found = f64::from(m) * libm::exp2(f64::from(n - POWER_OF_1 - 31));
            (found / libm::exp(s * f64::from(x)) - 1.0).abs()
        });
        errors.fold(0.0, f64::max)
    }

    /// The figures that [`SOFTMAX_WORST`](crate::contract::SOFTMAX_WORST) adds up.
    #[test]
    fn it_errs_as_stated() {
        for (most, of_one, stated) in [
            (20.0, 9.3e-9, 1.12e-8),
            (224.0, 1.14e-8, 3.53e-8),
            (312.0, 1.17e-8, 4.53e-8),
            (330.0, 1.17e-8, 4.6e-8),
        ] {
            let scales = (0..60).map(|i| 1.0 + i as f32 / 60.0);
            let scales = scales.flat_map(|s| [Scale::of(s), Scale::of_inverse(s)]);
            let found = scales.map(|scale| largest(&scale, most)).fold(0.0, f64::max);
            assert_about(stated, found);
            assert_about(of_one, largest(&Scale::ONE, most));
        }
    }
}
