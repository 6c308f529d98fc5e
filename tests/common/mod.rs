//! What every test needs: the backends, a measure of error, and hostile data.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use logits::loss::{BinaryCrossEntropy, CrossEntropy};
use logits::{Backend, Error, LogSumExp, Rows, RowsMut, Softmax, contract};

/// Every backend this CPU has. `LOGITS_REQUIRE_BACKENDS=avx2,avx512` turns a
/// missing one into a failure.
pub fn backends() -> Vec<Backend> {
    let backends: Vec<_> = Backend::available().collect();
    if let Ok(required) = std::env::var("LOGITS_REQUIRE_BACKENDS") {
        for name in required.split(',').filter(|name| !name.is_empty()) {
            assert!(
                backends.iter().any(|backend| backend.name() == name),
                "backend {name} is required and not available; there are {backends:?}"
            );
        }
    }
    backends
}

/// Which backends give elements, rows of scores, and distributions the same bits: those that fuse, those
/// that do not, and the scalar one, which computes by integers. Of other functions the scalar backend
/// has the bits of those of its [`Backend::is_fused`].
pub fn class_of_rows(backend: Backend) -> usize {
    if backend.name() == "scalar" { 2 } else { usize::from(backend.is_fused()) }
}

pub type MapFunction = fn(Backend, &[f32], &mut [f32]) -> Result<(), Error>;

/// A function of each element: how to call it, and what it is.
#[derive(Clone, Copy)]
pub struct Elementwise {
    pub contract: contract::Elementwise,
    pub map: MapFunction,
    pub in_place: fn(Backend, &mut [f32]),
    pub exact: fn(f64) -> f64,
}

/// The functions in the order of the contract.
pub fn elementwise() -> [Elementwise; 7] {
    fn case(
        name: &str,
        map: MapFunction,
        in_place: fn(Backend, &mut [f32]),
        exact: fn(f64) -> f64,
    ) -> Elementwise {
        let contract = *contract::ELEMENTWISE.iter().find(|row| row.name == name).expect(name);
        Elementwise { contract, map, in_place, exact }
    }
    let cases = [
        case("exp", Backend::exp, Backend::exp_in_place, libm::exp),
        case("exp_m1", Backend::exp_m1, Backend::exp_m1_in_place, libm::expm1),
        case("ln", Backend::ln, Backend::ln_in_place, libm::log),
        case("ln_1p", Backend::ln_1p, Backend::ln_1p_in_place, libm::log1p),
        case("sigmoid", Backend::sigmoid, Backend::sigmoid_in_place, |x| {
            1.0 / (1.0 + libm::exp(-x))
        }),
        case("log_sigmoid", Backend::log_sigmoid, Backend::log_sigmoid_in_place, |x| -softplus(-x)),
        case("softplus", Backend::softplus, Backend::softplus_in_place, softplus),
    ];
    let names = contract::ELEMENTWISE.map(|row| row.name);
    assert_eq!(cases.map(|case| case.contract.name), names, "a case for each contract");
    cases
}

/// ln(1 + e^x) in f64.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

/// The distance of `found` from `exact` in units in the last place of an `f32`
/// of the size of `exact`. Wrong infinities and NaN are infinitely far.
pub fn ulp(found: f32, exact: f64) -> f64 {
    if found.is_nan() || exact.is_nan() {
        return if found.is_nan() && exact.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let nearest = exact as f32;
    if found.is_infinite() || nearest.is_infinite() {
        return if found == nearest { 0.0 } else { f64::INFINITY };
    }
    (f64::from(found) - exact).abs() / unit(exact)
}

/// The distance between neighbouring `f32` at the size of `x`.
pub fn unit(x: f64) -> f64 {
    let exponent = libm::ilogb(x.abs().max(f64::from(f32::MIN_POSITIVE)));
    libm::ldexp(1.0, exponent.max(-126) - 23)
}

/// The same bits, any NaN standing for every other.
pub fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// Asserts that two slices hold the same bits.
#[track_caller]
pub fn assert_same(a: &[f32], b: &[f32], what: &dyn std::fmt::Display) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(same(*a, *b), "{what}: [{i}] is {a:e} and {b:e}");
    }
}

