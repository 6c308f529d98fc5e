//! A hidden Markov model: is the die fair or loaded, and when was it swapped?
//!
//! The forward algorithm adds up the probabilities of all paths of hidden states. After a few
//! hundred throws these probabilities are below the smallest f32, so the algorithm works on
//! logarithms: a product becomes a sum, and a sum of products becomes `log_dot_exp`. Softmax of the
//! results of the forward and the backward algorithm is the probability of each state at each time.
//! (The example is from Durbin and others, 1998.)

use logits::{Rows, log_dot_exp, log_sum_exp, rows};

const N: usize = 2;
const LOADED: usize = 1;
/// Transition probabilities: a row for the state before, a column for the state after.
const TRANSITIONS: [f32; N * N] = [0.95, 0.05, 0.1, 0.9];
const START: [f32; N] = [0.5, 0.5];
const THROWS: usize = 3000;

/// The probability of a throw.
fn emission(state: usize, throw: usize) -> f32 {
    if state == LOADED { if throw == 6 { 0.5 } else { 0.1 } } else { 1.0 / 6.0 }
}

fn main() -> Result<(), logits::Error> {
    // Throws, and the states they came from.
    let mut seed = 3u64;
    let mut uniform = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f32 / (1 << 24) as f32
    };
    let (mut state, mut hidden, mut throws) = (0, Vec::new(), Vec::new());
    for _ in 0..THROWS {
        let (mut throw, mut rest) = (1, uniform() - emission(state, 1));
        while rest >= 0.0 && throw < 6 {
            throw += 1;
            rest -= emission(state, throw);
        }
        hidden.push(state);
        throws.push(throw);
        state = if uniform() < TRANSITIONS[state * N] { 0 } else { LOADED };
    }

    let mut from = TRANSITIONS;
    logits::ln_in_place(&mut from);
    // The transpose: a row for the state after.
    let into = [from[0], from[2], from[1], from[3]];
    let emissions: Vec<[f32; N]> =
        throws.iter().map(|&t| [0, 1].map(|s| emission(s, t).ln())).collect();

    // ln P(throws so far, state now): a step is a matrix times a vector.
    let mut forward = vec![[0.0; N]; THROWS];
    for s in 0..N {
        forward[0][s] = START[s].ln() + emissions[0][s];
    }
    for t in 1..THROWS {
        let mut next = [0.0; N];
        rows::log_dot_exp(Rows::new(&into, N)?, &forward[t - 1], &mut next)?;
        forward[t] = [0, 1].map(|s| next[s] + emissions[t][s]);
    }
    let likelihood = log_sum_exp(&forward[THROWS - 1]);

    // ln P(later throws | state now).
    let mut backward = vec![[0.0; N]; THROWS];
    for t in (1..THROWS).rev() {
        let later = [0, 1].map(|s| emissions[t][s] + backward[t][s]);
        rows::log_dot_exp(Rows::new(&from, N)?, &later, &mut backward[t - 1])?;
    }

    // In f32, the probability itself is 0 long before the end.
    let (mut naive, mut lost) = (START, None);
    for (t, throw) in throws.iter().enumerate() {
        let before = naive;
        for s in 0..N {
            let arrived = if t == 0 {
                before[s]
            } else {
                before[0] * TRANSITIONS[s] + before[1] * TRANSITIONS[N + s]
            };
            naive[s] = arrived * emission(s, *throw);
        }
        if naive == [0.0; N] {
            lost = lost.or(Some(t + 1));
        }
    }
    println!("ln P({THROWS} throws) = {likelihood:.3}; as a product it is 0 after {lost:?} throws");
    assert!(lost.is_some() && likelihood.is_finite());

    // Forward and backward probabilities at any time give the same likelihood.
    for t in (0..THROWS).step_by(500) {
        let cut = log_dot_exp(&forward[t], &backward[t])?;
        assert!((cut / likelihood - 1.0).abs() < 1e-4, "{cut}, {likelihood}");
    }

    // P(loaded at t | all throws).
    let mut right = 0;
    let mut line = [String::new(), String::new(), String::new()];
    for t in 0..THROWS {
        let mut posterior = [0.0; N];
        logits::softmax(&[0, 1].map(|s| forward[t][s] + backward[t][s]), &mut posterior)?;
        let loaded = posterior[LOADED] > 0.5;
        right += usize::from(loaded == (hidden[t] == LOADED));
        if (60..132).contains(&t) {
            line[0] += &throws[t].to_string();
            line[1].push(if hidden[t] == LOADED { 'L' } else { '·' });
            line[2].push(if loaded { 'L' } else { '·' });
        }
    }
    println!("throws    {}\nhidden    {}\nposterior {}", line[0], line[1], line[2]);
    let part = right as f32 / THROWS as f32;
    println!("right: {:.1}% of the states", 100.0 * part);
    assert!(part > 0.75, "{part}");
    Ok(())
}
