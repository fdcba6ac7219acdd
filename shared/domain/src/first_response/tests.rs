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
    // Both nights on which London's clocks change. An hour is still an hour.
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
    // Christmas 2026 is on a Friday. Boxing Day is on a Saturday, so Monday is the substitute day.
    check(Severity::Sev3, "2026-12-24T12:00:00Z", "2026-12-29T12:00:00Z");
    check(Severity::Sev2, "2026-12-24T17:00:00Z", "2026-12-29T12:00:00Z");
    // Easter 2026, just after the clocks change: Good Friday is 3 April, Easter Monday is 6 April.
    check(Severity::Sev3, "2026-04-02T12:00:00Z", "2026-04-07T12:00:00Z");
    // New Year's Day.
    check(Severity::Sev2, "2026-12-31T17:30:00Z", "2027-01-04T12:30:00Z");
    // Holidays only in Scotland or Northern Ireland are business days here.
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
    // The first weekday New Year's Day after the last known bank holiday.
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
    let at = |days: i32| last.saturating_sub(days.days()).at(12, 0, 0, 0).to_zoned(LONDON.clone()).unwrap().timestamp();
    assert_eq!(bank_holidays_ending(at(90)), None);
    assert_eq!(bank_holidays_ending(at(89)), Some(last));
    assert_eq!(bank_holidays_ending(at(-1)), Some(last));
}

const MINUTES_OF_A_DAY: i64 = 24 * 60;

/// Calculates due times the slow way: lists every business minute of ten years, and counts. It uses only the rules for
/// dates and clock changes, without the library under test.
struct Oracle {
    /// Minutes since the epoch.
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

    /// The end of the last of this many business minutes from this minute on, if it is within the ten years.
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

/// Monday is 0. The epoch was a Thursday.
fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

/// From the last Sunday of March to the last Sunday of October, each at 01:00 UTC.
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
    // 37 is coprime to the minutes in an hour and in a day, so every minute of both is tested.
    let mut checked = 0;
    for minute in Oracle::minutes().step_by(37) {
        check_against(&oracle, minute);
        checked += 1;
    }
    // On special days, test every minute around opening time, closing time and midnight.
    let edges =
        [(2026, 3, 29), (2026, 10, 25), (2026, 12, 24), (2026, 12, 28), (2027, 3, 26), (2027, 3, 29), (2022, 9, 19)];
    for (year, month, day) in edges {
        let midnight = days_since_epoch(year, month, day) * MINUTES_OF_A_DAY;
        for minute in midnight - MINUTES_OF_A_DAY..midnight + 2 * MINUTES_OF_A_DAY {
            check_against(&oracle, minute);
            checked += 1;
        }
    }
    assert!(checked > 140_000, "{checked}");
}
