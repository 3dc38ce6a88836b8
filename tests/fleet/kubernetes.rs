//! The manifests of `examples/kubernetes`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::support::{Longshore, Nats};

/// The fields of Kubernetes' OpenAPI (v1.34) at each path that the manifests may use. `[]` is an item of a list;
/// a path that ends with `*` takes any key.
const FIELDS: &[(&str, &str)] = &[
    ("", "apiVersion kind metadata"),
    ("metadata", "name"),
    ("Secret", "type stringData"),
    ("Secret.stringData", "*"),
    ("ConfigMap", "data"),
    ("ConfigMap.data", "*"),
    ("Service", "spec"),
    ("Service.spec", "selector ports"),
    ("Service.spec.selector", "*"),
    ("Service.spec.ports[]", "name port targetPort"),
    ("StatefulSet", "spec"),
    ("StatefulSet.spec", "serviceName replicas selector template volumeClaimTemplates"),
    ("StatefulSet.spec.volumeClaimTemplates[]", "metadata spec"),
    ("StatefulSet.spec.volumeClaimTemplates[].metadata", "name"),
    ("StatefulSet.spec.volumeClaimTemplates[].spec", "accessModes resources"),
    ("StatefulSet.spec.volumeClaimTemplates[].spec.resources", "requests"),
    ("StatefulSet.spec.volumeClaimTemplates[].spec.resources.requests", "storage"),
    ("Deployment", "spec"),
    ("Deployment.spec", "replicas selector template"),
    ("Job", "spec"),
    ("Job.spec", "backoffLimit template"),
    ("selector", "matchLabels"),
    ("selector.matchLabels", "*"),
    ("template", "metadata spec"),
    ("template.metadata", "labels annotations"),
    ("template.metadata.labels", "*"),
    ("template.metadata.annotations", "*"),
    ("template.spec", "containers volumes restartPolicy terminationGracePeriodSeconds"),
    (
        "template.spec.containers[]",
        "name image args env ports readinessProbe livenessProbe resources securityContext volumeMounts",
    ),
    ("template.spec.containers[].env[]", "name value valueFrom"),
    ("template.spec.containers[].env[].valueFrom", "secretKeyRef fieldRef"),
    ("template.spec.containers[].env[].valueFrom.secretKeyRef", "name key"),
    ("template.spec.containers[].env[].valueFrom.fieldRef", "fieldPath"),
    ("template.spec.containers[].ports[]", "name containerPort"),
    ("template.spec.containers[].readinessProbe", "httpGet"),
    ("template.spec.containers[].readinessProbe.httpGet", "path port"),
    ("template.spec.containers[].livenessProbe", "httpGet"),
    ("template.spec.containers[].livenessProbe.httpGet", "path port"),
    ("template.spec.containers[].resources", "requests limits"),
    ("template.spec.containers[].resources.requests", "cpu memory"),
    ("template.spec.containers[].resources.limits", "memory"),
    (
        "template.spec.containers[].securityContext",
        "allowPrivilegeEscalation readOnlyRootFilesystem runAsNonRoot runAsUser",
    ),
    ("template.spec.containers[].volumeMounts[]", "name mountPath readOnly"),
    ("template.spec.volumes[]", "name secret configMap emptyDir"),
    ("template.spec.volumes[].secret", "secretName items"),
    ("template.spec.volumes[].secret.items[]", "key path"),
    ("template.spec.volumes[].configMap", "name"),
    ("template.spec.volumes[].emptyDir", ""),
];

fn manifests() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/kubernetes");
    let mut manifests = Vec::new();
    for name in ["nats", "worker", "mirror"] {
        let text =
            std::fs::read_to_string(folder.join(format!("{name}.yaml"))).expect("it is there");
        for document in text.split("\n---\n") {
            manifests.push(serde_saphyr::from_str(document).expect("it is YAML"));
        }
    }
    manifests
}

/// Collects the fields that Kubernetes does not have.
fn check(path: &str, value: &Value, unknown: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let known: BTreeMap<&str, &str> = FIELDS.iter().copied().collect();
            let shared =
                |from: &str| path.split_once(from).map(|(_, rest)| format!("{from}{rest}"));
            let place = known.contains_key(path).then(|| path.to_owned());
            let place = place
                .or_else(|| shared("template"))
                .or_else(|| shared("selector"))
                .unwrap_or_else(|| path.to_owned());
            let allowed = known.get(&*place).copied().unwrap_or_default();
            for (field, value) in fields {
                if allowed == "*" {
                    continue;
                }
                if !allowed.split(' ').any(|known| known == field) {
                    unknown.push(format!("{path}.{field}"));
                }
                check(&format!("{path}.{field}"), value, unknown);
            }
        }
        Value::Array(items) => {
            items.iter().for_each(|item| check(&format!("{path}[]"), item, unknown));
        }
        _ => {}
    }
}