/// A small generator (Marsaglia's xorshift, 64 bits): the same numbers on every
/// machine. `LOGITS_SEED=N` gives others, for a search for larger errors.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        let other = std::env::var("LOGITS_SEED").ok().and_then(|seed| seed.parse().ok());
        Self::fixed(seed + 1000 * other.unwrap_or(0))
    }

    /// The same numbers whatever `LOGITS_SEED` says.
    pub fn fixed(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        (f64::from(low) + self.unit() * (f64::from(high) - f64::from(low))) as f32
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// Any f32 bit pattern.
    pub fn any(&mut self) -> f32 {
        f32::from_bits(self.bits() as u32)
    }

    pub fn vector(&mut self, n: usize, low: f32, high: f32) -> Vec<f32> {
        (0..n).map(|_| self.between(low, high)).collect()
    }

    /// Scores drawn like a network's: normal with deviation `sigma`.
    pub fn normal(&mut self, n: usize, sigma: f32) -> Vec<f32> {
        (0..n)
            .map(|_| {
                let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
                let angle = 2.0 * std::f64::consts::PI * self.unit();
                (f64::from(sigma) * radius * libm::cos(angle)) as f32
            })
            .collect()
    }
}

/// Softmax's sum in f64: (maximum, Σ e^(x − maximum)). Of nothing, or nothing but −∞, the
/// maximum is the least number.
pub fn exp_sum(x: &[f32]) -> (f64, f64) {
    let max = x.iter().fold(f64::MIN, |a, &b| a.max(f64::from(b)));
    (max, sum(x.iter().map(|&x| libm::exp(f64::from(x) - max))))
}

/// Neumaier's compensated sum of positive terms: long rows stay far below an f32 ULP.
pub fn sum(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut low) = (0.0, 0.0);
    for term in terms {
        let next: f64 = sum + term;
        low += if sum >= term { (sum - next) + term } else { (term - next) + sum };
        sum = next;
    }
    sum + low
}

/// log-sum-exp in f64.
pub fn log_sum_exp(x: &[f32]) -> f64 {
    let (max, sum) = exp_sum(x);
    max + libm::log(sum)
}

/// Softmax in f64.
pub fn softmax(x: &[f32]) -> Vec<f64> {
    let (max, sum) = exp_sum(x);
    x.iter().map(|&x| libm::exp(f64::from(x) - max) / sum).collect()
}

/// Probabilities: a softmax of scores, or sparse ones that sum to 1.
pub fn distribution(random: &mut Random, n: usize) -> Vec<f32> {
    let mut p: Vec<_> = softmax(&random.normal(n, 3.0)).iter().map(|&p| p as f32).collect();
    if random.below(3) == 0 {
        p = vec![0.0; n];
        p[random.below(n)] += 0.25;
        p[random.below(n)] += 0.75;
    }
    p
}

/// The logarithm of softmax in f64, of likely elements without cancellation.
pub fn log_softmax(x: &[f32]) -> Vec<f64> {
    let top = (0..x.len()).fold(0, |top, i| if x[i] > x[top] { i } else { top });
    let (below, others) = x.split_at(top);
    let others = below.iter().chain(others.get(1..).unwrap_or(&[]));
    let distance = |&x_k: &f32| f64::from(x_k) - f64::from(x[top]);
    let tail = libm::log1p(sum(others.map(|x| libm::exp(distance(x)))));
    x.iter().map(|x| distance(x) - tail).collect()
}

/// What a term of entropy or divergence that is not 0 counts more in the size of a
/// sum: it may be rounded as a subnormal. 2^-120.
pub const TERM: f64 = 7.523163845262640e-37;

/// p·ln q with 0·ln q = 0.
pub fn x_ln_y(p: f32, q: f32) -> f64 {
    if p == 0.0 { 0.0 } else { f64::from(p) * libm::log(f64::from(q)) }
}

/// p·ln(p/q), with 0 for p = 0.
pub fn x_ln_x_over_y(p: f64, q: f64) -> f64 {
    let d = (p - q) / q;
    if p == 0.0 {
        0.0
    } else if d.abs() < 0.1 {
        p * libm::log1p(d)
    } else {
        p * libm::log(p / q)
    }
}

