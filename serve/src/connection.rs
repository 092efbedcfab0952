//! A connection that is closed after too long a silence and counted while it is open.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use prometheus::IntGauge;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep};

/// A stream whose reads fail after a silence of `idle`.
///
/// Hyper limits the wait for the whole header of an HTTP/1.1 request; before it knows the protocol, and in the midst of
/// a body or of HTTP/2, a silent client is ours to end.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    idle: Duration,
    silence: Pin<Box<Sleep>>,
    _slot: Slot,
}

/// One of the limited number of connections; given back when dropped.
#[derive(Debug)]
pub struct Slot {
    open: IntGauge,
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    /// Counts the connection as open.
    #[must_use]
    pub fn new(open: IntGauge, permit: OwnedSemaphorePermit) -> Self {
        open.inc();
        Self {
            open,
            _permit: permit,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.open.dec();
    }
}

impl<S> Connection<S> {
    /// Wraps a stream.
    pub fn new(stream: S, idle: Duration, slot: Slot) -> Self {
        Self {
            stream,
            idle,
            silence: Box::pin(sleep(idle)),
            _slot: slot,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let connection = &mut *self;
        if let Poll::Ready(result) = Pin::new(&mut connection.stream).poll_read(context, buffer) {
            connection
                .silence
                .as_mut()
                .reset(Instant::now() + connection.idle);
            return Poll::Ready(result);
        }
        ready!(connection.silence.as_mut().poll(context));
        Poll::Ready(Err(io::Error::from(io::ErrorKind::TimedOut)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
