//! Values that do not follow their name: they stand before it, or below it in a table.

use super::{Certainty, Value, is_quote};
use crate::engine::normal::is_line_break;
use crate::engine::scan::Scan;
use crate::engine::tables::Name;

/// The furthest that a value may stand before its name, in bytes: `{"value":"…","key":"client_secret"}`.
const VALUE_BEFORE_WITHIN: usize = 200;

impl Scan<'_> {
    /// The value in `{"value":"…","key":"client_secret"}` or `<input value="…" name="client_secret">`.
    pub(super) fn value_before(&self, name_end: usize, name: Name) -> Option<Value> {
        const KEYS: [&str; 5] = ["key", "name", "field", "id", "label"];
        let name_start = self.start_of(name_end, 64, |byte| byte.is_ascii_alphanumeric() || b"_-. ".contains(&byte));
        let marks = self.start_of(name_start, 8, |byte| matches!(byte, b'"' | b'\'' | b':' | b'=' | b' '));
        let key = self.start_of(marks, 8, |byte| byte.is_ascii_alphabetic());
        let is_key = KEYS.iter().any(|word| self.bytes[key..marks].eq_ignore_ascii_case(word.as_bytes()));
        if !is_key || !self.bytes[marks..name_start].iter().any(|byte| matches!(byte, b':' | b'=')) {
            return None;
        }
        let from = self.start_of(key, VALUE_BEFORE_WITHIN, |byte| !matches!(byte, b'{' | b'}' | b'<'));
        let before = &self.bytes[from..key];
        let word = memchr::memmem::rfind(before, b"value")? + b"value".len();
        let start =
            from + word + before[word..].iter().position(|byte| !matches!(byte, b'"' | b'\'' | b':' | b'=' | b' '))?;
        let between = &self.bytes[from + word..start];
        if !between.iter().any(|byte| matches!(byte, b':' | b'=')) {
            return None;
        }
        let quote = between.last().copied().filter(|byte| is_quote(*byte));
        let end = match quote {
            Some(quote) => self.end_of_quoted(start, quote),
            None => self.end_of_unquoted(start, Certainty::Assigned),
        };
        let value = Value { start, end, quote, certainty: Certainty::Assigned };
        (end < key && start < end && start >= self.values_end && self.is_secret(value, name)).then_some(value)
    }

    /// The value below a name that heads the column of a table: in CSV, Markdown or `INSERT INTO`.
    pub(super) fn value_in_column(&mut self, name_end: usize, name: Name) -> Option<Value> {
        const LINE_BYTES: usize = 256;
        const MOST_ROWS: usize = 3;
        const MOST_MARKS: usize = 4;
        let is_mark = |byte: u8| matches!(byte, b' ' | b'"' | b'\'' | b'`' | b'*');
        let after = self.bytes[name_end..].iter().take(MOST_MARKS).copied().find(|&byte| !is_mark(byte));
        if self.columns_end >= name_end || !matches!(after, None | Some(b',' | b';' | b'|' | b'\n' | b')')) {
            return None;
        }
        let line = self.start_of(name_end, LINE_BYTES, |byte| !is_line_break(byte) && byte != b'(');
        let name_start =
            self.start_of(name_end, LINE_BYTES, |byte| byte.is_ascii_alphanumeric() || b"_- ".contains(&byte));
        let before = self.bytes[line..name_start.max(line)].iter().rev().copied().find(|&byte| !is_mark(byte));
        let is_separator = |byte: &u8| matches!(byte, b',' | b';' | b'|');
        let separator = after.filter(is_separator).or(before.filter(is_separator))?;
        let ends = matches!(after, None | Some(b'\n' | b')')) || after == Some(separator);
        let starts = before.is_none() || before == Some(separator);
        if !ends || !starts {
            return None;
        }
        let limit = self.bytes.len().min(name_end + LINE_BYTES);
        self.columns_end = limit;
        let line_end =
            name_end + self.bytes[name_end..limit].iter().position(|&byte| is_line_break(byte) || byte == b')')?;
        let count = |text: &[u8]| memchr::memchr_iter(separator, text).count();
        let (column, columns) = (count(&self.bytes[line..name_start.max(line)]), count(&self.bytes[line..line_end]));
        let mut row = line_end + 1;
        if self.bytes[line_end] == b')' {
            let open = self.bytes[row..self.bytes.len().min(row + 16)].iter().position(|byte| *byte == b'(')?;
            row += open + 1;
        }
        self.columns_end = line_end;
        for _ in 0..MOST_ROWS {
            let limit = self.bytes.len().min(row + LINE_BYTES);
            let cells = self.bytes.get(row..limit)?;
            let row_end =
                row + cells.iter().position(|&byte| is_line_break(byte) || byte == b')').unwrap_or(cells.len());
            if count(&self.bytes[row..row_end]) != columns || columns == 0 {
                return None;
            }
            let mut separators = (row..row_end).filter(|&at| self.bytes[at] == separator);
            let start = if column == 0 { row } else { separators.nth(column - 1)? + 1 };
            let end = separators.next().unwrap_or(row_end);
            let start = self.end_of(start, is_mark).min(end);
            let end = self.without_trailing(start, end, b" \"'`*");
            let value = Value { start, end, quote: Some(b'"'), certainty: Certainty::Marked };
            if start < end && self.is_secret(value, name) && self.secret_part(value, name).is_some() {
                // A row is no head of another table.
                self.columns_end = row_end;
                return Some(value);
            }
            row = row_end + 1;
        }
        None
    }
}
