//! Binary cross-entropy and focal loss, of scores and of probabilities.

use super::common::{assert_same, backends, same};
use super::{INF, PROBABILITIES, SCORES, Tally, Want, alone, pairs_of_rows};
use logits::contract::{
    BINARY_GRADIENT, BINARY_LOSS, BINARY_PROBABILITY, FOCAL_GRADIENT, FOCAL_LOSS,
};
use logits::loss::BinaryCrossEntropy;

#[derive(Clone, Copy, Debug)]
struct Options {
    pos_weight: f32,
    alpha: Option<f32>,
    gamma: f32,
}

const PLAIN: Options = Options { pos_weight: 1.0, alpha: None, gamma: 0.0 };

impl Options {
    fn loss(self) -> BinaryCrossEntropy {
        let loss = BinaryCrossEntropy::new().pos_weight(self.pos_weight).focal(self.gamma);
        self.alpha.map_or(loss, |alpha| loss.alpha(alpha))
    }

    fn is_weighted(self) -> bool {
        self.pos_weight != 1.0 || self.alpha.is_some()
    }

    /// The coefficients a and b, and whether the contract's figures are for them.
    fn coefficients(self, t: f32) -> ([f64; 2], bool) {
        let (w, t) = (f64::from(self.pos_weight), f64::from(t));
        let [positive, negative] = match self.alpha.map(f64::from) {
            Some(alpha) => [alpha * w, 1.0 - alpha],
            None => [w, 1.0],
        };
        let [a, b] = [positive * t, negative * (1.0 - t)];
        let least = f64::from(f32::MIN_POSITIVE);
        let are_normal = [a, b].iter().all(|&c| c == 0.0 || c >= least);
        ([a, b], !self.is_weighted() || are_normal && positive <= 1000.0)
    }
}

/// softplus(s) and σ(s).
fn logistic(s: f64) -> [f64; 2] {
    let e = libm::exp(-s.abs());
    [s.max(0.0) + libm::log1p(e), if s < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }]
}

/// f(s) = σ(s)^γ·softplus(s) and its derivative.
fn focal(s: f64, gamma: f64) -> [f64; 2] {
    let ([softplus, sigmoid], [of_other, other]) = (logistic(s), logistic(-s));
    if s.is_infinite() {
        return if s > 0.0 { [INF.into(), 1.0] } else { [0.0, 0.0] };
    }
    let power = libm::exp(-gamma * of_other);
    [power * softplus, power * (gamma * other * softplus + sigmoid)]
}

/// c·x, where c = 0 wins over an infinity.
fn times(c: f64, x: f64) -> f64 {
    if c == 0.0 { 0.0 } else { c * x }
}

/// A difference, measured by itself, but by no less than an eighth of the larger term.
fn difference(plus: f64, minus: f64, most: f64) -> Want {
    if plus.is_infinite() || minus.is_infinite() {
        return Want::near(plus - minus, most);
    }
    let value = plus - minus;
    Want::Near { value, size: value.abs().max(plus.max(minus) / 8.0), most }
}

/// Loss and derivative on a score.
fn of_score(options: Options, s: f32, t: f32) -> [Want; 2] {
    if s.is_nan() || !(0.0..=1.0).contains(&t) {
        return [Want::Nan; 2];
    }
    let ([a, b], has_figures) = options.coefficients(t);
    if !has_figures || options.gamma > 5.0 {
        return [Want::NotNan; 2];
    }
    let of_weight = usize::from(options.is_weighted());
    let (s, gamma) = (f64::from(s), f64::from(options.gamma));
    let ([right, q], [wrong, p]) = (focal(-s, gamma), focal(s, gamma));
    let most = if gamma == 0.0 {
        [BINARY_LOSS[of_weight], BINARY_GRADIENT[of_weight]]
    } else {
        [FOCAL_LOSS, FOCAL_GRADIENT]
    };
    [Want::near(times(a, right) + times(b, wrong), most[0]), difference(b * p, a * q, most[1])]
}

/// Loss and derivative on a probability.
fn of_probability(options: Options, p: f32, t: f32) -> [Want; 2] {
    if !(0.0..=1.0).contains(&p) || !(0.0..=1.0).contains(&t) {
        return [Want::Nan; 2];
    }
    let ([a, b], has_figures) = options.coefficients(t);
    if !has_figures {
        return [Want::NotNan; 2];
    }
    // −0 is 0.
    let p = f64::from(p.abs());
    let loss = times(a, -libm::log(p)) + times(b, -libm::log1p(-p));
    let [plus, minus] = [times(b, 1.0 / (1.0 - p)), times(a, 1.0 / p)];
    [Want::near(loss, BINARY_PROBABILITY[0]), difference(plus, minus, BINARY_PROBABILITY[1])]
}

