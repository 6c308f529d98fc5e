//! Scores that do not fit in memory: ln Σ e^x chunk by chunk and by several threads, and the sampling
//! of a class while the scores arrive.
//!
//! A `LogSumExp` has eight bytes, however many scores it holds. Two of them merge into one, in any
//! order. The naive sum of e^x is infinite here.

use logits::{LogSumExp, log_sum_exp};

const CLASSES: usize = 1_000_000;

/// The scores from one class up to another, as a file or a network would give them.
fn scores(from: usize, to: usize) -> Vec<f32> {
    (from..to).map(|class| 90.0 + 8.0 * (class as f32 * 0.37).sin()).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let whole = log_sum_exp(&scores(0, CLASSES));
    println!("of a whole slice:   {whole}");

    // One chunk at a time. Chunks of BLOCK elements give the same bits as the slice.
    let mut sum = LogSumExp::new();
    for from in (0..CLASSES).step_by(LogSumExp::BLOCK) {
        sum.extend_from_slice(&scores(from, CLASSES.min(from + LogSumExp::BLOCK)));
    }
    println!("chunk by chunk:     {}, in {} bytes", sum.value(), size_of::<LogSumExp>());
    assert_eq!(sum.value(), whole);

    // Four threads, each with its part; then their sums merge.
    let part = CLASSES / 4;
    let merged = std::thread::scope(|scope| {
        let threads = [0, 1, 2, 3].map(|i| {
            scope.spawn(move || scores(i * part, (i + 1) * part).into_iter().collect::<LogSumExp>())
        });
        let sums = threads.map(|thread| thread.join().expect("a thread panicked"));
        sums.into_iter().fold(LogSumExp::new(), LogSumExp::merge)
    });
    println!("by four threads:    {}", merged.value());
    assert!((merged.value() - whole).abs() <= 2.0 * f32::EPSILON * whole);

    // The formula, term by term.
    let naive = scores(0, CLASSES).iter().map(|x| x.exp()).sum::<f32>().ln();
    println!("naive ln Σ e^x:     {naive}");
    assert!(naive.is_infinite());

    // Softmax of scores that are read once. `own` is the sum of the new chunk, `sum` that of all chunks
    // so far. The new chunk has the share e^(own − sum) of all probability so far.
    let (mut sum, mut state, mut mean) = (LogSumExp::new(), 1u64, 0.0f64);
    let mut chosen = 0;
    for from in (0..CLASSES).step_by(1000) {
        let chunk = scores(from, from + 1000);
        let own: LogSumExp = chunk.iter().collect();
        sum = sum.merge(own);
        let share = (own.value() - sum.value()).exp();

        // The mean class so far, weighted by probability.
        let mut p = vec![0.0; chunk.len()];
        logits::softmax(&chunk, &mut p)?;
        let of_chunk: f64 = p.iter().zip(from..).map(|(&p, k)| f64::from(p) * k as f64).sum();
        mean += f64::from(share) * (of_chunk - mean);

        // A class drawn from the softmax of all scores so far.
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f32 / (1 << 24) as f32
        };
        if uniform() < share {
            let (mut rest, mut k) = (uniform(), 0);
            while k + 1 < p.len() && rest >= p[k] {
                rest -= p[k];
                k += 1;
            }
            chosen = from + k;
        }
    }
    let p = (scores(chosen, chosen + 1)[0] - sum.value()).exp();
    println!("mean class {mean:.1}; class {chosen} was drawn, with p = {p:.3e}");
    assert!((mean / CLASSES as f64 - 0.5).abs() < 1e-3);
    // Classes of small probability are drawn, but not often.
    assert!(p > 1e-10);
    Ok(())
}
