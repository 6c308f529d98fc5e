//! Peers that know x86-64: in Rust with an instruction set forced on them, and
//! shared libraries that are opened at run time.

use crate::portable::{row_by_row, uninitialized};
use crate::{Isa, Peer, hand_written, left_out};
use libloading::Library;
use rten_simd::functional::simd_map;
use rten_simd::isa::Avx2Isa;
use rten_simd::{Isa as _, SimdOp, SimdUnaryOp};
use rten_vecmath::{LogSoftmax, Softmax};
use std::arch::x86_64::*;
use std::mem::MaybeUninit;
use std::process::Command;
use std::sync::LazyLock;
use tract_linalg::element_wise::{ElementWise, ElementWiseKer};
use tract_linalg::x86_64 as tract;

pub(crate) fn peers(function: &str) -> Vec<Peer> {
    let mut peers = vec![];
    if available("rten-vecmath and tract", Isa::Avx2) {
        match function {
            "exp" => peers.extend([
                rten_avx2(rten_vecmath::Exp {}),
                in_place(Isa::Avx2, tract::exp::x86_64_fma_exp_f32_32n::ew()),
            ]),
            "ln" => peers.push(in_place(Isa::Avx2, tract::ln::x86_64_fma_ln_f32_32n::ew())),
            "sigmoid" => peers.extend([
                rten_avx2(rten_vecmath::Sigmoid {}),
                in_place(Isa::Avx2, tract::fma_sigmoid_f32::ew()),
            ]),
            // SAFETY: available.
            "softmax" => peers.push(rten_rows_avx2(|x, out| unsafe {
                eval_avx2(Softmax::new(x, out));
            })),
            // SAFETY: available.
            "log_softmax" => peers.push(rten_rows_avx2(|x, out| unsafe {
                eval_avx2(LogSoftmax::new(x, out));
            })),
            _ => {}
        }
    }
    if available("tract", Isa::Avx512) {
        peers.extend(match function {
            "exp" => Some(in_place(Isa::Avx512, tract::exp::x86_64_avx512_exp_f32_64n::ew())),
            "ln" => Some(in_place(Isa::Avx512, tract::ln::x86_64_avx512_ln_f32_64n::ew())),
            "sigmoid" => Some(in_place(Isa::Avx512, tract::avx512_sigmoid_f32::ew())),
            _ => None,
        });
    }
    if function == "log_sum_exp" && available("the hand-written loop", Isa::Avx512) {
        peers.push(hand_written::log_sum_exp());
    }
    let (c, intel) = match function {
        "exp" => ("exp", "Exp"),
        "exp_m1" => ("expm1", "Expm1"),
        "ln" => ("log", "Ln"),
        "ln_1p" => ("log1p", "Log1p"),
        _ => return peers,
    };
    peers.extend(SLEEF.iter().flat_map(|library| {
        let name = |lanes, isa| format!("Sleef_{c}f{lanes}_u10{isa}");
        let symbols = [name(16, "avx512f"), name(8, "avx2"), name(4, "sse2")];
        vectors("SLEEF u10", library, symbols)
    }));
    peers.extend(LIBMVEC.iter().flat_map(|library| {
        let symbols = ["eN16", "dN8", "bN4"].map(|abi| format!("_ZGV{abi}v_{c}f"));
        vectors("libmvec", library, symbols)
    }));
    peers.extend(MKL.iter().flat_map(|library| mkl(library, &format!("vms{intel}"))));
    peers
}

pub(crate) fn limits(function: &str) -> Vec<Peer> {
    match function {
        "log_sum_exp" | "softmax" if available("plain sum", Isa::Avx512) => {
            hand_written::limits(function == "softmax")
        }
        _ => vec![],
    }
}

fn available(name: &str, isa: Isa) -> bool {
    let available = match isa {
        Isa::Sse2 => true,
        Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
        Isa::Avx512 => is_x86_feature_detected!("avx512f"),
    };
    if !available {
        left_out(&format!("{name} {}", isa.name()), "not an instruction set of this CPU");
    }
    available
}

/// As `SimdUnaryOp::map` does, which takes the best instruction set.
fn rten_avx2(f: impl SimdUnaryOp<f32> + Send + 'static) -> Peer {
    #[target_feature(enable = "avx2,fma,f16c")]
    fn map(isa: Avx2Isa, f: &impl SimdUnaryOp<f32>, x: &[f32], out: &mut [f32]) {
        simd_map(
            isa.f32(),
            (x, uninitialized(out)),
            #[inline(always)]
            |x| f.eval(isa, x),
        );
    }
    let isa = Avx2Isa::new().expect("AVX2, as the caller has checked");
    Peer::new("rten-vecmath avx2", Isa::Avx2, move |x, out| {
        // SAFETY: `isa` exists only where its instructions do.
        unsafe { map(isa, &f, x, out) }
    })
}

fn rten_rows_avx2(f: impl Fn(&[f32], &mut [MaybeUninit<f32>]) + Send + 'static) -> Peer {
    Peer::of_rows("rten-vecmath avx2", Isa::Avx2, row_by_row(f))
}

/// As `SimdOp::dispatch` does, which takes the best instruction set.
#[target_feature(enable = "avx2,fma,f16c")]
fn eval_avx2<Op: SimdOp>(op: Op) -> Op::Output {
    op.eval(Avx2Isa::new().expect("AVX2, as the caller has checked"))
}

/// tract's kernels overwrite their input. Copies of a few KiB at a time stay in
/// the first cache and cost a few per cent.
fn in_place(isa: Isa, kernel: Box<dyn ElementWise<f32>>) -> Peer {
    Peer::new(format!("tract {}", isa.name()), isa, move |x, out| {
        for (x, out) in x.chunks(2048).zip(out.chunks_mut(2048)) {
            out.copy_from_slice(x);
            kernel.run(out).expect("tract has no error here");
        }
    })
}