/// p·ln(p/q) + q − p ≥ 0, in relative terms however close p and q are.
pub fn kl_term(p: f32, q: f32) -> f64 {
    let (p, q) = (f64::from(p), f64::from(q));
    let u = (q - p) / p;
    if p > 0.0 && u.abs() < 1e-3 {
        // u − ln(1 + u)
        return p * u * u * (0.5 + u * (-1.0 / 3.0 + u * (0.25 + u * (-0.2 + u / 6.0))));
    }
    x_ln_x_over_y(p, q) + (q - p)
}

/// ½(p·ln(p/m) + q·ln(q/m)) with m = (p + q)/2, in relative terms.
pub fn js_term(p: f32, q: f32) -> f64 {
    let (p, q) = (f64::from(p), f64::from(q));
    let (m, s) = (f64::midpoint(p, q), (p - q) / (p + q));
    if p > 0.0 && s.abs() < 0.01 {
        let z = s * s;
        return 0.5 * m * z * (1.0 + z * (1.0 / 6.0 + z * (1.0 / 15.0 + z / 28.0)));
    }
    0.5 * (x_ln_x_over_y(p, m) + x_ln_x_over_y(q, m))
}

/// A function of rows: of scores and of probabilities, of so many columns, with a place for
/// results that holds scores before the call.
pub type Call = fn(Backend, [&[f32]; 2], usize, &mut [f32]);

