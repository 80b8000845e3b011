//! What the keeper needs of the world: a control plane, and the time.

use std::time::{Duration, SystemTime};

use ferromesh_proto::trust::FetchResponse;

use super::control_plane::{ControlPlane, Fault};
use super::held::{Own, Trust};
use super::settings::Credentials;

/// What the keeper needs of the world.
pub trait Outside: Send + Sync {
    /// A connection to the control plane.
    type Plane: Plane;

    /// Connects to the control plane; see [`ControlPlane::connect`].
    fn connect(
        &self,
        credentials: &Credentials,
        trust: Option<&Trust>,
        own: Option<&Own>,
    ) -> impl Future<Output = Result<Self::Plane, Fault>> + Send;

    /// The time by which certificates are judged.
    fn now(&self) -> SystemTime;
}

/// A connection to the control plane.
pub trait Plane: Send {
    /// Asks for a certificate; see [`ControlPlane::certify`].
    fn certify(
        &mut self,
        request: &str,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Vec<String>, Fault>> + Send;

    /// Asks who is trusted; see [`ControlPlane::bundles`].
    fn bundles(
        &mut self,
        known: &str,
        wait: Duration,
    ) -> impl Future<Output = Result<FetchResponse, Fault>> + Send;
}

/// The real one.
#[derive(Clone, Copy, Debug)]
pub struct Network;

impl Outside for Network {
    type Plane = ControlPlane;

    fn connect(
        &self,
        credentials: &Credentials,
        trust: Option<&Trust>,
        own: Option<&Own>,
    ) -> impl Future<Output = Result<ControlPlane, Fault>> + Send {
        ControlPlane::connect(credentials, trust, own)
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl Plane for ControlPlane {
    fn certify(
        &mut self,
        request: &str,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Vec<String>, Fault>> + Send {
        Self::certify(self, request, token)
    }

    fn bundles(
        &mut self,
        known: &str,
        wait: Duration,
    ) -> impl Future<Output = Result<FetchResponse, Fault>> + Send {
        Self::bundles(self, known, wait)
    }
}
