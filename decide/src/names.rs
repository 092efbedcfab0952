//! Every string shared with Kubernetes, KubeVirt and CDI, with who writes and who reads it.

/// API group and version of our own files. Written by the chart; read by [`crate::policy`].
pub const POLICY_API_VERSION: &str = "vmberth.io/v1alpha1";
/// Kind of the policy file. Written by the chart; read by [`crate::policy`].
pub const POLICY_KIND: &str = "Policy";

/// Opt-out label. Written by users on a namespace, a template, an instance or a pod, and on a VirtualMachine, from
/// where [`crate::mutate`] copies it to the template; read by the chart's selectors and by [`crate::mutate`].
pub const INJECT_LABEL: &str = "vmberth.io/inject";
/// Annotation of a VM, its template or an instance: the profile that it wants. Written by users; read by
/// [`crate::wish`]. On a DataVolume or claim: that of the VM that will come; CDI copies it from the one to the other
/// (CDI 1.65, pkg/controller/datavolume/controller-base.go); read by [`crate::whose`]. On a namespace: the same of all its disks that
/// say nothing themselves.
pub const PROFILE_ANNOTATION: &str = "vmberth.io/profile";
/// Annotation of a VM, its template or an instance: pages behind its memory. Written by users; read as above.
pub const HUGEPAGES_ANNOTATION: &str = "vmberth.io/hugepages";
/// Annotation of a VM, its template or an instance: its virtual functions. Written by users; read as above.
pub const VFS_ANNOTATION: &str = "vmberth.io/vfs";
/// Annotation of a VM, its template or an instance: static addresses. Written by users; read as above.
pub const ADDRESSES_ANNOTATION: &str = "vmberth.io/addresses";
/// Annotation of a VM, its template or an instance: Secret with public keys of ssh. Written by users; read as above.
pub const SSH_KEYS_ANNOTATION: &str = "vmberth.io/ssh-keys";
/// All annotations by which users ask for something.
pub const WISHES: [&str; 5] = [
    PROFILE_ANNOTATION,
    HUGEPAGES_ANNOTATION,
    VFS_ANNOTATION,
    ADDRESSES_ANNOTATION,
    SSH_KEYS_ANNOTATION,
];
/// Resource that no node has: pods that request it are the ones of which the cluster's own scheduler asks the extender. Written by
/// [`crate::mutate`]; read by kube-scheduler (its `managedResources`; Kubernetes 1.35, pkg/scheduler/extender.go, `IsInterested`).
pub const BERTH_RESOURCE: &str = "vmberth.io/berth";
/// Prefix of every label and annotation of ours.
pub const OWN_PREFIX: &str = "vmberth.io/";
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
/// Group of DataVolume.
pub const CDI_GROUP: &str = "cdi.kubevirt.io";
/// The only version of [`CDI_GROUP`] (facts: kubevirt-cdi 1).
pub const CDI_VERSION: &str = "v1beta1";
/// Kind of the owner whose template overrules tolerations of its instance (facts: kubevirt-cdi 0.2).
pub const VIRTUAL_MACHINE_KIND: &str = "VirtualMachine";
/// Kind of what a launcher pod runs. Written by virt-controller as their owner.
pub const INSTANCE_KIND: &str = "VirtualMachineInstance";

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

/// Networks of a pod, in JSON or as a list of names. Written by virt-controller; read by Multus and
/// [`crate::mutate`].
pub const NETWORKS_ANNOTATION: &str = "k8s.v1.cni.cncf.io/networks";
/// Network of a pod's first interface instead of the cluster's; written for a VM's multus network with `default: true`
/// (KubeVirt 1.8.4, pkg/network/multus/annotation.go) and read as above.
pub const DEFAULT_NETWORK_ANNOTATION: &str = "v1.multus-cni.io/default-network";
/// Resource that a pod of this network needs. Written by who makes a NetworkAttachmentDefinition; read by KubeVirt,
/// network-resources-injector and the webhook's watch (facts: kubevirt-cdi 2).
pub const RESOURCE_NAME_ANNOTATION: &str = "k8s.v1.cni.cncf.io/resourceName";
/// Container of a launcher pod that runs the guest (facts: kubevirt-cdi 2).
pub const COMPUTE_CONTAINER: &str = "compute";
/// Prefix of the resources by which CMK hands out cores (facts: domain 1).
pub const CMK_CORES_PREFIX: &str = "cmk.intel.com/exclusive-";

