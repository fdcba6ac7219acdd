//! Private keys in the format of `PuTTY` (its user manual, appendix C).

use crate::engine::scan::Scan;

/// The longest file to recognise, in bytes.
const FILE_BYTES: usize = 8_192;

impl Scan<'_> {
    /// From the first line, whose name ends at `end`, to the end of the last line that there is.
    pub(in crate::engine) fn putty(&mut self, end: usize) -> Option<(usize, usize)> {
        if end <= self.putty_end {
            return None;
        }
        let start = self.start_of_pattern(end, "PuTTY-User-Key-File".len());
        let file = &self.bytes[start..self.bytes.len().min(start + FILE_BYTES)];
        self.putty_end = start + file.len();
        let lines = memchr::memmem::find(file, b"Private-Lines:")?;
        let names = [&b"Private-MAC:"[..], b"Private-Hash:"];
        let mac = names.iter().find_map(|name| memchr::memmem::find(&file[lines..], name));
        let last_line = mac.map(|mac| start + lines + mac);
        let end = match last_line {
            Some(line) => self.end_of(line, |byte| byte != b'\n'),
            None => self.end_of_material(start + lines, start + file.len())?,
        };
        self.putty_end = end;
        Some((start, self.without_trailing(start, end, b"\"'` ")))
    }
}
