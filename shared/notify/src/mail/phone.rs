//! Phone numbers that a reader can tap.

use std::ops::RangeInclusive;

/// How many digits a phone number has: E.164 allows 15, and a local number without its area code has 7.
const DIGITS: RangeInclusive<usize> = 7..=15;
/// The longest number with its spaces and brackets, in bytes.
const MAX_BYTES: usize = 40;

/// Whether a field is for a phone number, by its name: one of its words is `phone`, `telephone`, `tel` or `mobile`, with or
/// without `number` behind it, as in `phone`, `mobile-number`, `contact_phone` and `phoneNumber`.
pub(super) fn is_phone_field(name: &str) -> bool {
    let mut words = String::with_capacity(name.len());
    let mut is_after_lowercase = false;
    for character in name.chars() {
        if is_after_lowercase && character.is_ascii_uppercase() {
            words.push(' ');
        }
        is_after_lowercase = character.is_ascii_lowercase();
        words.push(if character.is_alphanumeric() { character.to_ascii_lowercase() } else { ' ' });
    }
    words
        .split(' ')
        .any(|word| matches!(word.strip_suffix("number").unwrap_or(word), "phone" | "telephone" | "tel" | "mobile"))
}

/// The target of a link that calls this number, such as `tel:+442079460000`: digits, with a plus sign if the number has one.
/// `None` if the text is anything but one phone number.
pub(super) fn tel_link(text: &str) -> Option<String> {
    let number = text.trim_matches(' ');
    if !is_number(number) {
        return None;
    }
    // "+44 (0)20 …" is dialled without the zero in brackets, which is for callers inside the country.
    let dialled = if number.contains('+') { number.replacen("(0)", "", 1) } else { number.to_owned() };
    let is_dialled = |character: &char| *character == '+' || character.is_ascii_digit();
    Some(format!("tel:{}", dialled.chars().filter(is_dialled).collect::<String>()))
}

/// Whether the text is one phone number and nothing else.
pub(super) fn is_number(text: &str) -> bool {
    let may_start = text.starts_with(|first: char| matches!(first, '+' | '(') || first.is_ascii_digit());
    may_start
        && text.len() <= MAX_BYTES
        && text.chars().all(is_part_of_number)
        && DIGITS.contains(&digits(text))
        && text.rfind('+').is_none_or(|plus| digits(&text[..plus]) == 0)
        && text.matches('+').count() <= 1
}

/// The longest start of the text that may be a phone number. Reads no more than a phone number can have.
pub(super) fn number_at_start(text: &str) -> &str {
    let may_go_on = |&(place, character): &(usize, char)| place < MAX_BYTES && is_part_of_number(character);
    let end = text.char_indices().take_while(may_go_on).last();
    end.map_or("", |(place, character)| &text[..place + character.len_utf8()])
}

/// Whether a phone number may contain this character: a digit, its plus sign, or what people group digits with.
pub(super) fn is_part_of_number(character: char) -> bool {
    character.is_ascii_digit() || matches!(character, '+' | ' ' | '\u{a0}' | '(' | ')' | '-' | '.')
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(tel_link(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_field_is_for_a_phone_number_if_a_word_of_its_name_says_so() {
        for name in [
            "phone",
            "Phone",
            "PHONE",
            "telephone",
            "tel",
            "mobile",
            "phone_number",
            "phonenumber",
            "phoneNumber",
            "mobileNumber",
            "contact-phone",
            "work phone (optional)",
            "home.tel",
            "customer[mobile]",
        ] {
            assert!(is_phone_field(name), "{name}");
        }
        for name in [
            "",
            "name",
            "message",
            "number",
            "account_number",
            "iban",
            "sort_code",
            "reference",
            "microphone",
            "telegram",
            "telex",
            "automobile",
            "immobile",
            "hotel",
            "phon",
            "phonetic",
        ] {
            assert!(!is_phone_field(name), "{name}");
        }
    }

    #[test]
    fn a_number_is_dialled_by_its_digits_however_it_is_grouped() {
        for (text, link) in [
            ("020 7946 0000", "tel:02079460000"),
            ("(020) 7946 0000", "tel:02079460000"),
            ("07700900123", "tel:07700900123"),
            (" 07700\u{a0}900\u{a0}123 ", "tel:07700900123"),
            ("+44 7700 900123", "tel:+447700900123"),
            ("+447700900123", "tel:+447700900123"),
            ("(+44) 7700 900123", "tel:+447700900123"),
            ("00 44 7700 900123", "tel:00447700900123"),
            ("+1 (212) 555-0123", "tel:+12125550123"),
            ("212.555.0123", "tel:2125550123"),
            ("+49 30 901820", "tel:+4930901820"),
            ("555 0123", "tel:5550123"),
            ("+123456789012345", "tel:+123456789012345"),
        ] {
            check(text, Some(link));
        }
    }

    #[test]
    fn a_zero_in_brackets_is_not_dialled_after_a_country_code() {
        check("+44 (0)20 7946 0000", Some("tel:+442079460000"));
        check("+44(0) 7700 900123", Some("tel:+447700900123"));
        check("(0)20 7946 0000", Some("tel:02079460000"));
    }

    #[test]
    fn what_is_not_one_phone_number_is_no_link() {
        for text in [
            "",
            " ",
            "yes",
            "999",
            "116 123",
            "1234567890123456",
            "+1234567890123456",
            "020 7946 0000 ext. 12",
            "020 7946 0000 / 07700 900123",
            "020 7946 0000, 07700 900123",
            "020 7946 0000\n07700 900123",
            "020\t7946\t0000",
            "tel:02079460000",
            "call 02079460000",
            "02079460000;ext=1",
            "02079460000,,1#",
            "*#06#",
            "**21*02079460000#",
            "++447700900123",
            "44+7700900123",
            "-02079460000",
            ".02079460000",
            "1e9999999",
            "javascript:alert(1234567)",
            "\"><a href=tel:02079460000>",
            "GB29 NWBK 6016 1331 9268 19",
            "[REDACTED:card_number …1111]",
            "٠٢٠٧٩٤٦٠٠٠٠",
            "０２０７９４６００００",
            "02079460000\u{202c}",
            "0207946000\u{301}0",
        ] {
            check(text, None);
        }
        check(&format!("020 7946 0000{}0", " ".repeat(40)), None);
    }

    proptest! {
        #[test]
        fn a_link_holds_digits_and_at_most_one_plus(text in "[0-9+ ()\u{a0}.-]{0,44}", other: String) {
            for link in [text, other].iter().filter_map(|text| tel_link(text)) {
                let digits = link.strip_prefix("tel:").unwrap();
                let digits = digits.strip_prefix('+').unwrap_or(digits);
                prop_assert!(digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.len() <= 15, "{}", link);
            }
        }
    }
}
