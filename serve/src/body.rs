//! Reads a body within a limit of its own and a budget of all.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bytes may be in memory: of one body, and of all together.
#[derive(Debug, Clone)]
pub struct BodyBudget {
    limit: u32,
    bytes: Arc<Semaphore>,
}

/// A whole body; its share of the budget is given back when it is dropped.
#[derive(Debug)]
pub struct WholeBody {
    bytes: Vec<u8>,
    _share: OwnedSemaphorePermit,
}

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// One body over the limit; it was not read to its end.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u32,
    },
    /// All bodies together over the budget.
    #[error("too many bytes are being reviewed at the moment, try again")]
    Busy,
    /// The connection broke.
    #[error("the body could not be read to its end")]
    Broken(#[source] axum::Error),
}

impl BodyBudget {
    /// A limit for each body and a budget for all; the budget is never less than one body.
    #[must_use]
    pub fn new(limit: u32, budget: u32) -> Self {
        let permits = usize::try_from(budget.max(limit)).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            limit,
            bytes: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Reads the body to its end. A body that says that it is too large is refused without reading any of it; one
    /// that does not say its size takes the share of the largest.
    ///
    /// # Errors
    /// If it is too large, if there is no budget left, or if the connection breaks.
    pub async fn read(&self, mut body: Body) -> Result<WholeBody, BodyError> {
        let too_large = || BodyError::TooLarge { limit: self.limit };
        let announced = body.size_hint().exact();
        let share = match announced {
            Some(size) => u32::try_from(size).map_err(|_| too_large())?,
            None => self.limit,
        };
        if share > self.limit {
            return Err(too_large());
        }
        let permit = Arc::clone(&self.bytes).try_acquire_many_owned(share);
        let permit = permit.map_err(|_| BodyError::Busy)?;

        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let capacity = announced
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(0);
        let mut bytes = Vec::with_capacity(capacity);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(BodyError::Broken)?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            if data.len() > limit - bytes.len() {
                return Err(too_large());
            }
            bytes.extend_from_slice(data);
        }
        Ok(WholeBody {
            bytes,
            _share: permit,
        })
    }
}

impl std::ops::Deref for WholeBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn body_within_its_limit_is_read_whole() {
        let budget = BodyBudget::new(8, 8);
        assert_eq!(
            &*budget.read(Body::from("12345678")).await.unwrap(),
            b"12345678"
        );
        assert_eq!(&*budget.read(Body::empty()).await.unwrap(), b"");
    }

    #[tokio::test]
    async fn body_over_its_limit_is_refused() {
        let budget = BodyBudget::new(8, 8);
        let error = budget.read(Body::from("123456789")).await.unwrap_err();
        assert!(matches!(error, BodyError::TooLarge { limit: 8 }));
    }

    #[tokio::test]
    async fn budget_is_given_back() {
        let budget = BodyBudget::new(8, 10);
        let first = budget.read(Body::from("12345678")).await.unwrap();
        assert!(matches!(
            budget.read(Body::from("123")).await,
            Err(BodyError::Busy)
        ));
        assert!(budget.read(Body::from("12")).await.is_ok());
        drop(first);
        assert!(budget.read(Body::from("123")).await.is_ok());
    }
}
