//! The mesh configuration, in the form that the directory source gives it.

use serde_json::{Value, json};

use super::{Dice, security};

pub(super) fn make(dice: &mut Dice) -> Value {
    let mut spec = json!({});
    let modes = [
        json!({"mode": "ALLOW_ANY"}),
        json!({"mode": "REGISTRY_ONLY"}),
    ];
    dice.maybe(&mut spec, "outboundTrafficPolicy", 50, &modes);
    dice.maybe(
        &mut spec,
        "accessLogFile",
        50,
        &[json!("/dev/stdout"), json!("")],
    );
    dice.maybe(
        &mut spec,
        "accessLogEncoding",
        30,
        &[json!("JSON"), json!("TEXT")],
    );
    dice.maybe(
        &mut spec,
        "connectTimeout",
        30,
        &[json!("1s"), json!("10s")],
    );
    dice.maybe(
        &mut spec,
        "protocolDetectionTimeout",
        30,
        &[json!("100ms"), json!("0s")],
    );
    dice.maybe(
        &mut spec,
        "defaultServiceExportTo",
        20,
        &[json!(["."]), json!(["*"])],
    );
    dice.maybe(
        &mut spec,
        "defaultVirtualServiceExportTo",
        20,
        &[json!(["."]), json!(["*"])],
    );
    dice.maybe(
        &mut spec,
        "defaultDestinationRuleExportTo",
        20,
        &[json!(["."])],
    );
    dice.maybe(
        &mut spec,
        "defaultHttpRetryPolicy",
        20,
        &[
            json!({"attempts": 0}),
            json!({"attempts": 1, "retryOn": "connect-failure"}),
        ],
    );
    dice.maybe(
        &mut spec,
        "localityLbSetting",
        20,
        &[json!({"enabled": false})],
    );
    security::mesh_settings(dice, &mut spec);
    json!({
        "apiVersion": "mesh.istio.io/v1alpha1",
        "kind": "MeshConfig",
        "metadata": {"name": "mesh"},
        "spec": spec,
    })
}
