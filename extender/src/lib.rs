//! The scheduler extender: kube-scheduler asks which nodes can hold a pod and which is best, and is answered.
//!
//! Input: `POST /filter` and `POST /prioritize` with a pod and the nodes that are left for it, and watches of the cluster.
//! Output: the answers. It translates only: every decision is made in `vmberth-decide`, and nothing is asked of the cluster
//! during a call: the index knows it.
//!
//! A call passes through, in this order:
//!
//! 1. [`http`]: the routes and the steps;
//! 2. [`wire`]: bytes -> pod and names of nodes;
//! 3. [`lists`]: whether enough is known of the cluster to say anything;
//! 4. [`decision`]: `vmberth_decide` says whose pod it is, where it fits and how well ([`last`]: unless it has just said so);
//!    [`promised`]: the answer is remembered until it is seen;
//! 5. [`respond`]: decision -> what the scheduler reads;
//! 6. [`metrics`], [`log`]: what is counted of it, and said ([`calls`]: the bodies themselves, for who asks).
//!
//! Around it: [`args`], [`run`] (start to end, watches into the index), [`policy_file`], [`wake`] (who was refused is
//! looked at again), [`tell`] (VMs that no node could ever hold, as Events), [`holds`]
//! (what is kept for whom, to be read).

pub mod args;
pub mod calls;
pub mod decision;
pub mod holds;
pub mod http;
pub mod last;
pub mod lists;
pub mod log;
pub mod metrics;
pub mod policy_file;
pub mod promised;
pub mod respond;
pub mod run;
pub mod tell;
pub mod wake;
pub mod wire;
