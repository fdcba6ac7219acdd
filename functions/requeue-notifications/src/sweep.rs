//! The result of a sweep.

use std::iter::Sum;

/// What one run of the sweeper did and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Notifications that were queued again.
    pub requeued: usize,
    /// Notifications that the queue did not accept. They become due again.
    pub refused: usize,
    /// Notifications that were given up.
    pub given_up: usize,
    /// Due notifications left for the next run.
    pub left: usize,
    /// How long the oldest due enquiry has been waiting for its email, in seconds. 0 if nothing was due.
    pub oldest_due_seconds: i64,
    /// The first error, if any. It contains no data.
    pub cause: Option<String>,
}

impl Sweep {
    /// Adds this cause, unless there is an earlier one.
    pub(crate) fn with_cause(mut self, error: &impl ToString) -> Self {
        self.cause.get_or_insert_with(|| error.to_string());
        self
    }

    /// Writes the run's log line. The template takes metrics from it.
    pub(crate) fn log(&self) {
        tracing::info!(
            event = "sweep",
            outcome = if self.cause.is_none() { "swept" } else { "failed" },
            requeued = self.requeued,
            refused = self.refused,
            given_up = self.given_up,
            left = self.left,
            oldest_due_seconds = self.oldest_due_seconds,
            cause = self.cause,
        );
    }
}

impl Sum for Sweep {
    fn sum<Sweeps: Iterator<Item = Self>>(sweeps: Sweeps) -> Self {
        sweeps.fold(Self::default(), |sum, sweep| Self {
            requeued: sum.requeued + sweep.requeued,
            refused: sum.refused + sweep.refused,
            given_up: sum.given_up + sweep.given_up,
            left: sum.left + sweep.left,
            oldest_due_seconds: sum.oldest_due_seconds.max(sweep.oldest_due_seconds),
            cause: sum.cause.or(sweep.cause),
        })
    }
}
