//! By when somebody must have answered a ticket.
//!
//! Business hours are Monday to Friday, 09:00 to 18:00 in London, without the bank holidays of England and Wales (the support
//! page, response targets).

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// Where the departments are. Compiled in, since Lambda's image promises no time zone database.
pub static LONDON: TimeZone = jiff::tz::get!("Europe/London");

const OPENS_AT_HOUR: i8 = 9;
const CLOSES_AT_HOUR: i8 = 18;
/// How long before the last bank holiday that we know it is time to fetch the next ones.
const REFRESH_WITHIN_DAYS: i32 = 90;

/// How severe a ticket is (the support page, response targets).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Production is down for all traffic: one hour, around the clock.
    Sev1,
    /// Something major is degraded in live: four business hours.
    Sev2,
    /// Anything else: one business day, which is nine business hours.
    Sev3,
}

/// The text is no severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no severity")]
pub struct UnknownSeverity;

/// By when somebody must have answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstResponse {
    /// How severe it is.
    pub severity: Severity,
    /// The last moment that is in time.
    pub due: Timestamp,
}

impl Severity {
    const ALL: [Self; 3] = [Self::Sev1, Self::Sev2, Self::Sev3];

    /// The severity as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sev1 => "sev1",
            Self::Sev2 => "sev2",
            Self::Sev3 => "sev3",
        }
    }

    /// The severity as people write it.
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
    /// When the first response to something received at `received_at` is due. Beyond the bank holidays that we know, every
    /// Monday to Friday counts as a business day, so that the answer is rather too early than too late.
    #[must_use]
    pub fn of(severity: Severity, received_at: Timestamp) -> Self {
        let due = match severity {
            Severity::Sev1 => received_at.checked_add(SignedDuration::from_hours(1)),
            Severity::Sev2 => after_business_hours(received_at, SignedDuration::from_hours(4)),
            Severity::Sev3 => after_business_hours(received_at, SignedDuration::from_hours(9)),
        };
        // Only at the end of time itself can it not be computed.
        Self { severity, due: due.unwrap_or(received_at) }
    }
}

/// The last bank holiday that we know, if it is time to fetch the next ones (`make bank-holidays`): it is less than 90 days
/// from now.
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

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text).ok_or(UnknownSeverity)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.label())
    }
}

