//! What the xDS streams count, read at each scrape.

use std::fmt;
use std::sync::Arc;

use ferromesh_xds::ResourceType;
use ferromesh_xds_server::counters::TypeCounts;
use ferromesh_xds_server::{Counts, Hub};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::gauge::ConstGauge;

use super::count::Count;

/// The counters of all streams.
#[derive(Debug)]
pub struct Streams(pub Arc<Hub>);

impl Collector for Streams {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Counts {
            connections,
            turned_away,
            streams,
            offences,
            stalled,
            requests,
            wakes,
            calls,
            denials,
            types,
        } = self.0.counts();
        let refusals: u64 = types.iter().map(|of_type| of_type.refusals).sum();
        let open = ConstGauge::new(self.0.open_streams() as u64);
        let ty = open.metric_type();
        open.encode(encoder.encode_descriptor("pilot_xds", "Connected proxies", None, ty)?)?;
        for (name, help, value) in [
            (
                "pilot_total_xds_rejects",
                "Resources that a proxy refused",
                refusals,
            ),
            (
                "ferromesh_xds_connections",
                "Connections accepted",
                connections,
            ),
            (
                "ferromesh_xds_connections_turned_away",
                "Connections closed because there were too many",
                turned_away,
            ),
            ("ferromesh_xds_streams", "Streams opened", streams),
            (
                "ferromesh_xds_streams_offended",
                "Streams ended because the client broke a rule",
                offences,
            ),
            (
                "ferromesh_xds_streams_stalled",
                "Streams ended because the client did not read",
                stalled,
            ),
            ("ferromesh_xds_requests", "Requests received", requests),
            ("ferromesh_xds_wakes", "Streams woken by changes", wakes),
            (
                "ferromesh_calls",
                "Calls answered beside the streams",
                calls,
            ),
        ] {
            one(&mut encoder, name, help, value)?;
        }
        let help = "Clients that were refused, by reason";
        let mut family =
            encoder.encode_descriptor("ferromesh_xds_denials", help, None, Count::TYPE)?;
        for (reason, count) in denials {
            let gauge = ConstGauge::new(count);
            gauge.encode(family.encode_family(&[("reason", reason.word())])?)?;
        }
        for of_type in &types {
            let name = format!("pilot_xds_{}_reject", of_type.ty.short());
            one(
                &mut encoder,
                &name,
                "Resources of this type that a proxy refused",
                of_type.refusals,
            )?;
        }
        for (name, help, value) in [
            (
                "pilot_xds_pushes",
                "Responses sent",
                (|of_type| of_type.pushes) as fn(&TypeCounts) -> u64,
            ),
            (
                "ferromesh_xds_sent_bytes",
                "Bytes of responses sent",
                |of_type| of_type.bytes,
            ),
            (
                "ferromesh_xds_sent_resources",
                "Resources in responses sent",
                |of_type| of_type.resources,
            ),
        ] {
            let mut family = encoder.encode_descriptor(name, help, None, Count::TYPE)?;
            for of_type in types
                .iter()
                .filter(|of_type| of_type.ty != ResourceType::Secret)
            {
                let gauge = ConstGauge::new(value(of_type));
                gauge.encode(family.encode_family(&[("type", of_type.ty.short())])?)?;
            }
        }
        Ok(())
    }
}

fn one(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, Count::TYPE)?)
}
