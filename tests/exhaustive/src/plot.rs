//! A plot of the largest error against the input, as SVG.
//!
//! The axis of inputs is that of their bits: every binade is as wide as the next,
//! and negative inputs are mirrored on the left.

use crate::functions::Target;
use crate::sweep::{BIN, BINS, Report};
use std::fmt::{Result, Write};
use std::ops::Range;

/// The area of the curves, in a picture of 1000 × 500.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 770.0;
const TOP: f64 = 110.0;
const BOTTOM: f64 = 442.0;
/// Between the negative and the positive inputs.
const GAP: f64 = 44.0;
/// Pixels that share one step of a curve: the largest error there.
const COLUMN: f64 = 2.0;
/// What is larger is drawn as a bar above the area.
const LIMIT: f64 = 4.0;
/// Where `logits` errs less, the ends of the axis and its middle are cut off.
const FLAT: f64 = 0.05;

/// What is drawn as one: the backends of a class, or a peer.
struct Curve {
    label: String,
    bins: Vec<f64>,
    largest: f64,
    wrong: bool,
    colour: &'static str,
    width: f64,
}

/// A class's colour, the same in all plots.
fn colour(class: &str) -> &'static str {
    match class {
        "logits, fused" => "#0b57d0",
        "logits, unfused" => "#f08000",
        "SLEEF u10" => "#2f9e44",
        "libmvec" => "#e03131",
        "MKL HA" => "#15aabf",
        "MKL LA" => "#66d9e8",
        "PyTorch" => "#5c3a21",
        "NumPy" => "#7048e8",
        "SciPy" => "#f06595",
        "ONNX Runtime" => "#cc5de8",
        "rten-vecmath" => "#0b7285",
        "tract" => "#c9a227",
        "wide" => "#94d82d",
        "std" => "#868e96",
        _ => "#adb5bd",
    }
}

impl Curve {
    fn new(label: &str) -> Self {
        let (label, colour) = (label.to_owned(), colour(label));
        let width = if label.starts_with("logits") { 2.2 } else { 1.2 };
        Self { label, bins: vec![0.0; BINS], largest: 0.0, wrong: false, colour, width }
    }

    fn add(&mut self, report: &Report) {
        self.bins.iter_mut().zip(&report.bins).for_each(|(bin, other)| *bin = bin.max(*other));
        self.largest = self.largest.max(report.tally.largest.0);
        self.wrong |= report.tally.wrong > 0;
    }

    fn is_ours(&self) -> bool {
        self.label.starts_with("logits")
    }
}

fn curves(reports: &[Report]) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for report in reports {
        let at = curves.iter().position(|curve| curve.label == report.class);
        let at = at.unwrap_or_else(|| {
            curves.push(Curve::new(&report.class));
            curves.len() - 1
        });
        curves[at].add(report);
    }
    curves
}

/// Positive inputs, or negative ones: the bins shown, and where.
struct Side {
    negative: bool,
    bins: Range<usize>,
    left: f64,
    right: f64,
}

impl Side {
    /// From pixels to bins, and back.
    fn bin(&self, x: f64) -> f64 {
        let part = (x - self.left) / (self.right - self.left);
        let part = if self.negative { 1.0 - part } else { part };
        self.bins.start as f64 + part * self.bins.len() as f64
    }

    fn pixel(&self, bin: f64) -> f64 {
        let part = (bin - self.bins.start as f64) / self.bins.len() as f64;
        let part = if self.negative { 1.0 - part } else { part };
        self.left + part * (self.right - self.left)
    }

    fn of<'a>(&self, curve: &'a Curve) -> &'a [f64] {
        let (positive, negative) = curve.bins.split_at(BINS / 2);
        if self.negative { negative } else { positive }
    }

    /// Each column's left and right end, and a curve's largest error in it.
    fn columns(&self, curve: &Curve) -> impl Iterator<Item = (f64, f64, f64)> {
        let count = ((self.right - self.left) / COLUMN).ceil() as usize;
        (0..count).map(move |column| {
            let left = self.left + column as f64 * COLUMN;
            let right = (left + COLUMN).min(self.right);
            let (a, b) = (self.bin(left), self.bin(right));
            let Range { start, end } = self.bins;
            let start = (a.min(b).floor() as usize).clamp(start, end - 1);
            let end = (a.max(b).ceil() as usize).clamp(start + 1, end);
            (left, right, self.of(curve)[start..end].iter().copied().fold(0.0, f64::max))
        })
    }
}

/// The sides that have something to show, all binades of the same width.
fn sides(curves: &[Curve]) -> Vec<Side> {
    let finite = (f32::INFINITY.to_bits() as usize) / BIN;
    let mut sides = Vec::new();
    for negative in [true, false] {
        let mut side = Side { negative, bins: 0..finite, left: LEFT, right: RIGHT };
        let ours = || curves.iter().filter(|curve| curve.is_ours());
        let mut shown = (0..finite).filter(|&bin| ours().any(|curve| side.of(curve)[bin] > FLAT));
        if let Some(first) = shown.next() {
            side.bins = first..shown.next_back().unwrap_or(first) + 1;
            sides.push(side);
        }
    }
    if let [negative, positive] = &mut sides[..] {
        let bins = (negative.bins.len() + positive.bins.len()) as f64;
        negative.right = LEFT + (RIGHT - LEFT - GAP) * negative.bins.len() as f64 / bins;
        positive.left = negative.right + GAP;
    }
    sides
}

