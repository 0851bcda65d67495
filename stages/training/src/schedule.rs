//! How learning rate, λ and the limits that are drawn change along training.

/// One-cycle learning rate (Smith and Topin 2019): rises from 1/25 of the peak in the first 30 % of the steps, then falls
/// to 1/250,000, both as a cosine.
pub fn one_cycle(step: u64, steps: u64, peak: f64) -> f64 {
    const RISE: f64 = 0.3;
    let (low, end) = (peak / 25.0, peak / 250_000.0);
    let at = step as f64 / steps.saturating_sub(1).max(1) as f64;
    let cosine = |from: f64, to: f64, share: f64| to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
    if at < RISE { cosine(low, peak, at / RISE) } else { cosine(peak, end, ((at - RISE) / (1.0 - RISE)).min(1.0)) }
}

/// Rises linearly from 0 at the share `from` of the steps to `peak` at the share `to`, at once where they are the same.
pub(crate) fn ramp(step: u64, steps: u64, (from, to): (f64, f64), peak: f64) -> f64 {
    let at = step as f64 / steps.max(1) as f64;
    if at >= to { peak } else { peak * ((at - from) / (to - from).max(1e-9)).clamp(0.0, 1.0) }
}

/// The range of limits at a step: the least one falls, evenly on a logarithmic scale, from the greatest to its own value
/// in the first `fall` of the steps.
pub(crate) fn limit_range(step: u64, steps: u64, (least, greatest): (f64, f64), fall: f64) -> (f64, f64) {
    let at = if fall > 0.0 { (step as f64 / (steps.max(1) as f64 * fall)).min(1.0) } else { 1.0 };
    ((greatest.ln() * (1.0 - at) + least.ln() * at).exp(), greatest)
}
