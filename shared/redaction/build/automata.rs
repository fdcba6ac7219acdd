//! From patterns to a table of states.

use std::collections::HashMap;

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::alphabet::Unit;
use regex_automata::util::primitives::StateID;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, HirKind, Repetition};

use crate::engine::Automaton;

/// The states that 16 bits can number, less some room.
const MOST_STATES: usize = 60_000;
/// Stops a pattern that needs too many states before it takes minutes.
const MOST_BYTES: usize = 256 << 20;

/// Parses a pattern over the bytes of the normal form.
pub(crate) fn parse(pattern: &str) -> Result<Hir, String> {
    let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
    parser.parse(pattern).map_err(|error| error.to_string())
}

/// The length of all matches, if they have the same.
pub(crate) fn length(pattern: &Hir) -> Option<usize> {
    let properties = pattern.properties();
    properties.minimum_len().filter(|least| properties.maximum_len() == Some(*least))
}

/// The pattern with an optional line break between any two characters: a mail program may have torn it.
pub(crate) fn torn(pattern: &Hir) -> Hir {
    let parts: Vec<Hir> = match pattern.kind() {
        HirKind::Literal(literal) => literal.0.iter().map(|byte| Hir::literal([*byte])).collect(),
        HirKind::Concat(parts) => parts.iter().map(torn).collect(),
        HirKind::Alternation(parts) => return Hir::alternation(parts.iter().map(torn).collect()),
        HirKind::Capture(capture) => return torn(&capture.sub),
        HirKind::Repetition(Repetition { min, max, sub, .. }) if *max == Some(*min) => {
            (0..*min).map(|_| torn(sub)).collect()
        }
        _ => return pattern.clone(),
    };
    let mut interleaved: Vec<Hir> = Vec::new();
    for part in parts {
        if !interleaved.is_empty() {
            interleaved.push(optional_line_break());
        }
        interleaved.push(part);
    }
    Hir::concat(interleaved)
}

fn optional_line_break() -> Hir {
    let range = |byte| ClassBytesRange::new(byte, byte);
    let class = ClassBytes::new([range(b'\n'), range(0x0B)]);
    let sub = Box::new(Hir::class(Class::Bytes(class)));
    Hir::repetition(Repetition { min: 0, max: Some(1), greedy: true, sub })
}

/// An automaton that finds all matches of all patterns. If it is anchored, they start where it starts.
pub(crate) fn compile(patterns: &[Hir], is_anchored: bool) -> Result<Automaton, String> {
    let anchored = if is_anchored { Anchored::Yes } else { Anchored::No };
    let start_kind = if is_anchored { StartKind::Anchored } else { StartKind::Unanchored };
    let nfa = thompson::Compiler::new()
        .configure(thompson::Config::new().utf8(false))
        .build_many_from_hir(patterns)
        .map_err(|error| error.to_string())?;
    let config = dense::Config::new()
        .match_kind(MatchKind::All)
        .start_kind(start_kind)
        .minimize(false)
        .dfa_size_limit(Some(MOST_BYTES))
        .determinize_size_limit(Some(MOST_BYTES));
    let dfa = dense::Builder::new().configure(config).build_from_nfa(&nfa).map_err(|error| error.to_string())?;
    let start = dfa.start_state_forward(&Input::new("").anchored(anchored)).map_err(|error| error.to_string())?;
    // A text starts like a line, so that patterns can say what stands before them.
    let start = if is_anchored { start } else { dfa.next_state(start, b'\n') };
    let states = States::of(&dfa, start);
    if states.all.len() > MOST_STATES {
        return Err(format!("the automaton has {} states, {MOST_STATES} at most", states.all.len()));
    }
    let table = states.table(&dfa);
    if table.patterns.len() > usize::from(u16::MAX) {
        return Err(format!("the automaton lists {} matches, {} at most", table.patterns.len(), u16::MAX));
    }
    Ok(table)
}

type Dfa = dense::DFA<Vec<u32>>;

/// The reachable states, merged where no text tells them apart.
struct States {
    all: Vec<StateID>,
    /// The class of each state among the merged ones.
    merged: Vec<usize>,
    representatives: Vec<u8>,
    classes: [u8; 256],
    start: usize,
}