/// Where an error is drawn; the scale has room for small and large ones.
fn height(error: f64) -> f64 {
    let scale = |error: f64| (1.0 + 2.0 * error).ln();
    BOTTOM - (BOTTOM - TOP) * scale(error.min(LIMIT)) / scale(LIMIT)
}

fn power_of_ten(exponent: i32) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let small = |c: char| c.to_digit(10).map_or('⁻', |digit| digits[digit as usize]);
    match exponent {
        0 => "1".into(),
        1 => "10".into(),
        _ => format!("10{}", exponent.to_string().chars().map(small).collect::<String>()),
    }
}

/// The plot of one function; `note` says which inputs it has seen.
pub fn svg(target: Target, reports: &[Report], note: &str) -> String {
    let curves = curves(reports);
    let sides = sides(&curves);
    let mut svg = String::new();
    draw(&mut svg, target, note, &curves, &sides).expect("a string takes all");
    svg
}

fn draw(svg: &mut String, target: Target, note: &str, curves: &[Curve], sides: &[Side]) -> Result {
    let name = target.name;
    writeln!(
        svg,
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1000 500' font-size='12' \
         font-family='Helvetica, Arial, sans-serif' fill='#333'>\n\
         <rect width='1000' height='500' fill='#fff'/>\n\
         <text x='{LEFT}' y='30' font-size='19' font-weight='bold'>{name}: largest error</text>\n\
         <text x='{LEFT}' y='49' fill='#777'>in each 1/16 of a binade, from {note}</text>"
    )?;
    draw_errors(svg)?;
    for side in sides {
        draw_inputs(svg, side)?;
    }
    if let [negative, _] = sides {
        let (x, y) = (negative.right + GAP / 2.0, BOTTOM + 20.0);
        writeln!(svg, "<text x='{x:.1}' y='{y}' text-anchor='middle'>0</text>")?;
    }
    // Ours are first in the legend, and over all others in the plot.
    for curve in curves.iter().rev() {
        for side in sides {
            draw_curve(svg, curve, side)?;
        }
    }
    draw_limits(svg, target)?;
    draw_bars(svg, curves, sides)?;
    draw_legend(svg, curves)?;
    writeln!(svg, "</svg>")
}

/// The axis of errors.
fn draw_errors(svg: &mut String) -> Result {
    let (x, middle) = (LEFT - 8.0, f64::midpoint(TOP, BOTTOM));
    for error in [0.0, 0.25, 0.5, 1.0, 2.0, LIMIT] {
        let y = height(error);
        writeln!(svg, "<path d='M{LEFT} {y:.1}H{RIGHT}' stroke='#e6e6e6'/>")?;
        writeln!(svg, "<text x='{x}' y='{:.1}' text-anchor='end'>{error}</text>", y + 4.0)?;
    }
    let turn = format!("translate(20 {middle}) rotate(-90)");
    writeln!(svg, "<text transform='{turn}' text-anchor='middle'>error in ULP</text>")
}

/// The axis of inputs of one side.
fn draw_inputs(svg: &mut String, side: &Side) -> Result {
    let Side { negative, left, right, .. } = *side;
    let sign = if negative { "−" } else { "" };
    writeln!(svg, "<path d='M{left:.1} {BOTTOM}H{right:.1}' stroke='#333'/>")?;
    let bin = |decade: i32| {
        let power: f32 = format!("1e{decade}").parse().expect("a number");
        f64::from(power.to_bits()) / BIN as f64
    };
    let shown = side.bins.start as f64..side.bins.end as f64;
    let decades = || (-37..=38).filter(|&decade| shown.contains(&bin(decade)));
    let room = (right - left) / decades().count() as f64;
    let every = [1, 2, 3, 5].into_iter().find(|&n| f64::from(n) * room > 40.0).unwrap_or(10);
    for decade in decades() {
        let (x, y) = (side.pixel(bin(decade)), BOTTOM + 20.0);
        let labelled = decade % every == 0;
        let length = if labelled { 7 } else { 4 };
        writeln!(svg, "<path d='M{x:.1} {BOTTOM}v{length}' stroke='#333'/>")?;
        if labelled {
            let power = power_of_ten(decade);
            writeln!(svg, "<text x='{x:.1}' y='{y}' text-anchor='middle'>{sign}{power}</text>")?;
        }
    }
    let (x, y) = (f64::midpoint(LEFT, RIGHT), BOTTOM + 44.0);
    writeln!(svg, "<text x='{x}' y='{y}' text-anchor='middle'>x</text>")
}

