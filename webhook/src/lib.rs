//! The webhook: reviews of the API server in, patches or denials out.
//!
//! Input: `POST /mutate` with an AdmissionReview, and a policy file. Output: the answer. It translates only:
//! every decision is made in `vmberth-decide`, and nothing is asked of the cluster during a review: [`watch`] knows it.
//!
//! A review passes through, in this order:
//!
//! 1. [`http`]: the route and the steps;
//! 2. [`decode`]: bytes -> review;
//! 3. `vmberth_decide::mutate`: review -> edits or denial;
//! 4. [`immediate`]: the node of claims that bind before there is a pod;
//! 5. [`feasible`]: VMs that no node could ever hold;
//! 6. [`patch`]: edits -> RFC 6902;
//! 7. [`respond`]: verdict -> AdmissionReview;
//! 8. [`metrics`]: what is counted of it.
//!
//! Around it: [`args`], [`run`] (start to end), [`policy_file`] (load, reload),
//! [`watch`], [`placement`] (other objects), [`event`] (a refused policy, told where `kubectl describe` shows it), [`explain`] (the same, offline).

pub mod args;
pub mod decode;
mod edited;
pub mod event;
pub mod explain;
pub mod feasible;
pub mod http;
pub mod immediate;
pub mod metrics;
pub mod patch;
pub mod placement;
pub mod policy_file;
pub mod respond;
pub mod run;
pub mod watch;
