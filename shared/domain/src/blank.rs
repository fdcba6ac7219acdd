//! Detects blank answers (contract, Blank is absent).

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;

/// Whether a text has only white space and invisible characters (Unicode, `White_Space` and
/// `Default_Ignorable_Code_Point`). Web pages send such texts for empty fields.
pub(crate) fn is_blank(text: &str) -> bool {
    let invisible = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    text.chars().all(|character| character.is_whitespace() || invisible.contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_invisible_characters_are_blank() {
        for blank in [
            "",
            " ",
            "\t\r\n\u{b}\u{c}",
            "\u{85}\u{a0}\u{1680}\u{2003}\u{2028}\u{2029}\u{202f}\u{3000}",
            "\u{ad}\u{34f}\u{61c}",
            "\u{115f}\u{1160}\u{3164}\u{ffa0}",
            "\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}",
            "\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{feff}",
            "\u{180e}\u{fe0f}\u{e0001}\u{e01ef}",
            " \u{200b} \u{feff}\n",
        ] {
            assert!(is_blank(blank), "{blank:?}");
        }
    }

    #[test]
    fn whatever_is_seen_is_not_blank() {
        for text in ["x", " x ", "\u{200b}.\u{200b}", "0", "é", "東", "👍", "\u{2800}", "\0", "\u{7f}", "\u{fffd}"]
        {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
