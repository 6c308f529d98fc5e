//! Which backends exist, which of them this CPU has, and the way into one.

#[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
use crate::simd::portable;
use crate::simd::{Kernel, scalar};
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use crate::simd::{avx2, avx512};

/// An instruction set that this CPU has, as seen when the value was made.
///
/// The crate's functions run on [`Backend::best`]. To choose another, say to
/// compare or to reproduce another machine's bits, give a [`kernel`](crate::kernel)
/// to [`Backend::run`]:
///
/// ```
/// use logits::{Backend, kernel::{Exp, Map}};
///
/// let x = [0.0, 1.0, f32::NEG_INFINITY];
/// for backend in Backend::available() {
///     let mut out = [0.0; 3];
///     backend.run(Map::new(Exp, &x, &mut out)?);
///     println!("{:>8}: {out:?}", backend.name());
///     assert_eq!(out[2], 0.0);
/// }
/// # Ok::<(), logits::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Backend(Kind);

#[derive(Clone, Copy)]
enum Kind {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    Avx512(avx512::Support),
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    Avx2(avx2::Support),
    #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
    Portable,
    Scalar,
}

impl Backend {
    /// The fastest backend of this CPU: a load and a compare after the first
    /// call, a constant where the build enables the features or the target has
    /// only one backend.
    #[inline(always)]
    #[must_use]
    pub fn best() -> Self {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            if let Some(support) = avx512::Support::detect() {
                return Self(Kind::Avx512(support));
            }
            if let Some(support) = avx2::Support::detect() {
                return Self(Kind::Avx2(support));
            }
        }
        #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
        return Self(Kind::Portable);
        #[cfg(all(target_os = "none", target_pointer_width = "32"))]
        Self(Kind::Scalar)
    }

    /// Every backend this CPU has, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        [
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            avx512::Support::detect().map(Kind::Avx512),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            avx2::Support::detect().map(Kind::Avx2),
            #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
            Some(Kind::Portable),
            Some(Kind::Scalar),
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
            Kind::Avx512(_) => "avx512",
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Kind::Avx2(_) => "avx2",
            #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
            Kind::Portable => "portable",
            Kind::Scalar => "scalar",
        }
    }

    /// Whether multiplication and addition are fused into one rounding.
    /// Backends that agree in this give the same bits for every input.
    #[must_use]
    pub fn is_fused(self) -> bool {
        match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Kind::Avx512(_) | Kind::Avx2(_) => true,
            #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
            Kind::Portable => portable::FUSED,
            Kind::Scalar => scalar::FUSED,
        }
    }

    /// Runs a kernel with this backend's instructions.
    #[inline(always)]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Kind::Avx512(support) => support.run(kernel),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Kind::Avx2(support) => support.run(kernel),
            #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
            Kind::Portable => portable::run(kernel),
            Kind::Scalar => scalar::run(kernel),
        }
    }
}

/// `Backend::best().run(kernel)`, without the backends that are never the best here: they
/// need not be compiled for it.
#[inline(always)]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        if let Some(support) = avx512::Support::detect() {
            return support.run(kernel);
        }
        if let Some(support) = avx2::Support::detect() {
            return support.run(kernel);
        }
    }
    #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
    return portable::run(kernel);
    #[cfg(all(target_os = "none", target_pointer_width = "32"))]
    scalar::run(kernel)
}

impl core::fmt::Debug for Backend {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}
