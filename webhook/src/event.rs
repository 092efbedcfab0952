//! A refused policy as an Event on its ConfigMap, where `kubectl describe configmap` shows it.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Api, Client, Resource};
use vmberth_decide::words::cut;

/// Longest note that the API server takes.
const NOTE_BYTES: usize = 1024;

/// Longest time of one attempt. A repaired policy waits no longer than that for its turn.
const DEADLINE: Duration = Duration::from_secs(5);

/// Writes Events about the policy's ConfigMap.
#[derive(Clone)]
pub struct PolicyEvents {
    client: Client,
    namespace: String,
    name: String,
    reporter: Reporter,
}

/// What an Event has to tell, until it is written.
#[derive(Debug, Default)]
pub struct Untold {
    why: Option<String>,
    failed: bool,
}

impl std::fmt::Debug for PolicyEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyEvents")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl PolicyEvents {
    /// For this ConfigMap in this namespace.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: String) -> Self {
        let reporter = Reporter {
            controller: "vmberth-webhook".to_owned(),
            instance: std::env::var("HOSTNAME").ok(),
        };
        Self {
            client,
            namespace: namespace.to_owned(),
            name,
            reporter,
        }
    }

    async fn publish(&self, why: &str) -> kube::Result<()> {
        // By its uid, or `kubectl describe` would not find the Event.
        let configs = Api::<ConfigMap>::namespaced(self.client.clone(), &self.namespace);
        let config = configs.get_metadata(&self.name).await?;
        let regarding = ObjectReference {
            kind: Some(ConfigMap::kind(&()).into_owned()),
            api_version: Some(ConfigMap::api_version(&()).into_owned()),
            name: Some(self.name.clone()),
            namespace: config.metadata.namespace,
            uid: config.metadata.uid,
            ..ObjectReference::default()
        };
        let note = format!("the policy before stays in force: {why}");
        let event = Event {
            type_: EventType::Warning,
            reason: "PolicyRefused".to_owned(),
            note: Some(cut(&note, NOTE_BYTES)),
            action: "Reload".to_owned(),
            secondary: None,
        };
        // A recorder that lives on would count a second refusal as the first once more, in the words of the first.
        let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
        recorder.publish(&event, &regarding).await
    }
}

impl Untold {
    /// The ConfigMap's content was refused.
    pub fn refused(&mut self, why: &str) {
        *self = Self {
            why: Some(why.to_owned()),
            failed: false,
        };
    }

    /// It is in force.
    pub fn accepted(&mut self) {
        *self = Self::default();
    }

    /// Tries to write the Event, if there is something to tell. What goes wrong with that is logged once: the webhook
    /// serves on.
    pub async fn tell(&mut self, events: &PolicyEvents) {
        let Some(why) = &self.why else {
            return;
        };
        let written = tokio::time::timeout(DEADLINE, events.publish(why)).await;
        let error = match written {
            Ok(Ok(())) => return *self = Self::default(),
            Ok(Err(error)) => error.to_string(),
            Err(late) => late.to_string(),
        };
        if !std::mem::replace(&mut self.failed, true) {
            tracing::warn!(error, "no Event about the refused policy yet; tried again");
        }
    }
}
