//! The modular supernet and the requirement-aware module assembler.
