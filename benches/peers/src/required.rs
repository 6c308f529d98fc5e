//! The figures that `logits` shall reach in comparison.
//!
//! Most multiples on AVX-512 are those that the first edition, with assembly, was to reach. They stay,
//! and not all are reached: the comment beside a figure has what `RESULTS.md` of 2026-11-29 comes to,
//! shape by shape. `RESULTS.md` itself, under "Where a peer is faster", holds every peer against
//! `logits` with the same instructions. By that rule, with at least 1.05 against the fastest (1 for
//! sigmoid), 23 of 152 pairs of a shape and an instruction set fail.

use logits_peers::Shape;

/// The length that ratios of elementwise functions are required for: neither the
/// calls nor the memory take much of the time.
pub const MIDDLE: usize = 1 << 14;

/// In the first cache or nearly, in the last, and in none.
pub const VECTORS: [Shape; 3] =
    [Shape::vector(MIDDLE), Shape::vector(1 << 18), Shape::vector(1 << 24)];

/// Classifiers, from a few classes to the vocabularies of language models.
pub const MATRICES: [Shape; 5] = [
    Shape { rows: 100_000, columns: 10 },
    Shape { rows: 16_384, columns: 100 },
    Shape { rows: 4_096, columns: 1_000 },
    Shape { rows: 512, columns: 32_000 },
    Shape { rows: 64, columns: 128_256 },
];

/// Of pairs: distributions, or scores and targets.
pub const PAIRS: [Shape; 2] = [Shape::vector(MIDDLE), Shape::vector(1 << 20)];

/// Names of contenders and nanoseconds of a call.
pub type Found = Vec<(String, f64)>;

type Names = &'static [&'static str];

/// A comparison with the contenders of these names; see [`best`].
#[derive(Clone, Copy)]
pub enum Than {
    /// At least so many times as fast as the best of them.
    Faster(f64, Names),
    /// At most so many times the time of these one after the other, of each the best.
    Within(f64, Names),
}

use Than::{Faster, Within};

type Comparisons = &'static [(&'static str, Than)];

/// What is required of a function on a backend.
pub struct Required {
    pub function: &'static str,
    pub shape: Shape,
    backend: &'static str,
    than: Than,
}

const AVX2: Names = &["SLEEF u10 avx2", "libmvec avx2", "rten-vecmath avx2", "tract avx2"];

const LN: Names = &["NumPy", "NumPy avx2", "MKL", "SLEEF", "libmvec", "rten-vecmath", "std"];

const ELEMENTWISE: [(&str, &str, Than); 13] = [
    ("exp", "avx512", Faster(1.0, &["ONNX Runtime"])),
    ("exp", "avx512", Faster(1.3, &["rten-vecmath"])),
    ("exp", "avx512", Faster(1.5, &["SLEEF"])),
    ("exp", "avx512", Faster(1.5, &["libmvec"])), // not reached: 1.16
    ("exp", "avx512", Faster(1.5, &["MKL"])),
    ("exp", "avx512", Faster(1.5, &["NumPy", "NumPy avx2"])),
    ("exp", "avx512", Faster(1.5, &["PyTorch", "PyTorch avx2"])), // not reached: 1.03
    ("ln", "avx512", Faster(2.5, LN)),                            // not reached: 1.25, libmvec
    ("sigmoid", "avx512", Faster(1.5, &["PyTorch", "PyTorch avx2"])), // not reached: 1.06
    ("exp", "avx2", Faster(1.2, AVX2)),
    ("ln", "avx2", Faster(1.2, AVX2)),
    ("exp", "portable", Faster(2.0, &["wide"])), // not reached: 0.67
    ("ln", "portable", Faster(2.0, &["wide"])),  // not reached: 1.40
];

/// Of one row in cache, then of one that is not.
const IN_CACHE: [(&str, Than); 4] = [
    ("log_sum_exp", Faster(6.0, &["PyTorch"])), // not reached: 2.43, 2.57
    ("log_sum_exp", Faster(1.25, &["hand-written"])), // not reached: 0.85, 0.92
    ("softmax", Faster(1.4, &["ONNX Runtime"])), // not reached: 0.92, 1.07
    ("softmax", Faster(4.0, &["rten-vecmath"])), // not reached: 3.92, 3.70
];
const OUT_OF_CACHE: [(&str, Than); 2] = [
    ("log_sum_exp", Within(1.25, &["plain sum"])), // not reached: 1.34
    ("softmax", Within(1.1, &["plain sum", "copy"])), // not reached: 1.37
];

/// Of many rows, those of ten columns apart.
const TEN_COLUMNS: [(&str, Than); 6] = [
    ("softmax", Faster(4.0, &["ONNX Runtime"])), // not reached: 1.87
    ("softmax", Faster(35.0, &["PyTorch"])),     // not reached: 21.2
    ("log_softmax", Faster(1.4, PEERS)),
    ("log_sum_exp", Faster(1.4, PEERS)),
    ("loss", Faster(4.0, &["PyTorch"])),
    ("loss_and_gradient", Faster(20.0, &["PyTorch"])), // not reached: 14.5
];
// By columns: 100, 1000, 32000, 128256.
const MORE_COLUMNS: [(&str, Than); 5] = [
    ("softmax", Faster(1.4, PEERS)), // not reached: 0.78, 0.79, 0.95, 1.22, ONNX Runtime
    ("log_softmax", Faster(1.4, PEERS)), // not reached: 0.91, 1.04, 1.26, 1.18, ONNX Runtime
    ("log_sum_exp", Faster(1.4, PEERS)),
    ("loss", Faster(4.0, &["PyTorch"])), // not reached: 3.58, 2.62, 2.98, 3.06
    ("loss_and_gradient", Faster(4.0, &["PyTorch"])), // not reached of 1000 columns: 3.64
];
const PEERS: Names =
    &["ONNX Runtime", "PyTorch", "PyTorch avx2", "rten-vecmath", "rten-vecmath avx2"];

