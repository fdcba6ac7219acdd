//! Text of the sender's in the text part, where nothing but the start of a line tells their words from ours.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How far a line is filled, in columns: what the narrow end of mail programs shows without breaking it themselves.
const LINE_COLUMNS: usize = 72;
/// Starts what goes on from the line above, where the sender broke no line.
const CONTINUATION: &str = ": ";
/// Joins the parts of one emoji.
const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// One line of the sender's after `mark`, as lines that all start with a mark, the last without a line feed.
///
/// Left to a mail program, a long line would go on at the margin, where whoever counts columns could make it look like one
/// of ours. It is broken after white space, no-break spaces included, and where a word is longer than a line, within the word;
/// nothing is taken away, so the line can be put together again to the letter. (The HTML part shows it whole.)
pub(super) fn quoted(mark: &str, line: &str) -> String {
    let mut lines = Lines { text: mark.to_owned(), columns: mark.width() };
    for (place, word) in line.split_inclusive(char::is_whitespace).enumerate() {
        if place > 0 && lines.columns + word.width() > LINE_COLUMNS {
            lines.go_on();
        }
        lines.push(word);
    }
    lines.text
}

struct Lines {
    text: String,
    /// How far the last line is filled.
    columns: usize,
}

impl Lines {
    fn go_on(&mut self) {
        self.text.push('\n');
        self.text.push_str(CONTINUATION);
        self.columns = CONTINUATION.width();
    }

    /// Adds a word, and breaks it where it must be, but not between a character and what is drawn onto it.
    fn push(&mut self, word: &str) {
        let mut previous = None;
        for character in word.chars() {
            // White space of no width of its own, such as a tab, takes a column at least.
            let columns = character.width().unwrap_or(1);
            if columns > 0 && self.columns + columns > LINE_COLUMNS && previous != Some(ZERO_WIDTH_JOINER) {
                self.go_on();
            }
            self.text.push(character);
            self.columns += columns;
            previous = Some(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_line_stands_after_its_mark() {
        assert_eq!(quoted("| ", "Jordan Example"), "| Jordan Example");
        assert_eq!(quoted("| ", ""), "| ");
        let full = "x ".repeat(35);
        assert_eq!(quoted("| ", &full), format!("| {full}"));
        assert_eq!(quoted("| ", &format!("{full}x ")), format!("| {full}\n: x "));
    }

    #[test]
    fn a_word_longer_than_a_line_goes_on_after_a_mark() {
        let (line, rest) = ("x".repeat(70), "x".repeat(60));
        assert_eq!(
            quoted("| ", &format!("see {line}{line}{rest} there")),
            format!("| see \n: {line}\n: {line}\n: {rest} there")
        );
    }

    #[test]
    fn no_kind_of_word_reaches_the_margin() {
        for word in ["x-", "東", "é", "👩\u{200d}👩\u{200d}👧", "e\u{301}", "ช\u{e35}\u{e48}"] {
            let quoted = quoted("| ", &word.repeat(100));
            assert!(quoted.lines().all(|line| line.width() <= LINE_COLUMNS), "{quoted}");
            assert!(
                quoted.lines().count() > 1 && quoted.lines().skip(1).all(|line| line.starts_with(": ")),
                "{quoted}"
            );
        }
    }

    #[test]
    fn no_kind_of_space_pushes_text_to_the_margin() {
        for space in [' ', '\t', '\u{a0}', '\u{2003}', '\u{202f}', '\u{3000}'] {
            let line = format!("x{}Enquiry:{space}enq_9F3K2P", String::from(space).repeat(200));
            assert!(quoted("| ", &line).lines().all(|line| line.width() <= LINE_COLUMNS), "{space:?}");
        }
    }

    proptest! {
        #[test]
        fn a_line_is_put_together_again_to_the_letter(line in "[^\r\n\u{85}\u{2028}\u{2029}]*", words in "([a-z]{1,9} {1,3}){0,60}") {
            for line in [line, words] {
                let quoted = quoted("| ", &line);
                let joined: String = quoted.split('\n').map(|line| &line[2..]).collect();
                prop_assert_eq!(joined, line);
            }
        }
    }
}
