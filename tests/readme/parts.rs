//! The parts of the README that are generated, each between `<!-- NAME -->` and `<!-- /NAME -->`,
//! and its tables of errors. `tests/readme.rs` compares them, `benches/figures` writes them.

use logits::contract;
use std::fmt::Write;
use std::ops::Range;

/// Where the part of that name is in a text, its two marks excluded.
pub(crate) fn range(text: &str, name: &str) -> Option<Range<usize>> {
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = text.find(&start)? + start.len();
    Some(start..start + text[start..].find(&end)?)
}

/// Units other than the last place of the result, as `contract` says in full.
const TERMS: &str = "the sum of its terms' magnitudes";
const HALF: &str = "the result, or half of the larger of two terms that cancel";
const EIGHTH: &str = "the result, or ⅛ of the larger of two terms that cancel";

/// What [`contract`] says of functions of rows, losses and divergences: the function, what of it,
/// the bound, and what it is in units in the last place of, if not of the result.
fn of_rows() -> [(&'static str, &'static str, f64, &'static str); 16] {
    let [kl_divergence, its_gradient] = contract::KL_DIVERGENCE_OF_SCORES;
    [
        ("softmax", "random rows", contract::SOFTMAX, ""),
        ("softmax", "every row there is, by analysis", contract::SOFTMAX_WORST, ""),
        ("log_softmax", "however near 0", contract::LOG_SOFTMAX, ""),
        ("log_sum_exp", "", contract::LOG_SUM_EXP, "the larger of 1 and the result"),
        ("CrossEntropy", "loss, however confident", contract::LOSS, ""),
        ("CrossEntropy", "gradient", contract::GRADIENT, ""),
        ("CrossEntropy", "loss with smoothing, z-loss or targets", contract::SMOOTH_LOSS, TERMS),
        ("CrossEntropy", "its gradient", contract::SMOOTH_GRADIENT, HALF),
        ("BinaryCrossEntropy", "loss", contract::BINARY_LOSS[0], ""),
        ("BinaryCrossEntropy", "gradient", contract::BINARY_GRADIENT[0], EIGHTH),
        ("BinaryCrossEntropy", "focal loss", contract::FOCAL_LOSS, ""),
        ("entropy, cross_entropy", "", contract::DISTRIBUTION, TERMS),
        ("kl_divergence, js_divergence", "of equal sums, however close", contract::DIVERGENCE, ""),
        ("rows::entropy_of_scores", "however certain", contract::ENTROPY_OF_SCORES, ""),
        ("rows::kl_divergence_of_scores", "however close", kl_divergence, ""),
        ("rows::kl_divergence_of_scores", "gradient", its_gradient, HALF),
    ]
}

/// The tables of errors.
pub(crate) fn accuracy() -> String {
    let mut text = String::new();
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        text.write_fmt(arguments).expect("a string takes all");
        text.push('\n');
    };
    line(format_args!("| all 2³² inputs | with FMA | without | scalar |\n|---|--:|--:|--:|"));
    for row in contract::ELEMENTWISE {
        let scalar = row.scalar.ulp;
        let [fused, unfused] = [row.fused.ulp, row.unfused.ulp];
        line(format_args!("| `{}` | {fused:.3} | {unfused:.3} | {scalar:.3} |", row.name));
    }
    line(format_args!("\n| rows | | largest error | in ULP of |\n|---|---|--:|---|"));
    for (function, what, ulp, unit) in of_rows() {
        let function = function.replace(", ", "`, `");
        let unit = if unit.is_empty() { "the result" } else { unit };
        line(format_args!("| `{function}` | {what} | {ulp:.2} | {unit} |"));
    }
    text
}
