//! What all pictures look like: a light card with its own ground, which dark pages leave readable
//! too; panels with curves or bars; and a legend at the right.

use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::{CoordTranslate, Shift};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;

/// Drawn this many times as large as shown: plotters' pixels are whole numbers.
const SCALE: u32 = 2;
const WIDTH: u32 = 900;
/// Of the legend, where a picture has one.
const LEGEND: i32 = 190;
/// Of the title and the line under it.
const HEAD: i32 = 62;

pub const CARD: RGBColor = RGBColor(0xfc, 0xfc, 0xfa);
const EDGE: RGBColor = RGBColor(0xc8, 0xc8, 0xc4);
const GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe0);
pub const INK: RGBColor = RGBColor(0x2a, 0x2a, 0x2a);
pub const FAINT: RGBColor = RGBColor(0x6a, 0x6a, 0x6a);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Drawn = Result<(), String>;

/// A name's colour, the same in all pictures.
pub fn colour(name: &str) -> RGBColor {
    let [red, green, blue] = match name {
        "logits" | "logits avx512" | "logits fused" => [0x0b, 0x57, 0xd0],
        "logits avx2" => [0x10, 0x98, 0xd8],
        "logits portable" | "logits unfused" => [0xf0, 0x80, 0x00],
        "logits neon" => [0x0b, 0x57, 0xd0],
        "logits scalar" => [0xc4, 0x52, 0x5e],
        "x − max in f32" => [0xb8, 0x9a, 0x60],
        "plain loop" => [0x60, 0x66, 0x6c],
        "std" => [0x86, 0x8e, 0x96],
        "SLEEF u10" => [0x2f, 0x9e, 0x44],
        "libmvec" => [0xe0, 0x31, 0x31],
        "MKL HA" => [0x15, 0xaa, 0xbf],
        "MKL LA" => [0x66, 0xd9, 0xe8],
        "PyTorch" => [0x8a, 0x3f, 0x1c],
        "NumPy" => [0x70, 0x48, 0xe8],
        "SciPy" => [0xf0, 0x65, 0x95],
        "ONNX Runtime" => [0xb0, 0x3c, 0xd0],
        "rten-vecmath" => [0x0b, 0x85, 0x72],
        "tract" => [0xc9, 0xa2, 0x27],
        "candle" => [0xd0, 0x8a, 0x3a],
        "burn" => [0xa6, 0x1e, 0x4d],
        "wide" => [0x74, 0xb8, 0x16],
        _ => [0x90, 0x96, 0x9c],
    };
    RGBColor(red, green, blue)
}

/// One direction: what it measures, from where to where, and where it is labelled. Numbers are
/// places; a logarithmic axis has logarithms.
#[derive(Clone)]
pub struct Axis {
    pub label: String,
    pub range: Range<f64>,
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Of powers of two, an exponent a step; `name` says how each is written.
    pub fn of_powers(
        label: &str,
        range: Range<f64>,
        step: usize,
        name: impl Fn(f64) -> String,
    ) -> Self {
        let ticks = (range.start.ceil() as i32..=range.end.floor() as i32).step_by(step);
        let ticks = ticks.map(|power| (power.into(), name(f64::from(power).exp2()))).collect();
        Self { label: label.into(), range, ticks }
    }

    /// From 0 to at least `largest`, labelled at 4 to 8 round numbers.
    pub fn from_zero(label: &str, largest: f64) -> Self {
        let rough = largest / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
        let step = step.into_iter().find(|step| *step >= rough).unwrap_or(power * 10.0);
        let steps = (largest / step).ceil() as i32;
        let digits = (-step.log10().floor()).max(0.0) as usize;
        let tick = |i| (f64::from(i) * step, format!("{:.digits$}", f64::from(i) * step));
        Self {
            label: label.into(),
            range: 0.0..f64::from(steps) * step,
            ticks: (0..=steps).map(tick).collect(),
        }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let part = (value - self.range.start) / (self.range.end - self.range.start);
        limit.0 + (f64::from(limit.1 - limit.0) * part).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        let lines = !hint.weight().allow_light_points();
        self.ticks.iter().filter(|_| lines).map(|tick| tick.0).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(at: &f64) -> String {
        at.to_string()
    }

    fn format_ext(&self, at: &f64) -> String {
        self.ticks.iter().find(|tick| tick.0 == *at).map_or_else(String::new, |tick| tick.1.clone())
    }
}

/// Connected points, in pieces.
#[derive(Clone)]
pub struct Curve {
    pub colour: RGBColor,
    /// In half pixels.
    pub width: u32,
    pub pieces: Vec<Vec<(f64, f64)>>,
}

/// A named line across a panel.
pub struct Mark {
    pub at: f64,
    pub label: String,
    /// Whether the name of a level is below its line.
    pub below: bool,
}

/// An area with axes.
pub struct Panel {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub curves: Vec<Curve>,
    /// Lines from bottom to top, named at the top.
    pub columns: Vec<Mark>,
    /// Lines from left to right, named at the right end.
    pub levels: Vec<Mark>,
}

/// A line of the legend: colour, name, and a figure.
pub struct Entry {
    pub colour: Option<RGBColor>,
    pub name: String,
    pub figure: String,
}

impl Entry {
    pub fn new(name: &str, figure: impl Into<String>) -> Self {
        Self { colour: Some(colour(name)), name: name.into(), figure: figure.into() }
    }