/// Makes CDI bind a claim without waiting for its consumer. Written by [`crate::mutate`]; read by cdi-controller
/// (facts: kubevirt-cdi 4).
pub const BIND_IMMEDIATE_ANNOTATION: &str = "cdi.kubevirt.io/storage.bind.immediate.requested";
/// Tells CDI beforehand that an import needs scratch space. Written by [`crate::mutate`]; read by cdi-controller
/// (facts: kubevirt-cdi 4).
pub const REQUIRES_SCRATCH_ANNOTATION: &str = "cdi.kubevirt.io/storage.import.requiresScratch";
/// Marks a claim that waits for an upload. Written by virtctl and cdi-controller (facts: kubevirt-cdi 4).
pub const UPLOAD_TARGET_ANNOTATION: &str = "cdi.kubevirt.io/storage.upload.target";
/// What a claim is filled from. Written by cdi-controller (CDI 1.65, pkg/controller/common/util.go, `AnnSource`).
pub const IMPORT_SOURCE_ANNOTATION: &str = "cdi.kubevirt.io/storage.import.source";
/// How a registry is read: `node` by the node's container runtime. Written by cdi-controller.
pub const REGISTRY_METHOD_ANNOTATION: &str = "cdi.kubevirt.io/storage.import.registryImportMethod";
/// What a claim is filled with: `kubevirt` or `archive`. Written by virtctl and cdi-controller.
pub const CONTENT_TYPE_ANNOTATION: &str = "cdi.kubevirt.io/storage.contentType";
/// Phase of the pod that fills a claim; `Succeeded` when it is filled. Written by cdi-controller (facts: kubevirt-cdi 4).
pub const POD_PHASE_ANNOTATION: &str = "cdi.kubevirt.io/storage.pod.phase";
/// Annotation of pods that bind a VM's volumes and end before it starts. Written by virt-controller (facts: kubevirt-cdi 2).
pub const PROVISIONING_ANNOTATION: &str = "kubevirt.io/ephemeral-provisioning";
/// Provisioner of classes whose volumes are there or not.
pub const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";
/// Annotation of an object of our own: changed to wake pods that the scheduler has put aside. Written by the extender.
pub const WOKEN_ANNOTATION: &str = "vmberth.io/woken";
/// Label of nodes with a virt-handler; `false` while it does not answer. Written by virt-handler and virt-controller; every launcher
/// pod selects by it (facts: kubevirt-cdi 2).
pub const SCHEDULABLE_LABEL: &str = "kubevirt.io/schedulable";
/// In labels that KubeVirt puts on nodes, 150 and more of them, and asks for in its launcher pods. Written by virt-handler (KubeVirt
/// 1.8.4, pkg/virt-handler/node-labeller); read by [`crate::placing`].
pub const KUBEVIRT_NODE_LABELS: &str = ".node.kubevirt.io/";
/// Begins the label of a CPU model that the node can show.
pub const CPU_MODEL_LABELS: &str = "cpu-model.node.kubevirt.io/";
/// Begins the label of something that the node's processors can do.
pub const CPU_FEATURE_LABELS: &str = "cpu-feature.node.kubevirt.io/";
/// Begins the label of who made the node's processors.
pub const CPU_VENDOR_LABELS: &str = "cpu-vendor.node.kubevirt.io/";
/// Begins the label of a machine type that the node's QEMU knows.
pub const MACHINE_TYPE_LABELS: &str = "machine-type.node.kubevirt.io/";
/// Begins the label of a feature of Hyper-V that the node's kernel can show.
pub const HYPERV_LABELS: &str = "hyperv.node.kubevirt.io/";
/// Begins the label of a frequency that guests can have as that of their clock. Written by virt-controller.
pub const TSC_LABELS: &str = "scheduling.node.kubevirt.io/tsc-frequency-";
/// Label of nodes whose own CPU model the cluster's administrator calls obsolete. Written by virt-handler.
pub const OBSOLETE_HOST_MODEL_LABEL: &str = "node-labeller.kubevirt.io/obsolete-host-model";
/// Label of nodes whose kubelet gives away whole processors: `true` or `false`. Written by virt-handler.
pub const CPU_MANAGER_LABEL: &str = "kubevirt.io/cpumanager";
/// Label of nodes that can run guests in real time. Written by virt-handler, like the next five.
pub const REALTIME_LABEL: &str = "kubevirt.io/realtime";
/// Label of nodes with AMD's SEV.
pub const SEV_LABEL: &str = "kubevirt.io/sev";
/// Label of nodes with AMD's SEV-ES.
pub const SEV_ES_LABEL: &str = "kubevirt.io/sev-es";
/// Label of nodes with AMD's SEV-SNP.
pub const SEV_SNP_LABEL: &str = "kubevirt.io/sev-snp";
/// Label of nodes with Intel's TDX.
pub const TDX_LABEL: &str = "kubevirt.io/tdx";
/// Label of nodes with IBM's Secure Execution.
pub const SECURE_EXECUTION_LABEL: &str = "kubevirt.io/s390-pv";
/// Label of every node: its architecture, as Go calls it. Written by the kubelet.
pub const ARCHITECTURE_LABEL: &str = "kubernetes.io/arch";
/// What taints begin with that are put on and taken off as a node comes and goes. Written by Kubernetes' node controllers.
pub const NODE_TAINTS: &str = "node.kubernetes.io/";
/// What resources of huge pages begin with; the size follows.
pub const HUGEPAGES_PREFIX: &str = "hugepages-";

