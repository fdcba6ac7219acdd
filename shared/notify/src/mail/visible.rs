//! The enquirer's text, with every character visible.

use super::phone::{is_number, is_part_of_number, number_at_start};

/// How many digits must stand before a mark that ends a phone number.
const NUMBER_DIGITS: usize = 7;
/// The most marks that phones put on one side of a number.
const MARKS: usize = 3;

/// How a character shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is drawn, or is a space of some width.
    Drawn,
    /// It chooses among the shapes of the character before it.
    Selector,
    /// It says whether its neighbours are joined: families of emoji and many scripts need it.
    Joiner,
    /// It is not drawn, or reorders what is.
    Hidden,
}

/// The text with each character that hides or reorders written as its code, such as `[U+202E]`. Characters that emoji and
/// scripts need stay. A line feed is written as its code too: split the text into lines first.
///
/// A selector stays only after a drawn character, and a joiner only after either. A run of them could carry a hidden message.
///
/// The direction marks that phones put around a number, when somebody copies it from their contacts, are left out. Without
/// them, the digits are shown in the order in which they were sent.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = Kind::Hidden;
    // How many digits the number has that `shown` ends with.
    let mut digits = 0;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let is_after_number = digits >= NUMBER_DIGITS && shown.ends_with(|last: char| last.is_ascii_digit());
        let marks = if is_after_number { marks_after_number(rest) } else { marks_before_number(rest) };
        if marks > 0 {
            before = Kind::Hidden;
            rest = &rest[marks..];
            continue;
        }
        digits = if is_part_of_number(character) { digits + usize::from(character.is_ascii_digit()) } else { 0 };
        let flag = subdivision_flag(rest);
        let unit = flag.unwrap_or(&rest[..character.len_utf8()]);
        let kind = match (kind(character), before) {
            (Kind::Selector, Kind::Selector | Kind::Joiner | Kind::Hidden)
            | (Kind::Joiner, Kind::Joiner | Kind::Hidden) => Kind::Hidden,
            (kind, _) => kind,
        };
        if kind == Kind::Hidden {
            shown.push_str(&code(character));
        } else {
            shown.push_str(unit);
        }
        before = kind;
        rest = &rest[unit.len()..];
    }
    shown
}

fn code(character: char) -> String {
    format!("[U+{:04X}]", u32::from(character))
}

fn kind(character: char) -> Kind {
    match character {
        // Text pasted from a table has tabs, and they are seen as space.
        '\t' => Kind::Drawn,
        '\u{200c}' | '\u{200d}' => Kind::Joiner,
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => Kind::Selector,
        control if control.is_control() => Kind::Hidden,
        // What is left of Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties.txt), which all bidi controls are in;
        // and the separators of lines and paragraphs, U+2028 and U+2029, and the marks of annotations, U+FFF9 to U+FFFB;
        // and U+2800, which looks like a space and is none.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Kind::Hidden,
        _ => Kind::Drawn,
    }
}

/// The length in bytes of the marks at the start of `text` if a phone number follows them, and then the marks that close them
/// or the end of the line. Otherwise 0: they would reorder more than a number. Reads only as far as a phone number can go.
fn marks_before_number(text: &str) -> usize {
    let marks = length_of_marks(
        text,
        |mark| matches!(mark, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202b}' | '\u{202d}'..='\u{202e}' | '\u{2066}'..='\u{2068}'),
    );
    if marks == 0 {
        return 0;
    }
    let number = number_at_start(&text[marks..]);
    let after = &text[marks + number.len()..];
    let number = if after.is_empty() { number.trim_end_matches(' ') } else { number };
    let is_closed = after.is_empty() || marks_after_number(after) > 0;
    let is_whole = number.ends_with(|last: char| last.is_ascii_digit()) && is_number(number);
    if is_closed && is_whole { marks } else { 0 }
}

/// The length in bytes of the marks at the start of `text`, after a phone number, if they end there; 0 if a word goes on.
fn marks_after_number(text: &str) -> usize {
    let marks = length_of_marks(text, |mark| matches!(mark, '\u{200e}'..='\u{200f}' | '\u{202c}' | '\u{2069}'));
    let goes_on = |next: char| next.is_alphanumeric() || kind(next) != Kind::Drawn;
    if text[marks..].starts_with(goes_on) { 0 } else { marks }
}

