//! Story 8: whoever runs Prometheus sees vmberth without doing anything.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vmberth_e2e::prometheus::query;
use vmberth_e2e::seen::{items, name, text};
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::webhook::Webhook;
use vmberth_e2e::{Story, pod, vmberth};

/// Prometheus looks every five seconds.
const SOON: Duration = Duration::from_secs(45);

/// The webhook's pods are found by their annotations, and the admissions of a launcher pod are in
/// what a query returns.
#[test]
fn prometheus_finds_the_webhook_and_its_admissions() -> Result<()> {
    Story::new("Prometheus").with_vmberth().run(async |scene| {
        let webhook = Webhook::find(&scene.cluster).await?;
        let pods: BTreeSet<_> = webhook.pods.iter().map(|pod| name(pod).to_owned()).collect();
        wait::until("Prometheus to scrape every webhook pod", SOON, async || {
            let up = query(r#"up{namespace="vmberth",component="webhook"} == 1"#).await?;
            let found: BTreeSet<_> =
                up.iter().map(|one| text(&one.labels["pod"]).to_owned()).collect();
            Ok(Look::of((found == pods).then_some(()), || format!("{found:?} of {pods:?}")))
        })
        .await?;

        let admissions = r#"sum(vmberth_webhook_admissions_total{namespace="vmberth",kind="Pod",operation="CREATE",verdict="patched"})"#;
        vmberth::ask(&scene.cluster, &pod::launcher_like("counted")).await?;
        let labels = [("kind", "Pod"), ("operation", "CREATE"), ("verdict", "patched")];
        let counted = webhook.count("admissions_total", &labels).await?;
        let seen = wait::until("Prometheus to have the admissions", SOON, async || {
            let value = query(admissions).await?.first().map_or(0.0, |one| one.value);
            Ok(Look::of((value >= counted).then_some(value), || format!("{value} of {counted}")))
        })
        .await?;
        scene.say(&format!("Prometheus counts {seen} admitted pods"));
        Ok(())
    })
}

/// The ServiceMonitor of the chart selects a Service of the chart, and names a port of it that leads
/// to the port of the pods' annotation.
#[test]
fn the_service_monitor_and_the_annotations_agree() -> Result<()> {
    Story::new("ServiceMonitor").with_vmberth().run(async |_| {
        let with_monitor = [
            "--set=monitoring.serviceMonitor.enabled=true",
            "--api-versions=monitoring.coreos.com/v1",
        ];
        let yaml = vmberth::rendered_yaml(&with_monitor).await?;
        // kubectl does not know the kind: its document is read alone.
        let (monitors, others): (Vec<_>, Vec<_>) = yaml
            .split("\n---")
            .partition(|one| one.contains("kind: ServiceMonitor"));
        ensure!(!monitors.is_empty(), "the chart has no ServiceMonitor");
        let objects = vmberth::objects(&others.join("\n---")).await?;
        for monitor in monitors {
            assert_monitor_leads_to_pods(&vmberth::yaml(monitor)?, &objects)?;
        }
        Ok(())
    })
}

fn assert_monitor_leads_to_pods(monitor: &Value, objects: &[Value]) -> Result<()> {
    let wanted = &monitor["spec"]["selector"]["matchLabels"];
    ensure!(
        wanted.as_object().is_some_and(|labels| !labels.is_empty()),
        "selects everything"
    );
    let services = objects.iter().filter(|one| one["kind"] == "Service");
    let selected: Vec<_> = services
        .filter(|one| covers(&one["metadata"]["labels"], wanted))
        .collect();
    ensure!(!selected.is_empty(), "{wanted} selects no Service");
    for service in selected {
        for endpoint in items(&monitor["spec"]["endpoints"]) {
            let ports = items(&service["spec"]["ports"]);
            let port = ports.iter().find(|port| port["name"] == endpoint["port"]);
            let port = port.with_context(|| format!("{} has no such port", name(service)))?;
            let mut workloads = objects.iter().filter(|one| {
                let labels = &one["spec"]["template"]["metadata"]["labels"];
                one["kind"] == "Deployment" && covers(labels, &service["spec"]["selector"])
            });
            let parts = workloads.try_fold(0, |parts, workload| {
                assert_same_port(workload, &port["targetPort"]).map(|()| parts + 1)
            })?;
            ensure!(
                parts == 2,
                "{} leads to {parts} Deployments of 2",
                name(service)
            );
        }
    }
    Ok(())
}

fn assert_same_port(workload: &Value, target: &Value) -> Result<()> {
    let template = &workload["spec"]["template"];
    let ports = items(&template["spec"]["containers"])
        .iter()
        .flat_map(|one| items(&one["ports"]));
    let number = ports
        .filter(|port| port["name"] == *target || port["containerPort"] == *target)
        .map(|port| port["containerPort"].to_string())
        .next();
    let annotations = &template["metadata"]["annotations"];
    let annotated = text(&annotations["prometheus.io/port"]);
    ensure!(
        number.as_deref() == Some(annotated),
        "monitor {number:?}, annotation {annotated:?}"
    );
    ensure!(
        annotations["prometheus.io/scrape"] == "true",
        "{annotations}"
    );
    Ok(())
}

fn covers(labels: &Value, wanted: &Value) -> bool {
    let wanted = wanted.as_object().into_iter().flatten();
    wanted.into_iter().all(|(key, value)| labels[key] == *value)
}
