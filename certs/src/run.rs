//! Wires the parts together: client, watches, the loop, the plain port.

use anyhow::Context;
use futures::{Stream, StreamExt, stream};
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use prometheus::Registry;
use tokio::net::TcpListener;
use vmberth_serve::admin::{self, Admin};
use vmberth_serve::metrics::ProcessMetrics;
use vmberth_serve::ready::Ready;
use vmberth_serve::shutdown::{Shutdown, until_signalled};

use crate::args::Args;
use crate::install::Configurations;
use crate::lease::Candidate;
use crate::metrics::{self, Metrics};
use crate::owner::Owner;
use crate::reconcile::Reconciler;
use crate::store::Store;

/// Runs until a signal; a second signal does not wait.
///
/// # Errors
/// When flags do not fit together, the port is taken, or there is no cluster to talk to.
pub async fn to_the_end(args: Args) -> anyhow::Result<()> {
    until_signalled(|shutdown| run(args, shutdown)).await
}

async fn run(args: Args, shutdown: Shutdown) -> anyhow::Result<()> {
    let settings = args.settings()?;
    let registry = Registry::new();
    let metrics = Metrics::register(&registry)?;
    let ready = Ready::default();
    let condition = ready.condition("reconciled");
    let port = TcpListener::bind(args.admin_listen)
        .await
        .with_context(|| format!("--admin-listen {}", args.admin_listen))?;
    let process = ProcessMetrics::register(&registry, metrics::PREFIX)?;
    let admin = Admin {
        registry,
        ready,
        process,
    };
    let plain = axum::serve(port, admin::app(admin)).with_graceful_shutdown({
        let shutdown = shutdown.clone();
        async move { shutdown.begun().await }
    });

    let client = Client::try_default()
        .await
        .context("no cluster to talk to")?;
    let work = async {
        let owner = match &args.owner {
            Some(name) => Some(Owner::find(&client, &args.namespace, name).await?),
            None => None,
        };
        let reference = owner.as_ref().map(|owner| owner.reference.clone());
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &args.namespace);
        let changes = changes(&client, &args);
        let leases = Api::namespaced(client.clone(), &args.namespace);
        let reconciler = Reconciler {
            store: Store {
                secrets,
                serving: args.secret.clone(),
                authorities: args.ca_secret.clone(),
                owner: reference.clone(),
            },
            configurations: Configurations {
                api: Api::all(client.clone()),
                names: args.webhook_configuration.clone(),
            },
            settings,
            candidate: Candidate::new(leases, args.lease.clone(), args.identity.clone(), reference),
            owner,
            metrics,
            ready: condition,
        };
        reconciler.run(changes, &shutdown).await?;
        anyhow::Ok(())
    };
    let served = async { plain.await.context("the plain port could not be served") };
    tokio::try_join!(work, served)?;
    Ok(())
}

/// Something happens to the Secrets or the configurations. Only metadata travels: the content is
/// read when we act, and a CA's key is not kept in memory for nothing.
fn changes(client: &Client, args: &Args) -> impl Stream<Item = ()> + use<> {
    let secrets = Api::<PartialObjectMeta<Secret>>::namespaced(client.clone(), &args.namespace);
    let configurations =
        Api::<PartialObjectMeta<MutatingWebhookConfiguration>>::all(client.clone());
    let of_secrets = [&args.secret, &args.ca_secret].map(|name| one(secrets.clone(), name).boxed());
    let of_configurations = args.webhook_configuration.iter();
    let of_configurations = of_configurations.map(|name| one(configurations.clone(), name).boxed());
    stream::select_all(of_secrets.into_iter().chain(of_configurations))
}

/// Something happens to the one object of this name. The field selector is what lets RBAC's
/// `resourceNames` allow the list and the watch (Kubernetes documentation "Using RBAC").
fn one<K>(api: Api<PartialObjectMeta<K>>, name: &str) -> impl Stream<Item = ()> + Send + use<K>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Send + Sync + 'static,
    K: serde::de::DeserializeOwned,
{
    let kind = K::kind(&()).into_owned();
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    watcher(api, config)
        .default_backoff()
        .filter_map(move |event| {
            if let Err(error) = &event {
                tracing::warn!(%error, kind, "watch interrupted, begun again");
            }
            std::future::ready(event.is_ok().then_some(()))
        })
}
