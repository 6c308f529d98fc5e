//! No function reads beyond its slices, or what nobody has written, and none leaves a result
//! unwritten, wherever its slices lie: where AddressSanitizer or valgrind's memcheck watches.
//!
//! Either is told that all memory around each slice is forbidden, to the element, which pages
//! (see `guard.rs`) can tell only at one end of a slice at a time; and memcheck that results are
//! not written yet, as it knows of the library's own scratch memory. What it then finds is an
//! error it reports. `.ci/run sanitized` runs both. Without them this compares results at every
//! offset.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code)] // tools are asked by an instruction, or by a function they may have

mod common;

use common::{Random, assert_same, backends, class_of_rows, every};
use logits::loss::CrossEntropy;
use logits::{Backend, Rows, RowsMut};
use std::arch::asm;
use std::ffi::CStr;

/// What memcheck does to some memory: the numbers of valgrind's memcheck.h.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Memcheck {
    Forbid = 0x4D43_0000,
    Unwritten = 0x4D43_0001,
    Written = 0x4D43_0002,
    AssertWritten = 0x4D43_0005,
    /// The answer is 3 if some of it is forbidden.
    Bits = 0x4D43_0008,
}

/// Asks valgrind, whose answer is 0 where there is none: outside of it, this does nothing.
fn memcheck(request: Memcheck, memory: &[f32]) -> u64 {
    let mut bits = vec![0u8; size_of_val(memory)];
    let arguments = match request {
        Memcheck::Bits => [memory.as_ptr() as u64, bits.as_mut_ptr() as u64, bits.len() as u64],
        _ => [memory.as_ptr() as u64, bits.len() as u64, 0],
    };
    let request = [request as u64, arguments[0], arguments[1], arguments[2], 0, 0];
    let mut answer = 0u64;
    // SAFETY: four rotations that give what was there, and an exchange of a register with itself.
    unsafe {
        asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            in("rax") &raw const request,
            inout("rdx") answer,
            inout("rdi") 0u64 => _,
        );
    }
    answer
}

/// Calls a function of AddressSanitizer, in a build that has it.
fn sanitizer(name: &CStr, memory: &[f32]) -> Option<usize> {
    // SAFETY: all functions that are called so have these parameters.
    unsafe {
        let function = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
        let function: Option<extern "C" fn(*const f32, usize) -> usize> =
            std::mem::transmute(function);
        function.map(|function| function(memory.as_ptr(), size_of_val(memory)))
    }
}

/// Memory of which only a slice may be touched.
struct Watched {
    memory: Vec<f32>,
    start: usize,
    length: usize,
}

impl Watched {
    /// Elements before and after, at least.
    const MARGIN: usize = 32;

    /// A copy of a slice that lies so many elements from an address that is a multiple of 64.
    fn new(offset: usize, of: &[f32]) -> Self {
        let mut memory = vec![f32::NAN; of.len() + 2 * Self::MARGIN + 16];
        let first = memory.as_ptr() as usize / 4 + Self::MARGIN;
        let start = Self::MARGIN + (offset + 16 - first % 16) % 16;
        memory[start..][..of.len()].copy_from_slice(of);
        let watched = Self { memory, start, length: of.len() };
        for around in watched.around() {
            memcheck(Memcheck::Forbid, around);
            sanitizer(c"__asan_poison_memory_region", around);
        }
        watched
    }

    fn around(&self) -> [&[f32]; 2] {
        [&self.memory[..self.start], &self.memory[self.start + self.length..]]
    }

    fn slice(&self) -> &[f32] {
        &self.memory[self.start..][..self.length]
    }

    fn slice_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.start..][..self.length]
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        for around in self.around() {
            memcheck(Memcheck::Written, around);
            sanitizer(c"__asan_unpoison_memory_region", around);
        }
        // No result may have been written there.
        assert!(
            std::thread::panicking() || self.around().concat().iter().all(|x| x.is_nan()),
            "written beyond {} elements",
            self.length
        );
    }
}

