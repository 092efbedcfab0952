//! The kinds of objects that stories touch, and where the API server has them.

/// A kind of object.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Path of its group and version.
    pub api: &'static str,
    /// Its name in paths.
    pub plural: &'static str,
}

const fn core(plural: &'static str) -> Kind {
    Kind {
        api: "/api/v1",
        plural,
    }
}

const fn kubevirt(plural: &'static str) -> Kind {
    Kind {
        api: "/apis/kubevirt.io/v1",
        plural,
    }
}

/// Pod.
pub const POD: Kind = core("pods");
/// Event.
pub const EVENT: Kind = core("events");
/// Event, as programs write it today; read as [`EVENT`] as well.
pub const NEW_EVENT: Kind = Kind {
    api: "/apis/events.k8s.io/v1",
    plural: "events",
};
/// Namespace.
pub const NAMESPACE: Kind = core("namespaces");
/// Node.
pub const NODE: Kind = core("nodes");
/// PersistentVolumeClaim.
pub const CLAIM: Kind = core("persistentvolumeclaims");
/// PersistentVolume.
pub const VOLUME: Kind = core("persistentvolumes");
/// StorageClass.
pub const STORAGE_CLASS: Kind = Kind {
    api: "/apis/storage.k8s.io/v1",
    plural: "storageclasses",
};
/// NodeInventory of vmberth.
pub const INVENTORY: Kind = Kind {
    api: "/apis/vmberth.io/v1alpha1",
    plural: "nodeinventories",
};
/// Service.
pub const SERVICE: Kind = core("services");
/// Secret.
pub const SECRET: Kind = core("secrets");
/// ConfigMap.
pub const CONFIG_MAP: Kind = core("configmaps");
/// Deployment.
pub const DEPLOYMENT: Kind = Kind {
    api: "/apis/apps/v1",
    plural: "deployments",
};
/// DaemonSet.
pub const DAEMON_SET: Kind = Kind {
    api: "/apis/apps/v1",
    plural: "daemonsets",
};
/// NetworkAttachmentDefinition.
pub const NETWORK: Kind = Kind {
    api: "/apis/k8s.cni.cncf.io/v1",
    plural: "network-attachment-definitions",
};
/// Lease.
pub const LEASE: Kind = Kind {
    api: "/apis/coordination.k8s.io/v1",
    plural: "leases",
};
/// MutatingWebhookConfiguration.
pub const WEBHOOKS: Kind = Kind {
    api: "/apis/admissionregistration.k8s.io/v1",
    plural: "mutatingwebhookconfigurations",
};
/// Role.
pub const ROLE: Kind = Kind {
    api: "/apis/rbac.authorization.k8s.io/v1",
    plural: "roles",
};
/// ClusterRole.
pub const CLUSTER_ROLE: Kind = Kind {
    api: "/apis/rbac.authorization.k8s.io/v1",
    plural: "clusterroles",
};
/// ClusterRoleBinding.
pub const CLUSTER_ROLE_BINDING: Kind = Kind {
    api: "/apis/rbac.authorization.k8s.io/v1",
    plural: "clusterrolebindings",
};
/// DataVolume of CDI.
pub const DATA_VOLUME: Kind = Kind {
    api: "/apis/cdi.kubevirt.io/v1beta1",
    plural: "datavolumes",
};
/// VirtualMachine of KubeVirt.
pub const VM: Kind = kubevirt("virtualmachines");
/// VirtualMachineInstance of KubeVirt.
pub const VMI: Kind = kubevirt("virtualmachineinstances");
/// VirtualMachineInstanceReplicaSet of KubeVirt.
pub const REPLICA_SET: Kind = kubevirt("virtualmachineinstancereplicasets");
/// VirtualMachinePool of KubeVirt.
pub const POOL: Kind = Kind {
    api: "/apis/pool.kubevirt.io/v1beta1",
    plural: "virtualmachinepools",
};
/// VirtualMachineInstanceMigration of KubeVirt.
pub const MIGRATION: Kind = kubevirt("virtualmachineinstancemigrations");
/// KubeVirt, its own configuration.
pub const KUBEVIRT: Kind = kubevirt("kubevirts");