fn length_of_marks(text: &str, is_mark: impl Fn(char) -> bool) -> usize {
    text.chars().take(MARKS).take_while(|&character| is_mark(character)).map(char::len_utf8).sum()
}

/// The flag of a part of a country that `text` starts with, such as Scotland's: a black flag, the part's code of 3 to 6
/// tag letters or digits, and the tag that ends it. Anywhere else a tag is text that nobody sees.
fn subdivision_flag(text: &str) -> Option<&str> {
    let is_code = |tag: char| matches!(tag, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
    let tags = text.strip_prefix('\u{1f3f4}')?;
    let end = tags.trim_start_matches(is_code);
    let code_tags = (tags.len() - end.len()) / '\u{e0061}'.len_utf8();
    let after = end.strip_prefix('\u{e007f}')?;
    (3..=6).contains(&code_tags).then(|| &text[..text.len() - after.len()])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(visible(text), expected);
    }

    #[track_caller]
    fn check_kept(text: &str) {
        check(text, text);
    }

    #[test]
    fn control_characters_are_written_as_their_codes_and_tabs_are_kept() {
        check("a\0b\u{7}\u{1b}[31m", "a[U+0000]b[U+0007][U+001B][31m");
        check("a\rb\nc\u{b}\u{c}\u{7f}\u{85}\u{9f}", "a[U+000D]b[U+000A]c[U+000B][U+000C][U+007F][U+0085][U+009F]");
        check_kept("sort\tcode\t20-00-00");
    }

    #[test]
    fn what_reorders_is_written_as_its_code() {
        check("\u{61c}\u{200e}\u{200f}", "[U+061C][U+200E][U+200F]");
        check("\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}", "[U+202A][U+202B][U+202C][U+202D][U+202E]");
        check("\u{2066}\u{2067}\u{2068}\u{2069}", "[U+2066][U+2067][U+2068][U+2069]");
    }

    #[test]
    fn what_hides_is_written_as_its_code() {
        check("pay\u{200b}pal \u{2060}\u{feff}\u{ad}", "pay[U+200B]pal [U+2060][U+FEFF][U+00AD]");
        check("a\u{2028}b\u{2029}c", "a[U+2028]b[U+2029]c");
        check("\u{3164}\u{115f}\u{ffa0}\u{34f}\u{180e}", "[U+3164][U+115F][U+FFA0][U+034F][U+180E]");
        check("\u{fff9}a\u{fffa}b\u{fffb}", "[U+FFF9]a[U+FFFA]b[U+FFFB]");
        check("hi\u{e0068}\u{e0069}\u{e0001}", "hi[U+E0068][U+E0069][U+E0001]");
    }

    #[test]
    fn emoji_and_scripts_keep_what_they_are_made_of() {
        check_kept(
            "👨\u{200d}👩\u{200d}👧\u{200d}👦 👩🏽\u{200d}🚀 ❤\u{fe0f}\u{200d}🔥 🏳\u{fe0f}\u{200d}🌈 1\u{fe0f}\u{20e3} 🇬🇧",
        );
        check_kept(
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}🏴\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
        );
        check_kept("می\u{200c}خواهم, क\u{94d}\u{200d}ष, 葛\u{e0100}城, שלום");
        check_kept("e\u{301} £1\u{a0}000 “quoted” [U+202E]");
    }

    #[test]
    fn a_run_of_selectors_or_joiners_carries_no_hidden_message() {
        check("☺\u{fe0f}\u{fe0e}\u{e0101}\u{fe0f}", "☺\u{fe0f}[U+FE0E][U+E0101][U+FE0F]");
        check("a\u{200d}\u{200c}\u{200d}b", "a\u{200d}[U+200C][U+200D]b");
        check("a\u{200d}\u{fe0f}\u{200d}\u{fe0f}b", "a\u{200d}[U+FE0F][U+200D][U+FE0F]b");
        check("\u{200d}\u{fe0f}a", "[U+200D][U+FE0F]a");
    }

    #[test]
    fn tags_stay_only_in_a_flag_that_is_whole() {
        let tags = |letters: usize| "\u{e0061}".repeat(letters);
        let codes = |letters: usize| "[U+E0061]".repeat(letters);
        check_kept(&format!("🏴{}\u{e007f}", tags(3)));
        check_kept(&format!("🏴{}\u{e007f}", tags(6)));
        check(&format!("🏴{}\u{e007f}", tags(2)), &format!("🏴{}[U+E007F]", codes(2)));
        check(&format!("🏴{}\u{e007f}", tags(7)), &format!("🏴{}[U+E007F]", codes(7)));
        check(&format!("🏴{}", tags(5)), &format!("🏴{}", codes(5)));
        check(&format!("🏁{}\u{e007f}", tags(5)), &format!("🏁{}[U+E007F]", codes(5)));
    }

    #[test]
    fn the_marks_that_phones_put_around_a_number_are_not_shown() {
        for (before, after) in [
            ("\u{202a}", "\u{202c}"),
            ("\u{202d}", "\u{202c}"),
            ("\u{2066}", "\u{2069}"),
            ("\u{2068}", "\u{2069}"),
            ("\u{200e}", "\u{200e}"),
            ("\u{200e}\u{202a}", "\u{202c}\u{200e}"),
            ("", "\u{202c}"),
            ("", "\u{200f}"),
            ("\u{202b}", "\u{202c}"),
            ("\u{202e}", "\u{202c}"),
        ] {
            for number in ["+44 7700 900123", "(020) 7946 0000", "07700900123", "+1 (212) 555-0123"] {
                check(&format!("{before}{number}{after}"), number);
                check(&format!("Call {before}{number}{after}, please"), &format!("Call {number}, please"));
                check(&format!("({before}{number}{after})"), &format!("({number})"));
            }
        }
        check("\u{202a}07700 900123", "07700 900123");
        check("\u{202a}07700 900123\u{202c} or \u{202d}020 7946 0000\u{202c}", "07700 900123 or 020 7946 0000");
    }

    #[test]
    fn marks_that_are_not_around_a_phone_number_are_written_as_their_codes() {
        check("\u{202a}12.50\u{202c}", "[U+202A]12.50[U+202C]");
        check("\u{202e}fdp.12345678\u{202c}", "[U+202E]fdp.12345678");
        check("12345678\u{202e}fdp.exe", "12345678[U+202E]fdp.exe");
        check("\u{202e}12345678 fdp.exe", "[U+202E]12345678 fdp.exe");
        check("\u{202e}12345678fdp\u{202c}", "[U+202E]12345678fdp[U+202C]");
        check("12345678\u{202c}fdp", "12345678[U+202C]fdp");
        check("1234\u{202d}5678\u{202c}", "1234[U+202D]5678[U+202C]");
        check("\u{200b}07700900123\u{200b}", "[U+200B]07700900123[U+200B]");
        check("\u{feff}07700900123\u{61c}", "[U+FEFF]07700900123[U+061C]");
        check("\u{202a}\u{202a}\u{202a}\u{202a}07700900123", "[U+202A]07700900123");
        check("07700900123\u{202c}\u{202e}x", "07700900123[U+202C][U+202E]x");
        check("\u{202a}12345678901234567\u{202c}", "[U+202A]12345678901234567");
    }

    proptest! {
        #[test]
        fn numbers_among_marks_keep_each_character_that_is_drawn(text in "[0-9+ x\u{200e}\u{202a}\u{202c}\u{202e}\u{2068}\u{2069}\u{fe0f}]{0,60}") {
            let shown = visible(&text);
            prop_assert_eq!(&visible(&shown), &shown);
            let drawn = |text: &str| text.chars().filter(|&character| kind(character) == Kind::Drawn).collect::<String>();
            let mut left = shown.chars();
            prop_assert!(drawn(&text).chars().all(|character| left.any(|other| other == character)), "{}", shown);
            prop_assert!(shown.chars().all(|character| kind(character) != Kind::Hidden), "{}", shown);
        }

        #[test]
        fn what_is_drawn_is_kept_and_a_second_pass_changes_nothing(text: String, characters: Vec<char>) {
            for text in [text, characters.into_iter().collect()] {
                let shown = visible(&text);
                prop_assert_eq!(&visible(&shown), &shown);
                let drawn = |text: &str| text.chars().filter(|&character| kind(character) == Kind::Drawn).count();
                prop_assert!(drawn(&shown) >= drawn(&text));
            }
        }
    }
}
