//! What characters outside ASCII become in the normal form, from Unicode's data.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, WhiteSpace};
use icu_properties::{CodePointMapData, CodePointSetData};

use crate::engine::{Fold, Meaning};

/// Marks that word processors and phones write for plain ones. A long dash counts as three, so that it ends a token.
const MARKS: [(&str, &str); 8] = [
    ("“”„‟«»″〝〞〟❝❞「」『』", "\""),
    ("‘’‚‛‹›′❛❜", "'"),
    ("\u{2010}\u{2011}\u{2012}\u{2212}\u{fe58}\u{fe63}\u{2043}", "-"),
    ("\u{2013}\u{2014}\u{2015}\u{2e3a}", "---"),
    ("→⇒➔➜⟶", "->"),
    ("\u{2028}\u{2029}\u{85}", "\n"),
    ("∗", "*"),
    ("…", "..."),
];

/// The last of the letters that can be part of an unquoted password: Latin, Greek and Cyrillic ones. Texts in other
/// letters have no spaces between words.
const LAST_LETTER: u32 = 0x52F;

pub(crate) fn folds() -> Vec<Fold> {
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let mut folds: Vec<Fold> = Vec::new();
    for character in ('\u{80}'..=char::MAX).filter(|character| u32::from(*character) < 0xF_0000) {
        let Some(meaning) = meaning(character, &nfkc) else { continue };
        let code = u32::from(character);
        match folds.last_mut() {
            Some(last) if last.to + 1 == code && goes_on(last, meaning) => last.to = code,
            _ => folds.push(Fold { from: code, to: code, meaning }),
        }
    }
    folds
}

fn goes_on(last: &Fold, meaning: Meaning) -> bool {
    match (last.meaning, meaning) {
        (Meaning::Ascii(first), Meaning::Ascii(byte)) => u32::from(first) + last.to + 1 - last.from == u32::from(byte),
        (before, now) => before == now,
    }
}

fn meaning(character: char, nfkc: &ComposingNormalizerBorrowed<'static>) -> Option<Meaning> {
    if let Some((_, plain)) = MARKS.iter().find(|(marks, _)| marks.contains(character)) {
        return Some(of_text(plain));
    }
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    if CodePointSetData::new::<WhiteSpace>().contains(character) {
        return Some(Meaning::Ascii(b' '));
    }
    if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
        || matches!(category, GeneralCategory::Format | GeneralCategory::Control)
    {
        return Some(Meaning::Nothing);
    }
    let folded = nfkc.normalize(character.encode_utf8(&mut [0; 4])).into_owned();
    if folded.is_ascii() {
        return Some(of_text(&folded));
    }
    let is_letter = u32::from(character) <= LAST_LETTER && character.is_alphabetic();
    (is_letter || category == GeneralCategory::CurrencySymbol).then_some(Meaning::Letter)
}

fn of_text(text: &str) -> Meaning {
    match text.as_bytes() {
        [byte] if *byte != b'\n' => Meaning::Ascii(*byte),
        _ => Meaning::Text(text.to_owned().leak()),
    }
}