/// Every function, and whether it has a result for each row instead of each element. What a call
/// makes for itself is a `Vec` of its own, of which tools that watch memory know the end.
#[allow(clippy::too_many_lines)] // a list
pub fn every() -> Vec<(&'static str, bool, Call)> {
    fn rows(x: &[f32], columns: usize) -> Rows<'_> {
        Rows::new(x, columns).unwrap()
    }
    fn out(x: &mut [f32], columns: usize) -> RowsMut<'_> {
        RowsMut::new(x, columns).unwrap()
    }
    fn labels(x: &[f32], columns: usize) -> Vec<u32> {
        (0..x.len() / columns).map(|i| (i % columns) as u32).collect()
    }
    /// As many probabilities in another order.
    fn other(p: &[f32]) -> Vec<f32> {
        p.iter().rev().copied().collect()
    }
    fn losses(b: Backend, loss: CrossEntropy<'_>, x: &[f32], c: usize, y: &mut [f32]) {
        loss.on(b).losses(rows(x, c), &labels(x, c), y).unwrap();
    }
    fn gradient(b: Backend, loss: CrossEntropy<'_>, x: &[f32], c: usize, y: &mut [f32]) {
        loss.on(b).loss_and_gradient(rows(x, c), &labels(x, c), out(y, c)).unwrap();
    }
    let mut all: Vec<(&'static str, bool, Call)> = vec![
        ("exp", false, |b, [x, _], _, y| b.exp(x, y).unwrap()),
        ("exp_in_place", false, |b, _, _, y| b.exp_in_place(y)),
        ("exp_m1", false, |b, [x, _], _, y| b.exp_m1(x, y).unwrap()),
        ("ln", false, |b, [_, p], _, y| b.ln(p, y).unwrap()),
        ("ln_1p", false, |b, [_, p], _, y| b.ln_1p(p, y).unwrap()),
        ("sigmoid", false, |b, [x, _], _, y| b.sigmoid(x, y).unwrap()),
        ("log_sigmoid", false, |b, [x, _], _, y| b.log_sigmoid(x, y).unwrap()),
        ("softplus", false, |b, [x, _], _, y| b.softplus(x, y).unwrap()),
        ("log_add_exp", false, |b, [x, p], _, y| {
            for ((&x, &p), y) in x.iter().zip(p).zip(y) {
                *y = b.log_add_exp(x, p);
            }
        }),
        ("softmax", false, |b, [x, _], c, y| b.rows_softmax(rows(x, c), out(y, c)).unwrap()),
        ("softmax_in_place", false, |b, _, c, y| b.rows_softmax_in_place(out(y, c))),
        ("scaled_softmax", false, |b, [x, _], c, y| {
            Softmax::new().scale(0.7).on(b).softmax_rows(rows(x, c), out(y, c)).unwrap();
        }),
        ("log_softmax", false, |b, [x, _], c, y| {
            b.rows_log_softmax(rows(x, c), out(y, c)).unwrap();
        }),
        ("log_softmax_in_place", false, |b, _, c, y| b.rows_log_softmax_in_place(out(y, c))),
        ("scaled_log_softmax", false, |b, [x, _], c, y| {
            Softmax::new().scale(1.7).on(b).log_softmax_rows(rows(x, c), out(y, c)).unwrap();
        }),
        ("softmax_backward", false, |b, [x, p], c, y| {
            b.rows_softmax_backward(rows(p, c), rows(x, c), out(y, c)).unwrap();
        }),
        ("log_softmax_backward", false, |b, [x, p], c, y| {
            let log_p: Vec<f32> = p.iter().map(|&p| libm::logf(p)).collect();
            b.rows_log_softmax_backward(rows(&log_p, c), rows(x, c), out(y, c)).unwrap();
        }),
        ("gradient", false, |b, [x, _], c, y| gradient(b, CrossEntropy::new(), x, c, y)),
        ("gradient_in_place", false, |b, [x, _], c, y| {
            CrossEntropy::new().on(b).gradient_in_place(out(y, c), &labels(x, c)).unwrap();
        }),
        ("gradient, smooth", false, |b, [x, _], c, y| {
            gradient(b, CrossEntropy::new().label_smoothing(0.1), x, c, y);
        }),
        ("gradient, weighted", false, |b, [x, p], c, y| {
            let weights = p[..c].to_vec();
            let loss = CrossEntropy::new().label_smoothing(0.1).class_weights(&weights);
            gradient(b, loss, x, c, y);
        }),
        ("gradient, capped", false, |b, [x, _], c, y| {
            gradient(b, CrossEntropy::new().soft_cap(30.0), x, c, y);
        }),
        ("gradient, soft", false, |b, [x, p], c, y| {
            let loss = CrossEntropy::new().z_loss(0.01).on(b);
            loss.loss_and_gradient_soft(rows(x, c), rows(p, c), out(y, c)).unwrap();
        }),
        ("gradient, soft and weighted", false, |b, [x, p], c, y| {
            let (weights, other) = (p[..c].to_vec(), other(p));
            let loss = CrossEntropy::new().class_weights(&weights).label_smoothing(0.1).on(b);
            loss.loss_and_gradient_soft(rows(x, c), rows(&other, c), out(y, c)).unwrap();
        }),
        ("binary loss", false, |b, [x, p], _, y| {
            BinaryCrossEntropy::new().on(b).losses(x, p, y).unwrap();
        }),
        ("binary gradient", false, |b, [x, p], _, y| {
            BinaryCrossEntropy::new().on(b).loss_and_gradient(x, p, y).unwrap();
        }),
        ("binary gradient, weighted", false, |b, [x, p], _, y| {
            let loss = BinaryCrossEntropy::new().pos_weight(3.3).on(b);
            loss.loss_and_gradient(x, p, y).unwrap();
        }),
        ("binary gradient, of probabilities", false, |b, [_, p], _, y| {
            let (loss, targets) = (BinaryCrossEntropy::new().on(b), other(p));
            loss.loss_and_gradient_of_probabilities(p, &targets, y).unwrap();
        }),
        ("focal loss", false, |b, [x, p], _, y| {
            BinaryCrossEntropy::new().focal(1.5).on(b).losses(x, p, y).unwrap();
        }),
        ("focal gradient", false, |b, [x, p], _, y| {
            BinaryCrossEntropy::new().focal(2.0).on(b).loss_and_gradient(x, p, y).unwrap();
        }),
        ("kl_divergence_of_scores, gradient", false, |b, [x, p], c, y| {
            let mut divergences = vec![0.0; x.len() / c];
            let (x, z) = (rows(x, c), rows(p, c));
            b.rows_kl_divergence_of_scores_and_gradient(x, z, &mut divergences, out(y, c)).unwrap();
        }),
        ("log_sum_exp", true, |b, [x, _], c, y| b.rows_log_sum_exp(rows(x, c), y).unwrap()),
        ("LogSumExp", true, |b, [x, _], c, y| {
            // The state of all rows so far.
            let mut state = LogSumExp::new();
            for (x, y) in x.chunks(c).zip(y) {
                state = b.merge(b.extend(LogSumExp::new(), x), state);
                *y = state.value();
            }
        }),
        ("linear", true, |b, [x, p], c, y| {
            let weights = p[..c].to_vec();
            b.rows_linear(rows(x, c), rows(&weights, c), &[0.5], out(y, 1)).unwrap();
        }),
        ("loss", true, |b, [x, _], c, y| losses(b, CrossEntropy::new(), x, c, y)),
        ("loss, smooth", true, |b, [x, _], c, y| {
            losses(b, CrossEntropy::new().label_smoothing(0.1), x, c, y);
        }),
        ("loss, capped", true, |b, [x, _], c, y| {
            losses(b, CrossEntropy::new().soft_cap(30.0), x, c, y);
        }),
        ("loss, soft", true, |b, [x, p], c, y| {
            CrossEntropy::new().on(b).losses_soft(rows(x, c), rows(p, c), y).unwrap();
        }),
        ("loss, soft and capped", true, |b, [x, p], c, y| {
            let loss = CrossEntropy::new().z_loss(0.01).temperature(0.7).soft_cap(20.0).on(b);
            loss.losses_soft(rows(x, c), rows(p, c), y).unwrap();
        }),
        ("entropy", true, |b, [_, p], c, y| b.rows_entropy(rows(p, c), y).unwrap()),
        ("entropy_of_scores", true, |b, [x, _], c, y| {
            b.rows_entropy_of_scores(rows(x, c), y).unwrap();
        }),
        ("kl_divergence_of_scores", true, |b, [x, p], c, y| {
            b.rows_kl_divergence_of_scores(rows(x, c), rows(p, c), y).unwrap();
        }),
        ("cross_entropy", true, |b, [_, p], c, y| {
            b.rows_cross_entropy(rows(p, c), rows(&other(p), c), y).unwrap();
        }),
        ("kl_divergence", true, |b, [_, p], c, y| {
            b.rows_kl_divergence(rows(p, c), rows(&other(p), c), y).unwrap();
        }),
        ("js_divergence", true, |b, [_, p], c, y| {
            b.rows_js_divergence(rows(p, c), rows(&other(p), c), y).unwrap();
        }),
    ];
    all.extend(of_products());
    all
}

