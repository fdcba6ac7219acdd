//! The whole comparison. Our function, the peers and the floors run in the same rounds, so that other load on the
//! machine affects them all.

use std::time::Duration;

use anyhow::Result;

use crate::bench::Bench;
use crate::cases;
use crate::figures::{Figure, Figures};
use crate::instructions;
use crate::measure::{Life, Lived, live};
use crate::subject::{CREATE_ENQUIRY, FLOORS, PEERS, Subject};

/// How many lives of each kind to measure.
const ROUNDS: usize = 10;
/// In how many of these rounds to measure long lives too.
const LONG_ROUNDS: usize = 3;
const WARM: usize = 200;
/// After 200, Node is still compiling.
const WARM_LONG: usize = 2_000;
/// The delay of AWS's responses, to show how long a caller waits.
const DELAY: Duration = Duration::from_millis(5);

/// Runs all measurements, after all compared functions have passed the contract's cases.
pub(crate) async fn compare(bench: &Bench) -> Result<Figures> {
    for subject in [CREATE_ENQUIRY].iter().chain(&PEERS) {
        let passed = cases::pass(bench, subject).await?;
        eprintln!("{}: {passed} requests of the contract's cases have the right responses", subject.title);
    }
    let mut figures = Figures::default();
    let all: Vec<_> = [CREATE_ENQUIRY].into_iter().chain(PEERS).chain(FLOORS).collect();
    for round in 0..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        // The first round only warms up the driver.
        let mut discarded = Figures::default();
        let figures = if round == 0 { &mut discarded } else { &mut figures };
        for subject in &all {
            lives(bench, subject, round > ROUNDS - LONG_ROUNDS, figures).await?;
        }
    }
    for subject in [CREATE_ENQUIRY].iter().chain(&FLOORS) {
        eprintln!("{}: counting instructions", subject.title);
        let counted = instructions::count(bench, subject).await?;
        for (figure, count) in [
            (Figure::InitInstructions, counted.init),
            (Figure::FirstInstructions, counted.first),
            (Figure::WarmInstructions, counted.warm),
        ] {
            figures.add(figure, subject.name, millions(count));
        }
    }
    for subject in &all {
        figures.add(Figure::Zip, subject.name, millions(subject.zip_bytes()?));
        figures.add(Figure::Unpacked, subject.name, millions(subject.unpacked_bytes()?));
    }
    Ok(figures)
}

async fn lives(bench: &Bench, subject: &Subject, long: bool, figures: &mut Figures) -> Result<()> {
    let name = subject.name;
    // The caches are still full of the previous subject's data, so discard the first life.
    live(bench, subject, Life::default()).await?;
    let lived = live(bench, subject, Life { warm: WARM, ..Life::default() }).await?;
    figures.add(Figure::Init, name, milliseconds(lived.init));
    figures.add(Figure::InitCpu, name, milliseconds(lived.init_cpu));
    figures.add(Figure::First, name, milliseconds(lived.first.wall));
    figures.add(Figure::FirstCpu, name, milliseconds(lived.first_cpu));
    for warm in &lived.warm {
        figures.add(Figure::Warm, name, milliseconds(warm.wall));
        figures.add(Figure::Busy, name, milliseconds(warm.busy));
    }
    figures.add(Figure::WarmCpu, name, mean_cpu(&lived));
    figures.add(Figure::Rss, name, lived.peak_rss_kib as f64 * 1024.0 / 1e6);
    figures.add(Figure::Connections, name, lived.connections as f64);

    let cold = live(bench, subject, Life { warms_up: false, ..Life::default() }).await?;
    figures.add(Figure::InitWithoutWarmUp, name, milliseconds(cold.init));
    figures.add(Figure::FirstWithoutWarmUp, name, milliseconds(cold.first.wall));

    for (memory_mb, figure) in [(128, Figure::FirstAt128), (256, Figure::FirstAt256), (512, Figure::FirstAt512)] {
        let small = live(bench, subject, Life { memory_mb: Some(memory_mb), ..Life::default() }).await?;
        figures.add(figure, name, milliseconds(small.first.wall));
    }

    if long {
        let lived = live(bench, subject, Life { warm: WARM_LONG, ..Life::default() }).await?;
        figures.add(Figure::WarmCpuOf2000, name, mean_cpu(&lived));
        let waiting = live(bench, subject, Life { warm: WARM, delay: DELAY, ..Life::default() }).await?;
        for warm in &waiting.warm {
            figures.add(Figure::WarmAt5Ms, name, milliseconds(warm.wall));
            figures.add(Figure::Calls, name, warm.calls as f64);
            figures.add(Figure::CallsWaitedFor, name, warm.calls_waited_for as f64);
            figures.add(Figure::CallsAtOnce, name, warm.calls_at_once as f64);
        }
    }
    if long && subject.with_key.is_some() {
        let life = Life { warm: WARM, with_key: true, ..Life::default() };
        figures.add(Figure::WithKeyCpu, name, mean_cpu(&live(bench, subject, life).await?));
        for warm in live(bench, subject, Life { delay: DELAY, ..life }).await?.warm {
            figures.add(Figure::WithKeyAt5Ms, name, milliseconds(warm.wall));
        }
    }
    Ok(())
}

fn mean_cpu(lived: &Lived) -> f64 {
    milliseconds(lived.warm_cpu) / lived.warm.len() as f64
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn millions(count: u64) -> f64 {
    count as f64 / 1e6
}
