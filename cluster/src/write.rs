//! Objects that are made from JSON: the types of [`crate::objects`] have only what is read.

use kube::api::PostParams;
use kube::core::Request;
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Makes an object of kind `K`, in a namespace if and only if the kind has them, and returns what the API server made of it.
///
/// # Errors
/// If the API server refuses it or can't be asked.
pub async fn create<K>(
    client: &Client,
    namespace: Option<&str>,
    object: &Value,
    params: &PostParams,
) -> kube::Result<K>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let body = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
    let mut request = Request::new(K::url_path(&(), namespace))
        .create(params, body)
        .map_err(kube::Error::BuildRequest)?;
    // As kube names its own requests in traces.
    request.extensions_mut().insert("create");
    client.request(request).await
}