const OF_PAIRS: [(&str, Than); 3] = [
    ("binary_loss_and_gradient", Faster(4.0, &["PyTorch"])), // not reached of 16 Ki: 3.43
    ("entropy", Faster(3.0, &["PyTorch", "SciPy"])),
    ("kl_divergence", Faster(3.0, &["PyTorch", "SciPy"])), // not reached of 1 Mi: 2.98
];

/// Of each of these, against all that can be held to AVX2. Not reached: `softmax` of 16384x100 (0.93)
/// and `soft_loss_and_gradient` of 100000x10 (0.86).
const ROWS: [&str; 12] = [
    "softmax",
    "log_softmax",
    "log_sum_exp",
    "loss",
    "loss_and_gradient",
    "smooth_loss_and_gradient",
    "cold_loss_and_gradient",
    "soft_loss_and_gradient",
    "scaled_softmax",
    "binary_loss_and_gradient",
    "entropy",
    "kl_divergence",
];
const ROWS_AVX2: Than = Faster(1.0, &["PyTorch avx2", "rten-vecmath avx2"]);
/// Where AVX2 is all there is, every peer is held to it.
const ROWS_OF_AVX2_CPU: Than = Faster(1.0, PEERS);

/// The nanoseconds that a call on 8 elements may take, dispatch included.
pub const CALLS: [(&str, f64); 3] = [("exp", 15.0), ("ln", 15.0), ("sigmoid", 15.0)];

/// What a function is measured on.
pub fn shapes(function: &str) -> Vec<Shape> {
    match function {
        "softmax" | "log_sum_exp" => [&VECTORS[..], &MATRICES].concat(),
        "log_softmax"
        | "scaled_softmax"
        | "loss"
        | "loss_and_gradient"
        | "smooth_loss_and_gradient"
        | "cold_loss_and_gradient"
        | "soft_loss_and_gradient" => MATRICES.into(),
        "binary_loss_and_gradient" | "entropy" | "kl_divergence" => PAIRS.into(),
        _ => [1 << 10, MIDDLE, 1 << 20].map(Shape::vector).into(),
    }
}

/// Whether the CPU has AVX-512.
fn is_wide() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512f");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// All comparisons.
pub fn required() -> Vec<Required> {
    let mut required = vec![];
    let mut require = |shapes: &[Shape], function, backend, than| {
        required.extend(shapes.iter().map(|&shape| Required { function, shape, backend, than }));
    };
    for (function, backend, than) in ELEMENTWISE {
        require(&[Shape::vector(MIDDLE)], function, backend, than);
    }
    let groups: [(&[Shape], Comparisons); 5] = [
        (&VECTORS[..2], &IN_CACHE),
        (&VECTORS[2..], &OUT_OF_CACHE),
        (&MATRICES[..1], &TEN_COLUMNS),
        (&MATRICES[1..], &MORE_COLUMNS),
        (&PAIRS, &OF_PAIRS),
    ];
    for (shapes, group) in groups {
        for &(function, than) in group {
            require(shapes, function, "avx512", than);
        }
    }
    let rows = if is_wide() { ROWS_AVX2 } else { ROWS_OF_AVX2_CPU };
    for function in ROWS {
        require(&shapes(function), function, "avx2", rows);
    }
    required
}

impl Than {
    /// What is found instead of the figure, and who has set it.
    fn compare(self, ours: f64, found: &Found) -> Option<(f64, String)> {
        match self {
            Faster(_, names) => {
                let (name, theirs) = best(found, names)?;
                Some((theirs / ours, name.clone()))
            }
            Within(_, names) => {
                let each = names.iter().map(|&name| best(found, &[name]));
                let each = each.collect::<Option<Vec<_>>>()?;
                let time: f64 = each.iter().map(|(_, time)| time).sum();
                let names: Vec<_> = each.iter().map(|(name, _)| name.as_str()).collect();
                Some((ours / time, names.join(" + ")))
            }
        }
    }
}

impl Required {
    /// A line that says whether it holds.
    pub fn verdict(&self, found: Option<&Found>) -> String {
        let Self { function, shape, backend, than } = self;
        let (sign, figure, names) = match *than {
            Faster(figure, names) => ('≥', figure, names),
            Within(figure, names) => ('≤', figure, names),
        };
        let backend = format!("logits {backend}");
        let compared = found.and_then(|found| {
            let (_, ours) = best(found, &[&backend])?;
            than.compare(*ours, found)
        });
        let compared = match compared {
            Some((ratio, names)) => {
                let holds = if sign == '≥' { ratio >= figure } else { ratio <= figure };
                format!("{ratio:6.2}x {} against {names}", verdict(holds))
            }
            None => format!("not measured against {}", names.join(", ")),
        };
        format!("{function:24} {shape:>10} {backend:15} {sign} {figure:5.2}x {compared}")
    }
}

/// The fastest of those whose names begin so. Who is held to AVX2 must be named in
/// full: PyTorch, for one, is faster so on short rows, but nobody runs it like that.
pub fn best<'a>(found: &'a Found, names: &[&str]) -> Option<&'a (String, f64)> {
    let is = |name: &str, start: &str| {
        name == start || name.starts_with(start) && !name.ends_with(" avx2")
    };
    let named = |(name, _): &&(String, f64)| names.iter().any(|start| is(name, start));
    found.iter().filter(named).min_by(|a, b| a.1.total_cmp(&b.1))
}

pub fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "FAILS" }
}
