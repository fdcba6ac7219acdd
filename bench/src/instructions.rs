//! Counts instructions with callgrind. It is the only measure of speed that other load on the machine does not change.

use std::fs;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::bench::Bench;
use crate::environment::Environment;
use crate::events::Events;
use crate::measure::Checks;
use crate::subject::{CREATE_ENQUIRY, Subject};

/// How many warm invocations to count.
const WARM: u64 = 50;
/// In how many lives to count them.
const LIVES: usize = 3;
/// How many invocations with the same body to count.
const SAME: usize = 5;

/// A function's instructions, including the start of its process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instructions {
    pub(crate) init: u64,
    pub(crate) first: u64,
    /// The mean of the invocations after the first.
    pub(crate) warm: u64,
}

/// Counts instructions as differences between lives that end after no event, one event, and several events.
pub(crate) async fn count(bench: &Bench, subject: &Subject) -> Result<Instructions> {
    let init = least_until(bench, subject, 0).await?;
    let first = least_until(bench, subject, 1).await?;
    let warm = least_until(bench, subject, 1 + WARM).await?;
    Ok(Instructions { init, first: first.saturating_sub(init), warm: warm.saturating_sub(first) / WARM })
}

/// The instructions of a life of the endpoint that ends after the first enquiry.
pub(crate) async fn until_first(bench: &Bench) -> Result<u64> {
    least_until(bench, &CREATE_ENQUIRY, 1).await
}

/// The instructions of a request with this body: the mean of several, after the first enquiry.
pub(crate) async fn of_body(bench: &Bench, until_first: u64, body: &str) -> Result<u64> {
    let all = until(bench, &CREATE_ENQUIRY, 1, Some(body)).await?;
    Ok(all.saturating_sub(until_first) / SAME as u64)
}

/// The lowest count of several lives. A life sometimes opens one connection more, but none takes less than necessary.
async fn least_until(bench: &Bench, subject: &Subject, invocations: u64) -> Result<u64> {
    let mut least = u64::MAX;
    for _ in 0..LIVES {
        least = until(bench, subject, invocations, None).await?.min(least);
    }
    Ok(least)
}

/// The instructions from the start of a life until the function requests another event. If there is a body, a few
/// requests with it come last.
async fn until(bench: &Bench, subject: &Subject, invocations: u64, body: Option<&str>) -> Result<u64> {
    let log = bench.folder.path().join("callgrind.log");
    let of_subject = subject.command(&bench.aws, &bench.certificates);
    let of_subject = of_subject.as_std();
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(format!("--log-file={}", log.display()));
    command.arg(of_subject.get_program()).args(of_subject.get_args()).env_clear();
    command.envs(of_subject.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // Under valgrind everything takes longer than the budgets allow.
    command.envs(SLOW.map(|name| (name, "5000")));
    let (mut environment, _) = Environment::start(command, None).await?;
    let mut events = Events::like(subject.work.event)?;
    let mut checks = Checks::default();
    bench.aws.hold(bench.enquiry.as_ref());
    bench.aws.seen();
    for _ in 0..invocations {
        let invocation = environment.invoke(events.make()).await?;
        checks.check(&subject.work, &invocation.response, &bench.aws.seen().calls)?;
    }
    for body in body.into_iter().flat_map(|body| [body; SAME]) {
        let response = environment.invoke(events.make_with(body)).await?.response;
        ensure!(matches!(response["statusCode"].as_u64(), Some(201 | 400 | 422)), "it responded {response}");
    }
    environment.end().await?;
    let log = fs::read_to_string(log)?;
    let collected = log.lines().find_map(|line| line.split_once("Collected :")).context("callgrind counted nothing")?;
    let instructions = collected.1.trim().parse()?;
    ensure!(instructions > 0, "callgrind counted nothing");
    Ok(instructions)
}

const SLOW: [&str; 6] = [
    "CONNECT_TIMEOUT_MS",
    "ATTEMPT_TIMEOUT_MS",
    "OPERATION_TIMEOUT_MS",
    "ENQUEUE_TIMEOUT_MS",
    "HANDLER_DEADLINE_MS",
    "WARM_UP_TIMEOUT_MS",
];
