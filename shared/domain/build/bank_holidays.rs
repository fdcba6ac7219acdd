//! Writes `bank-holidays.toml` as a Rust table.

use std::fmt::Write;

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use crate::build_error::BuildError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BankHolidays {
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "retrieved")]
    _retrieved: Datetime,
    days: Vec<Spanned<Datetime>>,
}

pub(crate) fn compile(text: &str) -> Result<String, Vec<BuildError>> {
    let BankHolidays { days, .. } = toml::from_str(text).map_err(|error| vec![BuildError::from_toml(text, &error)])?;
    let mut errors = Vec::new();
    let mut rust = format!("pub(super) static BANK_HOLIDAYS: [Date; {}] = [\n", days.len());
    let mut before = None;
    for day in &days {
        match day.get_ref() {
            Datetime { date: Some(date), time: None, offset: None } => {
                let now = (date.year, date.month, date.day);
                if before.replace(now).is_some_and(|before| before >= now) {
                    errors.push(BuildError::at(text, &day.span(), "the days must be in order, each once"));
                }
                let _ = writeln!(rust, "    date({}, {}, {}),", date.year, date.month, date.day);
            }
            _ => errors.push(BuildError::at(text, &day.span(), "a day must be a date")),
        }
    }
    if days.is_empty() {
        errors.push(BuildError::at(text, &(0..0), "there are no bank holidays"));
    }
    rust += "];\n";
    if errors.is_empty() { Ok(rust) } else { Err(errors) }
}
