//! How much was moved between the tiers.

/// What was moved between the tiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransferStats {
    /// Results that were moved.
    pub results: usize,
    /// Results that were where they should be.
    pub there: usize,
    /// Of these, those that took the place of other outputs here.
    pub adopted: usize,
    /// Results of which content is in no tier.
    pub lost: usize,
    /// Files that were moved.
    pub files: usize,
    /// Bytes of these files.
    pub bytes: u64,
}
