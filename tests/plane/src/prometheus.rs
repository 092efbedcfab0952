//! Prometheus beside the control plane: it finds pods by the cluster's own discovery.
//!
//! Built from its Go module: Debian's package has no Kubernetes discovery compiled in.

use anyhow::Result;

use crate::layout::{self, API_PORT, CONTROL_PLANE_IP, Layout, PROMETHEUS_ADDRESS};
use crate::machine::{Machine, Part};

/// Starts it.
///
/// # Errors
/// If it does not start.
pub fn start(layout: &Layout, control_plane: &Machine) -> Result<()> {
    let file = control_plane.dir.join("prometheus.yml");
    layout::write(&file, config(layout))?;
    let args = [
        format!("--config.file={}", file.display()),
        format!(
            "--storage.tsdb.path={}",
            control_plane.dir.join("prometheus").display()
        ),
        format!("--web.listen-address={PROMETHEUS_ADDRESS}"),
        "--log.level=warn".to_owned(),
    ];
    control_plane.run(&Part::new("prometheus", &layout.bin("prometheus"), args))
}

/// The usual rule for annotated pods: `prometheus.io/scrape`, `port`, `path` and `scheme`.
fn config(layout: &Layout) -> String {
    let pki = layout.pki();
    let pki = pki.display();
    format!(
        r"global:
  scrape_interval: 5s
scrape_configs:
- job_name: pods
  kubernetes_sd_configs:
  - role: pod
    api_server: https://{CONTROL_PLANE_IP}:{API_PORT}
    tls_config:
      ca_file: {pki}/ca.crt
      cert_file: {pki}/admin.crt
      key_file: {pki}/admin.key
  relabel_configs:
  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
    action: keep
    regex: 'true'
  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scheme]
    action: replace
    target_label: __scheme__
    regex: (https?)
  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path]
    action: replace
    target_label: __metrics_path__
    regex: (.+)
  - source_labels: [__address__, __meta_kubernetes_pod_annotation_prometheus_io_port]
    action: replace
    regex: ([^:]+)(?::\d+)?;(\d+)
    replacement: $1:$2
    target_label: __address__
  - source_labels: [__meta_kubernetes_namespace]
    target_label: namespace
  - source_labels: [__meta_kubernetes_pod_name]
    target_label: pod
  - source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_component]
    target_label: component
"
    )
}
