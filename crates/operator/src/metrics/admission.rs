//! Whether the API server reaches this replica.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

use crate::cluster::probe::{Reach, Reached};

/// Looks at each scrape.
#[derive(Debug)]
pub struct Admission(pub Reached);

impl Collector for Admission {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let value = match self.0.get() {
            Reach::Unneeded => return Ok(()),
            Reach::Awaited | Reach::Missed => 0u64,
            Reach::Reached => 1,
        };
        let gauge = ConstGauge::new(value);
        let name = "ferromesh_admission_reached";
        let help = "Whether a question of the API server has arrived at this replica";
        gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
    }
}
