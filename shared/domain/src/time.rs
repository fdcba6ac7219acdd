//! Arithmetic on times.

use jiff::{SignedDuration, Timestamp};

/// `time` plus `duration`, up to the latest possible time.
#[must_use]
pub fn saturating_add(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_too_late() {
        let minute = SignedDuration::from_mins(1);
        assert_eq!(saturating_add(Timestamp::UNIX_EPOCH, minute), Timestamp::from_second(60).unwrap());
        assert_eq!(saturating_add(Timestamp::MAX, minute), Timestamp::MAX);
    }
}
