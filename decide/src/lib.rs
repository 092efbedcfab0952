//! Every decision of vmberth: what to change in an object, and why.
//!
//! Input: a [`policy::Policy`] and a [`subject::Review`] whose object was decoded into the narrow types of
//! [`view`]. Output: [`mutate::Mutation`], a list of [`edit::Edit`]s with reasons, or a [`denial::Denial`].
//! This crate must never read a clock, a file, the environment or the network, and must never log:
//! the webhook, the command line and the tests call the same functions and get the same answer.
//!
//! A review is decided in this order:
//!
//! 1. [`view`]: the fields that are read, out of the raw object;
//! 2. [`subject`]: what kind of object this is to KubeVirt and CDI;
//! 3. [`mutate`]: the edits, one file per injection;
//! 4. [`explain`]: the same result in words.
//!
//! A placement is decided in this order:
//!
//! 1. [`event`], [`index`]: what the watches told, kept as what each node offers;
//! 2. [`demand`]: what the VM needs;
//! 3. [`fit`]: whether a node has all of it, or what it lacks;
//! 4. [`placement`]: which nodes do, which one best, and why the others can't, in words.
//!
//! Beforehand, [`feasible`]: whether a VM could be placed at all, if all others were gone; and [`immediate`]: the node of claims
//! that bind before there is a pod to be placed.

pub mod demand;
pub mod denial;
pub mod edit;
pub mod event;
pub mod explain;
pub mod feasible;
pub mod fit;
pub mod guest;
pub mod immediate;
pub mod index;
pub mod inventory;
pub mod mutate;
pub mod names;
pub mod node;
pub mod pages;
pub mod placement;
pub mod placing;
pub mod policy;
pub mod profile;
pub mod quantity;
pub mod scratch;
pub mod subject;
pub mod surroundings;
pub mod toleration;
pub mod view;
pub mod warning;
pub mod whose;
pub mod wish;
pub mod words;