/// Every option alone and with others.
fn all_options() -> impl Iterator<Item = Options> {
    let weights = [(1.0, None), (0.0, None), (2.5, None), (1e-30, None), (f32::MAX, None)];
    let alphas = [0.0, 0.25, 1.0].map(|alpha| (1.0, Some(alpha)));
    let all = weights.into_iter().chain(alphas).chain([(40.0, Some(0.75))]);
    all.map(|(pos_weight, alpha)| Options { pos_weight, alpha, ..PLAIN })
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn losses_of_scores() {
    let mut tally = Tally::default();
    let exponents = [0.0, f32::from_bits(1), 0.5, 2.0, 5.0, f32::MAX];
    let all = all_options().flat_map(|options| exponents.map(|gamma| Options { gamma, ..options }));
    for options in all {
        let name = format!("{options:?}");
        for n in 1..=3 {
            // All pairs of two without a weight or an exponent, and with one a part.
            let is_plain = !options.is_weighted() && options.gamma == 0.0;
            let most = if n == 2 && is_plain { 70_000 } else { 1000 };
            let [s, t] = &pairs_of_rows(&SCORES, &PROBABILITIES, n, most);
            let wants: Vec<_> =
                s.iter().zip(t).flat_map(|(&s, &t)| of_score(options, s, t)).collect();
            tally.meet(&name, (&[s, t], n), &wants, |backend| {
                let loss = options.loss().on(backend);
                let [mut losses, mut gradient] = [(); 2].map(|()| vec![9.0; s.len()]);
                let mut in_place = s.clone();
                let sums = [
                    loss.loss(s, t).unwrap(),
                    loss.losses(s, t, &mut losses).unwrap(),
                    loss.loss_and_gradient(s, t, &mut gradient).unwrap(),
                    loss.gradient_in_place(&mut in_place, t).unwrap(),
                ];
                for sum in sums {
                    assert!(same(sum.sum, sums[0].sum), "{name}");
                    assert_eq!((sum.weight, sum.count), (s.len() as f32, s.len()));
                }
                assert_same(&gradient, &in_place, &"in place");
                for i in alone(s.len() / n).step_by(5) {
                    let row = i * n..(i + 1) * n;
                    let (s, t) = (&s[row.clone()], &t[row.clone()]);
                    let [mut own, mut own_gradient] = [(); 2].map(|()| vec![9.0; n]);
                    let sum = loss.losses(s, t, &mut own).unwrap();
                    loss.loss_and_gradient(s, t, &mut own_gradient).unwrap();
                    assert_same(&own, &losses[row.clone()], &"alone");
                    assert_same(&own_gradient, &gradient[row], &"gradient alone");
                    assert!(n > 1 || same(sum.sum, own[0]), "{name}");
                }
                losses.into_iter().zip(gradient).flat_map(|(loss, g)| [loss, g]).collect()
            });
        }
    }
    for backend in backends() {
        let sum = PLAIN.loss().on(backend).loss(&[], &[]).unwrap();
        assert!(sum.sum.to_bits() == 0 && sum.count == 0 && sum.mean().is_nan());
    }
    tally.assert_none("binary losses of scores");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn losses_of_probabilities() {
    let mut tally = Tally::default();
    for options in all_options() {
        let name = format!("of probabilities, {options:?}");
        for n in 1..=3 {
            let most = if options.is_weighted() { 2000 } else { 20_000 };
            let [p, t] = &pairs_of_rows(&PROBABILITIES, &PROBABILITIES, n, most);
            let pairs = || p.iter().zip(t).map(|(&p, &t)| (p, t));
            let wants: Vec<_> = pairs().flat_map(|(p, t)| of_probability(options, p, t)).collect();
            tally.meet(&name, (&[p, t], n), &wants, |backend| {
                let loss = options.loss().on(backend);
                let mut gradient = vec![9.0; p.len()];
                loss.loss_and_gradient_of_probabilities(p, t, &mut gradient).unwrap();
                let one = |(i, (p, t))| {
                    let mut own = [9.0];
                    let sum = loss.loss_of_probabilities(&[p], &[t]).unwrap().sum;
                    loss.loss_and_gradient_of_probabilities(&[p], &[t], &mut own).unwrap();
                    let in_row: f32 = gradient[i];
                    assert!(same(own[0], in_row), "{name}");
                    [sum, in_row]
                };
                pairs().enumerate().flat_map(one).collect()
            });
        }
    }
    tally.assert_none("binary losses of probabilities");
}
