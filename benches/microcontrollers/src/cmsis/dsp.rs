//! CMSIS-DSP's functions, for slices.

unsafe extern "C" {
    fn arm_vexp_f32(x: *const f32, out: *mut f32, n: u32);
    fn arm_vlog_f32(x: *const f32, out: *mut f32, n: u32);
    fn arm_max_f32(x: *const f32, n: u32, most: *mut f32, index: *mut u32);
    fn arm_offset_f32(x: *const f32, offset: f32, out: *mut f32, n: u32);
    fn arm_accumulate_f32(x: *const f32, n: u32, sum: *mut f32);
    fn arm_scale_f32(x: *const f32, scale: f32, out: *mut f32, n: u32);
    fn arm_logsumexp_f32(x: *const f32, n: u32) -> f32;
    fn arm_logsumexp_dot_prod_f32(a: *const f32, b: *const f32, n: u32, sums: *mut f32) -> f32;
    fn arm_entropy_f32(p: *const f32, n: u32) -> f32;
    fn arm_kullback_leibler_f32(p: *const f32, q: *const f32, n: u32) -> f32;
}

/// How many elements to read and write: as many as the shortest slice has.
fn length(lengths: &[usize]) -> u32 {
    lengths.iter().min().map_or(0, |n| *n as u32)
}

// All of these functions read and write `n` elements of every slice, and allow the output in the
// place of the input.

pub fn exp(x: &[f32], out: &mut [f32]) {
    let n = length(&[x.len(), out.len()]);
    unsafe { arm_vexp_f32(x.as_ptr(), out.as_mut_ptr(), n) }
}

pub fn ln(x: &[f32], out: &mut [f32]) {
    let n = length(&[x.len(), out.len()]);
    unsafe { arm_vlog_f32(x.as_ptr(), out.as_mut_ptr(), n) }
}

/// As one would write it: CMSIS-DSP has no softmax of floating-point numbers.
pub fn softmax(x: &[f32], out: &mut [f32]) {
    let n = length(&[x.len(), out.len()]);
    let (out, mut most, mut index, mut sum) = (out.as_mut_ptr(), 0.0, 0, 0.0);
    unsafe {
        arm_max_f32(x.as_ptr(), n, &mut most, &mut index);
        arm_offset_f32(x.as_ptr(), -most, out, n);
        arm_vexp_f32(out, out, n);
        arm_accumulate_f32(out, n, &mut sum);
        arm_scale_f32(out, 1.0 / sum, out, n);
    }
}

pub fn log_sum_exp(x: &[f32]) -> f32 {
    unsafe { arm_logsumexp_f32(x.as_ptr(), x.len() as u32) }
}

/// `sums` takes a + b.
pub fn log_dot_exp(a: &[f32], b: &[f32], sums: &mut [f32]) -> f32 {
    let n = length(&[a.len(), b.len(), sums.len()]);
    unsafe { arm_logsumexp_dot_prod_f32(a.as_ptr(), b.as_ptr(), n, sums.as_mut_ptr()) }
}

pub fn entropy(p: &[f32]) -> f32 {
    unsafe { arm_entropy_f32(p.as_ptr(), p.len() as u32) }
}

pub fn kl_divergence(p: &[f32], q: &[f32]) -> f32 {
    unsafe { arm_kullback_leibler_f32(p.as_ptr(), q.as_ptr(), length(&[p.len(), q.len()])) }
}
