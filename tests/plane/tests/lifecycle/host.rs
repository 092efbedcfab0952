//! The host as anybody can see it: compared before a cluster and after it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Everything that a cluster could leave behind, one line each.
pub(crate) type Traces = BTreeSet<String>;

/// Looks at the host.
pub(crate) fn traces() -> Traces {
    let mut all = Traces::new();
    let mut add = |kind: &str, text: String| {
        all.extend(text.lines().map(|line| format!("{kind}: {}", line.trim())));
    };
    add("mount", fs::read_to_string("/proc/self/mounts").unwrap());
    add(
        "loop device",
        output("losetup", &["-n", "-O", "NAME,BACK-FILE", "-l"]),
    );
    add("link", output("ip", &["-o", "link", "show"]));
    add("route", output("ip", &["route", "show", "table", "all"]));
    add(
        "rule",
        output("iptables-save", &[]).replace(|c: char| c.is_ascii_digit(), ""),
    );
    for name in [
        "vm/nr_hugepages",
        "vm/overcommit_memory",
        "kernel/panic",
        "net/ipv4/ip_forward",
    ] {
        add(
            name,
            fs::read_to_string(Path::new("/proc/sys").join(name)).unwrap(),
        );
    }
    for hierarchy in fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
        for group in fs::read_dir(hierarchy.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = group.path().display().to_string();
            if name.contains("vmberth") {
                add("cgroup", name);
            }
        }
    }
    add("namespaces", namespaces());
    for place in [
        "/",
        "/var",
        "/run",
        "/run/netns",
        "/mnt",
        "/var/lib",
        "/var/cache/vmberth",
    ] {
        for file in fs::read_dir(place).into_iter().flatten().flatten() {
            add("file", file.path().display().to_string());
        }
    }
    for cluster in processes("/var/cache/vmberth/cluster") {
        add("process", cluster);
    }
    all
}

/// Fails with what is there now and was not before, or the reverse.
pub(crate) fn assert_same(before: &Traces, after: &Traces) {
    let more: Vec<_> = after.difference(before).collect();
    let less: Vec<_> = before.difference(after).collect();
    assert!(
        more.is_empty() && less.is_empty(),
        "left behind: {more:#?}\ngone: {less:#?}"
    );
}

/// How many network namespaces all processes together are in.
fn namespaces() -> String {
    let own = fs::read_link("/proc/self/ns/net").unwrap();
    let others: BTreeSet<_> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path().join("ns/net")).ok())
        .filter(|namespace| *namespace != own)
        .collect();
    format!("{} other network namespaces", others.len())
}

fn processes(word: &str) -> Vec<String> {
    let lines = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            Some(String::from_utf8_lossy(&line).replace('\0', " "))
        });
    lines.filter(|line| line.contains(word)).collect()
}

fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