fn fields(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("a manifest is an object")
}

#[test]
fn the_manifests_have_fields_that_kubernetes_knows() {
    let mut unknown = Vec::new();
    let mut kinds = Vec::new();
    for manifest in manifests() {
        let kind = manifest["kind"].as_str().expect("it has a kind").to_owned();
        for (field, value) in fields(&manifest) {
            match field.as_str() {
                "apiVersion" | "kind" => {}
                "metadata" => check("metadata", value, &mut unknown),
                _ => {
                    let known = FIELDS.iter().find(|(path, _)| *path == kind);
                    let known = known.map_or("", |(_, fields)| fields);
                    if !known.split(' ').any(|known| known == field) {
                        unknown.push(format!("{kind}.{field}"));
                    }
                    check(&format!("{kind}.{field}"), value, &mut unknown);
                }
            }
        }
        let version = manifest["apiVersion"].as_str().expect("it has a version");
        let expected = match &*kind {
            "StatefulSet" | "Deployment" => "apps/v1",
            "Job" => "batch/v1",
            _ => "v1",
        };
        assert_eq!(version, expected, "{kind}");
        kinds.push(kind);
    }
    assert!(unknown.is_empty(), "Kubernetes does not know {unknown:#?}");
    assert_eq!(kinds, ["Secret", "Service", "StatefulSet", "Deployment", "ConfigMap", "Job"]);
}

#[test]
fn the_names_in_the_manifests_fit_each_other() {
    let manifests = manifests();
    let of =
        |kind: &str| manifests.iter().find(|found| found["kind"] == kind).expect("it is there");
    for kind in ["StatefulSet", "Deployment"] {
        let spec = &of(kind)["spec"];
        assert_eq!(
            spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"],
            "{kind}"
        );
    }
    assert_eq!(
        of("Service")["spec"]["selector"],
        of("StatefulSet")["spec"]["selector"]["matchLabels"]
    );
    for kind in ["StatefulSet", "Deployment", "Job"] {
        let spec = &of(kind)["spec"]["template"]["spec"];
        let names = |list: &Value| -> Vec<String> {
            let items = list.as_array().cloned().unwrap_or_default();
            items.iter().filter_map(|item| Some(item["name"].as_str()?.to_owned())).collect()
        };
        let mut volumes = names(&spec["volumes"]);
        volumes.extend(
            of("StatefulSet")["spec"]["volumeClaimTemplates"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|claim| Some(claim["metadata"]["name"].as_str()?.to_owned())),
        );
        let container = &spec["containers"][0];
        for mount in names(&container["volumeMounts"]) {
            assert!(volumes.contains(&mount), "{kind}: there is no volume {mount}");
        }
        for variable in container["env"].as_array().into_iter().flatten() {
            let secret = &variable["valueFrom"]["secretKeyRef"];
            if secret.is_object() {
                assert_eq!(secret["name"], of("Secret")["metadata"]["name"]);
                let key = secret["key"].as_str().expect("it is text");
                assert!(of("Secret")["stringData"][key].is_string(), "the secret has no {key}");
            }
        }
    }
}

#[test]
fn the_commands_in_the_manifests_have_flags_that_longshore_knows() {
    for manifest in manifests() {
        let container = &manifest["spec"]["template"]["spec"]["containers"][0];
        let arguments: Vec<&str> =
            container["args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let Some(("worker" | "mirror", flags)) =
            arguments.split_first().map(|(command, flags)| (*command, flags))
        else {
            continue;
        };
        let help = Longshore::new().args([arguments[0], "--help"]).run().exits(0).stdout;
        for flag in flags {
            let (name, _) = flag.split_once('=').expect("flags have values");
            assert!(help.contains(&format!("{name} ")), "longshore {} has no {name}", arguments[0]);
        }
    }
}

#[test]
fn the_server_of_the_manifests_starts_with_its_configuration() {
    let manifests = manifests();
    let text = manifests[0]["stringData"]["server.conf"].as_str().expect("it is text");
    let (_, users) = text.split_once("authorization").expect("it has users");
    let Some(nats) = Nats::configured(&format!("authorization{users}")) else { return };
    drop(nats.wire_as("worker", "worker-password"));
    let documented = include_str!("../../docs/fleet.md");
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        plain(documented).contains(&plain(&format!("authorization{users}"))),
        "docs/fleet.md has other users"
    );
}
