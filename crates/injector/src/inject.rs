//! What a pod is with its proxy.

use serde_json::{Value, json};

use crate::annotation::{Annotations, name};
use crate::choices::{Choices, Placement};
use crate::decision::not_at_all;
use crate::draft::{Draft, Fields, name_of, put, take_fields};
use crate::gateway::Template;
use crate::guard::Privileges;
use crate::pod::{self, Pod};
use crate::status::Status;
use crate::{
    CAPTURE, Interception, NamespaceFacts, Owner, PROXY, Refusal, Settings, container, label,
    order, pod_security, probe, prometheus, proxy, undo, volume,
};

/// A pod with its proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct Injected {
    /// The whole pod.
    pub pod: Value,
    /// What its author should know, one line each.
    pub warnings: Vec<String>,
}

/// Puts a proxy into a pod. Doing it again changes nothing.
///
/// # Errors
/// If an annotation says what can't be, if the pod has things by our names, or if it would get privileges that its
/// spec does not ask for.
pub fn inject(
    pod: &Value,
    settings: &Settings,
    namespace: &NamespaceFacts,
) -> Result<Injected, Refusal> {
    let read = pod::read(pod)?;
    let owner = Owner::of(&read.metadata);
    inject_read(pod, &read, &owner, (settings, namespace))
}

/// Puts a proxy into the template of a workload's pods.
///
/// # Errors
/// As [`inject`].
pub fn inject_template(
    template: &Value,
    owner: &Owner,
    settings: &Settings,
    namespace: &NamespaceFacts,
) -> Result<Injected, Refusal> {
    let read = pod::read(template)?;
    inject_read(template, &read, owner, (settings, namespace))
}

fn inject_read(
    pod: &Value,
    read: &Pod,
    owner: &Owner,
    (settings, namespace): (&Settings, &NamespaceFacts),
) -> Result<Injected, Refusal> {
    refuse_impossible(pod, read)?;
    let mut draft = Draft::take(pod.clone());
    let mut earlier = undo::undo(&mut draft)?;
    let again;
    let clean = if earlier.was_there {
        let pod = draft.finish();
        again = pod::read(&pod)?;
        draft = Draft::take(pod);
        &again
    } else {
        read
    };

    let mut choices = Choices::read(settings, Annotations(&clean.metadata.annotations))?;
    if choices.placement == Placement::Native && clean.spec.is_all_proxy() {
        // A pod has a container that is no init container.
        choices.placement = Placement::Last;
    }
    let mut warnings = std::mem::take(&mut earlier.remarks);
    warnings.append(&mut choices.warnings);
    warnings.extend(remarks(clean, &choices, owner));
    warnings.extend(pod_security::warning(namespace, choices.interception));
    volume::check(clean, &choices.volumes)?;

    let asked = match choices.rewrite_probes {
        true => probe::rewrite(&mut draft, choices.metrics_port, &mut warnings),
        false => Fields::new(),
    };
    let scraped = match choices.merge_metrics {
        true => prometheus::merge(&mut draft, choices.metrics_port)?,
        false => None,
    };
    let told = [
        (
            probe::ENVIRONMENT,
            (!asked.is_empty()).then(|| Value::Object(asked)),
        ),
        (prometheus::ENVIRONMENT, scraped),
    ];
    container::add(&mut draft, settings, &choices, (&earlier, told))?;
    add_volumes(&mut draft, settings, &choices);
    label::add(&mut draft, settings, choices.template, owner);

    let pod = draft.finish();
    Privileges::of(read)
        .and_capture(choices.interception)
        .check(&pod::read(&pod)?)?;
    Ok(Injected { pod, warnings })
}

