//! What was found, suite by suite.

use crate::case::Case;
use crate::truth::{Truth, truth};
use logits::Backend;
use std::fmt::{Display, Formatter, Result, Write as _};

#[derive(Default)]
pub struct Report {
    suites: Vec<Suite>,
    /// Every value that did not pass, in words.
    differences: String,
}

#[derive(Default)]
struct Suite {
    name: String,
    cases: usize,
    values: usize,
    /// How often a case on a backend passed, is explained, or failed.
    counts: [usize; 3],
    /// The largest error of the crate, and of the suite's own values.
    errors: [f64; 2],
    /// How many of the suite's own values the contract of no backend would allow.
    off: usize,
}

const PASSED: usize = 0;
const EXPLAINED: usize = 1;
const FAILED: usize = 2;

impl Report {
    /// Also without any cases.
    pub fn has_failed(&self) -> bool {
        self.suites.is_empty() || self.suites.iter().any(|suite| suite.counts[FAILED] > 0)
    }

    /// A case, with what the backends found.
    pub fn add(&mut self, case: &Case, found: &[(Backend, Vec<f32>)]) {
        if self.suites.last().is_none_or(|suite| suite.name != case.suite) {
            self.suites.push(Suite { name: case.suite.into(), ..Suite::default() });
        }
        let suite = self.suites.last_mut().expect("one");
        let truth = truth(case);
        let pairs = || truth.iter().zip(&case.expected);
        suite.cases += 1;
        suite.values += truth.len();
        suite.off += pairs()
            .filter(|(truth, expected)| {
                truth.error(**expected) > truth.bounds[0].max(truth.bounds[1])
            })
            .count();
        for (backend, found) in found {
            assert_eq!([found.len(), truth.len()], [case.expected.len(); 2], "{}", case.name);
            let mut verdict_of_case = PASSED;
            for (i, ((truth, expected), found)) in pairs().zip(found).enumerate() {
                let (ours, theirs) = (truth.error(f64::from(*found)), truth.error(*expected));
                suite.errors = [suite.errors[0].max(ours), suite.errors[1].max(theirs)];
                let is_within = ours <= truth.bounds[usize::from(!backend.is_fused())];
                let is_accepted = case.accepts(*found, *expected);
                let (verdict, words) = match (is_within, is_accepted) {
                    (true, true) => continue,
                    (true, false) if ours < theirs => (EXPLAINED, "explained: the crate is right"),
                    _ if ours < theirs => {
                        (FAILED, "FAILED: the crate is nearer, but outside its contract")
                    }
                    _ => (FAILED, "FAILED: the suite is right"),
                };
                verdict_of_case = verdict_of_case.max(verdict);
                writeln!(
                    self.differences,
                    "\n{} {} on {backend:?}, result {i} of {}\n    expected {expected:e}, found \
                     {found:e}, true {:e}\n    {words}, {ours:.3} ULP off, the suite {theirs:.3}",
                    case.suite,
                    case.name,
                    input(case, truth),
                    truth.value
                )
                .expect("memory");
            }
            suite.counts[verdict_of_case] += 1;
        }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let backends: Vec<_> = Backend::available().map(Backend::name).collect();
        let n = backends.len();
        writeln!(
            f,
            "Each case on {}; errors in ULP of the true values; off: values",
            backends.join(", ")
        )?;
        writeln!(f, "of the suite itself that are farther from them than the contract allows\n")?;
        writeln!(
            f,
            "{:29} cases  values backends  passed explained failed  largest error: ours  the suite's   off",
            "suite"
        )?;
        for Suite { name, cases, values, counts: [passed, explained, failed], errors, off } in
            &self.suites
        {
            writeln!(
                f,
                "{name:29}{cases:6}{values:8}{n:9}{passed:8}{explained:10}{failed:7}{:21.3}{:13.3}{off:6}",
                errors[0], errors[1]
            )?;
        }
        write!(f, "{}", self.differences)
    }
}

/// What a result is that of: a row, or all there is.
fn input(case: &Case, truth: &Truth) -> String {
    let x = truth.row.map_or(&case.x[..], |row| &case.x[row * case.columns..][..case.columns]);
    let first: Vec<_> = x.iter().take(8).map(|x| format!("{x:e}")).collect();
    let more = if x.len() > 8 { format!(", … {} in all", x.len()) } else { String::new() };
    let label = truth.row.and_then(|row| case.labels.get(row));
    let label = label.map_or(String::new(), |label| format!(" with label {label}"));
    format!("[{}{more}]{label}", first.join(", "))
}

#[test]
fn the_nearer_value_is_right() {
    let verdict = |expected, found| {
        let line = format!("suite=s op=Exp ulp=1 rows=1 columns=1 x=0 expected={expected}");
        let mut report = Report::default();
        report.add(&Case::new(&line), &[(Backend::best(), vec![found])]);
        assert_eq!(report.differences.is_empty(), report.suites[0].counts[PASSED] == 1);
        (report.suites[0].counts, report.has_failed())
    };
    let next = 1.0 + f32::EPSILON;
    assert_eq!(verdict(1.0, 1.0), ([1, 0, 0], false));
    assert_eq!(verdict(1.1, 1.0), ([0, 1, 0], false), "the suite is wrong");
    assert_eq!(verdict(1.0, 1.1), ([0, 0, 1], true), "the crate is wrong");
    assert_eq!(verdict(1.0, next), ([0, 0, 1], true), "accepted, but outside the contract");
    assert_eq!(verdict(f64::NAN, 1.0), ([0, 1, 0], false));
    assert_eq!(verdict(1.0, f32::NAN), ([0, 0, 1], true));
}
