//! VirtualServices.

use serde_json::{Value, json};

use super::{Dice, export, host, istio};

fn string_match(dice: &mut Dice, values: &[&str]) -> Value {
    let value = dice.pick(values);
    match dice.below(3) {
        0 => json!({"exact": value}),
        1 => json!({"prefix": value}),
        _ => json!({"regex": format!("{value}.*")}),
    }
}

fn percentage(dice: &mut Dice) -> Value {
    dice.value(&[
        json!({"value": 100}),
        json!({"value": 12.5}),
        json!({"value": 0.01}),
    ])
}

fn destination(dice: &mut Dice) -> Value {
    let mut destination = json!({"host": host(dice)});
    dice.maybe(
        &mut destination,
        "subset",
        50,
        &[json!("v1"), json!("v2"), json!("v9")],
    );
    dice.maybe(
        &mut destination,
        "port",
        40,
        &[
            json!({"number": 80}),
            json!({"number": 9000}),
            json!({"number": 1}),
        ],
    );
    destination
}

fn request_match(dice: &mut Dice) -> Value {
    let mut entry = json!({});
    if dice.percent(60) {
        entry["uri"] = string_match(dice, &["/", "/api", "/api/v1", "/static"]);
    }
    if dice.percent(30) {
        entry["headers"] = json!({"user-type": string_match(dice, &["premium", "free"])});
    }
    if dice.percent(10) {
        entry["headers"] = json!({"x-any": {}, "cookie": {"regex": "^(.*?;)?(user=a)(;.*)?$"}});
    }
    if dice.percent(15) {
        entry["withoutHeaders"] = json!({"x-internal": string_match(dice, &["yes"])});
    }
    if dice.percent(15) {
        entry["queryParams"] = json!({"beta": string_match(dice, &["1", "on"])});
    }
    if dice.percent(20) {
        entry["method"] = string_match(dice, &["GET", "POST"]);
    }
    if dice.percent(10) {
        entry["authority"] = string_match(dice, &["svc-1", "www.example.com"]);
    }
    if dice.percent(5) {
        entry["scheme"] = json!({"exact": "http"});
    }
    let known = [json!(80), json!(8080), json!(9000)];
    dice.maybe(&mut entry, "port", 15, &known);
    dice.maybe(&mut entry, "ignoreUriCase", 10, &[json!(true)]);
    dice.maybe(&mut entry, "name", 20, &[json!("one"), json!("two")]);
    dice.maybe(&mut entry, "statPrefix", 10, &[json!("stats")]);
    dice.maybe(
        &mut entry,
        "sourceNamespace",
        10,
        &[json!("alpha"), json!("beta")],
    );
    dice.maybe(
        &mut entry,
        "sourceLabels",
        10,
        &[
            json!({"tier": "front"}),
            json!({"app": "svc-1", "version": "v1"}),
        ],
    );
    entry
}

fn header_changes(dice: &mut Dice) -> Value {
    json!({
        "request": {
            "set": {"x-set": dice.pick(&["a", "b"])},
            "add": {"x-add": "1"},
            "remove": ["x-remove"],
        },
        "response": {"add": {"x-served-by": "mesh"}, "remove": ["server-timing"]},
    })
}

fn forward(dice: &mut Dice, rule: &mut Value) {
    let count = 1 + dice.below(3);
    let mut backends = Vec::new();
    for _ in 0..count {
        let mut backend = json!({"destination": destination(dice)});
        if count > 1 {
            backend["weight"] = json!(1 + dice.below(99));
        }
        if dice.percent(10) {
            backend["headers"] = header_changes(dice);
        }
        if dice.percent(5) {
            backend["headers"] = json!({"request": {"set": {"Host": "rewritten.example.com"}}});
        }
        backends.push(backend);
    }
    rule["route"] = Value::Array(backends);
    dice.maybe(rule, "timeout", 30, &[json!("5s"), json!("1m")]);
    dice.maybe(
        rule,
        "retries",
        30,
        &[
            json!({"attempts": 3, "perTryTimeout": "2s", "retryOn": "5xx,reset,connect-failure"}),
            json!({"attempts": 0}),
            json!({"attempts": 1, "retryOn": "gateway-error,418", "backoff": "50ms", "retryRemoteLocalities": true}),
            json!({"attempts": 2, "retryIgnorePreviousHosts": false}),
        ],
    );
    dice.maybe(
        rule,
        "rewrite",
        20,
        &[
            json!({"uri": "/new"}),
            json!({"authority": "other.example.com"}),
            json!({"uriRegexRewrite": {"match": "^/api/(.*)$", "rewrite": "/\\1"}}),
        ],
    );
    if dice.percent(10) {
        rule["mirror"] = destination(dice);
        rule["mirrorPercentage"] = percentage(dice);
    } else if dice.percent(10) {
        rule["mirrors"] = json!([
            {"destination": destination(dice), "percentage": percentage(dice)},
            {"destination": destination(dice)},
        ]);
    }
}

