//! What stages hand on in the same form: tables, costs, and the statistics that they report.
//!
//! It does not know networks, devices or tasks.

mod cost;
pub mod statistics;
pub mod table;

pub use cost::Cost;
