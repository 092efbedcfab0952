//! What kube-scheduler and an extender say to each other, in JSON (facts: scheduler-extender 1.1).
//!
//! Go's types carry no names for JSON, so fields are spelt as in Go, and what is empty is written as null.

mod misread;

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use vmberth_decide::view::placed::Pod;
use vmberth_decide::view::{Fields, Text};

pub use misread::Misread;

/// A pod, and the nodes that are left for it.
#[derive(Debug)]
pub struct Question<'a> {
    /// The pod.
    pub pod: Pod<'a>,
    names: Vec<Text<'a>>,
    /// One for each name, if they were sent whole.
    nodes: Option<Vec<&'a RawValue>>,
}

/// Whose a question is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asker {
    /// UID of the pod; empty if it has none.
    pub uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// As Go writes it, or in lower case, which Go reads as well.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ExtenderArgs<'a> {
    #[serde(borrow, alias = "pod")]
    pod: Option<Fields<Pod<'a>>>,
    #[serde(borrow, alias = "nodes")]
    nodes: Option<Fields<NodeList<'a>>>,
    #[serde(borrow, alias = "nodenames")]
    node_names: Option<Vec<Text<'a>>>,
}

/// Nodes as they came.
#[derive(Debug, Serialize, Deserialize)]
pub struct NodeList<'a> {
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Node<'a> {
    #[serde(borrow)]
    metadata: Option<Fields<Named<'a>>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
}

/// `ExtenderFilterResult`: what becomes of each node.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FilterResult<'a> {
    /// Those that the pod may go to, if they were sent whole.
    pub nodes: Option<NodeList<'a>>,
    /// Names of those that the pod may go to; never null, or kube-scheduler would look at `Nodes`.
    pub node_names: Vec<&'a str>,
    /// Those that could hold it if others were evicted, with the reason.
    #[serde(serialize_with = "as_map")]
    pub failed_nodes: Vec<(&'a str, Arc<str>)>,
    /// Those that no eviction would help.
    #[serde(serialize_with = "as_map")]
    pub failed_and_unresolvable_nodes: Vec<(&'a str, Arc<str>)>,
    /// Why nothing can be said; the pod is tried again then.
    pub error: String,
}

/// `HostPriority`: how good a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HostPriority<'a> {
    /// Its name.
    pub host: &'a str,
    /// 0 to 10.
    pub score: u64,
}

/// The part of this question's body before its first name, with the whole pod in it; `None` if there are no names, or the pod does not
/// come first, as Go writes it.
pub fn before_names<'b>(body: &'b [u8], question: &Question<'_>) -> Option<&'b [u8]> {
    let first = question
        .names
        .first()
        .filter(|_| question.nodes.is_none())?;
    let Cow::Borrowed(first) = &first.0 else {
        return None;
    };
    let quote = first.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
    let before = body.get(..quote.checked_sub(1)?)?;
    before.starts_with(br#"{"Pod":"#).then_some(before)
}

/// Reads a body.
///
/// # Errors
/// If it asks nothing.
pub fn read(body: &[u8]) -> Result<Question<'_>, Misread> {
    // Strings need not be looked at one by one any more.
    let text = str::from_utf8(body).map_err(|error| Misread::Json(error.to_string()))?;
    let read = serde_json::from_str::<Fields<ExtenderArgs<'_>>>(text);
    let Fields(args) =
        read.map_err(|error| Misread::of::<Fields<ExtenderArgs<'_>>>(text, &error))?;
    let Fields(pod) = args.pod.ok_or_else(|| Misread::missing("Pod"))?;
    let (names, nodes) = match (args.node_names, args.nodes) {
        (Some(names), _) => (names, None),
        (None, Some(Fields(list))) => {
            let nodes = list.items.unwrap_or_default();
            let names = nodes
                .iter()
                .enumerate()
                .map(|(at, &node)| name_of(at, node));
            (names.collect::<Result<_, _>>()?, Some(nodes))
        }
        (None, None) => (Vec::new(), None),
    };
    Ok(Question { pod, names, nodes })
}

fn name_of<'a>(at: usize, node: &'a RawValue) -> Result<Text<'a>, Misread> {
    let read = serde_json::from_str::<Fields<Node<'a>>>(node.get()).ok();
    let metadata = read.and_then(|Fields(node)| node.metadata);
    let name = metadata.and_then(|Fields(metadata)| metadata.name);
    name.ok_or_else(|| Misread::missing(&format!("Nodes.items[{at}].metadata.name")))
}

impl Question<'_> {
    /// Whose it is.
    #[must_use]
    pub fn asker(&self) -> Asker {
        let metadata = self.pod.metadata.as_ref();
        let uid = metadata.and_then(|it| it.uid.as_deref());
        let namespace = metadata.and_then(|it| it.namespace.as_deref());
        Asker {
            uid: uid.unwrap_or("").to_owned(),
            namespace: namespace.unwrap_or("").to_owned(),
            name: self.pod.name().to_owned(),
        }
    }

    /// Names of the nodes, in their order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// The nodes of these names as they came, if they were sent whole.
    pub fn nodes_of(&self, passes: impl Fn(&str) -> bool) -> Option<NodeList<'_>> {
        let nodes = self.nodes.as_ref()?.iter().copied();
        let named = self.names().zip(nodes).filter(|(name, _)| passes(name));
        let items = Some(named.map(|(_, node)| node).collect());
        Some(NodeList { items })
    }
}

fn as_map<S: Serializer>(nodes: &[(&str, Arc<str>)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(nodes.iter().map(|(node, why)| (node, &**why)))
}

#[cfg(test)]
mod tests;
