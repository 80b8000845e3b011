//! Keeping connections alive.

use std::time::Duration;

use ferromesh_api::istio;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::keepalive::{Http2Keepalive, TcpKeepalive};

use crate::bounds;

/// Linux refuses more probes, and longer times, and then the connection fails.
const MOST_PROBES: u32 = 127;
const LONGEST: Duration = Duration::from_secs(32_767);

/// TCP keep-alive at the path `at`.
pub fn lower_tcp(
    keepalive: &istio::TcpKeepalive,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> TcpKeepalive {
    let istio::TcpKeepalive {
        probes,
        time,
        interval,
    } = keepalive;
    if *probes > MOST_PROBES {
        remarks.warning(
            &at.field("probes"),
            "limited",
            format!("is limited to {MOST_PROBES}, the most that Linux accepts"),
        );
    }
    TcpKeepalive {
        probes: (*probes > 0).then_some((*probes).min(MOST_PROBES)),
        time: lower_seconds(time.as_deref(), &at.field("time"), remarks),
        interval: lower_seconds(interval.as_deref(), &at.field("interval"), remarks),
    }
}

/// The system counts keep-alive in whole seconds; Istio cuts fractions off, too.
fn lower_seconds(text: Option<&str>, at: &Path<'_>, remarks: &mut Remarks) -> Option<Duration> {
    let written = bounds::millis(text, at, remarks)?;
    let seconds = Duration::from_secs(written.as_secs().max(1)).min(LONGEST);
    if seconds != written {
        remarks.warning(
            at,
            "limited",
            format!(
                "is taken as {}s: the system takes whole seconds from 1 to {}",
                seconds.as_secs(),
                LONGEST.as_secs()
            ),
        );
    }
    Some(seconds)
}

/// HTTP/2 pings at the path `at`; `None` if unsound.
pub fn lower_http2(
    keepalive: &istio::Http2KeepAlive,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Http2Keepalive> {
    let istio::Http2KeepAlive { interval, timeout } = keepalive;
    let interval = bounds::required_millis(interval.as_deref(), &at.field("interval"), remarks);
    let timeout = bounds::required_millis(timeout.as_deref(), &at.field("timeout"), remarks);
    Some(Http2Keepalive {
        interval: interval?,
        timeout: timeout?,
    })
}
