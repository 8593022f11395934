//! The harness of schedbench.

#![forbid(unsafe_code)]
