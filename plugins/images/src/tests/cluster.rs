//! Images that follow from a version, and those of imports and pipelines.

use super::document;

fn check(cases: &[(&str, &[&str], &[&str])]) {
    for (text, images, suspects) in cases {
        let (found, warned) = document(text);
        assert_eq!(found, *images, "{text}");
        assert_eq!(warned, *suspects, "{text}");
    }
}

/// Checks the images of kubeadm's configuration, and those that its remark names.
fn kubeadm(body: &str, images: &[&str], open: &[&str]) {
    let text = format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{body}");
    let (parsed, roots) = longshore_plugin_sdk::list::Parsed::of_yaml(&text);
    assert_eq!(parsed.diagnostics, [], "{text}");
    let findings = super::find(&roots[0]);
    let (mut found, mut remarks) = (Vec::new(), Vec::new());
    for finding in findings {
        match finding.what {
            crate::What::Image(reference) => found.push(reference),
            crate::What::Remark(remark) => remarks.push(remark),
            other => panic!("{body}: {other:?}"),
        }
    }
    assert_eq!(found, images, "{body}");
    let expected = format!("kubeadm chooses the tags of {} itself", open.join(", "));
    assert!(remarks.len() == 1 && remarks[0].starts_with(&expected), "{body}: {remarks:?}");
}

#[test]
fn kubeadm_derives_its_images_from_repository_and_version() {
    let all = "imageRepository: r.io/k8s\nkubernetesVersion: v1.31.2\n\
               dns: {imageRepository: r.io/dns, imageTag: v1.11.1}\n\
               etcd: {local: {imageRepository: r.io/etcd/, imageTag: 3.5.15-0}}\n";
    let images = [
        "r.io/k8s/kube-apiserver:v1.31.2",
        "r.io/k8s/kube-controller-manager:v1.31.2",
        "r.io/k8s/kube-scheduler:v1.31.2",
        "r.io/k8s/kube-proxy:v1.31.2",
        "r.io/dns/coredns:v1.11.1",
        "r.io/etcd/etcd:3.5.15-0",
    ];
    kubeadm(all, &images, &["r.io/k8s/pause"]);
    let apart = "kubernetesVersion: 1.30.0+vendor.1\nproxy: {disabled: true}\ndns: {imageTag: v1.11.3}\n\
                 etcd: {external: {endpoints: [a]}}\n";
    let images = [
        "registry.k8s.io/kube-apiserver:v1.30.0_vendor.1",
        "registry.k8s.io/kube-controller-manager:v1.30.0_vendor.1",
        "registry.k8s.io/kube-scheduler:v1.30.0_vendor.1",
        "registry.k8s.io/coredns/coredns:v1.11.3",
    ];
    kubeadm(apart, &images, &["registry.k8s.io/pause"]);
    let host = "imageRepository: 'localhost:5000'\ndns: {disabled: true}\netcd: {local: {imageTag: '3.5'}}\n";
    let open = [
        "localhost:5000/kube-apiserver",
        "localhost:5000/kube-controller-manager",
        "localhost:5000/kube-scheduler",
        "localhost:5000/kube-proxy",
        "localhost:5000/pause",
    ];
    kubeadm(host, &["localhost:5000/etcd:3.5"], &open);
    for version in ["stable-1", "v1.31", "latest", "ci/latest", "1.x.3", "'{{ version }}'", "''"] {
        let text = format!(
            "imageRepository: r.io\nkubernetesVersion: {version}\nproxy: {{disabled: true}}\n"
        );
        let open = [
            "r.io/kube-apiserver",
            "r.io/kube-controller-manager",
            "r.io/kube-scheduler",
            "r.io/coredns",
            "r.io/etcd",
            "r.io/pause",
        ];
        kubeadm(&text, &[], &open);
    }
}

#[test]
fn cluster_api_holds_kubeadm_s_configuration() {
    let plane = "apiVersion: controlplane.cluster.x-k8s.io/v1beta1\nkind: KubeadmControlPlane\nspec:\n  \
                 version: v1.29.0\n  kubeadmConfigSpec:\n    clusterConfiguration:\n      imageRepository: r.io/k\n      \
                 etcd: {local: {imageTag: 3.5.10-0}}\n      apiServer: {extraArgs: {a: 'r.io/b:1'}}\n";
    let (found, _) = document(plane);
    let images = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"];
    let mut images: Vec<_> = images.map(|name| format!("r.io/k/{name} v1.29.0")).into();
    images.push("r.io/k/etcd 3.5.10-0".to_owned());
    assert_eq!(found, images);
    let template = "apiVersion: bootstrap.cluster.x-k8s.io/v1beta1\nkind: KubeadmConfigTemplate\nspec: {template: \
                    {spec: {clusterConfiguration: {imageRepository: r.io/k}}}}\n";
    assert_eq!(document(template).0, [""; 0]);
    let other = |body: &str| {
        document(&format!(
            "apiVersion: example.com/v1\nkind: App\nspec: {{version: 3.2.1, clusterConfiguration: {body}}}\n"
        ))
    };
    assert_eq!(other("{replicas: 3, etcd: {size: 1}}").0, [""; 0], "another field of this name");
    assert_eq!(other("{imageRepository: r.io/k, kubernetesVersion: v1.30.0}").0.len(), 4);
    assert_eq!(
        other("{imageRepository: r.io/k, dns: {imageTag: v1.11.1}}").0,
        ["r.io/k/coredns v1.11.1"]
    );
    let map = "apiVersion: v1\nkind: ConfigMap\ndata:\n  ClusterConfiguration: |\n    apiVersion: \
               kubeadm.k8s.io/v1beta3\n    kind: ClusterConfiguration\n    kubernetesVersion: v1.27.3\n";
    assert_eq!(document(map).0.len(), 4, "kubeadm's own ConfigMap");
}

