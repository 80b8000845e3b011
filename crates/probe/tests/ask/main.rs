//! What [`ferromesh_probe::ask`] says of configuration. The expected answers are what Envoy 1.40
//! gave to the same.

mod asks;
mod build;
mod chains;
mod permissions;
mod principals;
mod requests;
mod tokens;
