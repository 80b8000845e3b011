//! Tests of the compiler as a whole.

mod behaviour;
mod build;
mod dice;
mod generate;
mod laws;
mod properties;
