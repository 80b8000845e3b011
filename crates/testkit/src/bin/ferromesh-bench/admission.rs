//! What the API server's questions cost: pods that get a proxy, and policies that are judged, next
//! to what it costs to read the question and to write the answer at all.

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use ferromesh_injector::{NamespaceFacts, Settings};
use ferromesh_webhook::{inject, validate};
use serde_json::{Value, json};

/// Questions of one measurement.
const COUNT: usize = 10_000;

/// Measures, and prints rows.
pub fn run() -> io::Result<()> {
    let settings = Settings::default();
    let (pod, policy) = (review(pod()), review(policy()));
    let namespace = |name: &str| NamespaceFacts {
        name: name.to_owned(),
        labels: [("istio-injection".to_owned(), "enabled".to_owned())].into(),
    };
    println!("| admission | per second and core | p50 | p99 |");
    println!("|---|---|---|---|");
    row("floor: a pod read and written as JSON", || {
        let value: Value = serde_json::from_slice(&pod).map_err(io::Error::other)?;
        serde_json::to_vec(&value)
            .map(drop)
            .map_err(io::Error::other)
    })?;
    row("a pod gets its proxy", || {
        let answer = inject(&pod, &settings, namespace);
        answer.map(drop).map_err(|fault| io::Error::other(fault.0))
    })?;
    row("a policy is judged", || {
        let answer = validate(&policy);
        answer.map(drop).map_err(|fault| io::Error::other(fault.0))
    })
}

fn row(what: &str, mut once: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let mut times = Vec::with_capacity(COUNT);
    let begin = Instant::now();
    for _ in 0..COUNT {
        let start = Instant::now();
        black_box(once()?);
        times.push(start.elapsed());
    }
    let rate = COUNT as f64 / begin.elapsed().as_secs_f64();
    times.sort_unstable();
    let micros = |part: usize| -> f64 {
        let time: Duration = times[COUNT * part / 100];
        time.as_secs_f64() * 1e6
    };
    println!(
        "| {what} | {rate:.0} | {:.0} µs | {:.0} µs |",
        micros(50),
        micros(99)
    );
    Ok(())
}

fn review(object: Value) -> Vec<u8> {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "operation": "CREATE",
            "namespace": "shop",
            "object": object,
            "oldObject": null,
        },
    });
    review.to_string().into_bytes()
}

/// A pod as a Deployment makes it, with probes.
fn pod() -> Value {
    let probe = json!({"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "web-5d4f8c7b9-",
            "labels": {"app": "web", "version": "v1", "pod-template-hash": "5d4f8c7b9"},
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d4f8c7b9",
                "uid": "2f4e", "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {
            "serviceAccountName": "web",
            "containers": [{
                "name": "app",
                "image": "registry.example/web:1.2.3",
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "env": [{"name": "MODE", "value": "production"}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
                "livenessProbe": probe,
                "readinessProbe": probe,
                "volumeMounts": [{
                    "name": "kube-api-access", "readOnly": true,
                    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                }],
            }],
            "volumes": [{
                "name": "kube-api-access",
                "projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]},
            }],
        },
    })
}

fn policy() -> Value {
    json!({
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "action": "ALLOW",
            "rules": [{
                "from": [{"source": {"principals": ["cluster.local/ns/shop/sa/frontend"]}}],
                "to": [{"operation": {"methods": ["GET"], "paths": ["/api/*"]}}],
            }],
        },
    })
}
