//! Admission by a real API server: who gets a proxy and which objects of the mesh are refused; and that nobody else
//! waits for us, whether we are there, are not there, come or go.

#[path = "admission/absence.rs"]
mod absence;
#[path = "admission/api.rs"]
mod api;
#[path = "admission/configurations.rs"]
mod configurations;
#[path = "admission/installing.rs"]
mod installing;
#[path = "admission/readiness.rs"]
mod readiness;
#[path = "admission/table.rs"]
mod table;
#[path = "admission/validation.rs"]
mod validation;
