//! Profiling on a device, and the latency predictor fitted to it.
