//! Runs the released functions and the peers as Lambda would, and measures them. The peers are the same endpoint,
//! written as other people would write it.
//!
//! `bench/README.md` says which parts are real.
#![expect(clippy::cast_precision_loss, reason = "no figure here has 52 bits")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

mod aws;
mod bench;
mod cases;
mod certificates;
mod chart;
mod check;
mod compare;
mod environment;
mod events;
mod figures;
mod hostile;
mod instructions;
mod load;
mod measure;
mod report;
mod server;
mod subject;
mod throttle;

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

use bench::Bench;
use measure::{Life, live};
use subject::{CREATE_ENQUIRY, ROOT};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // Treat a signal as an error, so that started processes end too.
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        came = run() => came,
        _ = ctrl_c() => bail!("interrupted"),
        _ = terminated.recv() => bail!("terminated"),
    }
}

async fn run() -> Result<()> {
    let bench = bench_with_an_enquiry().await?;
    match std::env::args().nth(1).as_deref() {
        Some("compare") => {
            let figures = compare::compare(&bench).await?;
            print!("{}", report::table(&figures));
            report::write(&figures, Path::new(ROOT))
        }
        Some("load") => {
            let (loads, floods) = (load::load(&bench).await?, load::flood(&bench).await?);
            print!("{}{}", report::loads(&loads), report::floods(&floods));
            report::write_load(&loads, &floods, Path::new(ROOT))
        }
        Some("check") => check::check(&bench).await,
        _ => bail!("usage: bench compare|load|check"),
    }
}

async fn bench_with_an_enquiry() -> Result<Bench> {
    let mut bench = Bench::start().await?;
    // The driver's own first use of TLS is slow, so do not measure this life.
    live(&bench, &CREATE_ENQUIRY, Life::default()).await?;
    let mut recorded = bench.aws.enquiries().pop().context("nothing was recorded")?;
    // The id in the samples.
    recorded["id"] = json!({ "S": "enq_9F3K2P" });
    // Use the last shard that a sweep queries, so that its calls are always in the same order.
    recorded["mail_due_shard"] = json!({ "S": "15" });
    bench.enquiry = Some(recorded);
    Ok(bench)
}
