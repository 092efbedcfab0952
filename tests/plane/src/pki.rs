//! Keys, certificates and kubeconfigs of the cluster, made anew for every cluster.

use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde_json::json;

use crate::layout::{self, API_PORT, API_SERVICE_IP, CONTROL_PLANE_IP, Layout};

/// Everybody with a client certificate: file name, CN, O.
fn clients(nodes: u8) -> Vec<(String, String, Option<&'static str>)> {
    let fixed = [
        ("admin", "plane-admin", Some("system:masters")),
        (
            "kube-controller-manager",
            "system:kube-controller-manager",
            None,
        ),
        ("kube-scheduler", "system:kube-scheduler", None),
        ("kube-proxy", "system:kube-proxy", None),
        ("kwok", "kwok", Some("system:masters")),
        (
            "apiserver-kubelet-client",
            "kube-apiserver-kubelet-client",
            Some("system:masters"),
        ),
    ];
    let fixed = fixed.map(|(file, cn, o)| (file.to_owned(), cn.to_owned(), o));
    let nodes = (1..=nodes).map(|n| {
        let name = layout::node_name(n);
        (
            name.clone(),
            format!("system:node:{name}"),
            Some("system:nodes"),
        )
    });
    fixed.into_iter().chain(nodes).collect()
}

/// Writes all of it: `NAME.crt`, `NAME.key`, `NAME.kubeconfig` below the pki directory, and the
/// administrator's kubeconfig at its place.
///
/// # Errors
/// If a file can't be written.
pub fn write(layout: &Layout, nodes: u8) -> Result<()> {
    let dir = layout.pki();
    let ca = Authority::new("plane-ca")?;
    ca.save(&dir, "ca")?;
    let front = Authority::new("plane-front-proxy-ca")?;
    front.save(&dir, "front-proxy-ca")?;
    front.client(&dir, "front-proxy-client", "front-proxy-client", None)?;
    let names = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        CONTROL_PLANE_IP,
        API_SERVICE_IP,
        "127.0.0.1",
    ];
    ca.server(&dir, "apiserver", &names)?;
    let tokens = KeyPair::generate()?;
    layout::write(&dir.join("service-accounts.key"), tokens.serialize_pem())?;
    layout::write(&dir.join("service-accounts.pub"), tokens.public_key_pem())?;
    for (file, cn, organization) in clients(nodes) {
        ca.client(&dir, &file, &cn, organization)?;
        let config = kubeconfig(&dir, &file)?;
        layout::write(&dir.join(format!("{file}.kubeconfig")), &config)?;
        if file == "admin" {
            layout::write(&layout.kubeconfig(), config)?;
        }
    }
    Ok(())
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key_pair = KeyPair::generate()?;
        let pem = params.self_signed(&key_pair)?.pem();
        let key = key_pair.serialize_pem();
        Ok(Self {
            issuer: Issuer::new(params, key_pair),
            pem,
            key,
        })
    }

    fn save(&self, dir: &Path, file: &str) -> Result<()> {
        layout::write(&dir.join(format!("{file}.crt")), &self.pem)?;
        layout::write(&dir.join(format!("{file}.key")), &self.key)
    }

    fn client(&self, dir: &Path, file: &str, cn: &str, organization: Option<&str>) -> Result<()> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, cn);
        if let Some(organization) = organization {
            params
                .distinguished_name
                .push(DnType::OrganizationName, organization);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.leaf(dir, file, params)
    }

    fn server(&self, dir: &Path, file: &str, names: &[&str]) -> Result<()> {
        let mut params =
            CertificateParams::new(names.iter().copied().map(String::from).collect::<Vec<_>>())?;
        params.distinguished_name.push(DnType::CommonName, file);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.leaf(dir, file, params)
    }

    fn leaf(&self, dir: &Path, file: &str, mut params: CertificateParams) -> Result<()> {
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        layout::write(&dir.join(format!("{file}.crt")), certificate.pem())?;
        layout::write(&dir.join(format!("{file}.key")), key.serialize_pem())
    }
}

/// A kubeconfig with everything inside: it works from any directory and namespace.
fn kubeconfig(dir: &Path, user: &str) -> Result<String> {
    let data = |file: String| {
        let path = dir.join(file);
        let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
        Ok::<_, anyhow::Error>(STANDARD.encode(text))
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "plane",
        "contexts": [{"name": "plane", "context": {"cluster": "plane", "user": user}}],
        "clusters": [{"name": "plane", "cluster": {
            "server": format!("https://{CONTROL_PLANE_IP}:{API_PORT}"),
            "certificate-authority-data": data("ca.crt".to_owned())?,
        }}],
        "users": [{"name": user, "user": {
            "client-certificate-data": data(format!("{user}.crt"))?,
            "client-key-data": data(format!("{user}.key"))?,
        }}],
    });
    Ok(serde_json::to_string_pretty(&config)?)
}
