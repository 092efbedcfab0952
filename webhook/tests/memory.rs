//! What a review costs at most: bodies as large as the API server's own limit, made of as many small parts as possible.
//! On its own, since it looks at the memory of the whole process.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "a test may stop at the first thing that is not as it should be"
)]

use vmberth_webhook::decode::{Request, decode};

/// What the API server takes of a client.
const OBJECT: usize = 3 << 20;
/// A quarter of what the chart gives to the webhook, which decodes on two threads.
const PEAK: usize = 16 << 20;

/// The most memory that this process had since [`forget_peak`], in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kib.parse::<usize>().unwrap() << 10
}

/// See proc(5), `clear_refs`.
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

const POD: &str = r#"{"group":"","version":"v1","kind":"Pod"}"#;
const VM: &str = r#"{"group":"kubevirt.io","version":"v1","kind":"VirtualMachine"}"#;

/// A review of an object with so many of `one` between what stands around them. Made in place: memory that was freed
/// before would hide what decoding takes.
fn review(kind: &str, before: &str, (one, times): (&str, usize), after: &str) -> String {
    let mut body = String::with_capacity(OBJECT + 4096);
    body += r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","#;
    body += &format!(r#""operation":"CREATE","kind":{kind},"object":"#);
    body += before;
    for at in 0..times.min(OBJECT / (one.len() + 1)) {
        body += if at == 0 { "" } else { "," };
        body += one;
    }
    body += after;
    body + "}}"
}

/// More than is allowed.
fn endless() -> Vec<String> {
    let all = |one| (one, usize::MAX);
    vec![
        review(
            VM,
            r#"{"spec":{"template":{"spec":{"volumes":["#,
            all("{}"),
            "]}}}}",
        ),
        review(VM, r#"{"spec":{"dataVolumeTemplates":["#, all("{}"), "]}}"),
        review(POD, r#"{"metadata":{"labels":{"#, all(r#""":"""#), "}}}"),
    ]
}

/// As much as is allowed; a text with an escape is a copy.
fn full() -> Vec<String> {
    let of = |one: &str, times| [one].repeat(times).join(",");
    let amounts = of(r#""\n":"\n""#, 128);
    let container =
        format!(r#"{{"resources":{{"requests":{{{amounts}}},"limits":{{{amounts}}}}}}}"#);
    let modes = of(r#""\n""#, 256);
    let claim = format!(r#"{{"accessModes":[{modes}]}}"#);
    let template = format!(r#"{{"spec":{{"pvc":{claim},"storage":{claim}}}}}"#);
    vec![
        review(POD, r#"{"spec":{"containers":["#, (&container, 256), "]}}"),
        review(
            VM,
            r#"{"spec":{"dataVolumeTemplates":["#,
            (&template, 256),
            "]}}",
        ),
    ]
}

/// What came of a body, and the memory that it took beside the body itself.
fn cost(body: &str) -> (String, usize) {
    forget_peak();
    let before = peak();
    let read = decode(body.as_bytes()).map(|request: Request<'_>| request.uid.to_string());
    let grown = peak() - before;
    (read.unwrap_or_else(|error| error.to_string()), grown)
}

#[test]
fn body_of_many_small_parts_fits_into_memory() {
    let (endless, full) = (endless(), full());
    for body in &endless {
        let (told, grown) = cost(body);
        assert!(told.contains("found more than "), "{told}");
        assert!(grown < PEAK, "{} KiB before: {told}", grown >> 10);
    }
    for body in &full {
        let (uid, grown) = cost(body);
        assert_eq!(uid, "u");
        assert!(grown < PEAK, "{} KiB of {}", grown >> 10, body.len());
    }
}
