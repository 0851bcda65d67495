//! Documents that were damaged at random: bytes changed, words replaced by odd ones, parts lost, doubled or swapped.
//!
//! The same seed makes the same damage.

/// Words that programs stumble over.
const ODD: [&str; 28] = [
    "",
    "-1",
    "0",
    "1e999",
    "-0.0",
    "18446744073709551616",
    "9223372036854775807",
    "null",
    "true",
    "~",
    "[]",
    "{}",
    "../../..",
    "/etc/passwd",
    "..",
    ".",
    "a/../../b",
    "\0",
    "\u{feff}",
    "\u{1f600}",
    "${",
    "${params.}",
    "{in.}",
    "[*]",
    "&a",
    "*a",
    "!!binary",
    "\n",
];

/// Numbers that look random and are the same for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    /// A document with some damage.
    pub(crate) fn damage(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(24)).min(bytes.len());
            match self.below(7) {
                0 => drop(bytes.splice(at..end, [])),
                1 => drop(bytes.splice(at..at, ODD[self.below(ODD.len())].bytes())),
                2 => {
                    let part = bytes[at..end].to_vec();
                    let to = self.below(bytes.len() + 1);
                    bytes.splice(to..to, part.repeat(1 + self.below(3)));
                }
                3 if at < bytes.len() => bytes[at] = u8::try_from(self.below(256)).unwrap(),
                4 => bytes.truncate(at),
                _ => self.replace_word(&mut bytes, at),
            }
        }
        bytes
    }

    fn replace_word(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-$".contains(byte);
        let start = bytes[..at].iter().rposition(|byte| !is_word(byte)).map_or(0, |before| before + 1);
        let end = bytes[at..].iter().position(|byte| !is_word(byte)).map_or(bytes.len(), |length| at + length);
        bytes.splice(start..end, ODD[self.below(ODD.len())].bytes());
    }
}
