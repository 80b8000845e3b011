//! What clients see: the real control plane, real agents and real Envoys on this machine, real
//! traffic. One module per promise of the product; `shop` is the mesh that most of them use.

#[path = "behaviour/app.rs"]
mod app;
#[path = "behaviour/bad_input.rs"]
mod bad_input;
#[path = "behaviour/balancing.rs"]
mod balancing;
#[path = "behaviour/control.rs"]
mod control;
#[path = "behaviour/discovery.rs"]
mod discovery;
#[path = "behaviour/locality.rs"]
mod locality;
#[path = "behaviour/machines.rs"]
mod machines;
#[path = "behaviour/names.rs"]
mod names;
#[path = "behaviour/observability.rs"]
mod observability;
#[path = "behaviour/pair.rs"]
mod pair;
#[path = "behaviour/protocols.rs"]
mod protocols;
#[path = "behaviour/refusals.rs"]
mod refusals;
#[path = "behaviour/resilience.rs"]
mod resilience;
#[path = "behaviour/restart.rs"]
mod restart;
#[path = "behaviour/routing.rs"]
mod routing;
#[path = "behaviour/shop.rs"]
mod shop;
#[path = "behaviour/state_of_the_world.rs"]
mod state_of_the_world;
#[path = "behaviour/visibility.rs"]
mod visibility;
