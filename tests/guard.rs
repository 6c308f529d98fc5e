//! No function reads or writes beyond its slices: each lies between two pages that must not be
//! touched, once at the end of its own pages and once at their start.
#![cfg(unix)]
#![allow(unsafe_code)] // pages come from the operating system

mod common;

use common::{Random, backends, every};
use std::ptr;

/// Elements of the pages between the guards: of all pages that are at most 64 KB.
const ROOM: usize = 1 << 15;
const BYTES: usize = 4 * ROOM;

/// Pages between two that must not be touched.
struct Guarded(*mut f32);

impl Guarded {
    fn new() -> Self {
        let guard = 1 << 16;
        // SAFETY: new pages, of which the middle ones are opened.
        unsafe {
            let (none, flags) = (libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let all = libc::mmap(ptr::null_mut(), BYTES + 2 * guard, none, flags, -1, 0);
            assert_ne!(all, libc::MAP_FAILED);
            let middle = all.byte_add(guard);
            assert_eq!(libc::mprotect(middle, BYTES, libc::PROT_READ | libc::PROT_WRITE), 0);
            Self(middle.cast())
        }
    }

    /// The last or the first elements, which are those of another slice.
    fn slice(&mut self, at_end: bool, of: &[f32]) -> &mut [f32] {
        let start = if at_end { ROOM - of.len() } else { 0 };
        // SAFETY: the pages are there, and zeros to begin with.
        let slice = unsafe { std::slice::from_raw_parts_mut(self.0.add(start), of.len()) };
        slice.copy_from_slice(of);
        slice
    }
}

#[test]
fn nothing_beyond_slices_is_touched() {
    let mut random = Random::new(70);
    let scores = random.normal(ROOM, 3.0);
    let mut probabilities = scores.clone();
    logits::softmax_in_place(&mut probabilities);
    let [mut x, mut p, mut out] = [(); 3].map(|()| Guarded::new());
    let lengths = (1..150).chain([200, 255, 257, 511, 513, 1000, 2047, 2048, 2049, 4095, 4097]);
    for columns in lengths {
        for rows in [1, 3, 17] {
            let length = rows * columns;
            for at_end in [true, false] {
                if length > ROOM || rows == 17 && columns > 150 {
                    continue;
                }
                let x = &*x.slice(at_end, &scores[..length]);
                let p = &*p.slice(at_end, &probabilities[..length]);
                for backend in backends() {
                    for (_, is_of_rows, call) in every() {
                        let results = if is_of_rows { rows } else { length };
                        call(backend, [x, p], columns, out.slice(at_end, &scores[..results]));
                    }
                }
            }
        }
    }
}

/// The guards do guard: a function that reads one element more dies.
#[test]
fn guards_stop_what_goes_beyond() {
    // SAFETY: the child only reads and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let mut pages = Guarded::new();
        let last = pages.slice(true, &[0.0]).as_ptr();
        // SAFETY: that of the system, which ends the process.
        unsafe {
            libc::signal(libc::SIGSEGV, libc::SIG_DFL);
            last.add(1).read_volatile();
            libc::_exit(0);
        }
    }
    let mut status = 0;
    // SAFETY: it is this process's child.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert!(libc::WIFSIGNALED(status), "{status}");
}
