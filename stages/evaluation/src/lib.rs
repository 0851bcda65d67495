//! Gate vectors, extraction of subnets, and accuracy by task and limit.
