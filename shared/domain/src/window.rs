//! The rate limit's fixed window.

use jiff::Timestamp;

const MILLISECONDS_PER_SECOND: i64 = 1_000;

/// One minute of the clock. A client's requests are counted in each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    start_second: i64,
}

/// The result of counting a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The request is within its client's quota of this window.
    Within {
        /// The client's requests in this window including this one, from 1 to the limit.
        hits: u32,
    },
    /// The client has used up its quota of this window.
    Over,
    /// DynamoDB throttles the counter, as in a flood of requests. The next request may be counted again.
    Throttled,
}

impl Window {
    /// The length of a window, in seconds (contract, Rate limit).
    pub const SECONDS: i64 = 60;

    /// The window that contains `now`.
    #[must_use]
    pub fn containing(now: Timestamp) -> Self {
        let minute = now.as_millisecond().div_euclid(Self::SECONDS * MILLISECONDS_PER_SECOND);
        Self { start_second: minute * Self::SECONDS }
    }

    /// When the window starts, in seconds since the epoch.
    #[must_use]
    pub fn start_second(self) -> i64 {
        self.start_second
    }

    /// When the next window starts, in seconds since the epoch.
    #[must_use]
    pub fn end_second(self) -> i64 {
        self.start_second + Self::SECONDS
    }

    /// How long a client waits at `now`, in this window, for the next window, in whole seconds from 1 to 60.
    #[must_use]
    pub fn seconds_to_reset(self, now: Timestamp) -> i64 {
        let left = self.end_second() * MILLISECONDS_PER_SECOND - now.as_millisecond();
        (left + MILLISECONDS_PER_SECOND - 1).div_euclid(MILLISECONDS_PER_SECOND)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(millisecond: i64, start_second: i64, seconds_to_reset: i64) {
        let now = Timestamp::from_millisecond(millisecond).unwrap();
        let window = Window::containing(now);
        assert_eq!((window.start_second(), window.seconds_to_reset(now)), (start_second, seconds_to_reset));
    }

    #[test]
    fn a_window_is_aligned_to_the_epoch_minute() {
        check(0, 0, 60);
        check(1, 0, 60);
        check(1_000, 0, 59);
        check(59_000, 0, 1);
        check(59_999, 0, 1);
        check(60_000, 60, 60);
        check(-1, -60, 1);
        check(1_782_740_527_123, 1_782_740_520, 53);
    }

    proptest! {
        #[test]
        fn the_arithmetic_holds_for_any_millisecond(
            millisecond in Timestamp::MIN.as_millisecond()..=Timestamp::MAX.as_millisecond(),
        ) {
            let now = Timestamp::from_millisecond(millisecond).unwrap();
            let window = Window::containing(now);
            let seconds = window.seconds_to_reset(now);
            prop_assert!(window.start_second() * 1_000 <= millisecond && millisecond < window.end_second() * 1_000);
            prop_assert_eq!(window.start_second() % 60, 0);
            prop_assert!((1..=60).contains(&seconds));
            prop_assert!(millisecond + seconds * 1_000 >= window.end_second() * 1_000);
            prop_assert!(millisecond + (seconds - 1) * 1_000 < window.end_second() * 1_000);
        }
    }
}