/// Kind of the exporter's configuration file. Written by the chart; read by [`crate::node::config`].
pub const EXPORTER_CONFIG_KIND: &str = "ExporterConfig";
/// Kind of [`crate::inventory`]. Written by the exporter; read by people and the extender.
pub const INVENTORY_KIND: &str = "NodeInventory";
/// Label of a PersistentVolume of ours: the node whose agent made it. Written and read by the exporter, which touches no
/// volume without it, and by the chart's ValidatingAdmissionPolicy. Claims that bind at once are restricted by it
/// ([`crate::immediate`]).
pub const NODE_LABEL: &str = "vmberth.io/node";
/// Label of a PersistentVolume of ours: the last component of its path. Written by the exporter; read by people.
pub const VOLUME_LABEL: &str = "vmberth.io/volume";
/// Label of a PersistentVolume of ours: its file system, `major-minor`. Written by the exporter; read by people.
pub const FILE_SYSTEM_LABEL: &str = "vmberth.io/filesystem";
/// Annotation of a PersistentVolume of ours: UID of the node that it was made on. A node with another UID under the same
/// name is another machine, or was installed anew. Written and read by the exporter.
pub const NODE_UID_ANNOTATION: &str = "vmberth.io/node-uid";
/// Annotation of a PersistentVolume of ours: the VM whose disk it is, `namespace/name`. Written by the exporter when it
/// sees the VM run; read by the exporter and people.
pub const VIRTUAL_MACHINE_ANNOTATION: &str = "vmberth.io/virtual-machine";
/// Annotation of a PersistentVolume of ours: where its file system was mounted when it was made. Written and read by the
/// exporter: a directory of that path on another mount point is not the one that was promised.
pub const MOUNT_POINT_ANNOTATION: &str = "vmberth.io/mount-point";
/// Annotation of a PersistentVolume of ours: which directory it was made of, as its number and the time when that was made,
/// `inode:nanoseconds`. Written and read by the exporter: after disks were swapped another directory has the path and the
/// mount point, and its data is another's.
pub const DIRECTORY_ANNOTATION: &str = "vmberth.io/directory";
/// Annotation of a PersistentVolume of ours: `scratch/` and the UID of its claim, if that is CDI's scratch space. Written
/// by the exporter once it saw a pod of CDI use the claim so, since afterwards nobody can tell; read by the exporter.
pub const CLAIM_KIND_ANNOTATION: &str = "vmberth.io/claim-kind";
/// Annotation or label of a PersistentVolume: with any value but `false` and the empty one its data is never removed.
/// Written by people; read by the exporter ([`crate::node::reclaim::keeps`]).
pub const KEEP_ANNOTATION: &str = "vmberth.io/keep";
/// Annotation of a PersistentVolume that a provisioner made. Written by provisioners; read by the exporter, which writes
/// [`PROVISIONER`] into its own and keeps its hands off the others.
pub const PROVISIONED_BY_ANNOTATION: &str = "pv.kubernetes.io/provisioned-by";
/// Our value of [`PROVISIONED_BY_ANNOTATION`].
pub const PROVISIONER: &str = "vmberth.io/exporter";
/// Label of every node: what local volumes are tied to; it may differ from the node's name (facts: domain 2.1).
pub const HOSTNAME_LABEL: &str = "kubernetes.io/hostname";
/// Label of launcher pods: name of the VM. Written by virt-controller; read by the exporter.
pub const VM_NAME_LABEL: &str = "vm.kubevirt.io/name";
/// End of the name of CDI's scratch claims (facts: domain 5).
pub const SCRATCH_SUFFIX: &str = "-scratch";
/// Name of the volume by which pods of CDI have their scratch claim; the claim that they fill is `cdi-data-vol`. Written by
/// cdi-controller (CDI 1.65, pkg/controller/common/util.go, `ScratchVolName`); read by the exporter.
pub const CDI_SCRATCH_VOLUME: &str = "cdi-scratch-vol";
/// Driver of functions that VMs can take.
pub const VFIO_DRIVER: &str = "vfio-pci";
/// A volume's disk: KubeVirt and CDI know no other name (facts: domain 5).
pub const DISK_FILE: &str = "disk.img";

