//! Pretraining and joint training of supernet and assembler.
