//! Plots of errors on a log scale, as SVG that takes its colours from the page.
//!
//! plotters draws with the colours of [`INKS`], each of which becomes a CSS class in one place
//! ([`themed`]), so that the page decides about dark and light.

use std::cmp::Ordering;

use plotters::{
    backend::SVGBackend,
    chart::{ChartBuilder, ChartContext},
    coord::{
        cartesian::Cartesian2d,
        combinators::{IntoLogRange, LogCoord},
        types::RangedCoordf64,
    },
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea},
    element::{Circle, Cross, PathElement},
    series::{DashedLineSeries, LineSeries},
    style::{Color, IntoFont, RGBColor, ShapeStyle},
};
use portwright_harness::figure::{Real, significant};

/// Twice the size on the page: plotters draws on whole pixels.
const SIZE: (u32, u32) = (880, 520);
const FONT: &str = "sans-serif";
const TEXT: f64 = 30.0;
/// Decades of an axis that has nothing to show.
const EMPTY: (f64, f64) = (1e-12, 1.0);

/// What is drawn with which colour, and the class that the colour becomes.
const INKS: [(RGBColor, &str); 6] = [
    (RGBColor(1, 0, 0), "ink"),
    (RGBColor(2, 0, 0), "grid"),
    (RGBColor(3, 0, 0), "port"),
    (RGBColor(4, 0, 0), "floor"),
    (RGBColor(5, 0, 0), "bound"),
    (RGBColor(6, 0, 0), "bad"),
];
const INK: RGBColor = INKS[0].0;
const GRID: RGBColor = INKS[1].0;
const PORT: RGBColor = INKS[2].0;
const FLOOR: RGBColor = INKS[3].0;
const BOUND: RGBColor = INKS[4].0;
const BAD: RGBColor = INKS[5].0;

/// One measured value on its way along the horizontal axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) value: f64,
    pub(super) floor: Option<f64>,
    pub(super) bound: Option<f64>,
    /// Drawn larger: a layer among its modules.
    pub(super) large: bool,
}

impl Point {
    fn is_bad(&self) -> bool {
        // As a bound decides: what is not ordered is not within it.
        let beyond = |it: f64| self.value.partial_cmp(&it).is_none_or(Ordering::is_gt);
        self.bound.is_some_and(beyond) || !self.value.is_finite()
    }
}

/// What is to be drawn.
#[derive(Debug)]
pub(super) struct Plot<'a> {
    /// Unique on the page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) x: &'a str,
    pub(super) points: Vec<Point>,
    /// Whether the points are joined: neighbours are neighbours in time.
    pub(super) joined: bool,
}

/// A drawn plot, and what its caption must say.
#[derive(Debug, serde::Serialize)]
pub(super) struct Drawn {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) svg: String,
    /// Points that are exactly zero, drawn on the lower edge.
    pub(super) zeros: usize,
    /// Points that are NaN or infinite, drawn on the upper edge.
    pub(super) unreal: usize,
    pub(super) beyond: usize,
    pub(super) count: usize,
    pub(super) worst: Real,
    pub(super) has_floor: bool,
    pub(super) has_bound: bool,
}

