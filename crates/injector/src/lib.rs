//! Puts proxies into pods.
