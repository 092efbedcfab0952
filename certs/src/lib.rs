//! Certificates of vmberth's admission webhook: made, rotated, installed.
//!
//! Input: two Secrets, the webhook configuration, the clock. Output: the same objects, such that
//! every certificate that a webhook pod may serve is trusted by kube-apiserver at every moment. It
//! must never create a webhook configuration, show a key, or let a CA's key into the Secret that
//! the webhook mounts.
//!
//! The path of a change, in this order:
//!
//! 1. [`args`], [`run`]: flags, client, watches, plain port;
//! 2. [`lease`]: which replica acts;
//! 3. [`reconcile`]: the loop of look, plan, write;
//! 4. [`store`], [`install`]: what stands in the cluster, and writing it; [`owner`]: for whom;
//! 5. [`plan`]: pure, the next step; [`authorities`], [`issue`], [`certificate`]: what it is made of;
//! 6. [`metrics`], [`names`]: what others see, and the strings shared with them.

pub mod args;
pub mod authorities;
pub mod certificate;
pub mod install;
pub mod issue;
pub mod lease;
pub mod metrics;
pub mod names;
pub mod owner;
pub mod plan;
pub mod reconcile;
pub mod run;
pub mod store;
