//! How similar two gate vectors are (paper §5.4, Fig. 15).

use nnf_net::GateVector;

/// Two measures of similarity, each in `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Similarity {
    /// Modules that both keep, as a share of those that at least one keeps (Jaccard 1912).
    pub(crate) overlap: f64,
    /// Modules that both keep, divided by the geometric mean of what each keeps.
    pub(crate) cosine: f64,
}

/// Compares two vectors of one network. Two that keep nothing are equal, and so wholly similar.
pub(crate) fn similarity(one: &GateVector, other: &GateVector) -> Similarity {
    let pairs = || one.0.iter().flatten().zip(other.0.iter().flatten());
    let both = pairs().filter(|(a, b)| **a && **b).count() as f64;
    let any = pairs().filter(|(a, b)| **a || **b).count() as f64;
    if any == 0.0 {
        return Similarity { overlap: 1.0, cosine: 1.0 };
    }
    let norms = (one.kept() as f64 * other.kept() as f64).sqrt();
    Similarity { overlap: both / any, cosine: if norms > 0.0 { both / norms } else { 0.0 } }
}
