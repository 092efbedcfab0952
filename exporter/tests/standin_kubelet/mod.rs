//! A kubelet's podresources API on a unix socket: answers each method with the same bytes, as gRPC puts them on the wire.

use std::convert::Infallible;

use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::UnixStream;

type Frames = stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>;

/// What is said to one method.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// A message.
    Message(Vec<u8>),
    /// A status and its text.
    Refusal(u8, &'static str),
}

/// A message as an answer.
pub(crate) fn of(message: &impl Message) -> Answer {
    Answer::Message(message.encode_to_vec())
}

/// Answers on one connection until it is closed.
pub(crate) async fn answer(stream: UnixStream, allocatable: Answer, list: Answer) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = match request.uri().path() {
            "/v1.PodResourcesLister/GetAllocatableResources" => allocatable.clone(),
            "/v1.PodResourcesLister/List" => list.clone(),
            _ => Answer::Refusal(12, "no such method"),
        };
        async move {
            let empty = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(&empty[..], [0; 5], "an empty message without compression");
            Ok::<_, Infallible>(response(answer))
        }
    });
    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn response(answer: Answer) -> Response<StreamBody<Frames>> {
    let mut trailers = HeaderMap::new();
    let mut frames = Vec::new();
    match answer {
        Answer::Message(message) => {
            let mut bytes = vec![0];
            bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
            bytes.extend(message);
            frames.push(Ok(Frame::data(Bytes::from(bytes))));
            trailers.insert("grpc-status", 0.into());
        }
        Answer::Refusal(code, message) => {
            trailers.insert("grpc-status", u16::from(code).into());
            trailers.insert("grpc-message", message.parse().unwrap());
        }
    }
    frames.push(Ok(Frame::trailers(trailers)));
    let body = StreamBody::new(stream::iter(frames));
    let response = Response::builder().header("content-type", "application/grpc");
    response.body(body).unwrap()
}
