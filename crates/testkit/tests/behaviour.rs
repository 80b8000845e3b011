//! What clients see: the real control plane, real agents and real Envoys on this machine, real
//! traffic. One module per promise of the product; `shop` is the mesh that most of them use.

#[path = "behaviour/resilience.rs"]
mod resilience;
#[path = "behaviour/routing.rs"]
mod routing;
#[path = "behaviour/shop.rs"]
mod shop;
