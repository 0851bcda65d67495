//! Promises of the crate: intervals are Wilson's.
use crate::{Quality, share_right};

#[test]
fn intervals_are_those_of_wilson() {
    // Reference: statsmodels 0.14, proportion_confint(count, nobs, method="wilson").
    for (right, samples, low, high) in [
        (9_800, 10_000, 0.977_071_7, 0.982_567_5),
        (0, 10, 0.0, 0.277_532_8),
        (10, 10, 0.722_467_2, 1.0),
        (5, 10, 0.236_593, 0.763_407),
    ] {
        let Quality { low: found_low, high: found_high, .. } = share_right(right, samples);
        assert!(
            (found_low - low).abs() < 2e-5 && (found_high - high).abs() < 2e-5,
            "{right}/{samples}: {found_low} {found_high}"
        );
    }
}
