//! The enquirer's text in the text part, where only the start of a line shows whether the enquirer or we wrote it.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How far a line is filled, in columns: narrow mail programs show this much without wrapping it themselves.
const LINE_COLUMNS: usize = 72;
/// The longest line that a mail may have, in bytes without its end (RFC 5322, 2.1.1).
const LINE_BYTES: usize = 998;
/// Starts a line that continues the line above, where the enquirer did not break it.
const CONTINUATION: &str = ": ";
/// Joins the parts of one emoji.
const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// One line that the enquirer wrote, after `mark`, as lines that all start with a mark, the last without a line feed.
///
/// A mail program would wrap a long line at the margin, and somebody who counts columns could make the rest look like one of
/// our lines. So we break it: after white space, including no-break spaces, and within a word that is longer than a line.
/// Nothing is removed, so the line can be put together again exactly. (The HTML part shows it whole.)
///
/// A URL stays in one piece, because mail programs would open only a part of it. If it is too long for the rest of a line, it
/// starts a new one. It must be visible ASCII: no space, and nothing that looks like one. No line is longer than
/// [`LINE_BYTES`], whether by a URL or by accents on a letter.
pub(super) fn quoted(mark: &str, line: &str) -> String {
    let mut lines = Lines { text: mark.to_owned(), columns: mark.width(), bytes: mark.len() };
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
    /// How long the last line is.
    bytes: usize,
}

impl Lines {
    fn go_on(&mut self) {
        self.text.push('\n');
        self.text.push_str(CONTINUATION);
        self.columns = CONTINUATION.width();
        self.bytes = CONTINUATION.len();
    }

    /// Adds a word, and breaks it where it must be, but not between a character and what is drawn onto it.
    fn push(&mut self, word: &str) {
        if is_url(word) && self.bytes + word.len() <= LINE_BYTES {
            self.text.push_str(word);
            self.columns += word.width();
            self.bytes += word.len();
            return;
        }
        let mut previous = None;
        for character in word.chars() {
            // White space of no width of its own, such as a tab, takes a column at least.
            let columns = character.width().unwrap_or(1);
            let is_full = columns > 0 && self.columns + columns > LINE_COLUMNS && previous != Some(ZERO_WIDTH_JOINER);
            if is_full || self.bytes + character.len_utf8() > LINE_BYTES {
                self.go_on();
            }
            self.text.push(character);
            self.columns += columns;
            self.bytes += character.len_utf8();
            previous = Some(character);
        }
    }
}

/// Whether a word, with the white space after it, holds a URL.
fn is_url(word: &str) -> bool {
    let word = word.trim_end();
    word.contains("://") && word.bytes().all(|byte| byte.is_ascii_graphic())
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
    fn a_url_stays_in_one_piece_on_a_line_of_its_own() {
        let url = format!("https://example.com/a?token={}", "x-".repeat(400));
        assert_eq!(quoted("| ", &url), format!("| {url}"));
        assert_eq!(quoted("| ", &format!("See {url} there")), format!("| See \n: {url} \n: there"));
        assert_eq!(quoted("| ", &format!("({url}) ({url})")), format!("| ({url}) \n: ({url})"));
        assert_eq!(quoted("| ", "See https://example.com there"), "| See https://example.com there");
    }

    #[test]
    fn a_url_that_is_longer_than_a_line_may_be_is_broken_like_a_word() {
        let url = |bytes: usize| format!("https://example.com/{}", "x".repeat(bytes - "https://example.com/".len()));
        assert_eq!(quoted("| ", &url(996)), format!("| {}", url(996)));
        for url in [url(997), url(16_000), format!("https://example.com/{}", "東".repeat(100))] {
            let quoted = quoted("| ", &url);
            assert!(quoted.lines().all(|line| line.width() <= LINE_COLUMNS), "{quoted}");
        }
    }

    #[test]
    fn no_line_is_longer_than_a_mail_may_have() {
        for word in ["e\u{301}\u{301}\u{301}", "👩\u{200d}", "\u{301}", "https://example.com/a ", "https://e/"] {
            for text in [word.repeat(3_000), format!("x{}", word.repeat(3_000))] {
                let quoted = quoted("[60] ", &text);
                assert!(quoted.lines().all(|line| line.len() <= LINE_BYTES), "{quoted}");
                assert!(quoted.lines().skip(1).all(|line| line.starts_with(": ")), "{quoted}");
            }
        }
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
        fn a_line_is_put_together_again_to_the_letter(line in "[^\r\n\u{85}\u{2028}\u{2029}]*", words in "([a-z]{1,9} {1,3}){0,60}", urls in "([a-z]{1,5} |https?://[!-~]{1,90} ?){0,20}") {
            for line in [line, words, urls] {
                let quoted = quoted("| ", &line);
                prop_assert!(quoted.split('\n').all(|line| line.len() <= LINE_BYTES));
                let joined: String = quoted.split('\n').map(|line| &line[2..]).collect();
                prop_assert_eq!(joined, line);
            }
        }
    }
}