impl States {
    fn of(dfa: &Dfa, start: StateID) -> Self {
        let byte_classes = dfa.byte_classes();
        let representatives: Vec<u8> = byte_classes.representatives(0..=255).filter_map(Unit::as_u8).collect();
        let mut classes = [0; 256];
        for byte in 0..=255_u8 {
            classes[usize::from(byte)] = byte_classes.get(byte);
        }
        let dead = StateID::ZERO;
        let mut all = vec![dead];
        let mut known: HashMap<StateID, usize> = HashMap::from([(dead, 0)]);
        let mut next: Vec<Vec<usize>> = Vec::new();
        known.entry(start).or_insert_with(|| {
            all.push(start);
            all.len() - 1
        });
        let mut at = 0;
        while at < all.len() {
            let state = all[at];
            let targets =
                representatives.iter().map(|byte| dfa.next_state(state, *byte)).chain([dfa.next_eoi_state(state)]);
            let targets: Vec<StateID> = targets.collect();
            next.push(
                targets
                    .into_iter()
                    .map(|target| {
                        *known.entry(target).or_insert_with(|| {
                            all.push(target);
                            all.len() - 1
                        })
                    })
                    .collect(),
            );
            at += 1;
        }
        let merged = merge(dfa, &all, &next);
        Self { start: known[&start], all, merged, representatives, classes }
    }

    fn table(&self, dfa: &Dfa) -> Automaton {
        let count = self.merged.iter().max().map_or(0, |most| most + 1);
        let mut of_class: Vec<Option<usize>> = vec![None; count];
        for (state, class) in self.merged.iter().enumerate() {
            of_class[*class].get_or_insert(state);
        }
        // States without a match come first, and the dead one is the first of all.
        let matches = |class: &usize| patterns_of(dfa, self.all[of_class[*class].unwrap_or(0)]);
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|class| (!matches(class).is_empty(), *class != self.merged[0], *class));
        let mut number = vec![0_u16; count];
        for (new, class) in order.iter().enumerate() {
            number[*class] = u16::try_from(new).unwrap_or(u16::MAX);
        }
        let of: HashMap<StateID, usize> = self.all.iter().enumerate().map(|(index, state)| (*state, index)).collect();
        let numbered = |state: StateID| number[self.merged[of[&state]]];
        let (mut next, mut ranges, mut patterns) = (Vec::new(), Vec::new(), Vec::new());
        for class in &order {
            let state = self.all[of_class[*class].unwrap_or(0)];
            next.extend(self.representatives.iter().map(|byte| numbered(dfa.next_state(state, *byte))));
            next.push(numbered(dfa.next_eoi_state(state)));
            let own = matches(class);
            if !own.is_empty() {
                let from = u16::try_from(patterns.len()).unwrap_or(u16::MAX);
                patterns.extend(own);
                ranges.push((from, u16::try_from(patterns.len()).unwrap_or(u16::MAX)));
            }
        }
        let first_match = order.iter().position(|class| !matches(class).is_empty()).unwrap_or(count);
        Automaton {
            classes: Box::leak(Box::new(self.classes)),
            next: next.leak(),
            stride: self.representatives.len() + 1,
            start: number[self.merged[self.start]],
            first_match: u16::try_from(first_match).unwrap_or(u16::MAX),
            matches: ranges.leak(),
            patterns: patterns.leak(),
        }
    }
}

fn patterns_of(dfa: &Dfa, state: StateID) -> Vec<u16> {
    let count = if dfa.is_match_state(state) { dfa.match_len(state) } else { 0 };
    let mut patterns: Vec<u16> =
        (0..count).filter_map(|index| dfa.match_pattern(state, index).as_usize().try_into().ok()).collect();
    patterns.sort_unstable();
    patterns
}

/// Moore's algorithm: states are the same until a match or a next state tells them apart.
fn merge(dfa: &Dfa, all: &[StateID], next: &[Vec<usize>]) -> Vec<usize> {
    let mut classes = numbered(all.iter().map(|state| patterns_of(dfa, *state)));
    let mut count = 0;
    loop {
        let now = classes.iter().max().map_or(0, |most| most + 1);
        if now == count {
            return classes;
        }
        count = now;
        let signature = |state: usize| {
            let targets: Vec<usize> = next[state].iter().map(|target| classes[*target]).collect();
            (classes[state], targets)
        };
        classes = numbered((0..all.len()).map(signature));
    }
}

fn numbered<T: std::hash::Hash + Eq>(items: impl Iterator<Item = T>) -> Vec<usize> {
    let mut numbers = HashMap::new();
    items
        .map(|item| {
            let next = numbers.len();
            *numbers.entry(item).or_insert(next)
        })
        .collect()
}
