//! Secrets in options of command lines.

use super::user_info::is_password;
use crate::engine::normal::{SOFT, is_line_break};
use crate::engine::scan::Scan;
use crate::engine::value::is_placeholder;

/// The longest value of an option, in bytes.
const VALUE_BYTES: usize = 512;
/// The most letters of options after one dash.
const MOST_OPTIONS: usize = 5;
/// Programs whose `-p` or `-P` takes a password.
const PROGRAMS: [&str; 6] = ["mysql", "mariadb", "sshpass", "sqlcmd", "az login", "mongo"];

impl Scan<'_> {
    /// `user:password` after the option `-u` of the command that begins with `curl`, which ends at `end`.
    pub(in crate::engine) fn curl(&mut self, end: usize) -> Option<(usize, usize)> {
        let mut at = end.max(self.curl_end);
        while at < self.bytes.len() {
            let is_next_line = self.bytes[at] == b'\n' && self.bytes.get(at + 1) != Some(&b'-');
            if is_next_line {
                break;
            }
            let option_end =
                matches!(self.bytes[at], b' ' | b'\n' | SOFT).then(|| self.end_of_user_option(at + 1)).flatten();
            if let Some(pair) = option_end.and_then(|end| self.user_and_password(end)) {
                self.curl_end = pair.1;
                return Some(pair);
            }
            at += 1;
        }
        self.curl_end = at;
        None
    }

    /// The end of `--user` or `-u`, which other letters of options may precede: `-sku`.
    fn end_of_user_option(&self, at: usize) -> Option<usize> {
        let long = ["--user", "--proxy-user"].into_iter().find(|option| self.starts(at, option));
        if long.is_some() || !self.starts(at, "-") {
            return long.map(|option| at + option.len());
        }
        let letters = &self.bytes[at + 1..self.bytes.len().min(at + 1 + MOST_OPTIONS)];
        let last = letters.iter().position(|byte| *byte == b'u')?;
        letters[..last].iter().all(u8::is_ascii_alphabetic).then_some(at + last + 2)
    }

    fn user_and_password(&self, option_end: usize) -> Option<(usize, usize)> {
        let (start, end) = self.value_of_option(option_end)?;
        let pair = &self.bytes[start..end];
        let colon = pair.iter().position(|byte| *byte == b':')?;
        let is_url = pair[colon..].starts_with(b"://");
        let is_pair = colon > 0 && !is_url && is_password(&pair[colon + 1..]) && !is_placeholder(pair);
        is_pair.then_some((start, end))
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
