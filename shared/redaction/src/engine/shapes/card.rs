//! Payment cards in a text.

use super::luhn::{FEWEST_DIGITS, MOST_DIGITS, is_card_number};
use crate::engine::normal::{SOFT, is_line_break};
use crate::engine::scan::Scan;

/// What a long dash becomes in the normal form.
const LONG_DASH: &str = "---";

/// A group of digits without a separator.
#[derive(Clone, Copy)]
struct Group {
    start: usize,
    end: usize,
}

impl Scan<'_> {
    /// A card number that begins in the digits and separators around `end`. It begins and ends with a group of digits.
    pub(in crate::engine) fn card(&mut self, end: usize) -> Option<(usize, usize)> {
        if end <= self.digits_end {
            return None;
        }
        let start = self.start_of_digits(end);
        let mut groups: Vec<Group> = Vec::new();
        let mut at = start.max(self.digits_end);
        let mut longest: Option<(usize, usize)> = None;
        // One more group at a time, so that only a bounded number of digits is looked at together.
        loop {
            let group_end = self.end_of(at, |byte| byte.is_ascii_digit());
            groups.push(Group { start: at, end: group_end });
            let found = (0..groups.len()).find_map(|first| self.card_of(&groups[first..]));
            // A longer number may begin with a valid shorter one.
            longest = found.filter(|found| longest.is_none_or(|longest| longest.0 == found.0)).or(longest);
            if let Some(found) = longest
                && (found.1 < group_end || self.next_group(group_end).is_none())
            {
                self.digits_end = found.1;
                return longest;
            }
            let most = groups.len().saturating_sub(MOST_DIGITS);
            groups.drain(..most);
            let Some(next) = self.next_group(group_end) else {
                self.digits_end = group_end;
                return None;
            };
            at = next;
        }
    }

    /// The groups, if together they are a card number.
    fn card_of(&self, groups: &[Group]) -> Option<(usize, usize)> {
        let (start, end) = (groups.first()?.start, groups.last()?.end);
        let count: usize = groups.iter().map(|group| group.end - group.start).sum();
        if !(FEWEST_DIGITS..=MOST_DIGITS).contains(&count) {
            return None;
        }
        let digits: Vec<u8> =
            self.bytes[start..end].iter().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0').collect();
        let joins = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let before = start.checked_sub(1).and_then(|at| self.bytes.get(at));
        let is_in_number = self.is_joined_by_point(start, groups) || joins(before) || joins(self.bytes.get(end));
        let breaks = self.bytes[start..end].iter().filter(|byte| is_line_break(**byte)).count();
        (!is_in_number && breaks <= 1 && self.is_grouped(groups) && is_card_number(&digits)).then_some((start, end))
    }

    /// Whether this is the fraction of a decimal number: `0.4111111111111111`.
    fn is_joined_by_point(&self, start: usize, groups: &[Group]) -> bool {
        let before = &self.bytes[..start];
        groups.len() == 1 && matches!(before, [.., b'0'..=b'9', b'.' | b',' | b'-'] | [.., b'.' | b'#'])
    }

    /// Figures in a table have separators too, but in groups of any length.
    fn is_grouped(&self, groups: &[Group]) -> bool {
        let lengths: Vec<usize> = groups.iter().map(|group| group.end - group.start).collect();
        let (first, last) = (lengths.first().copied().unwrap_or(0), lengths.last().copied().unwrap_or(0));
        let is_even = lengths[..lengths.len() - 1].iter().all(|length| *length == first) && last <= first;
        let has_break =
            self.bytes[groups[0].start..groups[groups.len() - 1].end].iter().any(|byte| is_line_break(*byte));
        lengths.len() == 1
            || is_even
            || lengths == [4, 6, 5]
            || lengths == [4, 6, 4]
            || lengths == [6, 10]
            || lengths == [6, 13]
            || lengths == [4, 5, 6]
            || lengths == [4, 3, 3, 3]
            || has_break && lengths.len() <= 6
    }

    /// The start of the digits and single separators before `end`. They may be long, so it looks back to the last
    /// place that was looked at.
    fn start_of_digits(&self, end: usize) -> usize {
        let mut start = end;
        while start > self.digits_end {
            let byte = self.bytes[start - 1];
            let is_separator = |byte: u8| matches!(byte, b' ' | b'.' | b'-' | b'+' | b'\n' | SOFT);
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
        let is_separator = matches!(separator, b' ' | b'.' | b'-' | b'+' | b'\n' | SOFT);
        let next = if self.starts(end, LONG_DASH) { end + LONG_DASH.len() } else { end + 1 };
        (is_separator && self.bytes.get(next).is_some_and(u8::is_ascii_digit)).then_some(next)
    }
}