#[test]
fn a_plan_gives_its_version_to_images_without_a_tag() {
    let plan = |spec: &str| format!("apiVersion: upgrade.cattle.io/v1\nkind: Plan\nspec: {spec}\n");
    let cases = [
        (
            plan("{version: v1.29.4+k3s1, prepare: {image: rancher/k3s-upgrade}, upgrade: {image: r.io/a/b}}"),
            &["rancher/k3s-upgrade v1.29.4-k3s1", "r.io/a/b v1.29.4-k3s1"][..],
            &[][..],
        ),
        (
            plan("{version: v1.2.3, upgrade: {image: 'r.io/a:v2', args: ['--x-image=r.io/b:1']}}"),
            &["r.io/a v2", "r.io/b 1"],
            &[],
        ),
        (
            plan("{channel: 'https://update.example.com/stable', upgrade: {image: rancher/k3s-upgrade}}"),
            &[],
            &["rancher/k3s-upgrade"],
        ),
        (plan("{version: '', upgrade: {image: alpine}}"), &[], &["alpine"]),
        (plan("{version: 3.20, upgrade: {image: alpine}}"), &["alpine 3.20"], &[]),
        (
            "apiVersion: example.com/v1\nkind: Plan\nspec: {version: v9, upgrade: {image: team/x}}\n".into(),
            &["team/x"],
            &[],
        ),
    ];
    for (text, images, suspects) in &cases {
        let (found, warned) = document(text);
        let found: Vec<_> = found.iter().map(|image| image.trim_end_matches(" latest")).collect();
        assert_eq!(found, *images, "{text}");
        assert_eq!(warned, *suspects, "{text}");
    }
}

#[test]
fn imports_name_their_disk_with_a_scheme() {
    let volume = |source: &str| {
        format!(
            "apiVersion: cdi.kubevirt.io/v1beta1\nkind: DataVolume\nspec: {{source: {source}}}\n"
        )
    };
    check(&[
        (
            &volume("{registry: {url: 'docker://quay.io/disks/fedora:40'}}"),
            &["quay.io/disks/fedora 40"],
            &[],
        ),
        (
            &volume("{registry: {url: 'docker://quay.io/disks/fedora@sha256:aa'}}"),
            &["quay.io/disks/fedora @sha256:aa"],
            &[],
        ),
        (
            &volume("{registry: {url: 'docker://kubevirt/disk:1', pullMethod: node}}"),
            &["kubevirt/disk 1"],
            &[],
        ),
        (&volume("{registry: {url: 'oci-archive:/disk.tar'}}"), &[], &[]),
        (
            &volume("{registry: {imageStream: rhel9, pullMethod: node}}"),
            &[],
            &["imageStream: rhel9"],
        ),
        (&volume("{http: {url: 'https://example.com/disk.img'}}"), &[], &[]),
    ]);
    assert_eq!(document(&volume("{registry: {url: 'docker://quay.io/org/disk'}}")).0.len(), 1);
}

#[test]
fn values_that_only_a_run_knows_are_remarks() {
    check(&[
        (
            "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec: {templates: [{container: {image: \
             '{{inputs.parameters.image}}'}}, {container: {image: 'alpine:3'}}]}\n",
            &["alpine 3"],
            &["{{inputs.parameters.image}}"],
        ),
        (
            "apiVersion: tekton.dev/v1\nkind: Task\nspec: {params: [{name: BUILDER_IMAGE, default: 'r.io/b:1'}], steps: \
             [{image: $(params.BUILDER_IMAGE)}, {image: 'r.io/x:$(params.tag)'}]}\n",
            &["r.io/b 1"],
            &["$(params.BUILDER_IMAGE)", "r.io/x:$(params.tag)"],
        ),
        (
            "apiVersion: triggers.tekton.dev/v1\nkind: TriggerTemplate\nspec: {resourcetemplates: [{apiVersion: \
             tekton.dev/v1, kind: TaskRun, spec: {taskSpec: {steps: [{image: $(tt.params.image)}]}}}]}\n",
            &[],
            &["$(tt.params.image)"],
        ),
    ]);
}
