//! Makes the fingerprint of the kinds.

fn main() -> Result<(), nnf_fingerprint::FingerprintError> {
    nnf_fingerprint::write_fingerprints(&["nnf-data-prep"])
}
