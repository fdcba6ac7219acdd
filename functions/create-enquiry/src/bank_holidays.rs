//! Warns when the compiled-in bank holidays run out.

use jiff::Timestamp;

/// Logs when it is time to fetch the next bank holidays. Without them, deadlines would be too early.
pub fn warn_of_ending_bank_holidays(now: Timestamp) {
    if let Some(last) = domain::bank_holidays_ending(now) {
        let last = last.to_string();
        tracing::warn!(event = "bank_holidays_ending", last, "run `make bank-holidays` and deploy");
    }
}