static SLEEF: LazyLock<Option<Library>> =
    LazyLock::new(|| open("SLEEF", &["libsleef.so.3".into(), "libsleef.so".into()]));

static LIBMVEC: LazyLock<Option<Library>> =
    LazyLock::new(|| open("libmvec", &["libmvec.so.1".into()]));

/// pip installs it where the loader does not look: in Python's `lib`.
static MKL: LazyLock<Option<Library>> = LazyLock::new(|| {
    let python = Command::new("python3").args(["-c", "import sys; print(sys.prefix)"]).output();
    let prefix = python.map_or(String::new(), |output| {
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    });
    let names = ["libmkl_rt.so.3", "libmkl_rt.so.2"];
    let in_python = names.map(|name| format!("{prefix}/lib/{name}"));
    let library = open("MKL", &[names.map(String::from), in_python].concat())?;
    const SEQUENTIAL: i32 = 1;
    // SAFETY: the signature in mkl_service.h.
    let set = unsafe { library.get::<unsafe extern "C" fn(i32) -> i32>("MKL_Set_Threading_Layer") };
    match set {
        Ok(set) => unsafe { set(SEQUENTIAL) },
        Err(error) => {
            left_out("MKL", error);
            return None;
        }
    };
    Some(library)
});

/// The first of these files that opens.
fn open(name: &str, files: &[String]) -> Option<Library> {
    // SAFETY: well-known libraries, whose initialisers need nothing of the caller.
    let mut opened = files.iter().map(|file| unsafe { Library::new(file) });
    let library = opened.find_map(Result::ok);
    if library.is_none() {
        left_out(name, format_args!("none of {} opens", files.join(", ")));
    }
    library
}

/// Peers of functions from vector to vector: of 16, 8 and 4 lanes.
fn vectors(name: &str, library: &'static Library, symbols: [String; 3]) -> Vec<Peer> {
    let isas = [Isa::Avx512, Isa::Avx2, Isa::Sse2];
    let peers = isas.into_iter().zip(symbols).filter_map(|(isa, symbol)| {
        if !available(name, isa) {
            return None;
        }
        let name = format!("{name} {}", isa.name());
        let peer = match isa {
            Isa::Avx512 => lanes16(&name, library, &symbol),
            Isa::Avx2 => lanes8(&name, library, &symbol),
            Isa::Sse2 => lanes4(&name, library, &symbol),
        };
        peer.map_err(|error| left_out(&name, error)).ok()
    });
    peers.collect()
}

macro_rules! lanes {
    ($lanes:literal, $name:ident, $isa:expr, $features:literal, $vector:ty, $load:ident, $store:ident) => {
        fn $name(
            name: &str,
            library: &'static Library,
            symbol: &str,
        ) -> Result<Peer, libloading::Error> {
            // The vectors have C's layout; Rust does not promise it yet.
            #[allow(improper_ctypes_definitions)]
            type F = unsafe extern "C" fn($vector) -> $vector;

            #[target_feature(enable = $features)]
            unsafe fn map(f: F, x: &[f32], out: &mut [f32]) {
                let (x, tail) = x.as_chunks::<$lanes>();
                let (out, out_tail) = out.as_chunks_mut::<$lanes>();
                for (x, out) in x.iter().zip(out) {
                    unsafe { $store(out.as_mut_ptr(), f($load(x.as_ptr()))) }
                }
                if !tail.is_empty() {
                    let mut last = [1.0; $lanes];
                    last[..tail.len()].copy_from_slice(tail);
                    unsafe { $store(last.as_mut_ptr(), f($load(last.as_ptr()))) }
                    out_tail.copy_from_slice(&last[..tail.len()]);
                }
            }

            // SAFETY: the symbol's name says that it is such a function.
            let f = *unsafe { library.get::<F>(symbol) }?;
            // SAFETY: the caller has checked the CPU; the library stays open.
            Ok(Peer::new(name, $isa, move |x, out| unsafe { map(f, x, out) }))
        }
    };
}

lanes!(16, lanes16, Isa::Avx512, "avx512f", __m512, _mm512_loadu_ps, _mm512_storeu_ps);
lanes!(8, lanes8, Isa::Avx2, "avx2,fma", __m256, _mm256_loadu_ps, _mm256_storeu_ps);
lanes!(4, lanes4, Isa::Sse2, "sse2", __m128, _mm_loadu_ps, _mm_storeu_ps);

/// At high and at low accuracy (1 and 4 ULP).
fn mkl(library: &'static Library, symbol: &str) -> Vec<Peer> {
    const IGNORE_ERRORS: i64 = 0x100;
    type F = unsafe extern "C" fn(i32, *const f32, *mut f32, i64);
    // SAFETY: the signature in mkl_vml_functions.h, with the 32-bit integers that
    // libmkl_rt has unless told otherwise.
    let f = match unsafe { library.get::<F>(symbol) } {
        Ok(f) => *f,
        Err(error) => {
            left_out(&format!("MKL {symbol}"), error);
            return vec![];
        }
    };
    let modes = [("MKL HA", 2), ("MKL LA", 1)];
    let peers = modes.map(|(name, mode)| {
        Peer::new(name, Isa::Avx512, move |x, out| {
            assert_eq!(x.len(), out.len());
            let n = x.len().try_into().expect("a length in 32 bits");
            // SAFETY: both have n elements.
            unsafe { f(n, x.as_ptr(), out.as_mut_ptr(), mode | IGNORE_ERRORS) }
        })
    });
    peers.into()
}
