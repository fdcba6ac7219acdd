//! `bank-holidays.toml` as a Rust table.

use std::fmt::Write;

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use crate::wrong::Wrong;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BankHolidays {
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "retrieved")]
    _retrieved: Datetime,
    days: Vec<Spanned<Datetime>>,
}

pub(crate) fn compile(text: &str) -> Result<String, Vec<Wrong>> {
    let BankHolidays { days, .. } = toml::from_str(text).map_err(|error| vec![Wrong::of_toml(text, &error)])?;
    let mut wrongs = Vec::new();
    let mut rust = format!("pub(super) static BANK_HOLIDAYS: [Date; {}] = [\n", days.len());
    let mut before = None;
    for day in &days {
        match day.get_ref() {
            Datetime { date: Some(date), time: None, offset: None } => {
                let now = (date.year, date.month, date.day);
                if before.replace(now).is_some_and(|before| before >= now) {
                    wrongs.push(Wrong::at(text, &day.span(), "the days must be in order, each once"));
                }
                let _ = writeln!(rust, "    date({}, {}, {}),", date.year, date.month, date.day);
            }
            _ => wrongs.push(Wrong::at(text, &day.span(), "a day must be a date")),
        }
    }
    if days.is_empty() {
        wrongs.push(Wrong::at(text, &(0..0), "there are no bank holidays"));
    }
    rust += "];\n";
    if wrongs.is_empty() { Ok(rust) } else { Err(wrongs) }
}
