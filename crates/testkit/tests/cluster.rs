//! On a real cluster: what every other test there relies on, asserted by what a person with `kubectl` sees.
//!
//! It needs a cluster, so `cargo test` alone leaves it out. `make e2e` starts one for it; on a cluster that runs already,
//! it is `FERROMESH_CLUSTER=default cargo test -p ferromesh-testkit --test cluster`.

#[path = "cluster/admission.rs"]
mod admission;
#[path = "cluster/charts.rs"]
mod charts;
#[path = "cluster/definitions.rs"]
mod definitions;
#[path = "cluster/echo.rs"]
mod echo;
#[path = "cluster/faults.rs"]
mod faults;
#[path = "cluster/images.rs"]
mod images;
#[path = "cluster/names.rs"]
mod names;
#[path = "cluster/pods.rs"]
mod pods;
#[path = "cluster/status.rs"]
mod status;
#[path = "cluster/traces.rs"]
mod traces;
#[path = "cluster/watching.rs"]
mod watching;
