//! Classifies one handwritten digit on a Cortex-M4F: no operating system, no
//! heap, no panics.
#![no_std]
#![no_main]

mod weights;

use core::fmt;
use core::panic::PanicInfo;
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use logits::loss::CrossEntropy;
use logits::{Error, Rows, RowsMut, rows};
use weights::{BIAS, DIGIT, LABEL, WEIGHTS};

/// What the classifier says of [`DIGIT`].
struct Answer {
    class: u32,
    /// Of the class.
    probability: f32,
    /// Of all classes' probabilities.
    entropy: f32,
    /// Of the right answer, [`LABEL`].
    loss: f32,
    /// The derivative of the loss by the score of [`LABEL`].
    slope: f32,
}

fn classify() -> Result<Answer, Error> {
    const CLASSES: usize = BIAS.len();

    let mut scores = [0.0; CLASSES];
    let digit = Rows::new(&DIGIT, DIGIT.len())?;
    let weights = Rows::new(&WEIGHTS, DIGIT.len())?;
    rows::linear(digit, weights, &BIAS, RowsMut::new(&mut scores, CLASSES)?)?;

    let mut probabilities = [0.0; CLASSES];
    logits::softmax(&scores, &mut probabilities)?;
    let (class, probability) = (0..)
        .zip(probabilities)
        .fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best });

    // One step of training would need this: ∂loss/∂scores.
    let mut gradient = [0.0; CLASSES];
    let loss = CrossEntropy::new().loss_and_gradient(
        Rows::new(&scores, CLASSES)?,
        &[LABEL],
        RowsMut::new(&mut gradient, CLASSES)?,
    )?;
    let slope = gradient.get(LABEL as usize).copied().unwrap_or(f32::NAN);

    let entropy = logits::entropy(&probabilities);
    Ok(Answer { class, probability, entropy, loss: loss.sum, slope })
}

/// Four decimals by integer arithmetic: `core`'s way with floats is many
/// kilobytes of code.
struct Decimal(f32);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0.0 { "-" } else { "" };
        let n = (self.0.abs() * 10_000.0 + 0.5) as u32;
        write!(f, "{sign}{}.{:04}", n / 10_000, n % 10_000)
    }
}

#[entry]
fn main() -> ! {
    let status = match classify() {
        Ok(answer) => {
            hprintln!("class        {}", answer.class);
            hprintln!("probability  {}", Decimal(answer.probability));
            hprintln!("entropy      {}", Decimal(answer.entropy));
            hprintln!("label        {}", LABEL);
            hprintln!("loss         {}", Decimal(answer.loss));
            hprintln!("slope        {}", Decimal(answer.slope));
            if answer.class == LABEL { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE }
        }
        Err(_) => debug::EXIT_FAILURE,
    };
    exit(status)
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(debug::EXIT_FAILURE)
}

/// Ends QEMU, or waits if there is none.
fn exit(status: debug::ExitStatus) -> ! {
    debug::exit(status);
    loop {
        core::hint::spin_loop();
    }
}
