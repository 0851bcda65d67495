//! What stages hand on in the same form: tables, costs, and the statistics that they report.

mod cost;
pub mod statistics;
pub mod table;

pub use cost::Cost;