/// Those that multiply the rows of scores and of probabilities.
fn of_products() -> [(&'static str, bool, Call); 4] {
    fn rows(x: &[f32], columns: usize) -> Rows<'_> {
        Rows::new(x, columns).unwrap()
    }
    /// The last rows of x, and of p as rows of as many columns as the results have rows: matrices
    /// of which the product has the shape of the results. How many terms its sums have.
    fn factors<'a>(x: &'a [f32], p: &'a [f32], c: usize) -> (&'a [f32], &'a [f32], usize) {
        let n = x.len() / c;
        let terms = n.min(c);
        (&x[x.len() - terms * c..], &p[p.len() - terms * n..], terms)
    }
    [
        ("linear_backward", false, |b, [x, p], c, y| {
            let (n, (x, g, _)) = (x.len() / c, factors(x, p, c));
            let out = RowsMut::new(y, c).unwrap();
            b.rows_linear_backward(rows(x, c), rows(g, n), out, &mut vec![0.0; n]).unwrap();
        }),
        ("linear_backward, bias", true, |b, [x, _], c, y| {
            let (ones, mut sums) = (vec![1.0; c], vec![0.0; y.len()]);
            let out = RowsMut::new(&mut sums, 1).unwrap();
            b.rows_linear_backward(rows(&ones, 1), rows(x, y.len()), out, y).unwrap();
        }),
        ("weighted_sums", false, |b, [x, p], c, y| {
            let (x, weights, terms) = factors(x, p, c);
            let out = RowsMut::new(y, c).unwrap();
            b.rows_weighted_sums(rows(weights, terms), rows(x, c), out).unwrap();
        }),
        ("log_dot_exp", true, |b, [x, _], c, y| {
            b.rows_log_dot_exp(rows(x, c), &x[x.len() - c..], y).unwrap();
        }),
    ]
}
