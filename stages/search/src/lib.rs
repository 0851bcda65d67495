//! The scenario sweep: the best subnet for a task within a device's budgets.