#[test]
fn slices_are_all_that_is_touched_wherever_they_lie() {
    let mut random = Random::new(90);
    let most = 4 * 1030;
    let scores = random.normal(most, 3.0);
    let mut probabilities = random.normal(most, 3.0);
    logits::softmax_in_place(&mut probabilities);
    let lengths = (1..=34).chain([47, 49, 63, 64, 65, 100, 127, 128, 129, 257, 513, 1030]);
    for columns in lengths {
        // Tiles have up to 64 short rows, groups 16.
        for rows in [1, 3, 17] {
            let length = rows * columns;
            if length > most || rows == 17 && columns > 64 {
                continue;
            }
            for (name, is_of_rows, call) in every() {
                let mut first = [None, None, None];
                for (b, backend) in backends().into_iter().enumerate() {
                    let results = if is_of_rows { rows } else { length };
                    for turn in 0..2 {
                        // Sooner or later all of the 16 offsets of each.
                        let offset = 5 * columns + 7 * rows + 3 * b + 6 * turn;
                        let x = Watched::new(offset % 16, &scores[..length]);
                        let p = Watched::new(offset * 3 % 16, &probabilities[..length]);
                        let mut out = Watched::new(offset * 5 % 16, &scores[..results]);
                        if !name.contains("in_place") {
                            out.slice_mut().fill([1e30, f32::NAN][turn]);
                            memcheck(Memcheck::Unwritten, out.slice());
                        }
                        call(backend, [x.slice(), p.slice()], columns, out.slice_mut());
                        memcheck(Memcheck::AssertWritten, out.slice());
                        let what = format!("{name} of {rows} × {columns} on {backend:?}");
                        let first = &mut first[class_of_rows(backend)];
                        let first = first.get_or_insert_with(|| out.slice().to_vec());
                        assert_same(first, out.slice(), &what);
                    }
                }
            }
        }
    }
}

/// A function of rows with gaps between them: scores, probabilities, results.
type Strided = fn(Backend, [Rows<'_>; 2], RowsMut<'_>);

#[test]
fn rows_end_with_the_last_element_of_the_last() {
    let calls: [Strided; 7] = [
        |b, [x, _], y| b.rows_softmax(x, y).unwrap(),
        |b, [x, _], y| b.rows_log_softmax(x, y).unwrap(),
        |b, [x, p], y| b.rows_softmax_backward(p, x, y).unwrap(),
        |b, [x, _], y| {
            let labels = vec![0u8; x.rows()];
            CrossEntropy::new().on(b).loss_and_gradient(x, &labels, y).unwrap();
        },
        |b, [x, p], y| {
            CrossEntropy::new().on(b).loss_and_gradient_soft(x, p, y).unwrap();
        },
        |b, [x, p], y| {
            let loss = CrossEntropy::new().soft_cap(20.0).label_smoothing(0.1).on(b);
            loss.loss_and_gradient_soft(x, p, y).unwrap();
        },
        |b, [x, p], y| {
            let mut divergences = vec![0.0; x.rows()];
            b.rows_kl_divergence_of_scores_and_gradient(x, p, &mut divergences, y).unwrap();
            b.rows_entropy(p, &mut divergences).unwrap();
            b.rows_js_divergence(p, p, &mut divergences).unwrap();
            b.rows_log_sum_exp(x, &mut divergences).unwrap();
        },
    ];
    let mut random = Random::new(91);
    let all = random.vector(20_000, 0.1, 0.9);
    for columns in (1..=20).chain([31, 33, 64, 127, 130, 1030]) {
        for (rows, gap) in [(2, 1), (3, 5), (17, 2)] {
            let length = (rows - 1) * (columns + gap) + columns;
            for (c, call) in calls.iter().enumerate() {
                for backend in backends() {
                    let offset = columns + c;
                    let x = Watched::new(offset % 16, &all[..length]);
                    let p = Watched::new(offset * 3 % 16, &all[..length]);
                    let mut out = Watched::new(offset * 5 % 16, &vec![f32::NAN; length]);
                    let [x, p] = [&x, &p].map(|x| {
                        Rows::with_stride(x.slice(), columns, columns + gap).expect("rows")
                    });
                    let y = RowsMut::with_stride(out.slice_mut(), columns, columns + gap);
                    call(backend, [x, p], y.expect("rows"));
                    for (i, y) in out.slice().iter().enumerate() {
                        let is_gap = i % (columns + gap) >= columns;
                        assert_eq!(y.is_nan(), is_gap, "[{i}] of {rows} × {columns}, {backend:?}");
                    }
                }
            }
        }
    }
}

/// What is forbidden is known to be; `LOGITS_WATCHED` says by whom.
#[test]
fn somebody_watches() {
    let watched = Watched::new(4, &[1.0, 2.0, 3.0]);
    let is_forbidden = |memory: &[f32]| {
        [
            memcheck(Memcheck::Bits, memory) == 3,
            sanitizer(c"__asan_address_is_poisoned", memory)
                .is_some_and(|answer| answer as i32 != 0),
        ]
    };
    let expected = std::env::var("LOGITS_WATCHED").unwrap_or_default();
    let expected = [expected == "memcheck", expected == "sanitizer"];
    let [before, after] = watched.around();
    assert_eq!(is_forbidden(&before[before.len() - 1..]), expected);
    assert_eq!(is_forbidden(&after[..1]), expected);
    assert_eq!(is_forbidden(&watched.slice()[..1]), [false; 2]);
    assert_eq!(is_forbidden(&watched.slice()[2..]), [false; 2]);
}
