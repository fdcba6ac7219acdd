//! The sweeper: puts every notification that is due on the queue again, whatever happened to its message.

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

/// How many notifications of a shard one run takes, so that its work is bounded: 1,024 in all.
const TAKEN_PER_SHARD: u16 = 64;
/// How many shards are asked at once, each over a connection of its own: opening one takes more CPU than six queries, and from
/// one run to the next they are closed. What is found due takes more, while it is moved.
const QUERIES_AT_ONCE: usize = 4;
/// When a run stops taking more: what it has begun by then, ten slow moves and a slow batch, ends before its timeout of 50 s.
const WORKS_FOR: Duration = Duration::from_secs(20);
const TOO_OLD: &str = "not sent for three days";

/// What lives as long as the environment: the table and the queue.
#[derive(Debug)]
pub struct State {
    due_notifications: DueNotifications,
    queue: NotificationQueue,
}

/// Sweeps all shards, each by itself.
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
    /// The state that `config` describes, with the connections of `sdk`.
    #[must_use]
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        Self {
            due_notifications: DueNotifications::new(sdk, config.enquiries_table),
            queue: NotificationQueue::new(sdk, config.queue_url, config.enqueue_budget),
        }
    }

    /// Sweeps what was found in one shard. What fails is left for a later run, for it is still due or will be again.
    async fn sweep(&self, found: Result<DueInShard, StorageError>, started: Instant, now: Timestamp) -> Sweep {
        let mut sweep = Sweep::default();
        let found = match found {
            Ok(found) => found,
            Err(error) => return sweep.with_cause(&error),
        };
        sweep.left = found.left + found.due.len();
        // A few at a time: if the function is killed between moving and enqueueing, only these are delayed.
        for batch in found.due.chunks(BATCH) {
            sweep = self.requeue(batch, now, sweep).await;
            if sweep.cause.is_some() || started.elapsed() > WORKS_FOR {
                break;
            }
        }
        if found.unreadable > 0 { sweep.with_cause(&"the index holds what is no enquiry") } else { sweep }
    }

    /// Moves the due times first, so that a backlog is put on the queue once and not every minute.
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

    /// The enquiry that is to be put on the queue, unless somebody was faster or it has been due for too long.
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
        // Before the record says so: rather two alarms than none.
        tracing::error!(event = "mail_failed", enquiry_id = due.id.as_str(), cause = TOO_OLD);
        if self.due_notifications.give_up(due, TOO_OLD, now).await? == Written::Done {
            sweep.given_up += 1;
        }
        Ok(())
    }
}