/// Refuses what nobody can inject, whoever asks for it.
fn refuse_impossible(pod: &Value, read: &Pod) -> Result<(), Refusal> {
    if let Some(reason) = not_at_all(read) {
        return Err(Refusal::new(
            "spec",
            format!("can't have a proxy: {reason}"),
            format!("opt out by the label {}: \"false\"", name::INJECT),
        ));
    }
    if !pod.get("spec").is_some_and(Value::is_object) || read.spec.containers.is_empty() {
        return Err(Refusal::new(
            "spec.containers",
            "is required",
            "name the container of the application, or istio-proxy with image auto for a gateway",
        ));
    }
    for name in [PROXY, CAPTURE] {
        let mut places = read
            .spec
            .all_containers()
            .filter(|(_, _, container)| container.name == name);
        if let (Some(_), Some((list, at, _))) = (places.next(), places.next()) {
            return Err(Refusal::new(
                format!("spec.{list}[{at}].name"),
                format!("there are several containers {name:?}"),
                "keep one of them",
            ));
        }
    }
    Ok(())
}

fn add_volumes(draft: &mut Draft, settings: &Settings, choices: &Choices) {
    let volumes = volume::volumes(&choices.volumes);
    let names = |items: &[Value]| Some(items.iter().map(|item| name_of(item).to_owned()).collect());
    let secrets = settings.image_pull_secrets.iter();
    let secrets = secrets.map(|name| json!({"name": name}));
    let secrets: Vec<Value> = secrets
        .filter(|secret| !draft.image_pull_secrets.contains(secret))
        .collect();
    let (init_containers, containers) = order::names(choices);
    let status = Status {
        init_containers: Some(init_containers),
        containers: Some(containers),
        volumes: names(&volumes),
        image_pull_secrets: names(&secrets),
        revision: settings.revision.clone(),
    };
    draft.volumes.extend(volumes);
    draft.image_pull_secrets.extend(secrets);
    if choices.template == Template::Gateway {
        open_low_ports(draft);
    }
    status.write(draft);
}

/// Gateways are asked at 80 and 443, which is safe to allow: the pod has its network for itself.
fn open_low_ports(draft: &mut Draft) {
    const NAME: &str = "net.ipv4.ip_unprivileged_port_start";
    let mut security = take_fields(&mut draft.spec, "securityContext");
    let mut sysctls = crate::draft::take_items(&mut security, "sysctls");
    if !sysctls.iter().any(|item| name_of(item) == NAME) {
        sysctls.push(json!({"name": NAME, "value": "0"}));
    }
    put(&mut security, "sysctls", Value::Array(sysctls), "");
    put(
        &mut draft.spec,
        "securityContext",
        Value::Object(security),
        "containers",
    );
}

/// What the author of a pod should know.
fn remarks(pod: &Pod, choices: &Choices, owner: &Owner) -> Vec<String> {
    let mut remarks = Vec::new();
    if !matches!(pod.spec.dns_policy.as_str(), "" | "ClusterFirst") {
        remarks.push(format!(
            "spec.dnsPolicy: with {} the proxy may not find the control plane by its name",
            pod.spec.dns_policy
        ));
    }
    if owner.ends() && choices.placement != Placement::Native {
        remarks.push(format!(
            "{}: a Job whose proxy is a container never ends (leave it out)",
            crate::refusal::annotation_path(name::NATIVE_SIDECAR)
        ));
    }
    for (list, at, container) in pod.spec.all_containers() {
        if matches!(container.name.as_str(), PROXY | CAPTURE) {
            continue;
        }
        let own = &container.security_context;
        let of_pod = &pod.spec.security_context;
        let is_proxys = own.run_as_user.or(of_pod.run_as_user) == Some(proxy::PROXY_ID)
            || own.run_as_group.or(of_pod.run_as_group) == Some(proxy::PROXY_ID);
        if is_proxys && choices.interception != Interception::None {
            remarks.push(format!(
                "spec.{list}[{at}]: container {:?} runs as the proxy's user or group {}, whose connections are not \
                 captured (run it as another)",
                container.name,
                proxy::PROXY_ID
            ));
        }
    }
    remarks
}