include!(concat!(env!("OUT_DIR"), "/bank_holidays.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(severity: Severity, received_at: &str, expected: &str) {
        let FirstResponse { due, .. } = FirstResponse::of(severity, received_at.parse().unwrap());
        assert_eq!(due.to_string(), expected, "{severity}, received at {received_at}");
    }

    #[test]
    fn sev_1_is_due_within_an_hour_around_the_clock() {
        check(Severity::Sev1, "2026-11-21T03:00:00.5Z", "2026-11-21T04:00:00.5Z");
        check(Severity::Sev1, "2026-12-25T23:30:00Z", "2026-12-26T00:30:00Z");
        // Both nights in which London's clocks change: an hour is an hour.
        check(Severity::Sev1, "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z");
        check(Severity::Sev1, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z");
    }

    #[test]
    fn sev_2_is_due_within_four_business_hours() {
        check(Severity::Sev2, "2026-11-23T09:00:00Z", "2026-11-23T13:00:00Z");
        check(Severity::Sev2, "2026-11-23T14:00:00Z", "2026-11-23T18:00:00Z");
        check(Severity::Sev2, "2026-11-23T14:00:01Z", "2026-11-24T09:00:01Z");
        // Saturday: the clock starts on Monday.
        check(Severity::Sev2, "2026-11-21T16:00:00Z", "2026-11-23T13:00:00Z");
        // In summer London is an hour ahead.
        check(Severity::Sev2, "2026-06-29T13:42:07Z", "2026-06-30T08:42:07Z");
    }

    #[test]
    fn sev_3_is_due_within_nine_business_hours() {
        check(Severity::Sev3, "2026-11-23T09:00:00Z", "2026-11-23T18:00:00Z");
        check(Severity::Sev3, "2026-11-23T13:42:07Z", "2026-11-24T13:42:07Z");
        check(Severity::Sev3, "2026-11-20T17:59:59Z", "2026-11-23T17:59:59Z");
        check(Severity::Sev3, "2026-11-20T18:00:00Z", "2026-11-23T18:00:00Z");
    }

    #[test]
    fn bank_holidays_of_england_and_wales_do_not_count() {
        // Christmas 2026: Friday; Boxing Day falls on Saturday, so Monday is the substitute.
        check(Severity::Sev3, "2026-12-24T12:00:00Z", "2026-12-29T12:00:00Z");
        check(Severity::Sev2, "2026-12-24T17:00:00Z", "2026-12-29T12:00:00Z");
        // Easter 2026, in which the clocks have just changed: Good Friday on 3 April, Easter Monday on the 6th.
        check(Severity::Sev3, "2026-04-02T12:00:00Z", "2026-04-07T12:00:00Z");
        // New Year's Day.
        check(Severity::Sev2, "2026-12-31T17:30:00Z", "2027-01-04T12:30:00Z");
        // Holidays of Scotland and of Northern Ireland alone are business days here.
        check(Severity::Sev2, "2026-01-02T09:00:00Z", "2026-01-02T13:00:00Z");
        check(Severity::Sev2, "2026-03-17T09:00:00Z", "2026-03-17T13:00:00Z");
    }

    #[test]
    fn a_weekend_in_which_the_clocks_change_is_a_weekend() {
        check(Severity::Sev2, "2026-03-27T17:00:00Z", "2026-03-30T11:00:00Z");
        check(Severity::Sev2, "2026-10-23T16:00:00Z", "2026-10-26T12:00:00Z");
    }

    #[test]
    fn past_the_bank_holidays_that_are_known_every_weekday_counts() {
        // The first New Year's Day of which nothing is known, if it is no weekend.
        let years = i64::from(BANK_HOLIDAYS.last().unwrap().year()) + 1..;
        let is_weekday = |year: &i64| weekday(days_since_epoch(*year, 1, 1)) < 5;
        let new_year = days_since_epoch(years.clone().find(is_weekday).unwrap(), 1, 1) * MINUTES_OF_A_DAY;
        let at_ten = Timestamp::from_second((new_year + 600) * 60).unwrap();
        let expected = Timestamp::from_second((new_year + 840) * 60).unwrap();
        assert_eq!(FirstResponse::of(Severity::Sev2, at_ten).due, expected);
        check(Severity::Sev2, "9999-12-30T22:00:00Z", "9999-12-30T22:00:00Z");
    }

    #[test]
    fn it_is_said_90_days_before_the_bank_holidays_end() {
        let last = *BANK_HOLIDAYS.last().unwrap();
        let at =
            |days: i32| last.saturating_sub(days.days()).at(12, 0, 0, 0).to_zoned(LONDON.clone()).unwrap().timestamp();
        assert_eq!(bank_holidays_ending(at(90)), None);
        assert_eq!(bank_holidays_ending(at(89)), Some(last));
        assert_eq!(bank_holidays_ending(at(-1)), Some(last));
    }

    const MINUTES_OF_A_DAY: i64 = 24 * 60;

    /// The same worked out the slow way: each minute of ten years is asked whether it is one of business, and those that are
    /// are counted. Days are reckoned and clocks are changed by the rule alone, without the library that is being tested.
    struct Oracle {
        /// In minutes of the epoch.
        minutes_of_business: Vec<i64>,
    }

    impl Oracle {
        const YEARS: std::ops::Range<i64> = 2018..2028;

        fn minutes() -> std::ops::Range<i64> {
            let first_minute_of = |year| days_since_epoch(year, 1, 1) * MINUTES_OF_A_DAY;
            first_minute_of(Self::YEARS.start)..first_minute_of(Self::YEARS.end)
        }

        fn new() -> Self {
            let holidays: Vec<i64> = BANK_HOLIDAYS
                .iter()
                .map(|day| days_since_epoch(day.year().into(), day.month().into(), day.day().into()))
                .collect();
            let summers: Vec<_> = Self::YEARS.map(summer_of).collect();
            let is_business = |minute: &i64| {
                let is_summer = summers.iter().any(|summer| summer.contains(minute));
                let local = minute + if is_summer { 60 } else { 0 };
                let (day, hour) = (local.div_euclid(MINUTES_OF_A_DAY), local.rem_euclid(MINUTES_OF_A_DAY) / 60);
                weekday(day) < 5 && (9..18).contains(&hour) && !holidays.contains(&day)
            };
            Self { minutes_of_business: Self::minutes().filter(is_business).collect() }
        }

        /// The end of the last of so many minutes of business from this minute on, if ten years hold it.
        fn due(&self, received_at_minute: i64, minutes: usize) -> Option<i64> {
            let from = self.minutes_of_business.partition_point(|minute| *minute < received_at_minute);
            self.minutes_of_business.get(from + minutes - 1).map(|last| last + 1)
        }
    }

    /// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
    fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// From Monday, 0: the epoch was a Thursday.
    fn weekday(day: i64) -> i64 {
        (day + 3).rem_euclid(7)
    }

    /// From the last Sunday of March to the last of October, each at 01:00 UTC.
    fn summer_of(year: i64) -> std::ops::Range<i64> {
        let last_sunday_of = |month| {
            let last_day = days_since_epoch(year, month, 31);
            (last_day - (weekday(last_day) + 1) % 7) * MINUTES_OF_A_DAY + 60
        };
        last_sunday_of(3)..last_sunday_of(10)
    }

    #[track_caller]
    fn check_against(oracle: &Oracle, minute: i64) {
        let received_at = Timestamp::from_second(minute * 60).unwrap();
        for (severity, minutes) in [(Severity::Sev2, 4 * 60), (Severity::Sev3, 9 * 60)] {
            let Some(due) = oracle.due(minute, minutes) else { continue };
            assert_eq!(
                FirstResponse::of(severity, received_at).due,
                Timestamp::from_second(due * 60).unwrap(),
                "{severity}, received at {received_at}"
            );
        }
    }

    #[test]
    fn ten_years_of_deadlines_are_what_counting_minutes_comes_to() {
        let oracle = Oracle::new();
        // 37 is prime to the minutes of an hour and of a day: each of them is met.
        let mut checked = 0;
        for minute in Oracle::minutes().step_by(37) {
            check_against(&oracle, minute);
            checked += 1;
        }
        // And every minute around where business begins and ends, and around midnight, of the days that are special.
        let edges = [
            (2026, 3, 29),
            (2026, 10, 25),
            (2026, 12, 24),
            (2026, 12, 28),
            (2027, 3, 26),
            (2027, 3, 29),
            (2022, 9, 19),
        ];
        for (year, month, day) in edges {
            let midnight = days_since_epoch(year, month, day) * MINUTES_OF_A_DAY;
            for minute in midnight - MINUTES_OF_A_DAY..midnight + 2 * MINUTES_OF_A_DAY {
                check_against(&oracle, minute);
                checked += 1;
            }
        }
        assert!(checked > 140_000, "{checked}");
    }
}
