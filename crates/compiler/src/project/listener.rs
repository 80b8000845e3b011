//! Listeners.

use ferromesh_mesh::view::listener::Listener;

use crate::index::reading::Reading;
use crate::link::keys::ListenerKey;

/// The listener of a key.
pub(super) fn project(key: &ListenerKey, reading: &mut Reading<'_>) -> Listener {
    let ListenerKey {
        name,
        traffic,
        origin,
    } = key;
    let mesh = reading.mesh();
    Listener {
        name: name.clone(),
        traffic: traffic.clone(),
        access_log: mesh.access_log.clone(),
        detection_timeout: mesh.protocol_detection_timeout,
        origin: origin.clone(),
    }
}
