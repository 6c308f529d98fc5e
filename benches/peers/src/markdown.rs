//! The measurements as Markdown.

use crate::required::Found;
use logits_peers::{FUNCTIONS, Function, Peer, Shape};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

/// By function and shape.
type Measured = BTreeMap<(&'static str, Shape), Found>;
/// By function and contender.
type Errors = BTreeMap<(&'static str, String), f64>;

/// The shape of the data for errors.
const SHAPE: Shape = Shape { rows: 128, columns: 1000 };
/// Contenders that read and write memory and compute nothing.
const LIMITS: [&str; 3] = ["plain sum", "copy", "copy streaming"];

/// What each peer computes and promises, with the source of each claim.
const LACKING: &str = "\
| | exp, ln | sigmoid | softmax | log_softmax | log_sum_exp | loss | its gradient | error in `f32` |
|---|---|---|---|---|---|---|---|---|
| logits | yes | yes | yes | yes | yes | yes | yes | of every function; exp, ln and sigmoid by all inputs |
| PyTorch | yes | yes | yes | yes | yes | yes | yes | not stated [1] |
| ONNX Runtime | yes | yes | yes | yes | yes | as a graph [2] | builds for training [3] | not stated |
| candle | yes | yes | yes | yes | yes | yes [4] | yes | not stated |
| burn | yes | yes | yes [5] | yes | – [6] | `burn-nn` [7] | by its autodiff | not stated |
| SciPy | NumPy's | yes | yes | yes | yes [8] | – | – | not stated |
| NumPy | yes | – | – | – | – | – | – | not stated; bounds in its tests [9] |
| rten-vecmath | exp | yes | yes | yes | – [10] | – | – | exp 1 ULP, sigmoid 4 ULP, both from formulas in `f32` [11] |
| tract-linalg | yes | yes | a part [12] | – | – | – | – | exp 2 ULP, ln 1 ULP [13] |
| SLEEF | yes | – | – | – | – | – | – | 1 ULP [14] |
| libmvec | yes | – | – | – | – | – | – | 4 ULP, by random sampling [15] |
| MKL VML | yes | – | – | – | – | – | – | HA 1 ULP, LA 4 ULP [16] |
| wide | yes | – | – | – | – | – | – | not stated [17] |
| std | yes | – | – | – | – | – | – | “unspecified precision” [18] |

A “yes” is a function that this program calls (`peers.py`, `src/x86.rs`, `src/portable.rs`,
`frameworks/`), unless it has a source. “Not stated”: the documentation of the functions that are
called has no bound. Sources, as of November 2026:

1. docs.pytorch.org, “Numerical accuracy”: no bounds; results may differ in bits between releases and
   platforms.
2. onnx.ai, operator `SoftmaxCrossEntropyLoss`: a function of other operators.
3. microsoft/onnxruntime, `orttraining/orttraining/training_ops/cpu/loss/softmax_cross_entropy_loss.cc`.
4. huggingface/candle, `candle-nn/src/loss.rs`: `nll` of `log_softmax`.
5. tracel-ai/burn, `crates/burn-tensor/src/tensor/activation/base.rs`.
6. tracel-ai/burn, commit 2c06be3: `git grep -i 'log_\\?sum_\\?exp'` finds only private functions of its CTC loss
   and a local variable.
7. tracel-ai/burn, `crates/burn-nn/src/loss/cross_entropy.rs`.
8. scipy/scipy, `scipy/special/_logsumexp.py`. It adds the terms but the largest and takes `log1p`.
9. numpy/numpy, `numpy/_core/tests/test_umath_accuracy.py`, from the files in `data`.
10. rten-vecmath 0.25.0, `src/lib.rs`: what it exports.
11. rten-vecmath 0.25.0, `src/exp.rs`: compared with `f32::exp` and with `1. / (1. + (-x).exp())`.
12. tract-linalg 0.23.9, `src/generic/reduce.rs`: e^(x − max) and its sum.
13. tract-linalg 0.23.9, comments of `src/generic/exp.rs` and `ln.rs`; tests in `src/frame` accept 3 and 2.
14. docs.rs/crate/sleef-sys, `sleef/doc/html/purec.xhtml`: “1.0 ULP error bound” of functions in `_u10`.
15. sourceware.org/glibc/wiki/libmvec. The manual of glibc does not cover the vector functions.
16. intel.com, “oneMKL Vector Mathematics Performance and Accuracy Data”: maximum errors of HA and LA.
17. wide 1.7.1, `src/f32x8_.rs`.
18. doc.rust-lang.org, `f32::exp`.
";

/// The largest error of a contender on some random data.
pub fn error(function: &Function, contender: &mut Peer) -> f64 {
    if LIMITS.contains(&&*contender.name) { f64::NAN } else { function.error_on(contender, SHAPE) }
}

pub fn tables(measured: &Measured, errors: &Errors, rounds: usize) -> String {
    let mut text = String::from("# logits and its peers, measured\n\n");
    write!(
        text,
        "One thread of {}, {}, {}; the least of {rounds} rounds, of fewer beyond 16 Ki elements.\n\n\
         A cell has the nanoseconds per element, and how many times those of `logits` on its best \
         backend. `avx2` at the end of a name says that no wider instructions were allowed. The \
         error is the largest of {SHAPE} results from scores in ±6, in units in the last place of \
         the result; other inputs have larger errors. A gradient with smoothing or on \
         distributions is a difference: where its two terms cancel, this error is large for every \
         library. Times of peers in Python are without the time that Python itself takes.\n",
        first_line("sh", &["-c", "sed -n 's/^model name.*: //p' /proc/cpuinfo"]),
        first_line("date", &["+%Y-%m-%d"]),
        first_line("rustc", &["--version"]),
    )
    .expect(TAKES_ALL);
    for function in FUNCTIONS.iter().map(|function| function.name) {
        table(&mut text, function, measured, errors);
    }
    text += "\n## Where a peer is faster\n\n";
    faster(&mut text, measured, errors);
    text += "\n## What each peer computes and promises\n\n";
    text += LACKING;
    text
}

const TAKES_ALL: &str = "a string takes all";

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map_or_else(|_| vec![], |output| output.stdout);
    String::from_utf8_lossy(&text).lines().next().unwrap_or("unknown").into()
}

fn ulps(error: Option<&f64>) -> String {
    match error {
        Some(error) if error.is_nan() => String::new(),
        Some(error) if *error < 1e3 => format!("{error:.2}"),
        Some(error) => format!("{error:.0e}"),
        None => String::new(),
    }
}

/// A row for each contender, a column for each shape.
fn table(text: &mut String, function: &'static str, measured: &Measured, errors: &Errors) {
    let columns: Vec<_> = measured.iter().filter(|((name, _), _)| *name == function).collect();
    let mut contenders: Vec<&str> = vec![];
    for (name, _) in columns.iter().flat_map(|(_, found)| *found) {
        if !contenders.contains(&&**name) {
            contenders.push(name);
        }
    }
    if contenders.is_empty() {
        return;
    }
    write!(text, "\n## {function}\n\n| | error |").expect(TAKES_ALL);
    columns.iter().for_each(|((_, shape), _)| write!(text, " {shape} |").expect(TAKES_ALL));
    writeln!(text, "\n|---|--:|{}", "--:|".repeat(columns.len())).expect(TAKES_ALL);
    for contender in contenders {
        let error = ulps(errors.get(&(function, contender.into())));
        write!(text, "| {contender} | {error} |").expect(TAKES_ALL);
        for ((_, shape), found) in &columns {
            let time = |name: &str| found.iter().find(|found| found.0 == name).map(|found| found.1);
            let cell = time(contender).map_or_else(String::new, |ns| {
                let each = ns / shape.elements() as f64;
                format!("{each:.3} ({:.2}×)", ns / found[0].1)
            });
            write!(text, " {cell} |").expect(TAKES_ALL);
        }
        text.push('\n');
    }
}

/// Every cell where a peer is faster than `logits` with the same instructions.
fn faster(text: &mut String, measured: &Measured, errors: &Errors) {
    let (mut cells, before) = (0, text.len());
    for ((function, shape), found) in measured {
        let best = &found[0].0;
        for (name, ns) in found {
            if name.starts_with("logits") || LIMITS.contains(&&**name) {
                continue;
            }
            cells += 1;
            let like = if name.ends_with(" avx2") { "logits avx2" } else { best };
            let Some((_, ours)) = found.iter().find(|found| found.0 == like) else { continue };
            if ns < ours {
                let error = |name: &str| ulps(errors.get(&(*function, name.into())));
                writeln!(
                    text,
                    "- `{function}` of {shape}: {name} takes {:.2} times as long as {like}; \
                     its error is {} ULP, {like}'s {}",
                    ns / ours,
                    error(name),
                    error(like),
                )
                .expect(TAKES_ALL);
            }
        }
    }
    let count = text[before..].lines().count();
    writeln!(text, "{}{count} of {cells} cells.", if count > 0 { "\n" } else { "" })
        .expect(TAKES_ALL);
}
