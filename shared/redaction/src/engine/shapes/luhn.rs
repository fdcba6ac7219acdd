//! Numbers of payment cards (ISO/IEC 7812).

pub(crate) const FEWEST_DIGITS: usize = 13;
pub(crate) const MOST_DIGITS: usize = 19;

/// Issuers: the range of the first six digits, and the lengths of their numbers.
const ISSUERS: [(u32, u32, &[usize]); 19] = [
    // Visa
    (400_000, 499_999, &[13, 16, 19]),
    // Mastercard
    (510_000, 559_999, &[16]),
    (222_100, 272_099, &[16]),
    // American Express
    (340_000, 349_999, &[15]),
    (370_000, 379_999, &[15]),
    // Discover
    (601_100, 601_199, &[16, 17, 18, 19]),
    (644_000, 659_999, &[16, 17, 18, 19]),
    // JCB
    (352_800, 358_999, &[16, 17, 18, 19]),
    // Diners Club
    (300_000, 305_999, &[14, 15, 16, 17, 18, 19]),
    (309_500, 309_599, &[14, 15, 16, 17, 18, 19]),
    (360_000, 369_999, &[14, 15, 16, 17, 18, 19]),
    (380_000, 399_999, &[14, 15, 16, 17, 18, 19]),
    // UnionPay
    (620_000, 629_999, &[16, 17, 18, 19]),
    (810_000, 817_199, &[16, 17, 18, 19]),
    // Maestro
    (500_000, 509_999, &[13, 14, 15, 16, 17, 18, 19]),
    (560_000, 589_999, &[13, 14, 15, 16, 17, 18, 19]),
    (600_000, 619_999, &[13, 14, 15, 16, 17, 18, 19]),
    (630_000, 639_999, &[13, 14, 15, 16, 17, 18, 19]),
    (670_000, 679_999, &[13, 14, 15, 16, 17, 18, 19]),
];

/// Whether the numbers of some issuer begin with this digit, as ASCII.
pub(super) fn begins_card_number(digit: u8) -> bool {
    matches!(digit, b'2'..=b'6' | b'8')
}

/// Whether digits are a card number: of a known issuer, in a length of theirs, with a valid check digit.
pub(super) fn is_card_number(digits: &[u8]) -> bool {
    let Some(first) = digits.get(..6) else { return false };
    let first = first.iter().fold(0, |number, digit| number * 10 + u32::from(*digit));
    let is_of =
        |(from, to, lengths): &(u32, u32, &[usize])| (*from..=*to).contains(&first) && lengths.contains(&digits.len());
    ISSUERS.iter().any(is_of) && is_valid(digits)
}

/// The Luhn sum: every second digit from the right counts twice, with its digits added.
fn is_valid(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit < 5 { digit * 2 } else { digit * 2 - 9 };
    let value = |(index, digit): (usize, &u8)| u32::from(if index % 2 == 1 { doubled(*digit) } else { *digit });
    digits.iter().rev().enumerate().map(value).sum::<u32>().is_multiple_of(10)
}
