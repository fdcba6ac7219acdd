//! The sweeper: queues every due notification again, so that a lost message does no harm.

mod config;
mod sweep;

use std::time::Duration;

use aws_types::SdkConfig;
use domain::EnquiryId;
use domain::notification::GIVE_UP_AFTER;
use futures_util::stream::{StreamExt, iter};
use jiff::{SignedDuration, Timestamp};
use notify::{BATCH, NotificationQueue};
use storage::{Due, DueInShard, DueNotifications, MAIL_DUE_SHARDS, Moved, StorageError, Written};
use tokio::time::Instant;

pub use config::Config;
pub use sweep::Sweep;

/// How many notifications of a shard one run takes. This limits a run to 1,024.
const TAKEN_PER_SHARD: u16 = 64;
/// How many shards are queried at once, each over its own connection. Opening a connection takes more CPU than six
/// queries, and they are closed between runs. Moving due notifications opens more.
const QUERIES_AT_ONCE: usize = 4;
/// When a run stops taking new work. Work in progress, such as ten slow moves and a slow batch, ends before the timeout
/// of 50 s.
const WORKS_FOR: Duration = Duration::from_secs(20);
const TOO_OLD: &str = "not sent for three days";

/// The table and the queue, for as long as the environment lives.
#[derive(Debug)]
pub struct State {
    due_notifications: DueNotifications,
    queue: NotificationQueue,
}

/// Sweeps all shards. A failure in one does not affect the others.
pub async fn requeue_notifications(state: &State, now: Timestamp) -> Sweep {
    let started = Instant::now();
    let due = |shard| state.due_notifications.in_shard(shard, now, TAKEN_PER_SHARD);
    let found = iter(0..MAIL_DUE_SHARDS).map(due).buffer_unordered(QUERIES_AT_ONCE);
    let sweeps = found.map(|found| state.sweep(found, started, now)).buffer_unordered(MAIL_DUE_SHARDS.into());
    let sweep: Sweep = sweeps.collect::<Vec<_>>().await.into_iter().sum();
    sweep.log();
    sweep
}

impl State {
    /// The state for `config`, with the connections of `sdk`.
    #[must_use]
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        Self {
            due_notifications: DueNotifications::new(sdk, config.enquiries_table),
            queue: NotificationQueue::new(sdk, config.queue_url, config.enqueue_budget),
        }
    }

    /// Sweeps one shard. A later run retries failures: those notifications are still due, or become due again.
    async fn sweep(&self, found: Result<DueInShard, StorageError>, started: Instant, now: Timestamp) -> Sweep {
        let mut sweep = Sweep::default();
        let found = match found {
            Ok(found) => found,
            Err(error) => return sweep.with_cause(&error),
        };
        sweep.left = found.left + found.due.len();
        // Use small batches: if the function is killed between moving and queueing, only one batch is delayed.
        for batch in found.due.chunks(BATCH) {
            sweep = self.requeue(batch, now, sweep).await;
            if sweep.cause.is_some() || started.elapsed() > WORKS_FOR {
                break;
            }
        }
        if found.unreadable > 0 { sweep.with_cause(&"the index holds what is no enquiry") } else { sweep }
    }

    /// Moves the due times first, so that a backlog is queued once and not every minute.
    async fn requeue(&self, batch: &[Due], now: Timestamp, mut sweep: Sweep) -> Sweep {
        let mut ids = Vec::with_capacity(batch.len());
        for due in batch {
            match self.move_or_give_up(due, now, &mut sweep).await {
                Ok(moved) => ids.extend(moved),
                Err(error) => {
                    sweep = sweep.with_cause(&error);
                    break;
                }
            }
            sweep.left -= 1;
        }
        if ids.is_empty() {
            return sweep;
        }
        match self.queue.announce_all(&ids).await {
            Ok(refused) => {
                Sweep { requeued: sweep.requeued + ids.len() - refused, refused: sweep.refused + refused, ..sweep }
            }
            Err(error) => Sweep { refused: sweep.refused + ids.len(), ..sweep.with_cause(&error) },
        }
    }

    /// The enquiry to queue, unless it was handled elsewhere or has been due for too long.
    async fn move_or_give_up(
        &self,
        due: &Due,
        now: Timestamp,
        sweep: &mut Sweep,
    ) -> Result<Option<EnquiryId>, StorageError> {
        let Moved::Later { pending_since, due } = self.due_notifications.move_due(due, now).await? else {
            return Ok(None);
        };
        let age = pending_since.map_or(SignedDuration::ZERO, |since| since.duration_until(now));
        sweep.oldest_due_seconds = sweep.oldest_due_seconds.max(age.as_secs());
        if age < GIVE_UP_AFTER {
            return Ok(Some(due.id));
        }
        self.give_up(&due, now, sweep).await?;
        Ok(None)
    }

    async fn give_up(&self, due: &Due, now: Timestamp, sweep: &mut Sweep) -> Result<(), StorageError> {
        // Log before updating the record: two alarms are better than none.
        tracing::error!(event = "mail_failed", enquiry_id = due.id.as_str(), cause = TOO_OLD);
        if self.due_notifications.give_up(due, TOO_OLD, now).await? == Written::Done {
            sweep.given_up += 1;
        }
        Ok(())
    }
}