/// What the API server writes into a pod that names no scheduler.
pub const DEFAULT_SCHEDULER: &str = "default-scheduler";

/// RFC 1123 label, which names of namespaces are.
#[must_use]
pub fn is_dns_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.chars().all(inner)
}

/// RFC 1123 subdomain, which names of most other objects are.
#[must_use]
pub fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

/// What [`is_credential_secret`] takes, in words.
pub const CREDENTIAL_SECRET_EXPECTED: &str =
    "the name of a Secret, of at most 51 characters and without dots";

/// Name of a Secret that KubeVirt can bring into a guest: with `-access-cred` behind it, it names a volume of the pod
/// (KubeVirt 1.8.4, pkg/virt-controller/services/rendervolumes.go), and of a name that is no label no pod is made.
#[must_use]
pub fn is_credential_secret(text: &str) -> bool {
    is_dns_label(text) && is_dns_label(&format!("{text}-access-cred"))
}

/// Kubernetes' qualified name: `name` or `dns.prefix/name`.
#[must_use]
pub fn is_qualified_name(text: &str) -> bool {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    prefix.is_none_or(is_dns_subdomain) && !name.is_empty() && is_label_value(name)
}

/// Kubernetes' label value, which a taint's value is too; may be empty.
#[must_use]
pub fn is_label_value(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && ends(text.chars().next())
        && ends(text.chars().next_back())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
