//! What a pod is with its proxy.

use serde_json::{Value, json};

use crate::annotation::{Annotations, name};
use crate::capture::{self, ProxyIds};
use crate::choices::Choices;
use crate::decision::not_at_all;
use crate::draft::{Draft, Fields, name_of, put, take_fields};
use crate::gateway::Template;
use crate::guard::Privileges;
use crate::pod::{self, Pod};
use crate::status::Status;
use crate::undo::{self, Earlier, escape};
use crate::{
    CAPTURE, Interception, NamespaceFacts, Owner, PROXY, Refusal, Settings, label, order, overlay,
    pod_security, probe, prometheus, proxy, volume,
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
    let earlier = undo::undo(&mut draft)?;
    let pod = draft.finish();
    let clean = pod::read(&pod)?;
    let mut draft = Draft::take(pod);

    let mut choices = Choices::read(settings, Annotations(&clean.metadata.annotations))?;
    let mut warnings = std::mem::take(&mut choices.warnings);
    warnings.extend(remarks(&clean, &choices, owner));
    warnings.extend(pod_security::warning(namespace, choices.interception));
    volume::check(&clean, &choices.volumes)?;

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
    add_containers(&mut draft, settings, &choices, (&earlier, told))?;
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

/// What the agent is told by environment variables.
type Told = [(&'static str, Option<Value>); 2];

fn add_containers(
    draft: &mut Draft,
    settings: &Settings,
    choices: &Choices,
    (earlier, told): (&Earlier, Told),
) -> Result<(), Refusal> {
    let mut overrides = Fields::new();
    let mut over = |draft: &mut Draft, ours: &mut Fields, name: &'static str| {
        if let Some(users) = take_users(draft, name, &mut overrides) {
            overlay::merge(ours, &users);
        }
        if let Some(before) = earlier.containers.get(name) {
            let has_volume = |name: &str| draft.volumes.iter().any(|item| name_of(item) == name);
            overlay::keep(ours, before, has_volume);
        }
    };
    let mut proxy = proxy::container(settings, choices)?;
    over(draft, &mut proxy, PROXY);
    if choices.interception == Interception::Tproxy {
        run_as_root(&mut proxy);
    }
    tell(&mut proxy, told);
    let ids = match choices.interception {
        Interception::Tproxy => ProxyIds::default(),
        Interception::None | Interception::Redirect => ProxyIds::of(&proxy),
    };
    let mut capture = capture::container(settings, choices, ids);
    if let Some(capture) = &mut capture {
        over(draft, capture, CAPTURE);
    }
    write_overrides(draft, overrides);
    let capture = capture.map(Value::Object);
    let place = (choices.template, choices.placement);
    order::place(draft, place, Value::Object(proxy), capture);
    Ok(())
}

/// Takes a container of the user's that is to be merged over ours, and notes it for the next injection.
fn take_users(draft: &mut Draft, name: &str, overrides: &mut Fields) -> Option<Fields> {
    let list = match draft
        .init_containers
        .iter()
        .any(|item| name_of(item) == name)
    {
        true => "initContainers",
        false => "containers",
    };
    let users = draft.take_container(name)?;
    let mut items = crate::draft::take_items(overrides, list);
    items.push(users.clone());
    overrides.insert(list.to_owned(), Value::Array(items));
    match users {
        Value::Object(users) => Some(users),
        _ => None,
    }
}

fn write_overrides(draft: &mut Draft, overrides: Fields) {
    if overrides.is_empty() {
        draft.annotations.shift_remove(name::OVERRIDES);
        return;
    }
    let text = Value::Object(overrides).to_string();
    draft
        .annotations
        .insert(name::OVERRIDES.to_owned(), json!(text));
}

/// With TPROXY only root has the capability that the proxy needs, so nobody may choose another user.
fn run_as_root(proxy: &mut Fields) {
    let mut security = take_fields(proxy, "securityContext");
    security.insert("runAsUser".to_owned(), json!(0));
    security.insert("runAsGroup".to_owned(), json!(proxy::PROXY_ID));
    security.insert("runAsNonRoot".to_owned(), json!(false));
    put(proxy, "securityContext", Value::Object(security), "");
}

/// Sets environment variables that are nobody else's.
fn tell(proxy: &mut Fields, told: Told) {
    let mut variables = crate::draft::take_items(proxy, "env");
    for (name, value) in told {
        variables.retain(|item| name_of(item) != name);
        if let Some(value) = value {
            variables.push(json!({"name": name, "value": escape(&value.to_string())}));
        }
    }
    put(proxy, "env", Value::Array(variables), "");
}

fn add_volumes(draft: &mut Draft, settings: &Settings, choices: &Choices) {
    let volumes = volume::volumes(&choices.volumes);
    let names = |items: &[Value]| Some(items.iter().map(|item| name_of(item).to_owned()).collect());
    let secrets = settings.image_pull_secrets.iter();
    let secrets = secrets.map(|name| json!({"name": name}));
    let secrets: Vec<Value> = secrets
        .filter(|secret| !draft.image_pull_secrets.contains(secret))
        .collect();
    let is_native = |name: &str| {
        draft
            .init_containers
            .iter()
            .any(|item| name_of(item) == name)
    };
    let is_container = |name: &str| draft.containers.iter().any(|item| name_of(item) == name);
    let ours = |is_there: &dyn Fn(&str) -> bool| -> Vec<String> {
        let names = [CAPTURE, PROXY].into_iter().filter(|name| is_there(name));
        names.map(str::to_owned).collect()
    };
    let status = Status {
        init_containers: Some(ours(&is_native)),
        containers: Some(ours(&is_container)),
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
    if owner.ends() && choices.placement != crate::choices::Placement::Native {
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
