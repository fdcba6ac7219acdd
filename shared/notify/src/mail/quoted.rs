//! Text of the sender's in the text part, where nothing but the start of a line tells their words from ours.

/// How far a line is filled, in characters: what the narrow end of mail programs shows without breaking it themselves.
const LINE_CHARACTERS: usize = 72;
/// Starts what goes on from the line above, where the sender broke no line.
const CONTINUATION: &str = ": ";

/// One line of the sender's after `mark`, as lines that all start with a mark, the last without a line feed.
///
/// Left to a mail program, a long line would go on at the margin, where whoever counts columns could make it look like one
/// of ours. It is broken after white space alone, no-break spaces included, and the white space stays: a word, an address
/// or a number can be copied in one piece, and the line can be put together again to the letter.
pub(super) fn quoted(mark: &str, line: &str) -> String {
    let mut quoted = mark.to_owned();
    let mut filled = mark.chars().count();
    let mut empty = true;
    for word in line.split_inclusive(char::is_whitespace) {
        let characters = word.chars().count();
        if !empty && filled + characters > LINE_CHARACTERS {
            quoted.push('\n');
            quoted.push_str(CONTINUATION);
            filled = CONTINUATION.len();
        }
        quoted.push_str(word);
        filled += characters;
        empty = false;
    }
    quoted
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
    fn a_long_word_stays_in_one_piece() {
        let word = "x".repeat(200);
        assert_eq!(quoted("| ", &format!("see {word} there")), format!("| see \n: {word} \n: there"));
        assert_eq!(quoted("| ", &word), format!("| {word}"));
    }

    #[test]
    fn no_kind_of_space_pushes_text_to_the_margin() {
        for space in [' ', '\t', '\u{a0}', '\u{2003}', '\u{202f}', '\u{3000}'] {
            let line = format!("x{}Enquiry:{space}enq_9F3K2P", String::from(space).repeat(200));
            assert!(quoted("| ", &line).lines().all(|line| line.chars().count() <= LINE_CHARACTERS), "{space:?}");
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
