//! Classifies what an 8×8 sensor sees, and learns on the device: no operating system, no heap,
//! no panics. On Cortex-M0, M3, M4F, M7 and M33, and on 32-bit RISC-V.
#![no_std]
#![no_main]

mod weights;

use core::fmt::{self, Write};
use logits::loss::CrossEntropy;
use logits::{Error, Rows, RowsMut, rows};
use semihosting::process;
use semihosting::sys::arm_compat::sys_writec;
use weights::{BIAS, LABELS, SAMPLES, SCALES, WEIGHTS};

const CLASSES: usize = BIAS.len();
const COUNT: usize = SAMPLES.len();

/// From this entropy on, in nats, the answer is "unsure". That of two classes in the balance
/// is 0.69.
const UNSURE: f32 = 0.7;

/// The step of training, by the mean gradient.
const RATE: f32 = 0.5;

/// What the sensor saw.
type Sample = [u8; 64];

/// The scores of one sample. The sums are of whole numbers, as the weights are: one
/// multiplication in `f32` for each class.
fn score(sample: &Sample, bias: &[f32; CLASSES]) -> [f32; CLASSES] {
    let mut scores = *bias;
    for ((score, weights), scale) in scores.iter_mut().zip(&WEIGHTS).zip(&SCALES) {
        let products = weights.iter().zip(sample).map(|(w, x)| i32::from(*w) * i32::from(*x));
        *score += scale * products.sum::<i32>() as f32;
    }
    scores
}

/// What the classifier says of a sample.
struct Answer {
    class: u8,
    probability: f32,
    /// How uncertain it is: 0 where one class has all probability, ln 10 where all have the same.
    entropy: f32,
}

impl Answer {
    fn of(scores: &[f32; CLASSES]) -> Result<Self, Error> {
        let mut entropy = [0.0];
        rows::entropy_of_scores(Rows::new(scores, CLASSES)?, &mut entropy)?;

        let mut probabilities = [0.0; CLASSES];
        logits::softmax(scores, &mut probabilities)?;
        let (class, probability) = (0..)
            .zip(probabilities)
            .fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best });
        let [entropy] = entropy;
        Ok(Self { class, probability, entropy })
    }

    fn is_sure(&self) -> bool {
        self.entropy < UNSURE
    }
}

/// The scores of all samples, a row each.
fn score_all(bias: &[f32; CLASSES]) -> [f32; COUNT * CLASSES] {
    let mut scores = [0.0; COUNT * CLASSES];
    for (row, sample) in scores.chunks_exact_mut(CLASSES).zip(&SAMPLES) {
        row.copy_from_slice(&score(sample, bias));
    }
    scores
}

/// The mean loss of all samples.
fn loss(bias: &[f32; CLASSES]) -> Result<f32, Error> {
    let scores = score_all(bias);
    Ok(CrossEntropy::new().loss(Rows::new(&scores, CLASSES)?, &LABELS)?.mean())
}

/// A step of training, and the mean loss before it. The weights stay in flash: only the bias,
/// the prior of each class, adapts. Its derivative is the sum of those by the scores.
fn train(bias: &mut [f32; CLASSES]) -> Result<f32, Error> {
    let scores = score_all(bias);
    let mut gradient = [0.0; COUNT * CLASSES];
    let loss = CrossEntropy::new().loss_and_gradient(
        Rows::new(&scores, CLASSES)?,
        &LABELS,
        RowsMut::new(&mut gradient, CLASSES)?,
    )?;
    loss.mean_gradient(&mut gradient);
    for row in gradient.chunks_exact(CLASSES) {
        for (bias, slope) in bias.iter_mut().zip(row) {
            *bias -= RATE * slope;
        }
    }
    Ok(loss.mean())
}

/// Prints what the classifier says and learns. Whether all it was sure of is right, and whether
/// it learned.
fn run() -> Result<bool, Error> {
    let mut bias = BIAS;
    let mut is_right = true;
    for (sample, label) in SAMPLES.iter().zip(LABELS) {
        let answer = Answer::of(&score(sample, &bias))?;
        let Answer { class, probability, entropy } = answer;
        let (probability, entropy) = (Decimal(probability), Decimal(entropy));
        let word = if answer.is_sure() { "" } else { ", unsure" };
        let _ = writeln!(Host, "class {class}, probability {probability}, entropy {entropy}{word}");
        is_right &= class == label || !answer.is_sure();
    }

    let before = train(&mut bias)?;
    let after = loss(&bias)?;
    let (first, second) = (Decimal(before), Decimal(after));
    let _ = writeln!(Host, "loss {first} before a step of training, {second} after");
    Ok(is_right && after < before)
}

/// The host's console, by semihosting. `semihosting::println` would do, but has code that panics.
struct Host;

impl Write for Host {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(sys_writec);
        Ok(())
    }
}

/// Four decimals by integer arithmetic: `core`'s way with floats is many kilobytes of code.
struct Decimal(f32);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0.0 { "-" } else { "" };
        let n = (self.0.abs() * 10_000.0 + 0.5) as u32;
        write!(f, "{sign}{}.{:04}", n / 10_000, n % 10_000)
    }
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    // Ends QEMU; a board needs a debugger that knows semihosting.
    process::exit(i32::from(run() != Ok(true)))
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    process::exit(1)
}
