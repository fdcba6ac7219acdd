//! Where a value ends.

use super::{Certainty, DECIDING_BYTES};
use crate::engine::normal::{OTHER, SOFT, is_line_break};
use crate::engine::scan::Scan;

impl Scan<'_> {
    /// The end of a quoted text: before the closing mark. A mail program may have broken the line.
    pub(super) fn end_of_quoted(&self, from: usize, quote: u8) -> usize {
        let ends = |byte: u8| byte == quote || is_line_break(byte);
        let mut end = self.end_of(from, |byte| !ends(byte));
        // YAML and CSV double a mark within a value.
        while end > from
            && self.bytes[end..].starts_with(&[quote, quote])
            && self.bytes.get(end + 2).is_some_and(u8::is_ascii_alphanumeric)
        {
            end = self.end_of(end + 2, |byte| !ends(byte));
        }
        // An escaped mark belongs to the value if the opening mark is not escaped.
        if !self.normal.is_escaped(from - 1) {
            let mut at = end;
            while self.bytes.get(at) == Some(&quote) && self.normal.is_escaped(at) {
                at = self.end_of(at + 1, |byte| !ends(byte));
            }
            if self.bytes.get(at) == Some(&quote) {
                end = at;
            }
        }
        while self.bytes.get(end).is_some_and(|&byte| is_line_break(byte)) {
            let next_end = self.end_of(end + 1, |byte| !ends(byte) && byte != b' ');
            let is_closed = self.bytes.get(next_end) == Some(&quote);
            let before = self.start_of(end, DECIDING_BYTES, |byte| byte != b' ' && byte != quote);
            let is_rest = is_closed && before <= from && !self.is_key(next_end, Some(quote))
                || self.goes_on(end, end + 1, next_end);
            if !is_rest || next_end == end + 1 {
                break;
            }
            end = next_end;
        }
        end
    }

    /// The end of an unquoted value, without the punctuation of a sentence.
    pub(super) fn end_of_unquoted(&self, from: usize, certainty: Certainty) -> usize {
        let run_end = |from: usize| {
            // Connection strings put values with a semicolon into braces.
            let braces = self
                .starts(from, "{")
                .then(|| self.end_of(from, |byte| byte != b'}' && byte != b' ' && !is_line_break(byte)));
            let mut end = braces.filter(|end| self.bytes.get(*end) == Some(&b'}')).unwrap_or(from);
            while let Some(&byte) = self.bytes.get(end) {
                let next = self.bytes.get(end + 1).copied().unwrap_or(b' ');
                let ends = match byte {
                    b' ' | b'\n' | SOFT | b'"' | b'`' | OTHER | b'<' | b';' => true,
                    b'>' => matches!(next, b' ' | b'\n'),
                    b'\'' => !next.is_ascii_alphanumeric(),
                    b'&' | b'?' => self.is_parameter(end + 1),
                    b'#' => next == b'/',
                    b',' => {
                        !next.is_ascii_alphanumeric() || certainty < Certainty::Marked || self.is_parameter(end + 1)
                    }
                    b'|' => certainty < Certainty::Assigned || next == b' ',
                    _ => false,
                };
                if ends {
                    break;
                }
                end += 1;
            }
            end
        };
        let mut end = run_end(from);
        while self.bytes.get(end).is_some_and(|&byte| is_line_break(byte)) {
            let next_end = run_end(end + 1);
            if next_end == end + 1 || end == from || !self.goes_on(end, end + 1, next_end) {
                break;
            }
            end = next_end;
        }
        let unbalanced = |close: u8, open: u8| {
            let count = |wanted| memchr::memchr_iter(wanted, &self.bytes[from..end]).count();
            count(close) > count(open)
        };
        let trailing: &[u8] = if certainty == Certainty::Assigned { b".,:?'" } else { b".,:?*_'" };
        let mut trimmed = self.without_trailing(from, end, trailing);
        while trimmed > from
            && match self.bytes[trimmed - 1] {
                b')' => unbalanced(b')', b'('),
                b']' => unbalanced(b']', b'['),
                b'}' => unbalanced(b'}', b'{'),
                _ => false,
            }
        {
            trimmed = self.without_trailing(from, trimmed - 1, trailing);
        }
        trimmed
    }

    fn goes_on(&self, line_break: usize, start: usize, end: usize) -> bool {
        let is_soft = self.bytes[line_break] == SOFT;
        let end = self.without_trailing(start, end, b".,:;?!)");
        self.continues(start, end.max(start), |_| false, is_soft, false)
    }

    /// Whether another parameter starts here: `name=`.
    fn is_parameter(&self, at: usize) -> bool {
        const NAME_BYTES: usize = 40;
        let limit = self.bytes.len().min(at + NAME_BYTES);
        let name =
            self.bytes[at..limit].iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.[]".contains(byte));
        let end = at + name.count();
        end > at && matches!(self.bytes.get(end), Some(b'=' | b':'))
    }
}
