//! The rules for an enquiry's notification: how long a claim lasts, when to retry, when to give up, and the events that
//! SES reports for the email.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::random::random_text;
use crate::time::saturating_add;

const LEASE_ALPHABET: &[u8; 16] = b"0123456789abcdef";
const LEASE_CHARACTERS: usize = 16;

/// How long a claim lasts. It is longer than the claiming function may run (30 s), so no email is sent under an expired
/// lease.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// How long after queueing a notification the sweeper treats it as lost. A working mailer claims it much sooner.
pub const DUE_AFTER_ENQUEUE: SignedDuration = SignedDuration::from_secs(60);
/// The same for a notification that the sweeper queued. It may be part of a backlog, which takes longer.
pub const DUE_AFTER_REQUEUE: SignedDuration = SignedDuration::from_secs(120);
/// If a notification is still not sent after this time, the sweeper gives up and raises an alarm.
pub const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(72);

/// The wait after the first attempt. Each further attempt doubles it.
const FIRST_RETRY_AFTER: SignedDuration = SignedDuration::from_secs(60);
/// The longest wait.
const RETRY_AFTER_AT_MOST: SignedDuration = SignedDuration::from_mins(15);
/// The wait after an attempt with an unknown outcome. Each further attempt adds it once more. If SES accepted the
/// email, it sends an event, which takes a while to arrive.
const UNCONFIRMED_FOR: SignedDuration = SignedDuration::from_mins(5);

/// Identifies the holder of a claim, and a claim whose response was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseId(String);

/// How long an enquiry is kept after its email was sent. The default is for ever. An enquiry that may be unread is
/// always kept: its email is not sent yet, was given up, or bounced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention(Option<SignedDuration>);

/// The text is not a valid number of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no number of days from 0, which keeps for ever, to 36500")]
pub struct InvalidRetention;

/// What SES reports about an email that it accepted (SES Developer Guide, event publishing). Events arrive in any
/// order. An event that is later in this list replaces an earlier one, never the reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Delivery {
    /// SES will try to deliver it.
    Accepted,
    /// The recipient's server could not accept it and SES has stopped trying, or an automatic reply came back, such as
    /// out of office.
    SoftBounced,
    /// The recipient's server accepted it.
    Delivered,
    /// The recipient marked it as spam.
    Complained,
    /// The recipient's server rejected it permanently.
    Bounced,
    /// SES found a virus in it and sent nothing.
    Rejected,
}

impl LeaseId {
    /// A new id from the system's random source.
    #[must_use]
    pub fn random() -> Self {
        Self(random_text("", LEASE_CHARACTERS, LEASE_ALPHABET))
    }

    /// The id as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Retention {
    /// When an enquiry expires if its email was sent at `sent_at`, or `None` if it never expires.
    #[must_use]
    pub fn expires_at(self, sent_at: Timestamp) -> Option<Timestamp> {
        self.0.map(|retention| saturating_add(sent_at, retention))
    }
}

impl FromStr for Retention {
    type Err = InvalidRetention;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(0) => Ok(Self(None)),
            Ok(days @ 1..=36_500) => Ok(Self(Some(SignedDuration::from_hours(24 * days)))),
            _ => Err(InvalidRetention),
        }
    }
}

impl Delivery {
    /// All values, in order.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Whether the department probably has the email. If not, the enquiry is kept, whatever the retention.
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Accepted | Self::Delivered)
    }

    /// The delivery as stored in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How long to wait after this many attempts: one minute, doubled each time, up to 15 minutes. `jitter`, from 0 to 1,
/// takes off up to half, so that a backlog does not return all at once.
#[must_use]
pub fn retry_after(attempts: u32, jitter: f64) -> SignedDuration {
    let doublings = attempts.saturating_sub(1).min(4);
    let longest = (FIRST_RETRY_AFTER * (1 << doublings)).min(RETRY_AFTER_AT_MOST);
    longest.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
}

/// How long to wait for SES's event after this many attempts, if SES may have accepted the last one: five minutes for
/// each, up to 15 minutes. Always longer than a lease.
#[must_use]
pub fn unconfirmed_for(attempts: u32) -> SignedDuration {
    (UNCONFIRMED_FOR * i32::try_from(attempts.clamp(1, 3)).unwrap_or(1)).min(RETRY_AFTER_AT_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_from_a_minute_to_a_quarter_of_an_hour() {
        for (attempts, seconds) in [(0, 60), (1, 60), (2, 120), (3, 240), (4, 480), (5, 900), (6, 900), (u32::MAX, 900)]
        {
            assert_eq!(retry_after(attempts, 0.0), SignedDuration::from_secs(seconds), "{attempts}");
            assert_eq!(retry_after(attempts, 1.0), SignedDuration::from_secs(seconds) / 2, "{attempts}");
        }
    }

    #[test]
    fn an_enquiry_is_kept_for_so_many_days_or_for_ever() {
        let expires_at = |days: &str| days.parse::<Retention>().unwrap().expires_at(Timestamp::UNIX_EPOCH);
        assert_eq!(Retention::default().expires_at(Timestamp::UNIX_EPOCH), None);
        assert_eq!(expires_at("0"), None);
        assert_eq!(expires_at("2190"), Timestamp::from_second(2_190 * 86_400).ok());
        for text in ["", "-1", "1.5", "36501", "six years"] {
            assert_eq!(text.parse::<Retention>(), Err(InvalidRetention), "{text}");
        }
    }

    #[test]
    fn what_is_unconfirmed_waits_longer_than_a_lease_and_at_most_a_quarter_of_an_hour() {
        for (attempts, minutes) in [(0, 5), (1, 5), (2, 10), (3, 15), (4, 15), (u32::MAX, 15)] {
            assert_eq!(unconfirmed_for(attempts), SignedDuration::from_mins(minutes), "{attempts}");
        }
        assert!(unconfirmed_for(1) > LEASE);
    }

    #[test]
    fn a_mail_moves_from_accepted_towards_what_is_worse() {
        assert!(Delivery::ALL.is_sorted());
    }
}
