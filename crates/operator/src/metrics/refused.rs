//! Which objects are refused. Their number is limited, since whoever writes manifests decides it.

use std::fmt;

use ferromesh_mesh::origin::ObjectRef;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

use crate::findings::Findings;

/// So many objects are named.
const NAMED: usize = 200;

/// Reads the newest report at each scrape.
#[derive(Debug)]
pub struct Refused(pub Findings);

impl Collector for Refused {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let found = self.0.get();
        let one = ConstGauge::new(1u64);
        let help = "Objects whose newest version is refused, and what is in force instead";
        let mut family =
            encoder.encode_descriptor("ferromesh_refused_object", help, None, one.metric_type())?;
        for (object, kept) in found.refused.iter().take(NAMED) {
            let ObjectRef {
                group: _,
                kind,
                namespace,
                name,
            } = &**object;
            let in_force = if *kept {
                "an older version"
            } else {
                "its sound part"
            };
            let labels = [
                ("kind", &**kind),
                ("namespace", &**namespace),
                ("name", &**name),
                ("in_force", in_force),
            ];
            one.encode(family.encode_family(&labels)?)?;
        }
        for (name, help, value) in [
            (
                "ferromesh_refused_objects",
                "How many objects are refused",
                found.refused.len(),
            ),
            (
                "ferromesh_findings",
                "Findings at /debug/diagnostics",
                found.records.len(),
            ),
        ] {
            let gauge = ConstGauge::new(value as u64);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
