//! Tables and figures, with the paper's numbers beside ours.
