//! Secrets in options of command lines.

use super::user_info::is_password;
use crate::engine::normal::is_line_break;
use crate::engine::scan::Scan;
use crate::engine::value::is_placeholder;

/// The longest value of an option, in bytes.
const VALUE_BYTES: usize = 512;
/// Programs whose `-p` or `-P` takes a password.
const PROGRAMS: [&str; 6] = ["mysql", "mariadb", "sshpass", "sqlcmd", "az login", "mongo"];

impl Scan<'_> {
    /// `user:password` after `curl -u`, which ends at `option_end`. Other programs than `curl` have the option too.
    pub(in crate::engine) fn user_option(&mut self, option_end: usize) -> Option<(usize, usize)> {
        let (start, end) = self.value_of_option(option_end)?;
        let pair = &self.bytes[start..end];
        let colon = pair.iter().position(|byte| *byte == b':')?;
        let is_pair = colon > 0 && is_password(&pair[colon + 1..]) && !is_placeholder(pair);
        let is_numbers = pair.iter().all(|byte| byte.is_ascii_digit() || *byte == b':');
        let is_url = pair[colon..].starts_with(b"://");
        (is_pair && !is_numbers && !is_url && self.has_before(&["curl"], option_end)).then_some((start, end))
    }

    /// The password after `-p`, which ends at `option_end`.
    pub(in crate::engine) fn password_option(&mut self, option_end: usize) -> Option<(usize, usize)> {
        let (start, end) = self.value_of_option(option_end)?;
        let text = &self.bytes[start..end];
        let text = text.strip_suffix(b";").unwrap_or(text);
        let is_mixed = text.iter().any(u8::is_ascii_alphabetic) && !text.iter().all(u8::is_ascii_alphabetic);
        // To MySQL's programs, what follows a space is the name of a database.
        let is_apart = start > option_end && !matches!(self.bytes[start - 1], b'"' | b'\'');
        let is_value = is_mixed && !text.starts_with(b"-") && is_password(text);
        if is_apart && self.has_before(&["mysql", "mariadb"], option_end) {
            return None;
        }
        (is_value && self.has_before(&PROGRAMS, option_end)).then_some((start, end))
    }

    fn value_of_option(&self, option_end: usize) -> Option<(usize, usize)> {
        let from = self.end_of(option_end, |byte| matches!(byte, b' ' | b'='));
        let quote = self.bytes.get(from).copied().filter(|byte| matches!(byte, b'"' | b'\''));
        let start = if quote.is_some() { from + 1 } else { from };
        let limit = self.bytes.len().min(start + VALUE_BYTES);
        let ends = |byte: u8| is_line_break(byte) || quote.map_or(byte == b' ', |quote| byte == quote);
        let value = self.bytes.get(start..limit)?;
        let length = value.iter().position(|&byte| ends(byte)).unwrap_or(value.len());
        (length > 0).then_some((start, start + length))
    }
}
