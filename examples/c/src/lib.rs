//! `include/logits.h` for C.
//!
//! `unsafe` is in what makes slices of pointers: the caller vouches that there are so many elements,
//! as C has no way to check; null, alignment, size and overlap are checked here.
#![no_std]
#![allow(clippy::missing_safety_doc)] // in the header

use core::slice;
use logits_rs::loss::CrossEntropy;
use logits_rs::{Error, Rows, RowsMut};

type Status = i32;

const OK: Status = 0;
const POINTER: Status = 1;
const LENGTH: Status = 2;
const LABEL: Status = 3;
const OVERLAP: Status = 4;

fn status(error: Error) -> Status {
    if let Error::Label { .. } = error { LABEL } else { LENGTH }
}

/// `Ok` if so many elements may be there.
fn check<T>(pointer: *const T, n: usize) -> Result<(), Status> {
    if n > isize::MAX as usize / size_of::<T>() {
        return Err(LENGTH);
    }
    if n > 0 && (pointer.is_null() || !pointer.is_aligned()) { Err(POINTER) } else { Ok(()) }
}

unsafe fn read<'a, T>(pointer: *const T, n: usize) -> Result<&'a [T], Status> {
    check(pointer, n)?;
    Ok(if n == 0 { &[] } else { unsafe { slice::from_raw_parts(pointer, n) } })
}

unsafe fn write<'a>(pointer: *mut f32, n: usize) -> Result<&'a mut [f32], Status> {
    check(pointer, n)?;
    Ok(if n == 0 { &mut [] } else { unsafe { slice::from_raw_parts_mut(pointer, n) } })
}

/// `Ok` if `out` has nothing of `x`.
fn check_apart<T>(x: *const T, n: usize, out: *const f32, m: usize) -> Result<(), Status> {
    let (x_end, out_end) = (x.wrapping_add(n).addr(), out.wrapping_add(m).addr());
    let is_apart = n == 0 || m == 0 || x_end <= out.addr() || out_end <= x.addr();
    if is_apart { Ok(()) } else { Err(OVERLAP) }
}

/// One number for C.
unsafe fn put(result: *mut f32, value: f32) -> Result<(), Status> {
    check(result, 1)?;
    unsafe { result.write(value) };
    Ok(())
}

fn code(result: Result<(), Status>) -> Status {
    result.err().unwrap_or(OK)
}

/// A function of n elements, in place or not.
unsafe fn map(
    x: *const f32,
    out: *mut f32,
    n: usize,
    in_place: fn(&mut [f32]),
    apart: fn(&[f32], &mut [f32]) -> Result<(), Error>,
) -> Status {
    code((|| {
        if x == out {
            in_place(unsafe { write(out, n) }?);
            return Ok(());
        }
        check_apart(x, n, out, n)?;
        let (x, out) = unsafe { (read(x, n)?, write(out, n)?) };
        apart(x, out).map_err(status)
    })())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn logits_softmax(x: *const f32, out: *mut f32, n: usize) -> Status {
    unsafe { map(x, out, n, logits_rs::softmax_in_place, logits_rs::softmax) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn logits_sigmoid(x: *const f32, out: *mut f32, n: usize) -> Status {
    unsafe { map(x, out, n, logits_rs::sigmoid_in_place, logits_rs::sigmoid) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn logits_log_sum_exp(x: *const f32, n: usize, result: *mut f32) -> Status {
    code((|| {
        check(result, 1)?;
        let sum = logits_rs::log_sum_exp(unsafe { read(x, n) }?);
        unsafe { put(result, sum) }
    })())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn logits_cross_entropy(
    scores: *const f32,
    labels: *const u32,
    rows: usize,
    columns: usize,
    gradient: *mut f32,
    loss: *mut f32,
) -> Status {
    code((|| {
        let n = rows.checked_mul(columns).ok_or(LENGTH)?;
        if columns == 0 && rows > 0 {
            return Err(LENGTH);
        }
        check(loss, 1)?;
        check(scores, n)?;
        let labels = unsafe { read(labels, rows) }?;
        // The loss is written last: it must not lie in what is read or written before.
        check_apart(scores, n, loss, 1)?;
        check_apart(labels.as_ptr(), rows, loss, 1)?;
        if !gradient.is_null() {
            check_apart(gradient, n, loss, 1)?;
        }
        let of = |x| Rows::new(x, columns.max(1)).map_err(status);
        let to = |x| RowsMut::new(x, columns.max(1)).map_err(status);
        let entropy = CrossEntropy::new();
        let found = if gradient.is_null() {
            entropy.loss(of(unsafe { read(scores, n) }?)?, labels)
        } else {
            check_apart(labels.as_ptr(), rows, gradient, n)?;
            if scores == gradient.cast_const() {
                entropy.gradient_in_place(to(unsafe { write(gradient, n) }?)?, labels)
            } else {
                check_apart(scores, n, gradient, n)?;
                let (x, out) = unsafe { (read(scores, n)?, write(gradient, n)?) };
                entropy.loss_and_gradient(of(x)?, labels, to(out)?)
            }
        }
        .map_err(status)?;
        if !gradient.is_null() {
            found.mean_gradient(unsafe { write(gradient, n) }?);
        }
        unsafe { put(loss, found.mean()) }
    })())
}

/// Nothing here panics: the linker leaves it out.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
