//! Story 6: what no API server would send. The server says what was wrong, counts it, and lives on
//! in little memory.

mod cases;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{interval, timeout};
use vmberth_e2e::pod::launcher_like;
use vmberth_e2e::raw::{self, Answer};
use vmberth_e2e::seen::text;
use vmberth_e2e::webhook::Webhook;
use vmberth_e2e::{Scene, Story};

use cases::{Case, JSON, MIB, cases, review};

/// More than this no pod may ever have had resident.
const MEMORY: u64 = 30 << 20;

/// Nor more than this when many bodies of the largest allowed size come at once: well below the
/// chart's limit of 64 MiB, at which the kernel would kill it.
const MEMORY_IN_A_FLOOD: u64 = 48 << 20;

#[test]
fn bad_input_is_answered_counted_and_survived() -> Result<()> {
    Story::new("bad input")
        .with_vmberth()
        .alone()
        .run(async |scene| {
            let webhook = Webhook::find(&scene.cluster).await?;
            for case in cases() {
                let labels = [("reason", case.reason)];
                let before = webhook.count("rejected_bodies_total", &labels).await?;
                let answer = send(scene, &webhook, case.content_type, &case.body).await;
                let answer = answer.with_context(|| case.name)?;
                assert_answer(&case, &answer)?;
                let after = webhook.count("rejected_bodies_total", &labels).await?;
                ensure!(
                    after == before + 1.0,
                    "{}: counted {}",
                    case.name,
                    after - before
                );
                scene.say(&format!("{}: {} {}", case.name, answer.status, answer.body));
            }
            no_tls(scene, &webhook).await?;
            silence(scene, &webhook).await?;
            slow_body(scene, &webhook).await?;
            still_well(scene, &webhook, MEMORY).await?;
            many_large_bodies(scene, &webhook).await?;
            still_well(scene, &webhook, MEMORY_IN_A_FLOOD).await
        })
}

async fn send(scene: &Scene, webhook: &Webhook, media: &str, body: &[u8]) -> Result<Answer> {
    let pod = webhook.pods.first().context("no pod")?;
    let stream = webhook.connect(&scene.cluster, pod).await?;
    let request = raw::head("POST", "/mutate", &[("content-type", media)], body.len());
    raw::exchange_within(Duration::from_secs(30), stream, async |to| {
        to.write_all(request.as_bytes()).await?;
        for chunk in body.chunks(64 << 10) {
            to.write_all(chunk).await?;
        }
        to.flush().await
    })
    .await
}

/// The code, and a Status as the API server reads it.
fn assert_answer(case: &Case, answer: &Answer) -> Result<()> {
    let Case {
        name,
        status,
        message,
        ..
    } = case;
    ensure!(answer.status == *status, "{name}: {answer:?}");
    let said: Value = serde_json::from_str(&answer.body).with_context(|| format!("{answer:?}"))?;
    ensure!(
        said["kind"] == "Status" && said["code"] == *status,
        "{name}: {said}"
    );
    ensure!(text(&said["message"]).contains(message), "{name}: {said}");
    Ok(())
}

/// Plain HTTP on the TLS port: no answer in HTTP, but a count.
async fn no_tls(scene: &Scene, webhook: &Webhook) -> Result<()> {
    let labels = [("reason", "not_tls")];
    let before = webhook
        .count("tls_handshake_failures_total", &labels)
        .await?;
    let request = raw::request("POST", "/mutate", &[JSON], b"{}");
    let answer = raw::exchange(raw::plain(webhook.address()?).await?, &request).await;
    ensure!(answer.is_err(), "plain HTTP was answered: {answer:?}");
    let after = webhook
        .count("tls_handshake_failures_total", &labels)
        .await?;
    ensure!(
        after == before + 1.0,
        "plain HTTP: counted {}",
        after - before
    );
    scene.say("plain HTTP: connection closed, counted");
    Ok(())
}

/// A client that connects and says nothing is let go.
async fn silence(scene: &Scene, webhook: &Webhook) -> Result<()> {
    let labels = [("reason", "timeout")];
    let before = webhook
        .count("tls_handshake_failures_total", &labels)
        .await?;
    let mut stream = raw::plain(webhook.address()?).await?;
    let mut nothing = Vec::new();
    let end = timeout(Duration::from_secs(15), stream.read_to_end(&mut nothing)).await;
    drop(end.context("a silent client is still connected after 15 s")?);
    let after = webhook
        .count("tls_handshake_failures_total", &labels)
        .await?;
    ensure!(
        after == before + 1.0,
        "a silent client: counted {}",
        after - before
    );
    scene.say("silent client: let go, counted");
    Ok(())
}

/// A body that comes at a byte every half second is not waited for.
async fn slow_body(scene: &Scene, webhook: &Webhook) -> Result<()> {
    let labels = [("code", "408")];
    let before = webhook.count("requests_total", &labels).await?;
    let pod = webhook.pods.first().context("no pod")?;
    let stream = webhook.connect(&scene.cluster, pod).await?;
    let head = raw::head("POST", "/mutate", &[JSON], 1000);
    let answer = raw::exchange_within(Duration::from_secs(20), stream, async |to| {
        to.write_all(head.as_bytes()).await?;
        let mut ticks = interval(Duration::from_millis(500));
        for _ in 0..1000 {
            ticks.tick().await;
            to.write_all(b" ").await?;
            to.flush().await?;
        }
        Ok(())
    });
    let answer = answer.await.context("slow client")?;
    ensure!(answer.status == 408, "slow client: {answer:?}");
    let after = webhook.count("requests_total", &labels).await?;
    ensure!(
        after == before + 1.0,
        "slow client: counted {}",
        after - before
    );
    scene.say("slow client: 408, counted");
    Ok(())
}

/// As many bodies of the allowed size at once as make an unbounded server fat: each is read whole
/// (and is no review) or told to come again.
async fn many_large_bodies(scene: &Scene, webhook: &Webhook) -> Result<()> {
    let body = vec![b' '; 6 * MIB];
    let sent = (0..16).map(|_| send(scene, webhook, JSON.1, &body));
    let answers = futures::future::join_all(sent).await;
    let mut codes = Vec::new();
    for answer in answers {
        codes.push(answer.context("many large bodies")?.status);
    }
    codes.sort_unstable();
    let fine = codes.iter().all(|code| [400, 429].contains(code)) && codes.contains(&400);
    ensure!(fine, "16 bodies of 6 MiB at once: {codes:?}");
    scene.say(&format!("16 bodies of 6 MiB at once: {codes:?}"));
    Ok(())
}

/// The same processes answer, and never had much memory.
async fn still_well(scene: &Scene, webhook: &Webhook, most: u64) -> Result<()> {
    let body = review(&launcher_like("a")).to_string();
    let answer = send(scene, webhook, JSON.1, body.as_bytes()).await?;
    let said: Value = serde_json::from_str(&answer.body)?;
    let fine = answer.status == 200 && said["response"]["allowed"] == true;
    ensure!(
        fine && !said["response"]["patch"].is_null(),
        "a good review: {answer:?}"
    );
    let now = Webhook::find(&scene.cluster).await?;
    ensure!(
        now.lives() == webhook.lives(),
        "was {:?}, is {:?}",
        webhook.lives(),
        now.lives()
    );
    for process in webhook.processes()? {
        let peak = process.peak_memory()?;
        let pid = process.pid;
        ensure!(
            peak < most,
            "process {pid} had {peak} bytes resident, more than {most}"
        );
        scene.say(&format!(
            "{}: at most {} KiB resident",
            process.node,
            peak / 1024
        ));
    }
    Ok(())
}
