//! What an API server and its tools want of each schema.

use std::collections::BTreeSet;

use ferromesh_api::crd::definitions;
use regex::Regex;
use serde_json::Value;

use super::walk;

/// What fits into the annotation of `kubectl apply`, with some room for what else is in there.
const ANNOTATION_BYTES: usize = 200 << 10;

fn each(visit: &mut dyn FnMut(&str, &Value)) {
    for definition in definitions() {
        let kind = definition.kind;
        let schema = Value::from(definition.schema());
        walk(&schema, "", &mut |path, schema| {
            visit(&format!("{kind} {path}"), schema);
        });
    }
}

#[test]
fn what_is_named_is_there() {
    let field = Regex::new(r"self\.([a-zA-Z0-9_]+)([.(]?)").unwrap();
    each(&mut |path, schema| {
        let fields = schema["properties"].as_object();
        let has = |name: &str| fields.is_some_and(|fields| fields.contains_key(name));
        let mut named = Vec::new();
        names(schema, &mut named);
        for rule in schema["x-kubernetes-validations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            // Functions of texts, lists and maps are no fields.
            let rule = rule["rule"].as_str().unwrap();
            named.extend(
                field
                    .captures_iter(rule)
                    .filter(|found| &found[2] != "(")
                    .map(|found| found[1].to_owned()),
            );
        }
        for name in named {
            assert!(has(&name), "{path} has no {name:?}");
        }
    });
}

/// The fields that a schema names as required or as alternatives.
fn names(schema: &Value, names: &mut Vec<String>) {
    let list = |word: &str| schema[word].as_array().into_iter().flatten();
    names.extend(list("required").filter_map(|name| Some(name.as_str()?.to_owned())));
    for inner in list("oneOf").chain(list("anyOf")).chain(list("allOf")) {
        self::names(inner, names);
    }
    if let Some(inner) = schema.get("not") {
        self::names(inner, names);
    }
}

#[test]
fn every_schema_has_a_type_and_every_field_a_text() {
    each(&mut |path, schema| {
        assert!(
            schema["type"].is_string() || schema["x-kubernetes-int-or-string"] == true,
            "{path} has no type"
        );
        let field = !path.ends_with([' ', ']', '}']);
        assert_eq!(field, schema["description"].is_string(), "text of {path}");
    });
}

#[test]
fn nothing_is_filled_in_and_only_what_is_free_is_kept() {
    let mut free = BTreeSet::new();
    each(&mut |path, schema| {
        assert!(schema.get("default").is_none(), "{path} has a default");
        if schema.get("x-kubernetes-preserve-unknown-fields").is_some()
            && !path.ends_with(" status")
        {
            free.insert(path.to_owned());
        }
    });
    let expected = [
        "EnvoyFilter spec.configPatches[].patch.value",
        "TrafficExtension spec.wasm.pluginConfig",
        "WasmPlugin spec.pluginConfig",
    ];
    assert_eq!(free, expected.map(str::to_owned).into());
}

#[test]
fn names_and_versions_are_those_of_istio() {
    let row = |kind: &str| {
        let definition = super::definition("", kind).unwrap();
        let document = definition.document();
        let versions = document["spec"]["versions"].as_array().unwrap();
        let versions: Vec<_> = versions
            .iter()
            .map(|version| {
                assert_eq!(version["served"], true);
                assert_eq!(version["subresources"]["status"], serde_json::json!({}));
                let mark = if version["storage"] == true { "*" } else { "" };
                format!("{}{mark}", version["name"].as_str().unwrap())
            })
            .collect();
        let names = &document["spec"]["names"];
        let short = names["shortNames"].as_array().cloned().unwrap_or_default();
        let short: Vec<_> = short.iter().filter_map(Value::as_str).collect();
        let categories = names["categories"].as_array().unwrap();
        assert_eq!(categories[0], "istio-io");
        assert_eq!(categories[1], definition.group.replace('.', "-"));
        let name = document["metadata"]["name"].as_str().unwrap();
        format!("{name} {} {}", versions.join(","), short.join(","))
    };
    for (kind, expected) in [
        (
            "TrafficExtension",
            "trafficextensions.extensions.istio.io v1alpha1* ",
        ),
        ("WasmPlugin", "wasmplugins.extensions.istio.io v1alpha1* "),
        (
            "DestinationRule",
            "destinationrules.networking.istio.io v1*,v1beta1,v1alpha3 dr",
        ),
        ("EnvoyFilter", "envoyfilters.networking.istio.io v1alpha3* "),
        (
            "Gateway",
            "gateways.networking.istio.io v1*,v1beta1,v1alpha3 gw",
        ),
        ("ProxyConfig", "proxyconfigs.networking.istio.io v1beta1* "),
        (
            "ServiceEntry",
            "serviceentries.networking.istio.io v1*,v1beta1,v1alpha3 se",
        ),
        (
            "Sidecar",
            "sidecars.networking.istio.io v1*,v1beta1,v1alpha3 ",
        ),
        (
            "VirtualService",
            "virtualservices.networking.istio.io v1*,v1beta1,v1alpha3 vs",
        ),
        (
            "WorkloadEntry",
            "workloadentries.networking.istio.io v1*,v1beta1,v1alpha3 we",
        ),
        (
            "WorkloadGroup",
            "workloadgroups.networking.istio.io v1*,v1beta1,v1alpha3 wg",
        ),
        (
            "AuthorizationPolicy",
            "authorizationpolicies.security.istio.io v1*,v1beta1 ap",
        ),
        (
            "PeerAuthentication",
            "peerauthentications.security.istio.io v1*,v1beta1 pa",
        ),
        (
            "RequestAuthentication",
            "requestauthentications.security.istio.io v1*,v1beta1 ra",
        ),
        (
            "Telemetry",
            "telemetries.telemetry.istio.io v1,v1alpha1* telemetry",
        ),
    ] {
        assert_eq!(row(kind), expected);
    }
}

#[test]
fn a_definition_fits_into_an_annotation_and_is_no_template() {
    for definition in definitions() {
        let text = definition.document().to_string();
        let name = definition.name();
        assert!(
            text.len() < ANNOTATION_BYTES,
            "{name}: {} bytes",
            text.len()
        );
        assert!(
            !text.contains("{{"),
            "{name}: helm would take it for a template"
        );
    }
}
