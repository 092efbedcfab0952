//! A refused policy as an Event on its ConfigMap, where `kubectl describe configmap` shows it.

use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Api, Client, Resource};

/// Longest note that the API server takes.
const NOTE_BYTES: usize = 1024;

/// Writes Events about the policy's ConfigMap.
#[derive(Clone)]
pub struct PolicyEvents {
    configs: Api<ConfigMap>,
    name: String,
    recorder: Recorder,
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
            configs: Api::namespaced(client.clone(), namespace),
            name,
            recorder: Recorder::new(client, reporter),
        }
    }

    /// Tells that the ConfigMap's content was refused. What goes wrong with that is logged: the webhook serves on.
    pub async fn refused(&self, why: &str) {
        if let Err(error) = self.publish(why).await {
            let error = error.to_string();
            tracing::warn!(error, "the Event about the refused policy was not written");
        }
    }

    async fn publish(&self, why: &str) -> kube::Result<()> {
        // By its uid, or `kubectl describe` would not find the Event.
        let config = self.configs.get_metadata(&self.name).await?;
        let regarding = ObjectReference {
            kind: Some(ConfigMap::kind(&()).into_owned()),
            api_version: Some(ConfigMap::api_version(&()).into_owned()),
            name: Some(self.name.clone()),
            namespace: config.metadata.namespace,
            uid: config.metadata.uid,
            ..ObjectReference::default()
        };
        let event = Event {
            type_: EventType::Warning,
            reason: "PolicyRefused".to_owned(),
            note: Some(cut(&format!("the policy before stays in force: {why}"))),
            action: "Reload".to_owned(),
            secondary: None,
        };
        self.recorder.publish(&event, &regarding).await
    }
}

/// At most as long as a note may be, and whole characters.
fn cut(text: &str) -> String {
    let end = text
        .char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .take_while(|end| *end <= NOTE_BYTES)
        .last();
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_notes_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let cut = cut(&"é".repeat(1000));
        assert_eq!(cut.len(), NOTE_BYTES);
    }
}
