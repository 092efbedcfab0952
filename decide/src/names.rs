//! Every string shared with Kubernetes, KubeVirt and CDI, with who writes and who reads it.

/// API group and version of our own files. Written by the chart; read by [`crate::policy`].
pub const POLICY_API_VERSION: &str = "vmberth.io/v1alpha1";
/// Kind of the policy file. Written by the chart; read by [`crate::policy`].
pub const POLICY_KIND: &str = "Policy";

/// Opt-out label. Written by users on a namespace, a template, an instance or a pod, and on a VirtualMachine, from
/// where [`crate::mutate`] copies it to the template; read by the chart's selectors and by [`crate::mutate`].
pub const INJECT_LABEL: &str = "vmberth.io/inject";
/// Annotation that says what was changed and why. Written by [`crate::mutate`]; read by people and by the
/// next review of the same object.
pub const INJECTED_ANNOTATION: &str = "vmberth.io/injected";

/// Taint of Intel's CPU manager for Kubernetes on every node it manages. Written by CMK's installer; read by
/// the scheduler (facts: domain 1, key `cmk`, value `true`, effect `NoSchedule`).
pub const CMK_TAINT: &str = "cmk";

/// Namespace that is never touched. Written by Kubernetes; read by [`crate::policy`] as a default.
pub const KUBE_SYSTEM: &str = "kube-system";

/// Group of VirtualMachine, VirtualMachineInstance and VirtualMachineInstanceReplicaSet.
pub const KUBEVIRT_GROUP: &str = "kubevirt.io";
/// Versions of [`KUBEVIRT_GROUP`] that KubeVirt serves (facts: kubevirt-cdi 1).
pub const KUBEVIRT_VERSIONS: [&str; 2] = ["v1", "v1alpha3"];
/// Group of VirtualMachinePool.
pub const POOL_GROUP: &str = "pool.kubevirt.io";
/// Versions of [`POOL_GROUP`] that KubeVirt serves (facts: kubevirt-cdi 1).
pub const POOL_VERSIONS: [&str; 2] = ["v1beta1", "v1alpha1"];
/// Kind of the owner whose template overrules tolerations of its instance (facts: kubevirt-cdi 0.2).
pub const VIRTUAL_MACHINE_KIND: &str = "VirtualMachine";

/// Role of a pod to KubeVirt. Written by virt-controller; read by [`crate::subject`] and the chart's selectors.
pub const KUBEVIRT_LABEL: &str = "kubevirt.io";
/// [`KUBEVIRT_LABEL`] of launcher, provisioning and migration target pods (facts: kubevirt-cdi 2).
pub const KUBEVIRT_LAUNCHER: &str = "virt-launcher";
/// [`KUBEVIRT_LABEL`] of hotplug attachment and trigger pods (facts: kubevirt-cdi 6).
pub const KUBEVIRT_HOTPLUG: &str = "hotplug-disk";
/// [`KUBEVIRT_LABEL`] of export pods as rendered; the export controller replaces all labels afterwards by
/// [`EXPORT_SERVICE_LABEL`] (KubeVirt 1.8.4, pkg/storage/export/export/export.go, `createExporterPodManifest`).
pub const KUBEVIRT_EXPORTER: &str = "virt-exporter";
/// Label that export pods really carry. Written by virt-controller's export controller; the key counts.
pub const EXPORT_SERVICE_LABEL: &str = "kubevirt.io.virt-export-service";

/// Label of everything that belongs to CDI, its own control plane included.
pub const CDI_APP_LABEL: &str = "app";
/// Value of [`CDI_APP_LABEL`].
pub const CDI_APP: &str = "containerized-data-importer";
/// Role of an object to CDI. Written by cdi-controller; read by [`crate::subject`] and the chart's selectors.
pub const CDI_COMPONENT_LABEL: &str = "cdi.kubevirt.io";
/// [`CDI_COMPONENT_LABEL`] of importer and size-detection pods (facts: kubevirt-cdi 4).
pub const CDI_IMPORTER: &str = "importer";
/// [`CDI_COMPONENT_LABEL`] of upload pods, which are also the targets of host-assisted clones.
pub const CDI_UPLOAD: &str = "cdi-upload-server";
/// [`CDI_COMPONENT_LABEL`] of the source pods of host-assisted clones.
pub const CDI_CLONE_SOURCE: &str = "cdi-clone-source";
/// [`CDI_COMPONENT_LABEL`] of the clone populator's preparation pod (CDI 1.65, pkg/controller/clone/prep-claim.go).
pub const CDI_POPULATOR_PREP: &str = "cdi-populator-prep";
/// Label of the pods that ask a registry for a newer image, in CDI's own namespace; the key counts. Written by
/// cdi-controller (CDI 1.65, pkg/controller/dataimportcron-controller.go, `InitPollerPod`).
pub const CDI_POLLER_LABEL: &str = "cdi.kubevirt.io/dataImportCronPoller";
