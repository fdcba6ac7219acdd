//! README's chart: each peer's figures as multiples of ours, on a logarithmic scale.

use std::fmt::Write as _;

use crate::figures::{Figure, Figures, SHOWN, rounded};
use crate::subject::{CREATE_ENQUIRY, PEERS};

const WIDTH: f64 = 860.0;
/// Where bars start, and the length for a factor of ten, in pixels.
const LEFT: f64 = 270.0;
const DECADE: f64 = 160.0;
const BAR: f64 = 16.0;
const BARS: f64 = COLOURS.len() as f64 * BAR;
const GROUP: f64 = BARS + 18.0;
const TOP: f64 = 58.0;
/// Our colour, then the peers' colours in order. All are legible on white and on black.
const COLOURS: [&str; 1 + PEERS.len()] = ["#d9480f", "#4c78a8", "#72a172", "#b8a13d", "#a173b8"];

/// The chart as SVG.
pub(crate) fn draw(figures: &Figures) -> String {
    // Zips that contain no runtime are compared only in the table, which has room to say so.
    let charted = SHOWN.into_iter().filter(|figure| *figure != Figure::Zip);
    let height = TOP + GROUP * charted.clone().count() as f64;
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="What the peers take, as multiples of what this project takes">
<style>text {{ fill: #24292f }} line {{ stroke: #8c959f; stroke-opacity: 0.35 }} @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} }}</style>
"#
    );
    let mut left = 12.0;
    for (subject, colour) in [CREATE_ENQUIRY].iter().chain(&PEERS).zip(COLOURS) {
        let text = left + 18.0;
        let _ = writeln!(
            svg,
            r#"<rect x="{left}" y="12" width="12" height="12" fill="{colour}"/><text x="{text}" y="23">{}</text>"#,
            subject.title
        );
        left += 40.0 + 7.2 * subject.title.len() as f64;
    }
    for (decade, label) in ["1×", "10×", "100×"].into_iter().enumerate() {
        let x = LEFT + DECADE * decade as f64;
        let _ = writeln!(
            svg,
            r#"<line x1="{x}" x2="{x}" y1="{}" y2="{height}"/><text x="{x}" y="{}" text-anchor="middle">{label}</text>"#,
            TOP - 6.0,
            TOP - 10.0
        );
    }
    for (index, figure) in charted.enumerate() {
        let top = TOP + GROUP * index as f64;
        group(&mut svg, figures, figure, top);
    }
    svg + "</svg>\n"
}

/// One figure: a labelled bar for each subject.
fn group(svg: &mut String, figures: &Figures, figure: Figure, top: f64) {
    let (title, unit) = figure.title();
    let ours = figures.median(figure, CREATE_ENQUIRY.name).unwrap_or_default();
    let _ = writeln!(svg, r#"<text x="12" y="{}">{title}</text>"#, top + BARS / 2.0 + 4.0);
    for (place, (subject, colour)) in [CREATE_ENQUIRY].iter().chain(&PEERS).zip(COLOURS).enumerate() {
        let Some(value) = figures.median(figure, subject.name) else { continue };
        let (y, length) = (top + BAR * place as f64, (value / ours).log10().max(0.0) * DECADE + 3.0);
        let (bar, x, baseline) = (BAR - 3.0, LEFT + length + 6.0, y + BAR - 5.0);
        let times = if place == 0 { String::new() } else { format!(" ({}×)", rounded(value / ours)) };
        let _ = writeln!(
            svg,
            r#"<rect x="{LEFT}" y="{y}" width="{length:.1}" height="{bar}" fill="{colour}"/><text x="{x:.1}" y="{baseline}">{} {unit}{times}</text>"#,
            rounded(value)
        );
    }
}
