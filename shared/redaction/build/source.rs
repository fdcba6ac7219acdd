//! The tables as Rust source.

use std::fmt::Write;

use crate::engine::{Automaton, Find, Fold, Meaning, Needles, Tables};
use crate::rules::KindEntry;

/// `TABLES`.
pub(crate) fn of_tables(tables: &Tables) -> String {
    let rules: Vec<String> = tables
        .rules
        .iter()
        .map(|rule| format!("Rule {{ kind: {}, find: {} }}", rule.kind, of_find(&rule.find)))
        .collect();
    let rules = rules.join(",\n");
    let folds: String = tables.folds.iter().map(of_fold).collect();
    let connectors: Vec<String> =
        tables.connector_of.iter().map(|connector| format!("Connector::{connector:?}")).collect();
    let connectors = connectors.join(", ");
    format!(
        "pub(crate) static TABLES: Tables = Tables {{ places: {}, names: {}, rules: &[{rules}], connectors: {}, \
         connector_of: &[{connectors}], words: &{:?}, public: &{:?}, folds: &[{folds}] }};",
        of_needles(&tables.places),
        of_needles(&tables.names),
        of_automaton(&tables.connectors),
        tables.words,
        tables.public,
    )
}

fn of_needles(needles: &Needles) -> String {
    format!("Needles {{ automaton: {}, meanings: &{:?} }}", of_automaton(&needles.automaton), needles.meanings)
}

fn of_automaton(automaton: &Automaton) -> String {
    format!("{automaton:?}")
        .replace("classes: [", "classes: &[")
        .replace("next: [", "next: &[")
        .replace("matches: [", "matches: &[")
        .replace("patterns: [", "patterns: &[")
}

fn of_find(find: &Find) -> String {
    match find {
        Find::Token(token) => format!("Find::Token({token:?})").replace("lead: [", "lead: &["),
        Find::Name(name) => {
            format!("Find::Name({name:?})").replace("looks: ", "looks: Looks::").replace("beside: [", "beside: &[")
        }
        Find::Shape(check) => format!("Find::Shape(Check::{check:?})"),
    }
}

fn of_fold(fold: &Fold) -> String {
    let meaning = match fold.meaning {
        Meaning::Nothing => "Nothing".to_owned(),
        Meaning::Ascii(byte) => format!("Ascii({byte})"),
        Meaning::Text(text) => format!("Text({text:?})"),
        Meaning::Letter => "Letter".to_owned(),
    };
    format!("Fold {{ from: {}, to: {}, meaning: Meaning::{meaning} }},\n", fold.from, fold.to)
}

/// `Kind`, with a variant for each kind of the rules.
pub(crate) fn of_kinds(kinds: &[KindEntry]) -> String {
    let (mut variants, mut words) = (String::new(), String::new());
    for kind in kinds {
        let variant: String = kind.name.split('_').map(capitalised).collect();
        let _ = writeln!(variants, "/// {}.\n{variant},", kind.what);
        let _ = writeln!(words, "Self::{variant} => {:?},", kind.in_words);
    }
    format!(
        "/// A kind of secret.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
        #[strum(serialize_all = \"snake_case\")]
        pub enum Kind {{ {variants} }}
        impl Kind {{
            /// The kind for a sentence, in the singular.
            #[must_use]
            pub fn in_words(self) -> &'static str {{ match self {{ {words} }} }}
        }}"
    )
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}
