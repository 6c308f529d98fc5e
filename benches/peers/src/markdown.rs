//! What was measured, as Markdown.

use crate::required::Found;
use logits_peers::{FUNCTIONS, Function, Peer, Shape};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

/// By function and shape.
type Measured = BTreeMap<(&'static str, Shape), Found>;
/// By function and contender.
type Errors = BTreeMap<(&'static str, String), f64>;

/// What errors are measured on.
const SHAPE: Shape = Shape { rows: 128, columns: 1000 };
/// They read and write memory, and compute nothing.
const LIMITS: [&str; 3] = ["plain sum", "copy", "copy streaming"];

/// What is said of what a peer has: from its documentation and source.
const LACKING: &str = "\
| | exp, ln | sigmoid | softmax | log_softmax | log_sum_exp | loss | its gradient | error in `f32` |
|---|---|---|---|---|---|---|---|---|
| logits | yes | yes | yes | yes | yes | yes | yes | stated and proven, of every function |
| PyTorch | yes | yes | yes | yes | yes | yes | yes | not stated |
| ONNX Runtime | yes | yes | yes | yes | yes | as a graph | builds for training | not stated |
| candle | yes | yes | yes | yes | yes | yes | yes | not stated |
| burn | yes | yes | yes | yes | – | in `burn-nn` | by its autodiff | not stated |
| SciPy | NumPy's | yes | yes | yes | yes | – | – | not stated |
| NumPy | yes | – | – | – | – | – | – | not stated; bounds in its tests |
| rten-vecmath | exp | yes | yes | yes | – | – | – | of exp and sigmoid: 1 and 4 ULP |
| tract-linalg | yes | yes | a part | – | – | – | – | not stated |
| SLEEF | yes | – | – | – | – | – | – | stated: 1 ULP |
| libmvec | yes | – | – | – | – | – | – | stated: 4 ULP |
| MKL VML | yes | – | – | – | – | – | – | stated: HA 1, LA 4 ULP |
| wide | yes | – | – | – | – | – | – | not stated |
| std | yes | – | – | – | – | – | – | “unspecified precision” |
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
         error is the largest of {SHAPE} results from scores in ±6, in units in the last place: it \
         is beside the time so that both are seen, and not the largest there is. Times of peers in \
         Python are without what Python takes.\n",
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
    text += "\n## What a peer does not compute\n\n";
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
