//! The HTTPS shell that our servers share. It knows no policy.
//!
//! Input: a router, a metrics registry and [`ServeArgs`]. Output: that router on a TLS port, or without TLS on loopback,
//! with limits on bytes, time, connections and concurrency, and health and metrics on a plain port of their own. It must
//! never look into a body, decide anything, or hold a global.
//!
//! Life of a server, in this order:
//!
//! 1. [`args`], [`logs`], [`build`]: flags, log lines, version;
//! 2. [`server`]: both ports are bound, the certificate is awaited (`renew`, [`tls`], [`client_ca`]), the app is served;
//! 3. a connection: [`accept`] (handshake, connection limit), [`connection`] (idle limit);
//! 4. a request: [`limits`] (concurrency, time, panics, status counter), [`body`] (bytes);
//! 5. [`admin`], [`ready`], [`metrics`]: what the cluster sees of it;
//! 6. [`shutdown`]: not ready, keep serving while telling clients to leave, drain, end.

pub mod accept;
pub mod admin;
pub mod args;
pub mod body;
pub mod build;
pub mod client_ca;
pub mod connection;
pub mod limits;
pub mod logs;
pub mod metrics;
pub mod ready;
mod renew;
pub mod server;
pub mod shutdown;
pub mod tls;

pub use args::ServeArgs;
pub use server::{Parts, ServeError, Server};
