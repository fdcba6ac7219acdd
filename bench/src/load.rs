//! Load: an open loop against a growing number of environments, and a flood from one client.
//!
//! Requests arrive without waiting for responses. So queueing shows in the latency, which counts from the arrival, and
//! slow responses do not reduce the load. AWS is the bench's own fake, because emulators are slower than the functions.
//! The driver, AWS and all environments share this machine, so throughput stops growing earlier than on Lambda.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::bench::Bench;
use crate::compare::milliseconds;
use crate::environment::Environment;
use crate::events::Events;
use crate::figures::Distribution;
use crate::measure::{Life, accepted_id, live};
use crate::subject::CREATE_ENQUIRY;

const ENVIRONMENTS: [u32; 4] = [1, 2, 4, 8];
/// The delay of each call to AWS.
const DELAY: Duration = Duration::from_millis(5);
/// How long requests arrive.
const LASTS: Duration = Duration::from_secs(5);
/// The load, as a share of the environments' capacity.
const SHARES: [f64; 2] = [0.7, 1.3];
/// How many requests the flooding client makes.
const FLOOD: usize = 2_000;

pub(crate) struct Load {
    pub(crate) environments: u32,
    /// Requests that arrived, per second.
    pub(crate) offered: f64,
    /// Responses per second, from the first arrival to the last response.
    pub(crate) responded: f64,
    /// From the arrival to the response, in milliseconds.
    pub(crate) latency: Distribution,
}

pub(crate) struct Flood {
    pub(crate) environments: u32,
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
    pub(crate) calls: usize,
    pub(crate) responded: f64,
}

/// A response, with the times of its request's arrival and its own.
struct Responded {
    came: Instant,
    at: Instant,
    response: Value,
}

/// Measures each number of environments at each share of their capacity.
pub(crate) async fn load(bench: &Bench) -> Result<Vec<Load>> {
    let busy = busy(bench).await?;
    bench.aws.delay(DELAY);
    let mut loads = Vec::new();
    for environments in ENVIRONMENTS {
        for share in SHARES {
            let offered = share * f64::from(environments) / busy;
            loads.push(under(bench, environments, offered).await?);
        }
    }
    Ok(loads)
}

/// One client's requests in one window, as fast as responses arrive.
pub(crate) async fn flood(bench: &Bench) -> Result<Vec<Flood>> {
    bench.aws.delay(DELAY);
    let mut floods = Vec::new();
    let event = Events::like(CREATE_ENQUIRY.work.event)?.make();
    for environments in ENVIRONMENTS {
        bench.aws.hold(None);
        let (arrivals, pool) = start(bench, environments, vec![event.clone(); FLOOD].into_iter()).await?;
        let began = Instant::now();
        for _ in 0..FLOOD {
            arrivals.send(began)?;
        }
        drop(arrivals);
        let responses = all(pool).await?;
        let of_status = |status: u16| responses.iter().filter(|given| given.response["statusCode"] == status).count();
        let (accepted, refused) = (of_status(201), of_status(429));
        ensure!(accepted == 60 && accepted + refused == FLOOD, "{accepted} were accepted and {refused} refused");
        let calls = bench.aws.seen().calls.len();
        floods.push(Flood { environments, accepted, refused, calls, responded: rate(&responses, began) });
    }
    Ok(floods)
}

/// How long one environment needs for a request, in seconds.
async fn busy(bench: &Bench) -> Result<f64> {
    let lived = live(bench, &CREATE_ENQUIRY, Life { warm: 50, delay: DELAY, ..Life::default() }).await?;
    let busy: Vec<_> = lived.warm.iter().map(|warm| warm.busy.as_secs_f64()).collect();
    Ok(Distribution::of(&busy).median)
}

async fn under(bench: &Bench, environments: u32, offered: f64) -> Result<Load> {
    bench.aws.hold(None);
    let mut events = Events::like(CREATE_ENQUIRY.work.event)?;
    let (arrivals, pool) = start(bench, environments, std::iter::from_fn(move || Some(events.make()))).await?;
    let began = Instant::now();
    let mut next = began;
    while next < began + LASTS {
        tokio::time::sleep_until(next.into()).await;
        arrivals.send(next)?;
        next += gap(offered)?;
    }
    drop(arrivals);
    let responses = all(pool).await?;
    let ids: HashSet<_> = responses.iter().filter_map(|given| accepted_id(&given.response)).collect();
    ensure!(ids.len() == responses.len(), "{} of {} were accepted", ids.len(), responses.len());
    ensure!(bench.aws.enquiries().len() == ids.len(), "{} are recorded", bench.aws.enquiries().len());
    ensure!(bench.aws.seen().calls.len() == CREATE_ENQUIRY.work.calls.len() * ids.len(), "not three calls each");
    let latencies: Vec<_> = responses.iter().map(|given| milliseconds(given.at - given.came)).collect();
    let offered = responses.len() as f64 / LASTS.as_secs_f64();
    Ok(Load { environments, offered, responded: rate(&responses, began), latency: Distribution::of(&latencies) })
}

type Arrivals = mpsc::UnboundedSender<Instant>;
type Pool = JoinSet<Result<Vec<Responded>>>;

/// Starts environments. Each takes an arrival whenever it is idle, until there are no more.
async fn start(
    bench: &Bench,
    environments: u32,
    events: impl Iterator<Item = Value> + Send + 'static,
) -> Result<(Arrivals, Pool)> {
    let (arrivals, waiting) = mpsc::unbounded_channel::<Instant>();
    let waiting = Arc::new(Mutex::new((waiting, events)));
    let mut pool = JoinSet::new();
    for _ in 0..environments {
        let command = CREATE_ENQUIRY.command(&bench.aws, &bench.certificates);
        let (mut environment, _) = Environment::start(command, None).await?;
        let waiting = Arc::clone(&waiting);
        pool.spawn(async move {
            let mut responses = Vec::new();
            let next = async || {
                let (arrivals, events) = &mut *waiting.lock().await;
                Some((arrivals.recv().await?, events.next()?))
            };
            while let Some((came, event)) = next().await {
                let invocation = environment.invoke(event).await?;
                responses.push(Responded { came, at: invocation.responded, response: invocation.response });
            }
            environment.end().await?;
            Ok(responses)
        });
    }
    // Do not count the calls made at start-up.
    bench.aws.seen();
    Ok((arrivals, pool))
}

async fn all(mut pool: Pool) -> Result<Vec<Responded>> {
    let mut responses = Vec::new();
    while let Some(given) = pool.join_next().await {
        responses.extend(given??);
    }
    Ok(responses)
}

fn rate(responses: &[Responded], began: Instant) -> f64 {
    let last = responses.iter().map(|given| given.at).max().unwrap_or(began);
    responses.len() as f64 / (last - began).as_secs_f64()
}

/// The time to the next arrival, at a mean rate per second with independent arrivals.
fn gap(rate: f64) -> Result<Duration> {
    let random = getrandom::u32()?;
    let share = (f64::from(random) + 1.0) / (f64::from(u32::MAX) + 1.0);
    Ok(Duration::from_secs_f64(-share.ln() / rate))
}