    /// Without a colour: a heading or a remark.
    pub fn text(name: &str, figure: &str) -> Self {
        Self { colour: None, name: name.into(), figure: figure.into() }
    }
}

/// A horizontal bar, how it is labelled, and its figure as written.
pub struct Bar {
    pub label: String,
    pub value: f64,
    pub figure: String,
    pub colour: RGBColor,
}

/// Bars that share a scale.
pub struct Bars {
    pub title: String,
    pub bars: Vec<Bar>,
}

fn text(size: u32, colour: RGBColor, place: HPos) -> TextStyle<'static> {
    let font = ("Helvetica, Arial, DejaVu Sans, sans-serif", f64::from(size * SCALE) * 1.24);
    let style = TextStyle::from(font).pos(Pos::new(place, VPos::Center));
    TextStyle { color: colour.to_backend_color(), ..style }
}

fn scaled(n: i32) -> i32 {
    n * SCALE as i32
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("cannot draw: {error}")
}

/// A card of that height with a title, and what `contents` draws below it.
fn card(
    height: u32,
    title: &str,
    subtitle: &str,
    contents: impl FnOnce(&Area) -> Drawn,
) -> Result<String, String> {
    let mut svg = String::new();
    {
        let (width, height) = (WIDTH * SCALE, height * SCALE);
        let root = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        root.fill(&CARD).map_err(failed)?;
        let corners = [(1, 1), (width as i32 - 2, height as i32 - 2)];
        root.draw(&Rectangle::new(corners, EDGE.stroke_width(SCALE))).map_err(failed)?;
        let (x, bold) = (scaled(20), text(17, INK, HPos::Left));
        let bold = TextStyle { font: bold.font.style(FontStyle::Bold), ..bold };
        root.draw_text(title, &bold, (x, scaled(24))).map_err(failed)?;
        root.draw_text(subtitle, &text(12, FAINT, HPos::Left), (x, scaled(46))).map_err(failed)?;
        let (_, below) = root.split_vertically(scaled(HEAD));
        contents(&below)?;
        root.present().map_err(failed)?;
    }
    // Shown at its size, whatever it was drawn at.
    let drawn = format!("width=\"{}\" height=\"{}\"", WIDTH * SCALE, height * SCALE);
    Ok(svg.replacen(&drawn, &format!("width=\"{WIDTH}\" height=\"{height}\""), 1))
}

/// Panels side by side, and a legend.
pub fn panels(
    height: u32,
    title: &str,
    subtitle: &str,
    panels: &[Panel],
    legend: &[Entry],
) -> Result<String, String> {
    card(height, title, subtitle, |area| {
        let (plots, side) = area.split_horizontally(scaled(WIDTH as i32 - LEGEND));
        for (panel, area) in panels.iter().zip(plots.split_evenly((1, panels.len()))) {
            draw_panel(&area, panel)?;
        }
        draw_legend(&side, legend)
    })
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

fn draw_panel(area: &Area, panel: &Panel) -> Drawn {
    let Panel { title, x, y, .. } = panel;
    if !title.is_empty() {
        let middle = (area.dim_in_pixel().0 as i32 + scaled(56)) / 2;
        let style = text(13, INK, HPos::Center);
        area.draw_text(title, &style, (middle, scaled(10))).map_err(failed)?;
    }
    let mut chart: Chart = ChartBuilder::on(area)
        .margin_top(scaled(24))
        .margin_right(scaled(14))
        .margin_left(scaled(8))
        .margin_bottom(scaled(8))
        .x_label_area_size(scaled(44))
        .y_label_area_size(scaled(56))
        .build_cartesian_2d(x.clone(), y.clone())
        .map_err(failed)?;
    let (small, described) = (text(11, INK, HPos::Center), text(12, INK, HPos::Center));
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(SCALE))
        .axis_style(FAINT.stroke_width(SCALE))
        .label_style(small)
        .axis_desc_style(described)
        .set_all_tick_mark_size(scaled(4))
        .x_desc(&x.label)
        .y_desc(&y.label)
        .draw()
        .map_err(failed)?;
    for curve in panel.curves.iter().rev() {
        for piece in &curve.pieces {
            let style = curve.colour.stroke_width(curve.width);
            chart.draw_series(LineSeries::new(piece.iter().copied(), style)).map_err(failed)?;
        }
    }
    draw_marks(&mut chart, panel)
}

