//! What the compiler makes of declarations, shown as short lines of text.

mod cost;
mod diagnostics;
mod dns;
mod endpoints;
mod guards;
mod listeners;
mod mtls;
mod policies;
mod routes;
mod scopes;
mod show;
