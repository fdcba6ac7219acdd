//! When the first response to a ticket is due.
//!
//! Business hours are Monday to Friday, 09:00 to 18:00 in London, except bank holidays of England and Wales (the
//! support page, response targets).

use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// The departments' time zone. It is compiled in because Lambda's image may have no time zone database.
pub static LONDON: TimeZone = jiff::tz::get!("Europe/London");

const OPENS_AT_HOUR: i8 = 9;
const CLOSES_AT_HOUR: i8 = 18;
/// Refresh the bank holidays when the last known one is fewer days away than this.
const REFRESH_WITHIN_DAYS: i32 = 90;

/// A ticket's severity (the support page, response targets).
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[display("{}", self.label())]
#[strum(serialize_all = "lowercase")]
pub enum Severity {
    /// Production is down for all traffic. Due in one hour, around the clock.
    Sev1,
    /// Something major is degraded in live. Due in four business hours.
    Sev2,
    /// Anything else. Due in one business day, which is nine business hours.
    Sev3,
}

/// A severity and its deadline for the first response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstResponse {
    /// The ticket's severity.
    pub severity: Severity,
    /// The latest time that meets the target.
    pub due: Timestamp,
}

impl Severity {
    /// The severity as shown to people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sev1 => "SEV-1",
            Self::Sev2 => "SEV-2",
            Self::Sev3 => "SEV-3",
        }
    }
}

impl FirstResponse {
    /// When the first response is due to something received at `received_at`. After the last known bank holiday, every
    /// Monday to Friday counts as a business day. The due time may then be too early, but never too late.
    #[must_use]
    pub fn of(severity: Severity, received_at: Timestamp) -> Self {
        let due = match severity {
            Severity::Sev1 => received_at.checked_add(SignedDuration::from_hours(1)),
            Severity::Sev2 => after_business_hours(received_at, SignedDuration::from_hours(4)),
            Severity::Sev3 => after_business_hours(received_at, SignedDuration::from_hours(9)),
        };
        // The calculation fails only at the end of the supported time range.
        Self { severity, due: due.unwrap_or(received_at) }
    }
}

/// The last known bank holiday, if it is less than 90 days away. Then run `make bank-holidays` to fetch the next ones.
#[must_use]
pub fn bank_holidays_ending(now: Timestamp) -> Option<Date> {
    let last = *BANK_HOLIDAYS.last()?;
    let today = now.to_zoned(LONDON.clone()).date();
    let refresh_from = last.saturating_sub(REFRESH_WITHIN_DAYS.days());
    (today > refresh_from).then_some(last)
}

fn after_business_hours(received_at: Timestamp, hours: SignedDuration) -> Result<Timestamp, jiff::Error> {
    let (mut day, mut left) = (received_at.to_zoned(LONDON.clone()).date(), hours);
    loop {
        if is_business_day(day) {
            let from = received_at.max(london(day, OPENS_AT_HOUR)?);
            let open_for = from.duration_until(london(day, CLOSES_AT_HOUR)?);
            if left <= open_for {
                return from.checked_add(left);
            }
            left -= open_for.max(SignedDuration::ZERO);
        }
        day = day.tomorrow()?;
    }
}

fn london(day: Date, hour: i8) -> Result<Timestamp, jiff::Error> {
    Ok(day.at(hour, 0, 0, 0).to_zoned(LONDON.clone())?.timestamp())
}

fn is_business_day(day: Date) -> bool {
    let is_weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    !is_weekend && BANK_HOLIDAYS.binary_search(&day).is_err()
}

include!(concat!(env!("OUT_DIR"), "/bank_holidays.rs"));

#[cfg(test)]
mod tests;
