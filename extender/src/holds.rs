//! What is kept for whom, for people: `GET /holds` of the plain port, a line for each VM. Read-only, from the index.

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use vmberth_decide::index::Index;

/// The route.
pub fn app(index: Arc<RwLock<Index>>) -> Router {
    Router::new().route("/holds", get(holds)).with_state(index)
}

async fn holds(State(index): State<Arc<RwLock<Index>>>) -> String {
    let index = index.read().unwrap_or_else(PoisonError::into_inner);
    let lines = index.kept().into_iter().map(|told| format!("{told}\n"));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;
    use vmberth_decide::event::{Event, Node};
    use vmberth_decide::fit::Demand;
    use vmberth_decide::fit::counted::{Counted, When};

    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_told_in_lines() {
        let mut index = Index::default();
        index.apply(Event::Node("edge-1".into(), Some(Node::default())));
        let demand = Demand {
            vm: Some(("demo".into(), "vm1".into())),
            counted: [(Counted::Vfs("a/b".into()), (2, When::Later))].into(),
            ..Demand::default()
        };
        let promise = index.promise_of(&demand, &[("edge-1", 10)]);
        index.promise(("demo".into(), "pod".into()), promise);
        let app = app(Arc::new(RwLock::new(index)));
        let request = Request::get("/holds").body(Body::empty()).unwrap();
        let response = app.oneshot(request).await.unwrap();
        let body = to_bytes(response.into_body(), 1 << 10).await.unwrap();
        let expected = "promised on edge-1 for demo/vm1 until 00:01:00 UTC: 2 VFs a/b\n";
        assert_eq!(String::from_utf8_lossy(&body), expected);
    }
}
