//! One more step of a review: the node of claims that bind before there is a pod, with the object as it will be after our edits.

use std::sync::Arc;

use vmberth_decide::event::ObjectName;
use vmberth_decide::immediate::{Made, Restriction, may_bind, restrict};
use vmberth_decide::mutate::Mutation;
use vmberth_decide::policy::Policy;

use crate::decode::Request;
use crate::edited;
use crate::placement::Seen;

/// Adds selectors to claims that bind at once, and says so.
pub fn choose(
    seen: &Seen<'_>,
    policy: &Policy,
    (request, body): (&Request<'_>, &[u8]),
    mutation: Mutation,
) -> Mutation {
    if !may_bind(policy, &request.review, &mutation) {
        return mutation;
    }
    let Some(object) = edited::objects(body).and_then(|it| edited::now(&it, &mutation)) else {
        return mutation;
    };
    let Some(made) = Made::read(request.review.kind, &object) else {
        return mutation;
    };
    let namespace = Arc::from(&*request.review.namespace);
    let name: ObjectName = (namespace, Arc::from(request.name.as_str()));
    let Restriction { edits, warnings } = restrict(seen.whole(), policy, &made, &name);
    mutation.with(&request.review, edits, warnings)
}
