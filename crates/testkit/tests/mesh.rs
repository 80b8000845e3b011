//! The mesh on a real cluster, as a person installs and uses it, judged by traffic between pods.
//!
//! It needs a cluster, so `cargo test` alone leaves it out. `make e2e` starts one for it; on a cluster that runs already,
//! it is `FERROMESH_CLUSTER=default cargo test -p ferromesh-testkit --test mesh`.

#[path = "mesh/cli.rs"]
mod cli;
#[path = "mesh/faults.rs"]
mod faults;
#[path = "mesh/injection.rs"]
mod injection;
#[path = "mesh/load.rs"]
mod load;
#[path = "mesh/outages.rs"]
mod outages;
#[path = "mesh/pair.rs"]
mod pair;
#[path = "mesh/shop.rs"]
mod shop;