/// The plot as SVG; `None` where there is nothing to show.
pub(super) fn draw(plot: &Plot<'_>) -> Option<Drawn> {
    if plot.points.is_empty() {
        return None;
    }
    let mut svg = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        on(&area, plot)
    };
    drawn.expect("a string takes everything that is drawn");
    let worst = plot.points.iter().map(|it| it.value).fold(0.0, |worst: f64, it| {
        if it.is_nan() || worst.is_nan() { f64::NAN } else { worst.max(it) }
    });
    let count = |of: fn(&Point) -> bool| plot.points.iter().filter(|it| of(it)).count();
    Some(Drawn {
        id: plot.id.to_owned(),
        title: plot.title.to_owned(),
        svg: themed(&svg, plot, worst),
        zeros: count(|it| it.value == 0.0),
        unreal: count(|it| !it.value.is_finite()),
        beyond: count(Point::is_bad),
        count: plot.points.len(),
        worst: Real(worst),
        has_floor: plot.points.iter().any(|it| it.floor.is_some()),
        has_bound: plot.points.iter().any(|it| it.bound.is_some()),
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, LogCoord<f64>>>;
type Drawing = Result<(), DrawingAreaErrorKind<std::io::Error>>;

fn on(area: &Area<'_>, plot: &Plot<'_>) -> Drawing {
    let (low, high) = decades(&plot.points);
    let last = (plot.points.len() - 1).max(1) as f64;
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .margin_top(20)
        .margin_right(24)
        .x_label_area_size(80)
        .y_label_area_size(110)
        .build_cartesian_2d(-0.02 * last..1.02 * last, (low..high).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(plotters::style::TRANSPARENT)
        .axis_style(INK)
        .x_labels(8)
        .y_labels(6)
        .x_desc(plot.x)
        .x_label_formatter(&|it| if it.fract() == 0.0 { format!("{it}") } else { String::new() })
        .y_label_formatter(&|it| significant(*it, 1))
        .label_style((FONT, TEXT).into_font().color(&INK))
        .axis_desc_style((FONT, TEXT).into_font().color(&INK))
        .draw()?;
    let place = |(index, value): (usize, f64)| (index as f64, value.clamp(low, high));
    let line = |of: fn(&Point) -> Option<f64>| {
        let values = plot.points.iter().enumerate();
        let mut line: Vec<(f64, f64)> = values
            .filter_map(|(index, it)| Some((index, of(it).filter(|it| it.is_finite())?)))
            .map(place)
            .collect();
        if let [(x, y)] = line[..] {
            line = vec![(x - 0.02, y), (x + 0.02, y)];
        }
        line
    };
    chart.draw_series(DashedLineSeries::new(line(|it| it.floor), 10, 8, FLOOR.stroke_width(3)))?;
    chart.draw_series(LineSeries::new(line(|it| it.bound), BOUND.stroke_width(3)))?;
    if plot.joined {
        let real = plot.points.iter().map(|it| it.value).enumerate();
        let real = real.filter(|(_, it)| it.is_finite() && *it != 0.0).map(place);
        chart.draw_series(LineSeries::new(real, PORT.stroke_width(2)))?;
    }
    points(&mut chart, plot, low, high)
}

fn points(chart: &mut Chart<'_, '_>, plot: &Plot<'_>, low: f64, high: f64) -> Drawing {
    for (index, point) in plot.points.iter().enumerate() {
        let x = index as f64;
        let size = if point.large { 8 } else { 5 };
        let ink = if point.is_bad() { BAD } else { PORT };
        if !point.value.is_finite() {
            let cross = Cross::new((x, high), size + 3, ShapeStyle::from(BAD).stroke_width(4));
            chart.draw_series([cross])?;
        } else if point.value == 0.0 {
            let ring = Circle::new((x, low), size, ShapeStyle::from(ink).stroke_width(3));
            chart.draw_series([ring])?;
        } else {
            let y = point.value.clamp(low, high);
            chart.draw_series([Circle::new((x, y), size, ink.filled())])?;
        }
    }
    // The first that is beyond its bound is where a reader looks.
    if let Some(first) = plot.points.iter().position(Point::is_bad) {
        let x = first as f64;
        chart.draw_series([PathElement::new(vec![(x, low), (x, high)], BAD.stroke_width(1))])?;
    }
    Ok(())
}

/// Whole decades around everything that can be shown; zeros get a decade of their own.
fn decades(points: &[Point]) -> (f64, f64) {
    let values = points
        .iter()
        .flat_map(|it| [Some(it.value), it.floor, it.bound])
        .flatten()
        .filter(|it| it.is_finite() && 0.0 < *it);
    let (low, high) = values
        .fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), it| (low.min(it), high.max(it)));
    if low.is_infinite() {
        return EMPTY;
    }
    // As text: powers of ten as a reader of decimals knows them.
    let decade = |exponent: i32| format!("1e{exponent}").parse::<f64>().expect("a number");
    #[expect(clippy::cast_possible_truncation, reason = "exponents of f64 fit")]
    let (mut from, to) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    if points.iter().any(|it| it.value == 0.0) {
        from -= 1;
    }
    (decade(from.max(-300)), decade(to.max(from + 1).min(300)))
}

/// Colours become classes, the size becomes the page's, and readers of screens get words.
fn themed(svg: &str, plot: &Plot<'_>, worst: f64) -> String {
    let mut svg = svg.to_owned();
    for (RGBColor(red, green, blue), class) in INKS {
        let colour = format!("#{red:02X}{green:02X}{blue:02X}");
        for property in ["fill", "stroke"] {
            svg = svg.replace(
                &format!("{property}=\"{colour}\""),
                &format!("class=\"{property}-{class}\""),
            );
        }
    }
    let start = svg.find('>').map_or(0, |it| it + 1);
    let id = plot.id;
    let worst = portwright_prompts::number_text(worst);
    format!(
        "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{id}-title {id}-text\">\n\
         <title id=\"{id}-title\">{}</title>\n\
         <desc id=\"{id}-text\">{} points on a log scale, the largest {worst}; the numbers are in \
         the table of this section.</desc>{}",
        SIZE.0,
        SIZE.1,
        plot.title,
        plot.points.len(),
        &svg[start..],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[f64]) -> Drawn {
        let point =
            |&value: &f64| Point { value, floor: Some(1e-6), bound: Some(1e-5), large: false };
        let points = values.iter().map(point).collect();
        draw(&Plot { id: "p", title: "errors", x: "position", points, joined: true }).unwrap()
    }

    #[test]
    fn no_colour_of_the_plotter_reaches_the_page() {
        let svg = drawn(&[1e-7, 2e-6, 1e-3]).svg;
        assert!(!svg.contains('#') && !svg.contains("http"), "{svg}");
        for class in ["fill-ink", "stroke-grid", "fill-port", "stroke-floor", "stroke-bound"] {
            assert!(svg.contains(class), "{class}");
        }
    }

    #[test]
    fn zeros_and_what_is_no_number_are_drawn_and_counted() {
        let drawn = drawn(&[0.0, f64::NAN, f64::INFINITY, 1e-7]);
        assert_eq!((drawn.zeros, drawn.unreal, drawn.beyond), (1, 2, 2));
        assert!(drawn.svg.contains("stroke-bad"));
        assert!(drawn.worst.0.is_nan());
    }

    #[test]
    fn nothing_but_zeros_has_an_axis_and_nothing_at_all_has_no_plot() {
        assert_eq!(drawn(&[0.0, 0.0]).zeros, 2);
        let plot = Plot { id: "p", title: "", x: "", points: vec![], joined: false };
        assert!(draw(&plot).is_none());
    }

    #[test]
    fn the_axis_ends_at_whole_decades() {
        let point = |value| Point { value, floor: None, bound: None, large: false };
        assert_eq!(decades(&[point(3e-7), point(2e-3)]), (1e-7, 1e-2));
        assert_eq!(decades(&[point(1e-5)]), (1e-5, 1e-4));
        assert_eq!(decades(&[point(0.0)]), EMPTY);
        assert_eq!(decades(&[point(f64::MIN_POSITIVE), point(f64::MAX)]), (1e-300, 1e300));
    }
}
