//! Payment cards in a text.

use super::luhn::{FEWEST_DIGITS, MOST_DIGITS, begins_card_number, is_card_number};
use crate::engine::normal::is_line_break;
use crate::engine::scan::{Evidence, Found, Scan};

/// Separators of several characters. A long dash is three in the normal form.
const WIDE_SEPARATORS: [&str; 5] = ["---", " - ", "   ", "  ", "-\n"];

/// A group of digits without a separator.
#[derive(Clone, Copy)]
struct Group {
    start: usize,
    end: usize,
}

/// The longest word that may be written together with a number, in letters.
const LONGEST_WORD: usize = 12;

/// Whether letters are a word, and not hexadecimal digits or the beginning of an IBAN. No letters are one, too.
fn is_word(letters: &[u8]) -> bool {
    letters.is_empty()
        || letters.len() >= 3
            && letters[1..].iter().all(u8::is_ascii_lowercase)
            && !letters.iter().all(u8::is_ascii_hexdigit)
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'.' | b'-' | b'+') || is_line_break(byte)
}

impl Group {
    fn len(self) -> usize {
        self.end - self.start
    }
}

impl Scan<'_> {
    /// Takes the card numbers in the digits and separators around `end`. Each begins and ends with a group of digits.
    pub(in crate::engine) fn cards(&mut self, end: usize, kind: u8) {
        if end <= self.digits_end {
            return;
        }
        let mut groups: Vec<Group> = Vec::new();
        let mut next = Some(self.start_of_digits(end).max(self.digits_end));
        while let Some(start) = next {
            let end = self.end_of(start, |byte| byte.is_ascii_digit());
            groups.push(Group { start, end });
            next = self.next_group(end);
        }
        self.digits_end = groups.last().map_or(end, |last| last.end);
        let mut first = 0;
        while first < groups.len() {
            let Some(count) = self.card_of(&groups, first) else {
                first += 1;
                continue;
            };
            let (start, end) = (groups[first].start, groups[first + count - 1].end);
            self.found.push(Found { start, end, kind, evidence: Evidence::OwnShape });
            first += count;
        }
    }

    /// How many groups from the first one on are a card number together. A longer one may begin with a shorter one.
    fn card_of(&self, groups: &[Group], first: usize) -> Option<usize> {
        // Figures and single digits come in rows, but a card number fills its row.
        let is_in_row = |one: usize, other: usize| {
            groups.get(other).is_some_and(|other| other.len() <= 2 && other.len() == groups[one].len())
        };
        let start = groups[first].start;
        if first > 0 && is_in_row(first, first - 1)
            || !begins_card_number(self.bytes[start])
            || self.joins_before(start)
        {
            return None;
        }
        let (mut digits, mut longest) = (Vec::with_capacity(MOST_DIGITS), None);
        for (last, group) in groups.iter().enumerate().skip(first) {
            if digits.len() + group.len() > MOST_DIGITS {
                break;
            }
            digits.extend(self.bytes[group.start..group.end].iter().map(|byte| byte - b'0'));
            let groups = &groups[first..=last];
            let goes_on = groups[0].len() <= 2 && is_in_row(last, last + 1);
            let is_whole = digits.len() >= FEWEST_DIGITS && !goes_on;
            if is_whole
                && !self.joins_after(group.end)
                && !self.is_joined_by_point(start, groups)
                && self.is_grouped(groups)
                && is_card_number(&digits)
            {
                longest = Some(groups.len());
            }
        }
        longest
    }

    /// Whether letters before the number make it part of something else, such as a hash or an IBAN. A word does not.
    fn joins_before(&self, start: usize) -> bool {
        let word = self.start_of(start, LONGEST_WORD, |byte| byte.is_ascii_alphabetic());
        let before = self.bytes[..word].last();
        let is_track = self.bytes[..start].ends_with(b"%B");
        let joins = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        joins || !is_track && !is_word(&self.bytes[word..start])
    }

    fn joins_after(&self, end: usize) -> bool {
        let letters = self.bytes[end..].iter().take(LONGEST_WORD).take_while(|byte| byte.is_ascii_alphabetic()).count();
        self.bytes.get(end) == Some(&b'_') || !is_word(&self.bytes[end..end + letters])
    }

    /// Whether this is the fraction of a decimal number: `0.4111111111111111`.
    fn is_joined_by_point(&self, start: usize, groups: &[Group]) -> bool {
        let before = &self.bytes[..start];
        groups.len() == 1 && matches!(before, [.., b'0'..=b'9', b'.' | b',' | b'-'] | [.., b'#'])
    }

    /// Figures in a table have separators too, but in groups of any length.
    fn is_grouped(&self, groups: &[Group]) -> bool {
        const LAYOUTS: [&[usize]; 6] = [&[4, 6, 5], &[4, 6, 4], &[4, 5, 6], &[6, 10], &[6, 13], &[4, 3, 3, 3]];
        const MOST_TORN_GROUPS: usize = 6;
        let (first, last) = (groups[0], groups[groups.len() - 1]);
        let breaks = self.bytes[first.start..last.end].iter().filter(|byte| is_line_break(**byte)).count();
        let is_even = groups[..groups.len() - 1].iter().all(|group| group.len() == first.len());
        let is_usual = is_even && (groups.len() == 1 || last.len() <= first.len())
            || LAYOUTS.iter().any(|layout| groups.iter().map(|group| group.len()).eq(layout.iter().copied()));
        match breaks {
            0 => is_usual,
            1 => groups.len() <= MOST_TORN_GROUPS,
            _ => false,
        }
    }

    /// The start of the digits and single separators before `end`. They may be long, so it looks back to the last
    /// place that was looked at.
    fn start_of_digits(&self, end: usize) -> usize {
        let mut start = end;
        while start > self.digits_end {
            let byte = self.bytes[start - 1];
            let joins =
                byte.is_ascii_digit() || is_separator(byte) && start >= 2 && self.bytes[start - 2].is_ascii_digit();
            if !joins {
                break;
            }
            start -= 1;
        }
        start
    }

    fn next_group(&self, end: usize) -> Option<usize> {
        let separator = *self.bytes.get(end)?;
        let wide = WIDE_SEPARATORS.iter().find(|wide| self.starts(end, wide));
        let next = end + wide.map_or(1, |wide| wide.len());
        (is_separator(separator) && self.bytes.get(next).is_some_and(u8::is_ascii_digit)).then_some(next)
    }
}
