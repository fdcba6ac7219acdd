//! The report: a table for the terminal, JSON, and a small table and a chart for README.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::chart;
use crate::environment::since_epoch;
use crate::figures::{Figures, SHOWN, rounded};
use crate::load::{Flood, Load};
use crate::subject::{CREATE_ENQUIRY, FLOORS, PEERS, title_of};

/// The marks around a page's tables.
const BEGINS: &str = "<!-- measured -->\n";
const ENDS: &str = "<!-- /measured -->";

/// All figures, with one line per subject: the value, its spread, and its ratio to the floor and to ours.
pub(crate) fn table(figures: &Figures) -> String {
    let mut table =
        format!("{:64}{:>10}{:>10}{:>8}{:>7}{:>10}{:>10}\n", "", "median", "p99", "±", "of", "× floor", "× ours");
    for (figure, subjects) in figures.all() {
        let (title, unit) = figure.title();
        for (subject, is) in subjects {
            let times = |other| match figures.median(figure, other) {
                Some(other) if other > 0.0 => format!("{:.2}", is.median / other),
                _ => String::new(),
            };
            let name = format!("{title}{}{unit}: {}", if unit.is_empty() { "" } else { ", " }, title_of(subject));
            let (floor, ours) = (times(FLOORS[0].name), times(CREATE_ENQUIRY.name));
            let spread = format!("{:.0} %", is.spread * 100.0);
            let _ = writeln!(
                table,
                "{name:64}{:>10.3}{:>10.3}{spread:>8}{:>7}{floor:>10}{ours:>10}",
                is.median, is.p99, is.samples
            );
        }
    }
    table
}

/// Writes `bench/results.json`, `bench/results.svg` and README's table.
pub(crate) fn write(figures: &Figures, root: &Path) -> Result<()> {
    let (machine, day) = (machine()?, day()?);
    fs::write(root.join("bench/results.json"), format!("{:#}\n", json(figures, &machine, &day)))?;
    fs::write(root.join("bench/results.svg"), chart::draw(figures))?;

    let shown = short_table(figures);
    write_into(&root.join("README.md"), &format!("{shown}\nMedians of `make bench` on {day}, on {machine}.\n"))
}

/// Writes `bench/README.md`'s tables.
pub(crate) fn write_load(loads: &[Load], floods: &[Flood], root: &Path) -> Result<()> {
    let made = format!("{}\n{}\nOn {}, on {}.\n", self::loads(loads), self::floods(floods), day()?, machine()?);
    write_into(&root.join("bench/README.md"), &made)
}

/// How throughput and latency grow with the number of environments.
pub(crate) fn loads(loads: &[Load]) -> String {
    let mut table = "| environments | came in, 1/s | responses, 1/s | median, ms | p99, ms |\n".to_owned();
    table += "| ---: | ---: | ---: | ---: | ---: |\n";
    for Load { environments, offered, responded, latency } in loads {
        let (median, p99) = (rounded(latency.median), rounded(latency.p99));
        let _ = writeln!(table, "| {environments} | {offered:.0} | {responded:.0} | {median} | {p99} |");
    }
    table
}

/// What a flood from one client costs.
pub(crate) fn floods(floods: &[Flood]) -> String {
    let mut table =
        "| environments | accepted | refused | calls to AWS | without the memory | responses, 1/s |\n".to_owned();
    table += "| ---: | ---: | ---: | ---: | ---: | ---: |\n";
    for Flood { environments, accepted, refused, calls, responded } in floods {
        let without = accepted * CREATE_ENQUIRY.work.calls.len() + refused;
        let _ = writeln!(table, "| {environments} | {accepted} | {refused} | {calls} | {without} | {responded:.0} |");
    }
    table
}

/// Replaces the text between the two marks.
fn write_into(page: &Path, made: &str) -> Result<()> {
    let text = fs::read_to_string(page)?;
    let missing = || format!("{} has no place for the table", page.display());
    let (before, rest) = text.split_once(BEGINS).with_context(missing)?;
    let (_, after) = rest.split_once(ENDS).with_context(missing)?;
    fs::write(page, [before, BEGINS, "\n", made, "\n", ENDS, after].concat())?;
    Ok(())
}

fn json(figures: &Figures, machine: &str, day: &str) -> Value {
    let all = figures.all().into_iter().map(|(figure, subjects)| {
        let (title, unit) = figure.title();
        let subjects: serde_json::Map<_, _> =
            subjects.into_iter().map(|(subject, is)| (subject.to_owned(), json!(is))).collect();
        json!({ "figure": figure, "title": title, "unit": unit, "subjects": subjects })
    });
    let versions = ["python3", "node"].map(|runtime| version(runtime).unwrap_or_default());
    json!({ "day": day, "machine": machine, "runtimes": versions, "figures": all.collect::<Vec<_>>() })
}

/// Our figures, and each peer's with their ratio to ours.
fn short_table(figures: &Figures) -> String {
    let mut table = format!("| | {} |", CREATE_ENQUIRY.title);
    let mut rule = "| --- | ---: |".to_owned();
    for peer in PEERS {
        let _ = write!(table, " {} |", peer.title);
        rule += " ---: |";
    }
    table = format!("{table}\n{rule}\n");
    for figure in SHOWN {
        let (title, unit) = figure.title();
        let Some(ours) = figures.median(figure, CREATE_ENQUIRY.name) else { continue };
        let _ = write!(table, "| {title} | {} {unit} |", rounded(ours));
        for peer in PEERS {
            let Some(theirs) = figures.median(figure, peer.name) else { continue };
            let _ = write!(table, " {} {unit} ({}×) |", rounded(theirs), rounded(theirs / ours));
        }
        table.push('\n');
    }
    table
}

fn version(runtime: &str) -> Result<String> {
    let said = Command::new(runtime).arg("--version").output()?;
    Ok(format!("{runtime} {}", String::from_utf8(said.stdout)?.trim()))
}

/// The processor's name.
fn machine() -> Result<String> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let models: Vec<_> = processors.lines().filter_map(|line| line.strip_prefix("model name")).collect();
    let model =
        models.first().and_then(|model| model.split_once(": ")).map_or("an unnamed processor", |(_, model)| model);
    Ok(format!("{} cores of {model}", available_parallelism()?))
}

fn day() -> Result<String> {
    Ok(Timestamp::from_second(since_epoch().as_secs().try_into()?)?.strftime("%Y-%m-%d").to_string())
}
