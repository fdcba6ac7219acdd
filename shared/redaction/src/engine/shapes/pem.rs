//! Private keys as text: PEM (RFC 7468), PGP (RFC 9580 section 6), OpenSSH and SSH2.

use crate::engine::scan::Scan;
use crate::engine::token::BASE64;

/// The shortest run of base64 that is key material and not a word.
const MATERIAL_CHARACTERS: usize = 16;
/// This many capitals and digits in total are key material too, however short the lines.
const MATERIAL_IN_ALL: usize = 32;
/// How far after its marker key material may start. Armour headers may come between (RFC 1421 section 4.6).
const MATERIAL_WITHIN: usize = 256;
/// The longest label between a marker's dashes.
const LABEL_BYTES: usize = 80;
/// The most dashes on each side of a marker. Editors turn pairs of them into long dashes, which count as three.
const DASHES: usize = 15;
const MARKER_DASHES: usize = 5;

impl Scan<'_> {
    /// From the first dash of `BEGIN` to the last of `END`. If `END` is cut off, to the end of the key material. A
    /// marker alone is prose. `end` is one byte after `BEGIN`.
    pub(in crate::engine) fn pem(&mut self, end: usize) -> Option<(usize, usize)> {
        let verb = self.start_of_pattern(end, "BEGIN ".len());
        if verb < self.pem_end {
            return None;
        }
        let from = self.after_marker(verb, b"BEGIN")?;
        let next_marker = (from..self.bytes.len()).find_map(|place| match self.bytes[place] {
            b'E' => self.after_marker(place, b"END").map(|end| (place, Some(end))),
            b'B' => self.after_marker(place, b"BEGIN").map(|_| (place, None)),
            _ => None,
        });
        let end = match next_marker {
            Some((place, Some(end))) if self.has_material(from, place) => end,
            Some((place, _)) => self.end_of_material(from, place)?,
            None => {
                let material = self.end_of_material(from, self.bytes.len());
                // No marker follows, so no later `BEGIN` has one either.
                self.pem_end = if material.is_none() { from } else { self.bytes.len() };
                material?
            }
        };
        self.pem_end = self.pem_end.max(end);
        Some((self.start_of_dashes(verb), end))
    }

    /// The end of a marker such as `BEGIN RSA PRIVATE KEY-----`, whatever replaces its spaces.
    fn after_marker(&self, at: usize, verb: &[u8]) -> Option<usize> {
        let label = self.bytes[at..].starts_with(verb).then_some(at + verb.len())?;
        let limit = self.bytes.len().min(label + LABEL_BYTES);
        let end = (label..limit).find(|&end| self.bytes[end] == b'-')?;
        let letters: Vec<u8> = self.bytes[label..end].iter().copied().filter(u8::is_ascii_uppercase).collect();
        let is_private = letters.ends_with(b"PRIVATEKEY") || letters.ends_with(b"PRIVATEKEYBLOCK");
        is_private.then(|| self.end_of(end, |byte| byte == b'-').min(end + DASHES))
    }

    /// The start of the dashes before a marker. There may be none, if somebody copied the key without them.
    fn start_of_dashes(&self, verb: usize) -> usize {
        let spaceless = if self.bytes[..verb].ends_with(b"- ") { verb - 1 } else { verb };
        let start = self.start_of(spaceless, DASHES, |byte| byte == b'-');
        // Six are those of the marker after the sign of a diff.
        let start = if spaceless - start == MARKER_DASHES + 1 { start + 1 } else { start };
        if start == spaceless { verb } else { start }
    }

    /// Whether the range holds key material: a long run of base64, or many capitals and digits.
    fn has_material(&self, from: usize, to: usize) -> bool {
        let is_of_no_word = |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        self.end_of_material(from, to).is_some()
            || self.bytes[from..to].iter().filter(is_of_no_word).count() >= MATERIAL_IN_ALL
    }

    /// The end of the key material in the range: runs of base64, of which the first is long. A word ends it.
    pub(super) fn end_of_material(&self, from: usize, to: usize) -> Option<usize> {
        let (mut material_end, mut at) = (None, from);
        while at < to && (material_end.is_some() || at - from <= MATERIAL_WITHIN) && !self.starts(at, "[REDACTED:") {
            let end = self.end_of(self.end_of(at, |byte| BASE64.has(byte)), |byte| byte == b'=').min(to);
            let run = &self.bytes[at..end];
            // A word or a token's header is not part of a key.
            let is_word = run.iter().all(u8::is_ascii_lowercase) || self.starts(end, ".ey");
            // The length of the last line is a multiple of four.
            let is_base64 = run.iter().any(|byte| byte.is_ascii_digit() || b"+/=".contains(byte));
            let is_rest = is_base64 && run.len().is_multiple_of(4);
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