/// Dashed lines, and their names on a ground of their own.
fn draw_marks(chart: &mut Chart, panel: &Panel) -> Drawn {
    let (x, y) = (&panel.x.range, &panel.y.range);
    let mut dashed = |from, to| {
        let line = DashedLineSeries::new(
            [from, to],
            scaled(5) as u32,
            scaled(4) as u32,
            FAINT.stroke_width(SCALE),
        );
        chart.draw_series(line).map(drop).map_err(failed)
    };
    for mark in &panel.columns {
        dashed((mark.at, y.start), (mark.at, y.end))?;
    }
    for mark in &panel.levels {
        dashed((x.start, mark.at), (x.end, mark.at))?;
    }
    let plot = chart.plotting_area();
    for mark in &panel.columns {
        let (at, _) = plot.map_coordinate(&(mark.at, y.end));
        let (_, top) = plot.map_coordinate(&(mark.at, y.end));
        write_on_ground(plot, &mark.label, (at + scaled(4), top + scaled(9)), HPos::Left)?;
    }
    for mark in &panel.levels {
        let (right, at) = plot.map_coordinate(&(x.end, mark.at));
        let y = if mark.below { at + scaled(10) } else { at - scaled(8) };
        write_on_ground(plot, &mark.label, (right - scaled(6), y), HPos::Right)?;
    }
    Ok(())
}

/// A small text that hides what is behind it; `at` is in pixels of the whole picture.
fn write_on_ground(
    plot: &DrawingArea<SVGBackend, impl CoordTranslate>,
    label: &str,
    at: (i32, i32),
    place: HPos,
) -> Drawn {
    let plot = plot.strip_coord_spec();
    let (x, y) = plot.get_pixel_range();
    let at = (at.0 - x.start, at.1 - y.start);
    // About as wide as Helvetica's.
    let width = scaled(label.chars().count() as i32 * 6);
    let left = if matches!(place, HPos::Left) { at.0 } else { at.0 - width };
    let ground = [(left - 2, at.1 - scaled(6)), (left + width, at.1 + scaled(6))];
    plot.draw(&Rectangle::new(ground, CARD.mix(0.85).filled())).map_err(failed)?;
    plot.draw_text(label, &text(11, INK, place), at).map_err(failed)
}

fn draw_legend(area: &Area, entries: &[Entry]) -> Drawn {
    let (left, right) = (scaled(4), scaled(LEGEND - 18));
    for (i, entry) in (0..).zip(entries) {
        let y = scaled(30 + 20 * i);
        let mut x = left;
        if let Some(colour) = entry.colour {
            let line =
                PathElement::new([(left, y), (left + scaled(18), y)], colour.stroke_width(6));
            area.draw(&line).map_err(failed)?;
            x += scaled(26);
        }
        let ink = if entry.colour.is_some() { INK } else { FAINT };
        area.draw_text(&entry.name, &text(12, ink, HPos::Left), (x, y)).map_err(failed)?;
        area.draw_text(&entry.figure, &text(12, ink, HPos::Right), (right, y)).map_err(failed)?;
    }
    Ok(())
}

/// Groups of bars, one under the other; each group has a scale of its own.
pub fn bars(title: &str, subtitle: &str, groups: &[Bars]) -> Result<String, String> {
    const ROW: i32 = 26;
    const GROUP: i32 = 34;
    let rows: i32 = groups.iter().map(|group| group.bars.len() as i32 * ROW + GROUP).sum();
    card((HEAD + rows + 16) as u32, title, subtitle, |area| {
        let mut y = 0;
        for group in groups {
            let style = text(13, INK, HPos::Left);
            area.draw_text(&group.title, &style, (scaled(20), scaled(y + 12))).map_err(failed)?;
            y += GROUP;
            let largest = group.bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
            for bar in &group.bars {
                draw_bar(area, bar, largest, scaled(y + ROW / 2 - 4))?;
                y += ROW;
            }
        }
        Ok(())
    })
}

fn draw_bar(area: &Area, bar: &Bar, largest: f64, middle: i32) -> Drawn {
    let (left, room) = (scaled(190), scaled(WIDTH as i32 - 190 - 170));
    let end = left + (f64::from(room) * bar.value / largest) as i32;
    let corners = [(left, middle - scaled(9)), (end.max(left + 2), middle + scaled(9))];
    area.draw(&Rectangle::new(corners, bar.colour.filled())).map_err(failed)?;
    let label = text(12, INK, HPos::Right);
    area.draw_text(&bar.label, &label, (left - scaled(8), middle)).map_err(failed)?;
    let figure = text(12, INK, HPos::Left);
    area.draw_text(&bar.figure, &figure, (end + scaled(8), middle)).map_err(failed)
}