fn rule(dice: &mut Dice, index: usize, last: bool) -> Value {
    let mut rule = json!({});
    if !last || dice.percent(20) {
        let count = 1 + dice.below(2);
        rule["match"] = (0..count).map(|_| request_match(dice)).collect();
    }
    if dice.percent(40) {
        rule["name"] = json!(format!("rule-{index}"));
    }
    match dice.below(12) {
        0 => {
            rule["redirect"] = dice.value(&[
                json!({"uri": "/elsewhere", "authority": "new.example.com", "redirectCode": 302}),
                json!({"scheme": "https", "port": 8443}),
                json!({"derivePort": "FROM_REQUEST_PORT", "authority": "new.example.com"}),
            ]);
        }
        1 => {
            rule["directResponse"] = dice.value(&[
                json!({"status": 503, "body": {"string": "closed"}}),
                json!({"status": 200, "body": {"bytes": "aGVsbG8="}}),
                json!({"status": 204}),
            ]);
        }
        _ => forward(dice, &mut rule),
    }
    let forwards = rule["route"].is_array();
    if forwards && dice.percent(10) {
        rule["fault"] = json!({
            "delay": {"fixedDelay": "1s", "percentage": percentage(dice)},
            "abort": {"httpStatus": 418, "percentage": percentage(dice)},
        });
    }
    if forwards && dice.percent(3) {
        rule["fault"] = json!({"abort": {"grpcStatus": "UNAVAILABLE", "percentage": {"value": 1}}});
    }
    if dice.percent(10) {
        rule["corsPolicy"] = json!({
            "allowOrigins": [{"exact": "https://example.com"}, {"regex": "https://.*[.]example[.]org"}],
            "allowMethods": ["GET", "POST"],
            "allowHeaders": ["x-id"],
            "exposeHeaders": ["x-out"],
            "maxAge": "24h",
            "allowCredentials": dice.percent(50),
            "unmatchedPreflights": dice.pick(&["FORWARD", "IGNORE"]),
        });
    }
    if dice.percent(10) {
        rule["headers"] = header_changes(dice);
    }
    rule
}

pub(super) fn make(dice: &mut Dice) -> Value {
    let namespace = dice.pick(&super::NAMESPACES);
    let mut hosts = vec![host(dice)];
    if dice.percent(20) {
        hosts.push(
            dice.pick(&[
                "*.example.org",
                "www.example.com",
                "extra.alpha.svc.cluster.local",
            ])
            .to_owned(),
        );
    }
    hosts.dedup();
    let count = 1 + dice.below(4);
    let rules: Vec<_> = (0..count)
        .map(|at| rule(dice, at, at + 1 == count))
        .collect();
    let mut spec = json!({"hosts": hosts, "http": rules});
    export(dice, &mut spec);
    let name = format!("vs-{}", dice.below(12));
    istio(dice, "VirtualService", namespace, &name, spec)
}

pub(super) fn touch(dice: &mut Dice, object: &mut Value) {
    let Some(rules) = object["spec"]["http"].as_array_mut() else {
        return;
    };
    let at = dice.below(rules.len());
    let Some(backends) = rules[at]["route"].as_array_mut() else {
        rules[at]["name"] = json!("touched");
        return;
    };
    for backend in backends {
        backend["weight"] = json!(1 + dice.below(99));
    }
}
