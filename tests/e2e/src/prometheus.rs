//! The plane's Prometheus, which finds pods by itself.

use std::fmt::Write;
use std::net::SocketAddr;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::raw;
use crate::seen::{items, text};

const ADDRESS: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 99, 0, 1)),
    9090,
);

/// One series of an answer.
#[derive(Debug, Clone)]
pub struct Series {
    /// Its labels.
    pub labels: Value,
    /// Its value now.
    pub value: f64,
}

/// Asks it.
///
/// # Errors
/// Its words.
pub async fn query(expression: &str) -> Result<Vec<Series>> {
    let answer = raw::get(
        ADDRESS,
        &format!("/api/v1/query?query={}", escape(expression)),
    )
    .await?;
    ensure!(answer.status == 200, "{expression}: {}", answer.body);
    let body: Value = serde_json::from_str(&answer.body)?;
    let series = items(&body["data"]["result"]).iter().map(|one| {
        let value = text(&one["value"][1]).parse()?;
        Ok(Series {
            labels: one["metric"].clone(),
            value,
        })
    });
    series.collect()
}

fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_escaped() {
        assert_eq!(escape("up{a=\"b\"}"), "up%7Ba%3D%22b%22%7D");
    }
}
