//! What the compiler makes of declarations, shown as short lines of text.

mod cost;
mod diagnostics;
mod dns;
mod endpoints;
mod listeners;
mod policies;
mod routes;
mod scopes;
mod show;
