//! `make bench-check`: compares the figures that hardly depend on the machine with committed ceilings.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::bench::Bench;
use crate::hostile;
use crate::instructions;
use crate::measure::{Life, live};
use crate::subject::{CREATE_ENQUIRY, CREATE_ENQUIRY_WITH_KEY, OTHER_FUNCTIONS, Subject};

const CEILINGS: &str = include_str!("../ceilings.toml");
/// By how much a figure may exceed its ceiling, in percent. Another libc or processor may add this much.
const TOLERANCE: u64 = 3;
/// In how many lives to measure memory.
const LIVES: usize = 5;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ceilings {
    init_instructions: u64,
    first_instructions: u64,
    warm_instructions: u64,
    peak_rss_kib: u64,
    connections: u64,
    calls_waited_for: u64,
    zip_bytes: u64,
}

/// Measures each released function and prints the figures.
///
/// # Errors
/// When a figure exceeds its ceiling, or when a function does not work as expected.
pub(crate) async fn check(bench: &Bench) -> Result<()> {
    let ceilings: BTreeMap<String, Ceilings> = toml::from_str(CEILINGS).context("bench/ceilings.toml")?;
    ensure!(ARCH == "x86_64", "the ceilings are those of x86-64, and this is {ARCH}");
    let mut over = Vec::new();
    for subject in [CREATE_ENQUIRY, CREATE_ENQUIRY_WITH_KEY].iter().chain(&OTHER_FUNCTIONS) {
        let ceilings = ceilings.get(subject.name).with_context(|| format!("{} has no ceilings", subject.name))?;
        for (figure, is, ceiling) in figures(bench, subject, ceilings).await? {
            println!("{:26}{figure:22}{is:>12} of {ceiling:>12}", subject.name);
            if is * 100 > ceiling * (100 + TOLERANCE) {
                over.push(format!("{}: {is} {figure}, {ceiling} at most", subject.name));
            }
        }
    }
    over.extend(hostile::check(bench).await?);
    if over.is_empty() { Ok(()) } else { bail!("{}. See bench/ceilings.toml", over.join("; ")) }
}

async fn figures(bench: &Bench, subject: &Subject, at_most: &Ceilings) -> Result<[(&'static str, u64, u64); 7]> {
    let counted = instructions::count(bench, subject).await?;
    let lived = live(bench, subject, Life { warm: 20, ..Life::default() }).await?;
    // Memory varies by a few percent between lives. The lowest figure is what the function needs.
    let mut least_rss_kib = lived.peak_rss_kib;
    for _ in 1..LIVES {
        least_rss_kib =
            live(bench, subject, Life { warm: 20, ..Life::default() }).await?.peak_rss_kib.min(least_rss_kib);
    }
    let waited_for = lived.warm.iter().map(|warm| warm.calls_waited_for).max().unwrap_or_default();
    Ok([
        ("init instructions", counted.init, at_most.init_instructions),
        ("first instructions", counted.first, at_most.first_instructions),
        ("warm instructions", counted.warm, at_most.warm_instructions),
        ("KiB of peak memory", least_rss_kib, at_most.peak_rss_kib),
        ("connections", lived.connections.try_into()?, at_most.connections),
        ("calls waited for", waited_for.try_into()?, at_most.calls_waited_for),
        ("bytes of the zip", subject.deployed_bytes()?, at_most.zip_bytes),
    ])
}
