//! The authority as its callers meet it: who gets which certificate, and who gets none and why.

mod certificates;
mod garbage;
mod keys;
mod logs;
mod plugged_in;
mod requests;
mod reviews;
mod signers;
mod tokens;
mod vms;
mod world;
