//! Finds secrets in a text with the compiled rules. The build script compiles this module too: it checks each rule
//! with the examples of the rule.

mod automaton;
mod normal;
mod scan;
mod shapes;
mod tables;
mod token;
mod value;

pub(crate) use automaton::Automaton;
pub(crate) use scan::{Found, find, find_in_value, names_secret};
pub(crate) use tables::{
    Alphabet, Check, Connector, Find, Fold, Looks, Meaning, Name, Needle, Needles, Rule, Tables, Token,
};
