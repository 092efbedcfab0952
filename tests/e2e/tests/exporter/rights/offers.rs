//! PersistentVolumes that it makes: one line for each way in which one is not its to make.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use vmberth_e2e::cluster::{Cluster, Stored};
use vmberth_e2e::exporter::{CLASS, FOLDER};
use vmberth_e2e::{Scene, kind, volumes};

use super::volumes::NOT_OURS;
use super::{OTHER, OWN, refused};

const NOT_OF_THE_CONFIG: &str =
    "expected a local volume on a directory and of a class of exporter.volumes";
const NOT_ITS_HOST: &str = "expected affinity to one kubernetes.io/hostname, edge-1";

/// What differs from a volume that it may make, and the rule that refuses it.
type Difference = (&'static str, fn(&mut Value), &'static str);

const DIFFERENCES: [Difference; 16] = [
    (
        "another node's label",
        |pv| pv["metadata"]["labels"]["vmberth.io/node"] = json!(OTHER),
        NOT_OURS,
    ),
    (
        "no label",
        |pv| pv["metadata"]["labels"] = Value::Null,
        NOT_OURS,
    ),
    (
        "no provisioner",
        |pv| pv["metadata"]["annotations"] = Value::Null,
        NOT_OURS,
    ),
    (
        "a path that is no volume's",
        |pv| pv["spec"]["local"]["path"] = json!("/var/lib/e2e"),
        NOT_OF_THE_CONFIG,
    ),
    (
        "a path within a volume",
        |pv| pv["spec"]["local"]["path"] = json!(format!("{FOLDER}/vol0/e2e")),
        NOT_OF_THE_CONFIG,
    ),
    (
        "a path with another number's spelling",
        |pv| pv["spec"]["local"]["path"] = json!(format!("{FOLDER}/vol00")),
        NOT_OF_THE_CONFIG,
    ),
    (
        "a path of the host that is not local",
        |pv| {
            pv["spec"]["hostPath"] = pv["spec"]["local"].take();
        },
        NOT_OF_THE_CONFIG,
    ),
    (
        "a class of others",
        |pv| pv["spec"]["storageClassName"] = json!(volumes::CLASS),
        NOT_OF_THE_CONFIG,
    ),
    (
        "reclaim policy Delete",
        |pv| pv["spec"]["persistentVolumeReclaimPolicy"] = json!("Delete"),
        NOT_OF_THE_CONFIG,
    ),
    (
        "a claim",
        |pv| pv["spec"]["claimRef"] = json!({"namespace": "default", "name": "e2e"}),
        NOT_OF_THE_CONFIG,
    ),
    (
        "affinity to another node",
        |pv| tie(pv, json!([term("In", &[OTHER])])),
        NOT_ITS_HOST,
    ),
    (
        "affinity to two nodes",
        |pv| tie(pv, json!([term("In", &[OWN, OTHER])])),
        NOT_ITS_HOST,
    ),
    (
        "affinity to all but its node",
        |pv| tie(pv, json!([term("NotIn", &[OWN])])),
        NOT_ITS_HOST,
    ),
    (
        "affinity by another label",
        |pv| {
            let mut term = term("In", &[OWN]);
            term["matchExpressions"][0]["key"] = json!("e2e/hostname");
            tie(pv, json!([term]));
        },
        NOT_ITS_HOST,
    ),
    (
        "affinity to another node as well",
        |pv| tie(pv, json!([term("In", &[OWN]), term("In", &[OTHER])])),
        NOT_ITS_HOST,
    ),
    (
        "affinity by a field, too",
        |pv| {
            let mut term = term("In", &[OWN]);
            term["matchFields"] =
                json!([{"key": "metadata.name", "operator": "In", "values": [OWN]}]);
            tie(pv, json!([term]));
        },
        NOT_ITS_HOST,
    ),
];

/// As it makes one, of a directory that is not there.
pub(super) fn proper() -> Value {
    let mut pv = json!({
        "metadata": {
            "name": "e2e-rights",
            "labels": {"vmberth.io/node": OWN},
            "annotations": {"pv.kubernetes.io/provisioned-by": "vmberth.io/exporter"},
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"},
            "local": {"path": format!("{FOLDER}/vol999")},
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": CLASS,
        },
    });
    tie(&mut pv, json!([term("In", &[OWN])]));
    pv
}

fn tie(pv: &mut Value, terms: Value) {
    pv["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"] = terms;
}

fn term(operator: &str, nodes: &[&str]) -> Value {
    json!({"matchExpressions": [
        {"key": "kubernetes.io/hostname", "operator": operator, "values": nodes},
    ]})
}

pub(super) async fn made(scene: &Scene, agent: &Cluster) -> Result<()> {
    let make = async |pv: &Value| agent.post(kind::VOLUME, "", pv, Stored::DryRun).await;
    make(&proper()).await.context("a volume of its own node")?;
    for (what, differ, words) in DIFFERENCES {
        let mut pv = proper();
        differ(&mut pv);
        refused(
            scene,
            &format!("a volume with {what}"),
            words,
            make(&pv).await,
        )?;
    }
    Ok(())
}
