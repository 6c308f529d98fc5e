//! A language model of one layer: which letter follows which.
//!
//! A table has a row of scores for each letter. The row of a letter gives the scores of the next
//! letter, and softmax turns them into probabilities. The table is trained by cross-entropy, in batches
//! that are padded to one length; targets of −1 are ignored. Perplexity, e^loss, says between how many
//! letters the model hesitates. The least perplexity of any such table is known from counting pairs,
//! and training comes close to it. Then the model writes text at several temperatures.

use logits::loss::{CrossEntropy, Loss};
use logits::{Rows, RowsMut, Softmax};

const LETTERS: &[u8; 27] = b" abcdefghijklmnopqrstuvwxyz";
const V: usize = LETTERS.len();
const TEXT: &str = "the story begins with scores of which only differences matter \
    softmax makes probabilities of them and the surprise about what comes next is the loss \
    a model that knows nothing hesitates between all letters and one that has seen the text \
    hesitates between a few the gradient tells each score where to move the scores of what came \
    rise the others fall and after some steps they hardly move at all then the least loss is \
    reached that a table of pairs can have it is the entropy of a letter when the one before is \
    known a larger model would look further back";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text: Vec<usize> =
        TEXT.bytes().filter_map(|b| LETTERS.iter().position(|&l| l == b)).collect();
    // Sequences of up to 32 letters; the last one is shorter, and padded with −1.
    let pairs: Vec<(usize, i64)> = text.windows(2).map(|w| (w[0], w[1] as i64)).collect();
    let batches: Vec<Vec<(usize, i64)>> = pairs
        .chunks(32)
        .map(|chunk| chunk.iter().copied().chain([(0, -1)].repeat(32 - chunk.len())).collect())
        .collect();

    let loss = CrossEntropy::new().ignored_label(-1);
    let mut table = vec![0.0f32; V * V];
    for epoch in 0..=600 {
        let (mut total, mut gradient) = (Loss::default(), vec![0.0; V * V]);
        for batch in &batches {
            let labels: Vec<i64> = batch.iter().map(|pair| pair.1).collect();
            // The scores for each letter of the batch. The gradient then replaces them.
            let rows = batch.iter().flat_map(|pair| &table[pair.0 * V..][..V]);
            let mut scores: Vec<f32> = rows.copied().collect();
            total += loss.gradient_in_place(RowsMut::new(&mut scores, V)?, &labels)?;
            for (by_scores, (letter, _)) in scores.chunks(V).zip(batch) {
                let row = &mut gradient[letter * V..][..V];
                row.iter_mut().zip(by_scores).for_each(|(g, d)| *g += d);
            }
        }
        if epoch % 200 == 0 {
            println!("epoch {epoch:3}: perplexity {:.3}", total.mean().exp());
        }
        if epoch == 0 {
            // All scores are 0: one letter is as likely as another.
            assert!((total.mean().exp() - V as f32).abs() < 1e-4);
            assert_eq!(total.count, pairs.len(), "padding does not count");
        }
        // A rare letter has a small gradient, so each row is divided by the count of its letter.
        for (letter, rows) in table.chunks_mut(V).zip(gradient.chunks(V)).enumerate() {
            let count = text[..text.len() - 1].iter().filter(|&&l| l == letter).count().max(1);
            rows.0.iter_mut().zip(rows.1).for_each(|(w, g)| *w -= 2.0 * g / count as f32);
        }
    }

    // The least loss: the mean entropy of the distribution of the next letter.
    let mut least = 0.0;
    for letter in 0..V {
        let after: Vec<i64> = pairs.iter().filter(|p| p.0 == letter).map(|p| p.1).collect();
        let of = |next: i64| after.iter().filter(|&&l| l == next).count() as f32;
        let p: Vec<f32> = (0..V as i64).map(|next| of(next) / after.len().max(1) as f32).collect();
        least += logits::entropy(&p) * after.len() as f32 / pairs.len() as f32;
    }
    let labels: Vec<i64> = pairs.iter().map(|pair| pair.1).collect();
    let scores: Vec<f32> = pairs.iter().flat_map(|p| &table[p.0 * V..][..V]).copied().collect();
    let found = loss.loss(Rows::new(&scores, V)?, &labels)?.mean();
    println!("trained:   perplexity {:.3}; the least is {:.3}\n", found.exp(), least.exp());
    assert!(found >= least - 1e-5 && found < least + 0.02, "{found}, {least}");

    let mut state = 7u64;
    for temperature in [0.3, 1.0, 3.0] {
        let softmax = Softmax::new().scale(1.0 / temperature);
        let (mut letter, mut written) = (0, String::new());
        for _ in 0..64 {
            let mut p = [0.0; V];
            softmax.softmax(&table[letter * V..][..V], &mut p)?;
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut rest = (state >> 40) as f32 / (1 << 24) as f32;
            // The first letter at which the probabilities add up to more.
            letter = p
                .iter()
                .position(|p| {
                    rest -= p;
                    rest < 0.0
                })
                .unwrap_or(0);
            written.push(char::from(LETTERS[letter]));
        }
        println!("T = {temperature}: {written}");
    }
    Ok(())
}
