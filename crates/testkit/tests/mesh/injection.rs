//! Injected pods on real kubelets, judged by what they do.

#[path = "injection/absence.rs"]
mod absence;
#[path = "injection/admitted.rs"]
mod admitted;
#[path = "injection/ground.rs"]
mod ground;
#[path = "injection/kinds.rs"]
mod kinds;
#[path = "injection/lifetime.rs"]
mod lifetime;
#[path = "injection/probes.rs"]
mod probes;
#[path = "injection/refused.rs"]
mod refused;
#[path = "injection/traffic.rs"]
mod traffic;
