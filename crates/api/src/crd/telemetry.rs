//! `telemetry.istio.io` Telemetry.

use super::TELEMETRY;
use super::definition::{AGE, Definition, Versions};
use super::schema::{
    Presence, Schema, boolean, choice, double, duration, list, map, may, must, object, string,
};
use super::selector::{match_labels, policy_target, policy_targets};

/// The kind.
pub fn telemetry() -> Definition {
    Definition {
        group: TELEMETRY,
        kind: "Telemetry",
        about: "What proxies report.",
        plural: "telemetries",
        short_names: &["telemetry"],
        versions: Versions {
            served: &["v1", "v1alpha1"],
            stored: "v1alpha1",
        },
        columns: &[AGE],
        presence: Presence::Optional,
        spec: spec(),
    }
}

fn spec() -> Schema {
    object([
        may(
            "selector",
            "Workloads; absent = all of the namespace.",
            match_labels(),
        ),
        may("targetRef", "Superseded by targetRefs.", policy_target()),
        may(
            "targetRefs",
            "Gateways, or services behind waypoints; not beside selector.",
            policy_targets(),
        ),
        may("tracing", "Spans.", list(tracing())),
        may("metrics", "Metrics.", list(metrics())),
        may("accessLogging", "Access logs.", list(access_logging())),
    ])
    .exclusive(["selector", "targetRef", "targetRefs"])
}

fn provider() -> Schema {
    object([must(
        "name",
        "Its name among the extension providers of the mesh configuration.",
        string().not_empty(),
    )])
}

fn mode() -> Schema {
    choice(["CLIENT_AND_SERVER", "CLIENT", "SERVER"])
}

fn tracing() -> Schema {
    let side = object([may("mode", "At which end; absent = both.", mode())]);
    let setting = || boolean().nullable();
    object([
        may("match", "For what.", side),
        may("providers", "Who gets spans.", list(provider())),
        may(
            "randomSamplingPercentage",
            "Share of requests, in percent; absent = 1.",
            double().at_least(0).at_most(100).nullable(),
        ),
        may(
            "disableSpanReporting",
            "Whether no spans are reported.",
            setting(),
        ),
        may(
            "disableContextPropagation",
            "Whether the context is not passed on.",
            setting(),
        ),
        may("customTags", "Further tags of spans.", map(custom_tag())),
        may(
            "useRequestIdForTraceSampling",
            "Whether the request id decides on sampling; absent = yes.",
            setting(),
        ),
        may(
            "enableIstioTags",
            "Whether spans have Istio's tags; absent = yes.",
            setting(),
        ),
    ])
}

fn custom_tag() -> Schema {
    let value = || object([must("value", "Value.", string().not_empty())]);
    let named = || {
        object([
            must("name", "Name.", string().not_empty()),
            may("defaultValue", "Value, if there is none.", string()),
        ])
    };
    object([
        may("literal", "A fixed value.", value()),
        may("environment", "Or one of the proxy's environment.", named()),
        may("header", "Or one of the request's headers.", named()),
        may(
            "formatter",
            "Or one in Envoy's format of access logs.",
            value(),
        ),
    ])
    .one_of(["literal", "environment", "header", "formatter"])
}

fn metrics() -> Schema {
    object([
        may("providers", "Who gets metrics.", list(provider())),
        may("overrides", "Changes, in turn.", list(metrics_override())),
        may("reportingInterval", "Time between reports.", duration()),
    ])
}

fn metrics_override() -> Schema {
    let metric = choice([
        "ALL_METRICS",
        "REQUEST_COUNT",
        "REQUEST_DURATION",
        "REQUEST_SIZE",
        "RESPONSE_SIZE",
        "TCP_OPENED_CONNECTIONS",
        "TCP_CLOSED_CONNECTIONS",
        "TCP_SENT_BYTES",
        "TCP_RECEIVED_BYTES",
        "GRPC_REQUEST_MESSAGES",
        "GRPC_RESPONSE_MESSAGES",
    ]);
    let selector = object([
        may("metric", "One of Istio's metrics.", metric),
        may(
            "customMetric",
            "Or another one, by name.",
            string().not_empty(),
        ),
        may("mode", "At which end; absent = both.", mode()),
    ]);
    object([
        may(
            "match",
            "Which metrics; absent = all.",
            selector.one_of(["metric", "customMetric"]),
        ),
        may(
            "disabled",
            "Whether they are not reported.",
            boolean().nullable(),
        ),
        may(
            "tagOverrides",
            "Changes to labels, by name.",
            map(tag_override()),
        ),
    ])
}

fn tag_override() -> Schema {
    object([
        may("operation", "What is done; absent = UPSERT.", choice(["UPSERT", "REMOVE"])),
        may("value", "An expression in CEL; only with UPSERT.", string()),
    ])
    .rule(
        "operation UPSERT needs a value",
        "!has(self.operation) || self.operation != 'UPSERT' || (has(self.value) && self.value != '')",
    )
    .rule(
        "operation REMOVE takes no value",
        "!has(self.operation) || self.operation != 'REMOVE' || !has(self.value)",
    )
}

fn access_logging() -> Schema {
    let side = object([may("mode", "At which end; absent = both.", mode())]);
    let filter = object([may("expression", "What is logged, in CEL.", string())]);
    object([
        may("match", "For what.", side),
        may("providers", "Who gets logs.", list(provider())),
        may(
            "disabled",
            "Whether nothing is logged.",
            boolean().nullable(),
        ),
        may("filter", "What is logged; absent = everything.", filter),
    ])
}
