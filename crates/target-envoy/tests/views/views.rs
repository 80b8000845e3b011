//! Views that together hold every variant of every enum that views are made of.

// Each test uses its own part of this.
#![allow(dead_code, reason = "shared between tests")]

pub mod authorizers;
pub mod clusters;
pub mod hosts;
pub mod listeners;
pub mod security;
pub mod tls;
pub mod tokens;

use ferromesh_mesh::view::View;

/// A value for every variant: a new variant doesn't compile until it has one here.
macro_rules! every {
    ($($pattern:pat => $value:expr),+ $(,)?) => {{
        let all = vec![$($value),+];
        for one in &all {
            match one { $($pattern => {}),+ }
        }
        all
    }};
}
pub(crate) use every;

/// All of them.
pub fn all() -> Vec<View> {
    let mut all = clusters::all();
    all.extend(hosts::all());
    all.extend(listeners::all());
    all
}
