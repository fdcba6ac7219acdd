//! Private keys as text: PEM (RFC 7468), PGP (RFC 9580 section 6), OpenSSH and SSH2.

use super::{Found, Scanner, is_base64};
use crate::credential::CredentialKind;

/// The shortest run of base64 that is key material and not a word.
const MATERIAL_CHARACTERS: usize = 16;
/// This many capitals and digits in total are key material too, however short the lines.
const MATERIAL_IN_ALL: usize = 32;
/// How far after its marker key material may start. Armour headers may come between (RFC 1421 section 4.6).
const MATERIAL_WITHIN: usize = 256;
/// The longest label between a marker's dashes.
const LABEL_BYTES: usize = 80;
/// The dashes on each side of a marker, and the long dashes that editors turn pairs of them into.
const DASHES: usize = 5;
const LONG_DASHES: [&[u8]; 2] = ["–".as_bytes(), "—".as_bytes()];

impl Scanner<'_> {
    /// From the first dash of `BEGIN` to the last of `END`. If `END` is cut off, to the end of the key material. A
    /// marker alone is prose.
    pub(super) fn private_key(&self, at: usize) -> Option<Found> {
        let from = self.after_marker(at, b"BEGIN")?;
        let next_marker = (from..self.bytes.len()).find_map(|place| {
            let end = self.after_marker(place, b"END").map(|end| (place, Some(end)));
            end.or_else(|| self.after_marker(place, b"BEGIN").map(|_| (place, None)))
        });
        let end = match next_marker {
            Some((place, Some(end))) if self.has_material(from, place) => end,
            Some((place, _)) => self.end_of_material(from, place)?,
            None => self.end_of_material(from, self.bytes.len())?,
        };
        Some(Found { start: self.start_of_dashes(at), end, kind: CredentialKind::PrivateKey })
    }

    /// The end of a marker such as `BEGIN RSA PRIVATE KEY-----`, whatever replaces its spaces.
    fn after_marker(&self, at: usize, verb: &[u8]) -> Option<usize> {
        let label = self.after_any(at, &[verb])?;
        let end = (label..self.bytes.len().min(label + LABEL_BYTES)).find(|end| self.after_dash(*end).is_some())?;
        let letters: Vec<u8> = self.bytes[label..end].iter().copied().filter(u8::is_ascii_uppercase).collect();
        let is_private = letters.ends_with(b"PRIVATEKEY") || letters.ends_with(b"PRIVATEKEYBLOCK");
        let mut behind = end;
        while let Some(dash_end) = self.after_dash(behind) {
            behind = dash_end;
        }
        is_private.then_some(behind)
    }

    fn after_dash(&self, at: usize) -> Option<usize> {
        self.after_any(at, &[b"-"]).or_else(|| self.after_any(at, &LONG_DASHES))
    }

    /// The start of the dashes before a marker. There may be none, if somebody copied the key without them.
    fn start_of_dashes(&self, at: usize) -> usize {
        let spaceless = if self.bytes[..at].ends_with(b"- ") { at - 1 } else { at };
        let mut start = spaceless;
        for _ in 0..DASHES {
            let before = &self.bytes[self.last_end.min(start)..start];
            let dash = [&b"-"[..]].into_iter().chain(LONG_DASHES).find(|dash| before.ends_with(dash));
            start -= dash.map_or(0, <[u8]>::len);
        }
        if start == spaceless { at } else { start }
    }

    /// Whether the range holds key material: a long run of base64, or many capitals and digits.
    fn has_material(&self, from: usize, to: usize) -> bool {
        let is_of_no_word = |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        self.end_of_material(from, to).is_some()
            || self.bytes[from..to].iter().filter(is_of_no_word).count() >= MATERIAL_IN_ALL
    }

    /// The end of the key material in the range: runs of base64, of which the first is long. A word ends it.
    fn end_of_material(&self, from: usize, to: usize) -> Option<usize> {
        let (mut material_end, mut at) = (None, from);
        while at < to && (material_end.is_some() || at - from <= MATERIAL_WITHIN) && self.after_mark(at).is_none() {
            let end = self.end_of(self.end_of(at, is_base64), |byte| byte == b'=').min(to);
            let run = &self.bytes[at..end];
            // A word or a token's header is not part of a key.
            let is_word = run.iter().all(u8::is_ascii_lowercase) || self.after_any(end, &[b".ey"]).is_some();
            // The last line's length is a multiple of four, apart from an escaped line feed before it: `\n`, `%0A`.
            let escape = match self.bytes[..at].last() {
                Some(b'\\') => b"n".len(),
                Some(b'%') => b"0A".len(),
                _ => 0,
            };
            let is_base64 = run.iter().any(|byte| byte.is_ascii_digit() || b"+/=".contains(byte));
            let is_rest = is_base64 && run.len().saturating_sub(escape).is_multiple_of(4);
            if !is_word && (run.len() >= MATERIAL_CHARACTERS || material_end.is_some() && is_rest) {
                material_end = Some(end);
            } else if material_end.is_some() && !run.is_empty() {
                break;
            }
            at = end + 1;
        }
        material_end
    }
}
