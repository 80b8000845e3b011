//! Istio's kinds (Istio 1.31, all served versions share one schema). One file per kind; messages
//! that several kinds share have files of their own.

mod http_retry;
mod percent;
mod port_selector;
mod string_match;

pub use http_retry::HttpRetry;
pub use percent::Percent;
pub use port_selector::PortSelector;
pub use string_match::StringMatch;
