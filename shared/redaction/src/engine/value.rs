//! Values that a name introduces: `client_secret=…`, `"password": "…"`, `my PIN is …`.

mod apart;
mod extent;
mod looks;

use super::normal::{LETTER, is_line_break};
use super::scan::{Evidence, Found, NamesSecret, Scan};
use super::shapes::luhn;
use super::tables::{Connector, Find, Looks, Name, Needle};
use super::token::DIGITS;
pub(super) use looks::is_placeholder;

/// How many bytes of a value decide whether it is a secret.
const DECIDING_BYTES: usize = 128;
/// How much of a value to look at first, in bytes.
const VALUE_AHEAD_BYTES: usize = 72;

/// A range that could be a secret because of its context.
#[derive(Clone, Copy)]
struct Value {
    start: usize,
    end: usize,
    quote: Option<u8>,
    certainty: Certainty,
}

/// How surely a value follows a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Certainty {
    /// A space.
    Loose,
    /// ` is `, the end of a line: only a value that looks like a secret counts.
    Prose,
    /// `:`, or an assignment with spaces around it.
    Marked,
    /// `=`, or quotation marks.
    Assigned,
}

impl Scan<'_> {
    /// The value of a name that ends at `name_end`.
    pub(super) fn named(&mut self, name_end: usize, name: Name) -> Option<(usize, usize)> {
        let is_beside = name.beside.is_empty() || self.has_before(name.beside, self.bytes.len());
        if name_end <= self.values_end || !is_beside || name.looks == Looks::Card || self.is_in_mark(name_end) {
            return None;
        }
        let connector = self.connector(name_end).filter(|_| !name.is_parameter || self.is_parameter_name(name_end));
        let after = connector.and_then(|(end, connector)| {
            self.near(end, VALUE_AHEAD_BYTES, |scan| {
                let value = scan.value_behind(name_end, end, connector, name.looks)?;
                scan.is_secret(value, name).then(|| scan.secret_part(value, name)).flatten()
            })
        });
        if let Some((_, end)) = after {
            self.values_end = self.values_end.max(end);
            return after;
        }
        let value = self.value_before(name_end, name).or_else(|| self.value_in_column(name_end, name))?;
        self.secret_part(value, name)
    }

    /// Whether the needle that ends at `name_end` stands for a name, and is not the end of another word.
    pub(super) fn is_named(&self, name_end: usize, needle: Needle) -> bool {
        let Find::Name(Name { is_word: true, .. }) = self.tables.rules[usize::from(needle.rule)].find else {
            return true;
        };
        let mut left = needle.characters;
        let mut start = name_end;
        while left > 0 && start > 0 {
            start -= 1;
            left -= u8::from(!b"_-. \n\x0B".contains(&self.bytes[start]));
        }
        match self.bytes[..start].last() {
            Some(b'a'..=b'z') => self.bytes[start].is_ascii_uppercase(),
            Some(before) => !before.is_ascii_alphabetic(),
            None => true,
        }
    }

    /// The secret in a text that a name introduces.
    pub(super) fn value_of(&mut self, introduced: NamesSecret) {
        let NamesSecret { kind, name, is_identifier } = introduced;
        let trimmed = self.end_of(0, |byte| matches!(byte, b' ' | b'\n' | b'"' | b'\'' | b'`'));
        let end = self.without_trailing(trimmed, self.bytes.len(), b" \n\"'`");
        let is_one_word = !self.bytes[trimmed..end].iter().any(|byte| matches!(byte, b' ' | b'\n'));
        let certainty = if is_one_word && is_identifier { Certainty::Assigned } else { Certainty::Marked };
        let mut at = trimmed;
        while at < end {
            let word_end = if name.looks == Looks::Card {
                end
            } else {
                self.end_of(at, |byte| !matches!(byte, b' ' | b'\n')).min(end)
            };
            let start = self.end_of(at, |byte| b"([<{\"'`".contains(&byte)).min(word_end);
            let stop = if is_one_word { word_end } else { self.without_trailing(start, word_end, b")]>}.,;:!?\"'`") };
            let quote = Some(b'"').filter(|_| name.looks != Looks::Password || is_one_word);
            let value = Value { start, end: stop, quote, certainty };
            if self.is_secret(value, name)
                && let Some((start, end)) = self.secret_part(value, name)
            {
                self.found.push(Found { start, end, kind, evidence: Evidence::Name });
            }
            at = self.end_of(word_end, |byte| matches!(byte, b' ' | b'\n'));
        }
    }

    /// Whether this is the mark of an earlier redaction, whose kind names no value.
    fn is_in_mark(&self, name_end: usize) -> bool {
        let start = self.start_of(name_end, 40, |byte| byte.is_ascii_lowercase() || byte == b'_');
        self.bytes[..start].ends_with(b"[REDACTED:")
    }

    /// Whether the name that ends here is that of a parameter of a URL.
    fn is_parameter_name(&self, name_end: usize) -> bool {
        let start = self.start_of(name_end, 64, |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        matches!(self.bytes[..start].last(), Some(b'&' | b'?'))
    }

    fn value_behind(&self, name_end: usize, from: usize, connector: Connector, looks: Looks) -> Option<Value> {
        let between = &self.bytes[name_end..from];
        let name_start = self.start_of(name_end, 64, |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        let before = self.bytes[..name_start].last().copied();
        let is_cookie = matches!(looks, Looks::Cookie | Looks::SetCookie);
        let is_quoted_name = before.is_some_and(is_quote);
        let is_header = matches!(connector, Connector::Colon | Connector::Argument | Connector::Element)
            || connector == Connector::Assignment && is_quoted_name;
        if connector == Connector::Element && !self.is_element(name_end) || is_cookie && !is_header {
            return None;
        }
        let is_option = connector == Connector::Space && self.bytes[name_start..name_end].starts_with(b"-");
        let last = between.last().copied().filter(|byte| is_quote(*byte) && connector != Connector::Element);
        let next = self.bytes.get(from).copied().filter(|byte| is_quote(*byte));
        let (start, quote) = match (last, next) {
            (Some(quote), _) => (from, Some(quote)),
            // In `"Password: "`, the mark closes the prompt.
            (None, Some(quote)) if Some(quote) == before && !between.contains(&quote) => return None,
            (None, Some(quote)) => (from + 1, Some(quote)),
            (None, None) => (from, None),
        };
        let start = if quote.is_some() { self.end_of(start, |byte| byte == b' ') } else { start };
        let is_tight = !between.contains(&b' ') || quote.is_some();
        let has_mark = between.iter().any(|byte| matches!(byte, b':' | b'=')) || quote.is_some();
        let certainty = match connector {
            Connector::Assignment | Connector::Element if is_tight => Certainty::Assigned,
            Connector::Assignment | Connector::Colon | Connector::Element if quote.is_some() => Certainty::Assigned,
            Connector::Space if is_option => Certainty::Assigned,
            Connector::Argument if quote.is_some() && memchr::memmem::find(between, b"value").is_some() => {
                Certainty::Assigned
            }
            Connector::Assignment | Connector::Colon | Connector::Element | Connector::Argument => Certainty::Marked,
            Connector::Prose if has_mark => Certainty::Marked,
            Connector::Prose | Connector::Heading => Certainty::Prose,
            Connector::Space => Certainty::Loose,
        };
        let end = match quote {
            _ if is_cookie => {
                let quote = quote.or(before.filter(|byte| is_quote(*byte)));
                let ends = |byte: u8| {
                    is_line_break(byte)
                        || byte == b'<'
                        || Some(byte) == quote
                        || looks == Looks::SetCookie && byte == b';'
                };
                self.end_of(start, |byte| !ends(byte))
            }
            Some(quote) => self.end_of_quoted(start, quote),
            None if connector == Connector::Element => self.end_of(start, |byte| !matches!(byte, b'<' | b'\n')),
            None => self.end_of_unquoted(start, certainty),
        };
        let end = self.without_trailing(start.min(end), end, b" ");
        let is_next_key = self.is_key(end, quote);
        let is_cut = end == self.bytes.len() && end < self.normal.bytes.len();
        let is_element = connector != Connector::Element || is_cut || self.starts(end, "</");
        let may_be_name = connector >= Connector::Prose || between.contains(&b'\n');
        let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let is_empty_assignment =
            self.bytes[start..end].strip_suffix(b"=").is_some_and(|name| name.iter().all(is_of_name));
        let is_sign = quote.is_none() && self.bytes.get(start) == Some(&b'=');
        let is_name =
            is_sign || may_be_name && (matches!(self.bytes.get(end), Some(b':' | b'=')) || is_empty_assignment);
        (start < end && !is_next_key && is_element && !is_name).then_some(Value { start, end, quote, certainty })
    }

    /// Whether a quoted text that ends here is the key of another value.
    fn is_key(&self, end: usize, quote: Option<u8>) -> bool {
        let marks = self.end_of(end, |byte| byte == b' ' || Some(byte) == quote);
        quote.is_some() && self.bytes.get(marks) == Some(&b':')
    }

    /// Whether an element's name, or its attribute `name` or `key`, ends here.
    fn is_element(&self, name_end: usize) -> bool {
        let start = self.start_of(name_end, 64, |byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte));
        let before = self.bytes[start.saturating_sub(8)..start].to_ascii_lowercase();
        let is_quoted = self.bytes.get(name_end).is_some_and(|byte| is_quote(*byte));
        if is_quoted {
            ["name=\"", "name='", "key=\"", "key='"].iter().any(|attribute| before.ends_with(attribute.as_bytes()))
        } else {
            before.ends_with(b"<")
        }
    }

    /// The part of a value that is the secret.
    fn secret_part(&self, value: Value, name: Name) -> Option<(usize, usize)> {
        match name.looks {
            Looks::Digits => self.digits(value, name),
            Looks::Card => self.digits_of_card(value),
            _ => Some((value.start, value.end)),
        }
    }

    /// As many digits as the name asks for, and no more.
    fn digits(&self, value: Value, name: Name) -> Option<(usize, usize)> {
        let is_digit = |byte: u8| byte.is_ascii_digit();
        let end = self.extent(value.start, DIGITS, 0, name.most).end;
        let count = self.plain(value.start, end).len();
        let after = &self.bytes[end..];
        let goes_on = match after {
            [b'.' | b',' | b'/' | b'-' | b':' | b'%', next, ..] => is_digit(*next) || after[0] == b'%',
            [next, ..] => next.is_ascii_alphanumeric() || *next == b'%' || *next == LETTER,
            [] => false,
        };
        let is_year =
            value.certainty <= Certainty::Prose && count == 4 && self.starts(value.start, "20") && name.most > 4;
        ((name.least as usize..=name.most as usize).contains(&count) && !goes_on && !is_year)
            .then_some((value.start, end))
    }

    /// The digits of a field for card numbers, even with a wrong check digit.
    fn digits_of_card(&self, value: Value) -> Option<(usize, usize)> {
        let end = self.end_of(value.start, |byte| byte.is_ascii_digit() || b" .-\n".contains(&byte));
        let end = self.without_trailing(value.start, end, b" .-\n");
        let digits = self.bytes[value.start..end].iter().filter(|byte| byte.is_ascii_digit()).count();
        let is_number = (luhn::FEWEST_DIGITS..=luhn::MOST_DIGITS).contains(&digits);
        is_number.then_some((value.start, end))
    }
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}
