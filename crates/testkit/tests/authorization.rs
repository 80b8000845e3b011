//! Who may do what, judged three times: by a real Envoy, by `ferromesh authz test` (the probe), and by a referee that reads
//! nothing but policies and the documentation.

#[path = "authorization/actions.rs"]
mod actions;
#[path = "authorization/arena.rs"]
mod arena;
#[path = "authorization/bypass.rs"]
mod bypass;
#[path = "authorization/matrix.rs"]
mod matrix;
#[path = "authorization/policies.rs"]
mod policies;
#[path = "authorization/random.rs"]
mod random;
#[path = "authorization/requests.rs"]
mod requests;
#[path = "authorization/shrink.rs"]
mod shrink;
#[path = "authorization/tokens.rs"]
mod tokens;
