//! What policies do beside allowing and denying, and when: external authorizers, audits, dry runs, the order of all of them,
//! connections, namespaces, and what the access log says. A real server's proxy, clients with certificates of the mesh, and
//! a real authorizer.
//!
//! Reading order: [`authorizer`] → [`scene`] → the tests.

#[path = "actions/authorizer.rs"]
mod authorizer;
#[path = "actions/connections.rs"]
mod connections;
#[path = "actions/custom_connections.rs"]
mod custom_connections;
#[path = "actions/custom_grpc.rs"]
mod custom_grpc;
#[path = "actions/custom_http.rs"]
mod custom_http;
#[path = "actions/custom_trouble.rs"]
mod custom_trouble;
#[path = "actions/namespaces.rs"]
mod namespaces;
#[path = "actions/order.rs"]
mod order;
#[path = "actions/requests.rs"]
mod requests;
#[path = "actions/scene.rs"]
mod scene;
#[path = "actions/told.rs"]
mod told;
