//! Every string that this crate shares with Kubernetes objects: who writes it and who reads it.

/// Annotation on the serving Secret; a person writes any new value to ask for a rotation of CA and
/// leaf, we read it.
pub const ROTATE: &str = "vmberth.io/rotate";

/// Annotation on the serving Secret; we write the last value of [`ROTATE`] that is fully carried
/// out (new leaf published), people and tests read it.
pub const ROTATED: &str = "vmberth.io/rotated";

/// Key of the leaf's chain in the serving Secret; fixed by Kubernetes for `kubernetes.io/tls`,
/// read by the webhook.
pub const LEAF_CERTIFICATE: &str = "tls.crt";

/// Key of the leaf's private key in the serving Secret; fixed by Kubernetes for
/// `kubernetes.io/tls`, read by the webhook.
pub const LEAF_KEY: &str = "tls.key";

/// Key of the trust bundle in the serving Secret; the name that cert-manager uses too. Read by
/// people and by us, when the CA Secret is lost.
pub const BUNDLE: &str = "ca.crt";

/// Key of our own document in the CA Secret; only this crate writes and reads it.
pub const AUTHORITIES: &str = "authorities.json";

/// Secret type whose two keys Kubernetes checks at creation.
pub const TLS_SECRET: &str = "kubernetes.io/tls";

/// Who we are in `managedFields`; helm and people see it when they ask who set `caBundle`.
pub const FIELD_MANAGER: &str = "vmberth-certs";
