//! Injected faults.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::fault::fault_abort::ErrorType;
use envoy::fault_common::fault_delay::FaultDelaySecifier;
use mesh::policy::fault::{Abort, AbortWith, Delay, Fault};

use crate::percent;

/// The faults of a route.
pub(super) fn fault(fault: &Fault) -> envoy::fault::HttpFault {
    let Fault { delay, abort } = fault;
    envoy::fault::HttpFault {
        // Envoy refuses a delay of nothing.
        delay: delay
            .as_ref()
            .filter(|delay| !delay.duration.is_zero())
            .map(self::delay),
        abort: abort.as_ref().map(self::abort),
        ..Default::default()
    }
}

fn delay(delay: &Delay) -> envoy::fault_common::FaultDelay {
    let Delay { duration, share } = delay;
    envoy::fault_common::FaultDelay {
        percentage: Some(percent::fraction(*share)),
        fault_delay_secifier: Some(FaultDelaySecifier::FixedDelay(envoy::duration(*duration))),
    }
}

fn abort(abort: &Abort) -> envoy::fault::FaultAbort {
    let Abort { with, share } = abort;
    envoy::fault::FaultAbort {
        percentage: Some(percent::fraction(*share)),
        error_type: Some(match with {
            AbortWith::Http(status) => ErrorType::HttpStatus((*status).into()),
            AbortWith::Grpc(code) => ErrorType::GrpcStatus(*code),
        }),
        ..Default::default()
    }
}