/// Steps, interrupted where the curve leaves the area.
fn draw_curve(svg: &mut String, curve: &Curve, side: &Side) -> Result {
    let Curve { colour, width, .. } = curve;
    let mut path = String::new();
    let mut last = None;
    for (left, right, error) in side.columns(curve) {
        let y = height(error);
        match last {
            None => write!(path, "M{left:.1} {y:.1}")?,
            Some(last) if last > LIMIT => write!(path, "M{left:.1} {TOP}V{y:.1}")?,
            Some(last) if last != error => write!(path, "V{y:.1}")?,
            Some(_) => {}
        }
        if error <= LIMIT {
            write!(path, "H{right:.1}")?;
        }
        last = Some(error);
    }
    let line = format!("stroke='{colour}' stroke-width='{width}' stroke-linejoin='round'");
    writeln!(svg, "<path d='{path}' fill='none' {line}/>")
}

/// What to compare the curves with: no function errs less than by rounding.
fn draw_limits(svg: &mut String, target: Target) -> Result {
    let contract = target.contract();
    let ulp = contract.fused.ulp.max(contract.unfused.ulp);
    let contract = format!("contract of logits: {ulp}");
    for (error, label, below) in [(0.5, "correct rounding: 0.5", 13.0), (ulp, &contract, -5.0)] {
        let y = height(error);
        writeln!(
            svg,
            "<path d='M{LEFT} {y:.1}H{RIGHT}' stroke='#333' stroke-dasharray='5 4'/>\
             <text x='{}' y='{:.1}' text-anchor='end' font-size='11' \
             paint-order='stroke' stroke='#fff' stroke-width='4'>{label}</text>",
            RIGHT - 6.0,
            y + below,
        )?;
    }
    Ok(())
}

/// Above the area, a bar wherever a curve has left it.
fn draw_bars(svg: &mut String, curves: &[Curve], sides: &[Side]) -> Result {
    let mut y = TOP - 8.0;
    for curve in curves {
        let mut path = String::new();
        for side in sides {
            for (left, right, _) in side.columns(curve).filter(|column| column.2 > LIMIT) {
                write!(path, "M{left:.1} {y:.1}H{right:.1}")?;
            }
        }
        if !path.is_empty() {
            writeln!(svg, "<path d='{path}' stroke='{}' stroke-width='3'/>", curve.colour)?;
            y -= 4.0;
        }
    }
    if y < TOP - 8.0 {
        let x = LEFT - 8.0;
        writeln!(svg, "<text x='{x}' y='{}' text-anchor='end'>&gt; 4</text>", TOP - 10.0)?;
    }
    Ok(())
}

/// Each curve's name and largest error.
fn draw_legend(svg: &mut String, curves: &[Curve]) -> Result {
    let mut y = TOP - 20.0;
    let (x, end) = (RIGHT + 22.0, 984.0);
    writeln!(svg, "<text x='{end}' y='{y}' text-anchor='end' fill='#777'>largest</text>")?;
    for curve in curves {
        let Curve { label, largest, wrong, colour, width, .. } = curve;
        y += 20.0;
        let figure =
            if *largest < 1e3 { format!("{largest:.3}") } else { format!("{largest:.0e}") };
        let mark = if *wrong { " *" } else { "" };
        writeln!(
            svg,
            "<path d='M{x} {:.1}h20' stroke='{colour}' stroke-width='{width}'/>\
             <text x='{}' y='{y}'>{label}{mark}</text>\
             <text x='{end}' y='{y}' text-anchor='end'>{figure}</text>",
            y - 4.0,
            x + 28.0,
        )?;
    }
    if curves.iter().any(|curve| curve.wrong) {
        let y = y + 24.0;
        writeln!(svg, "<text x='{x}' y='{y}' fill='#777'>* some ∞, NaN or −0 is wrong</text>")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One subject whose error is 1 ULP at the bins of `x`, and 0 elsewhere.
    fn plotted(x: &[f32]) -> (Curve, Vec<Side>) {
        let mut curve = Curve::new("logits, fused");
        x.iter().for_each(|x| curve.bins[x.to_bits() as usize / BIN] = 1.0);
        let sides = sides(std::slice::from_ref(&curve));
        (curve, sides)
    }

    #[test]
    fn inputs_ascend_from_left_to_right() {
        let x = [-9.0, -1.0, -0.1, 0.1, 1.0, 9.0];
        let (curve, sides) = plotted(&x);
        let high = |side: &Side| {
            let columns: Vec<_> = side.columns(&curve).collect();
            columns.into_iter().filter(|column| column.2 == 1.0).map(|column| column.0)
        };
        let drawn: Vec<_> = sides.iter().flat_map(high).collect();
        assert!(drawn.is_sorted() && drawn.len() >= x.len());
        for (x, side) in [(-1f32, 0), (1.0, 1)] {
            let pixel = sides[side].pixel((x.abs().to_bits() as usize / BIN) as f64 + 0.5);
            assert!(drawn.iter().any(|at| (at - pixel).abs() < 2.0 * COLUMN));
        }
    }

    #[test]
    fn only_sides_with_errors_are_shown() {
        let (_, sides) = plotted(&[1e-3, 1e3]);
        assert!(matches!(&sides[..], [Side { negative: false, left: LEFT, right: RIGHT, .. }]));
    }
}
