//! The workload's identity: its certificate, and which authorities it trusts.
//!
//! The agent makes a key, has it certified by the control plane, and does so again long before the certificate expires. The
//! key never leaves the agent's memory but to Envoy, which gets it by [`crate::sds`]. As long as the certificate is valid, a
//! control plane that is away harms nobody.
//!
//! Reading order: [`settings`], [`held`], [`key`], [`control_plane`], [`outside`], [`schedule`], [`keeper`].

pub mod control_plane;
pub mod held;
pub mod keeper;
pub mod key;
pub mod outside;
pub mod schedule;
pub mod settings;
