//! Which backends exist, and which of them this CPU has.

use crate::pass::Passes;
#[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
use crate::pass::SCALAR;
#[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
use crate::simd::portable;
use crate::simd::scalar;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use crate::simd::{avx2, avx512};

/// An instruction set that this CPU has.
///
/// The crate's functions run on [`Backend::best`]. Another backend serves to compare, or to
/// reproduce the bits of another machine. Each function is a method of `Backend` with the same
/// name; a function of [`rows`](crate::rows) has `rows_` in front. Functions with options have
/// [`on`](crate::loss::CrossEntropy::on):
///
/// ```
/// use logits::{Backend, Softmax};
///
/// let x = [0.0, 1.0, f32::NEG_INFINITY];
/// for backend in Backend::available() {
///     let (mut exp, mut softmax) = ([0.0; 3], [0.0; 3]);
///     backend.exp(&x, &mut exp)?;
///     Softmax::new().on(backend).softmax(&x, &mut softmax)?;
///     println!("{:>8}: {exp:?} {softmax:?}", backend.name());
///     assert_eq!((exp[2], softmax[2]), (0.0, 0.0));
/// }
/// # Ok::<(), logits::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Backend(pub(crate) Passes);

impl Backend {
    /// The fastest backend of this CPU.
    ///
    /// The first call asks the CPU; later calls are a load and a compare. If the build enables the
    /// features, or the target has only one backend, the result is a constant.
    #[inline(always)]
    #[must_use]
    pub fn best() -> Self {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            if avx512::is_available() {
                return Self(Passes::Avx512);
            }
            if avx2::is_available() {
                return Self(Passes::Avx2);
            }
        }
        #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
        return Self(Passes::Portable);
        #[cfg(all(target_os = "none", target_pointer_width = "32"))]
        Self(Passes::Scalar)
    }

    /// Every backend this CPU has, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        [
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            avx512::is_available().then_some(Passes::Avx512),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            avx2::is_available().then_some(Passes::Avx2),
            #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
            Some(Passes::Portable),
            #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
            Some(Passes::Scalar(&SCALAR)),
            #[cfg(all(target_os = "none", target_pointer_width = "32"))]
            Some(Passes::Scalar),
        ]
        .into_iter()
        .flatten()
        .map(Self)
    }

    /// `"avx512"`, `"avx2"`, `"portable"` or `"scalar"`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Passes::Avx512 => "avx512",
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Passes::Avx2 => "avx2",
            #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
            Passes::Portable => "portable",
            #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
            Passes::Scalar(_) => "scalar",
            #[cfg(all(target_os = "none", target_pointer_width = "32"))]
            Passes::Scalar => "scalar",
        }
    }

    /// Whether multiplication and addition are fused into one rounding.
    ///
    /// Two backends for which this is the same give the same bits for every input. The exceptions
    /// are, on the scalar backend, softmax, log-softmax, log-sum-exp (with
    /// [`LogSumExp`](crate::LogSumExp) and [`log_dot_exp`](crate::log_dot_exp)),
    /// [`CrossEntropy`](crate::loss::CrossEntropy), `exp`, `exp_m1`, `sigmoid`, `log_sigmoid` and
    /// `softplus`: they take other steps there. Their bits on the scalar backend are the same on
    /// every target that does not fuse, microcontrollers included.
    #[must_use]
    pub fn is_fused(self) -> bool {
        match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Passes::Avx512 | Passes::Avx2 => true,
            #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
            Passes::Portable => portable::FUSED,
            #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
            Passes::Scalar(_) => scalar::FUSED,
            #[cfg(all(target_os = "none", target_pointer_width = "32"))]
            Passes::Scalar => scalar::FUSED,
        }
    }
}

impl core::fmt::Debug for Backend {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}
