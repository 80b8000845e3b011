//! Where our containers stand among the others.

use serde_json::Value;

use crate::choices::{Choices, Placement};
use crate::draft::Draft;
use crate::gateway::Template;
use crate::{CAPTURE, Interception, PROXY};

/// Puts our containers to their places: capture, then a native sidecar, before all other init containers, so that
/// these are in the mesh. Before a sidecar that is a container, init containers have the network as it is: capture is
/// set last.
pub(crate) fn place(
    draft: &mut Draft,
    (template, placement): (Template, Placement),
    proxy: Value,
    capture: Option<Value>,
) {
    match (template, placement) {
        (Template::Sidecar, Placement::Native) => {
            draft.init_containers.insert(0, proxy);
            if let Some(capture) = capture {
                draft.init_containers.insert(0, capture);
            }
            return;
        }
        (Template::Sidecar, Placement::First) => draft.containers.insert(0, proxy),
        (Template::Sidecar, Placement::Last) | (Template::Gateway, _) => {
            draft.containers.push(proxy);
        }
    }
    draft.init_containers.extend(capture);
}

/// The names of our containers, by list: init containers, and containers.
pub(crate) fn names(choices: &Choices) -> (Vec<String>, Vec<String>) {
    let captures = choices.interception != Interception::None;
    let capture = captures.then_some(CAPTURE.to_owned());
    let capture = capture.into_iter();
    let proxy = PROXY.to_owned();
    match (choices.template, choices.placement) {
        (Template::Sidecar, Placement::Native) => (capture.chain([proxy]).collect(), Vec::new()),
        (Template::Sidecar, Placement::First | Placement::Last) | (Template::Gateway, _) => {
            (capture.collect(), vec![proxy])
        }
    }
}
