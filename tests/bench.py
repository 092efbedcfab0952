"""Writes down what tests/bench.sh measured: docs/benchmarks.md and target/bench.json."""

import json
import os
import pathlib
import platform
import time

cache = pathlib.Path(os.environ["VMBERTH_CACHE"])
archives = pathlib.Path(os.environ["ARCHIVES"])
work = pathlib.Path(os.environ["WORK"])
kinds = os.environ["KINDS"].split()
tag = os.environ["TAG"]
ticks = int(os.environ["TICKS"])
histogram = "vmberth_webhook_admission_duration_seconds_bucket"


def scraped(name):
    """What the server said of itself at one moment: name with labels -> value."""
    lines = (work / name).read_text().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def between(run):
    """What the server added to its counters during a run."""
    before, after = scraped(f"{run}.before"), scraped(f"{run}.after")
    return {name: value - before.get(name, 0) for name, value in after.items()}


def server_p99_us(run):
    """Upper bound of the bucket that holds the 99th percentile of the server's own times."""
    buckets = {
        float(name.split('le="')[1].split('"')[0]): count
        for name, count in between(run).items()
        if name.startswith(histogram)
    }
    reviews = buckets[float("inf")]
    bound = min(bound for bound, count in buckets.items() if count >= 0.99 * reviews)
    return round(bound * 1e6)


def measured(kind):
    """Everything about one kind of review."""
    paced = json.loads((work / f"{kind}.paced.json").read_text())
    flat_out = json.loads((work / f"{kind}.flat-out.json").read_text())
    cpu = between(f"{kind}.flat-out")["cpu_ticks"] / ticks
    return {
        "bytes": paced["body_bytes"],
        "p50": paced["p50_us"],
        "p99": paced["p99_us"],
        "server_p99": server_p99_us(f"{kind}.paced"),
        "rate": round(flat_out["reviews_per_s"]),
        "cpu": round(cpu * 1e6 / flat_out["reviews"], 1),
    }


def pure(kind):
    """What divan printed of our own functions: step -> (median time, allocations of one review)."""
    steps, step, inside, counted = {}, None, False, None
    for line in (work / "pure.txt").read_text().splitlines():
        name, columns = line.strip("│├╰─ ").split(" ")[0], line.split("│")
        if line.startswith(("├─", "╰─")):
            step = name
        elif "─ " in line:
            inside = name == kind
            if inside:
                # fastest, slowest, median, ...; the tree's own bars come first.
                steps[step] = [columns[-4].strip(), 0]
        elif inside and name in ("alloc:", "grow:"):
            counted = True
        elif inside and counted:
            steps[step][1] += round(float(name))
            counted = False
    return steps


def extender(name):
    """What the extender's own bench printed: a JSON object in each line."""
    return printed("extender", name)


def placement(name):
    """What the bench of placements printed."""
    return printed("placement", name)


def plane(name):
    """What the benches beside the real scheduler printed."""
    return printed("scheduler", name, "")


def printed(bench, name, prefix=None):
    lines = (work / f"{bench}.jsonl").read_text().splitlines()
    measured = {row["name"]: row["value"] for row in map(json.loads, lines)}
    return measured[(f"{bench}." if prefix is None else prefix) + name]


def mebibytes(kibibytes):
    return round(kibibytes / 1024, 1)


def plane_seconds(kind):
    """The last `plane up` of this kind, as the plane recorded it; None if there was none."""
    file = cache / "up-times"
    lines = file.read_text().split("\n") if file.exists() else []
    times = [line.split()[1] for line in lines if line.startswith(kind + " ")]
    return int(times[-1]) if times else None


def archive_mebibytes(name):
    return mebibytes((archives / f"{name}-{tag}.tar").stat().st_size / 1024)


by_kind = {kind: measured(kind) for kind in kinds}
launcher = by_kind["launcher-pod"]
exporter = json.loads((work / "exporter.json").read_text())
first, second = (scraped(f"{name}.rss")["rss_kib"] for name in ("first", "second"))


def most(bound):
    return (None, bound)


def least(bound):
    return (bound, None)


def said(target):
    """A target in words."""
    if target is None:
        return "-"
    low, high = target
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


def is_met(value, target):
    """None where there is no target."""
    if target is None:
        return None
    low, high = target
    return (low is None or value >= low) and (high is None or value <= high)


rows = [
    ("webhook.launcher_p99_us", launcher["server_p99"], "us", most(1000)),
    ("webhook.launcher_reviews_per_s", launcher["rate"], "1/s", least(12000)),
    ("webhook.launcher_cpu_us", launcher["cpu"], "us", None),
    ("webhook.vm_p99_us", by_kind["vm-vfs-hugepages"]["server_p99"], "us", most(1000)),
    ("webhook.data_volume_p99_us", by_kind["data-volume"]["server_p99"], "us", most(1000)),
    ("webhook.foreign_p99_us", by_kind["foreign-pod"]["server_p99"], "us", most(1000)),
    ("webhook.p50_us", launcher["p50"], "us", None),
    ("webhook.p99_us", launcher["p99"], "us", most(2000)),
    ("webhook.reviews_per_s", launcher["rate"], "1/s", least(1000)),
    ("webhook.rss_mib", mebibytes(second), "MiB", most(20)),
    ("webhook.rss_growth_mib", mebibytes(second - first), "MiB", most(0.5)),
    ("exporter.rss_mib", exporter["rss_mib"], "MiB", most(10)),
    ("exporter.cpu_percent", exporter["cpu_percent"], "%", most(0.1)),
    ("exporter.scan_ms", exporter["scan_ms"], "ms", most(20)),
    ("exporter.scrape_ms", exporter["scrape_ms"], "ms", most(50)),
    ("exporter.writes_idle", exporter["writes_idle"], "", most(0)),
    # Fewer than five would say that the changes were not seen.
    ("exporter.writes_burst", exporter["writes_burst"], "", (5, exporter["burst_seconds"])),
    ("exporter.inventory_kib", exporter["inventory_kib"], "KiB", most(16)),
    ("extender.cycle_100_p50_us", extender("cycle_100_p50_us"), "us", most(40)),
    ("extender.cycle_1000_p50_us", extender("cycle_1000_p50_us"), "us", most(200)),
    ("extender.cycle_5000_p50_us", extender("cycle_5000_p50_us"), "us", most(1000)),
    ("extender.foreign_p50_us", extender("foreign_p50_us"), "us", most(20)),
    ("extender.index_ready_s", extender("index_ready_s"), "s", most(3)),
    ("extender.index_rss_mib", extender("index_rss_mib"), "MiB", most(150)),
    ("extender.event_us", extender("event_us"), "us", most(50)),
    ("scheduler.with_extender_ratio", plane("scheduler.with_extender_ratio"), "", least(0.95)),
    ("scheduler.foreign_with_extender_ratio", plane("scheduler.foreign_with_extender_ratio"), "", None),
    ("placement.plane_default_scheduler_ratio", plane("placement.plane_default_scheduler_ratio"), "", least(1.0)),
    ("placement.optimum_ratio", placement("optimum_ratio"), "", least(0.98)),
    ("placement.optimum_first_refusal_ratio", placement("optimum_first_refusal_ratio"), "", None),
    ("placement.default_scheduler_ratio", placement("default_scheduler_ratio"), "", least(1.0)),
    ("placement.default_scheduler_worst_ratio", placement("default_scheduler_worst_ratio"), "", least(1.0)),
    ("placement.below_default_scheduler", placement("below_default_scheduler"), "cases", None),
    ("placement.unseen_optimum_ratio", placement("unseen_optimum_ratio"), "", least(0.98)),
    ("placement.pinned", placement("pinned"), "VMs", most(0)),
    ("placement.default_scheduler_pinned", placement("default_scheduler_pinned"), "VMs", None),
    ("placement.vm_first_optimum_ratio", placement("vm_first_optimum_ratio"), "", None),
    ("placement.vm_first_default_scheduler_ratio", placement("vm_first_default_scheduler_ratio"), "", None),
    ("exporter.image_mib", archive_mebibytes("exporter"), "MiB", most(20)),
    ("webhook.image_mib", archive_mebibytes("webhook"), "MiB", most(20)),
    ("certs.image_mib", archive_mebibytes("certs"), "MiB", most(20)),
    ("extender.image_mib", archive_mebibytes("extender"), "MiB", most(20)),
    ("plane.cold_s", plane_seconds("cold"), "s", most(1800)),
    ("plane.warm_s", plane_seconds("warm"), "s", most(120)),
]
known = [row for row in rows if row[1] is not None]
for_machines = [
    {"name": name, "value": value, "unit": unit, "target": said(target), "met": is_met(value, target)}
    for name, value, unit, target in known
]
pathlib.Path("target").mkdir(exist_ok=True)
pathlib.Path("target/bench.json").write_text(json.dumps(for_machines, indent=2) + "\n")

met = {None: "-", True: "yes", False: "**no**"}
table = "\n".join(
    f"| `{name}` | {value} {unit} | {said(target)} | {met[is_met(value, target)]} |"
    for name, value, unit, target in known
)
pure_table = "\n".join(
    f"| {kind} | {' | '.join(f'{time}, {count}' for time, count in pure(kind).values())} |" for kind in kinds
)
kinds_table = "\n".join(
    f"| {kind} | {of['bytes']} | {of['p50']} | {of['p99']} | {of['server_p99']} | {of['rate']} | {of['cpu']} |"
    for kind, of in by_kind.items()
)


def speed_row(title, what):
    """A row of the table of pods per second."""
    names = [
        "with_extender_per_s",
        "alone_per_s",
        "with_extender_ratio",
        "with_extender_cpu_ms",
        "alone_cpu_ms",
        "extender_cpu_ms",
    ]
    numbers = [plane(f"scheduler.{what}{name}") for name in names]
    return " | ".join([title, *(f"{number:.3g}" for number in numbers)])


cpu = next(
    (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
    platform.machine(),
)
pathlib.Path("docs/benchmarks.md").write_text(f"""# Benchmarks

Written by `make bench`; the same numbers for machines are in `target/bench.json`. Where the time of a
review goes, and what bounds it, is in [ADR 4](adr/0004-cost-of-a-review.md).

- Machine: {os.cpu_count()} cores, {cpu}, idle for {os.environ['IDLE']} % before it began;
  {time.strftime('%Y-%m-%d')}, revision {tag}.
- Plane: the last cold (nothing built) and the last warm `plane up` of this machine, with CDI and
  KubeVirt ready. Compressed archives of images.

| what | measured | target | met |
|---|---|---|---|
{table}

## The webhook under load

The release binary of the image on one core with its flags' defaults (so it logs a line for each review),
the client on the other core; HTTP/1.1 over TLS 1.3 with keep-alive on loopback; the reviews of
tests/fixtures/recorded.

- `p50` and `p99` are the client's, at 1,000 reviews a second on 8 connections: both processes' sleep and
  wake-up included.
- `p99 in the server` is the server's own histogram in that run: the upper bound of the bucket, from the
  first byte of the body to the answer; TLS, HTTP and the log line are not in it.
- `reviews/s` is as fast as answers come on 64 connections; with few, both sides would mostly wait for
  each other to wake up. `CPU` is the server's processor time in that run by review,
  kernel, TLS, HTTP and log included.
- `rss` is after 100,000 reviews of all kinds in equal parts, its growth that of the last 50,000.

| review | bytes | p50 us | p99 us | p99 in the server us | reviews/s | CPU us |
|---|---|---|---|---|---|---|
{kinds_table}

## The agent of a node

The exporter's binary, as in its image, below a tree of files with 64 volumes, 64 virtual functions and 4 sizes of
huge pages (`exporter/examples/full-node.rs`), beside the plane's real kube-apiserver, in which its 64
PersistentVolumes are made. A stand-in for the kubelet (`exporter/examples/kubelet.rs`) answers for the
functions, of which containers hold 16; the node has no pods in the API server. Idle for
{exporter['idle_seconds']} s: processor time and writes to the API server in that time, memory after it.
Then 1,000 changes of the sizes of disks in 10 s, each of which shows in the inventory: writes of the
inventory in the {exporter['burst_seconds']} s from the first change on, at most one a second. `scan` is the
mean of all looks until then, the kubelet's answer included, `scrape` one look at /metrics, `inventory` the
whole NodeInventory as `kubectl get -o json` shows it, managed fields left out.

## How many VMs find room

`extender/benches/placement`: fleets of 2 to 100 nodes and streams of VMs, made by chance from seeds; volumes of four sizes, functions on half of
the nodes, huge pages, processors and memory. The index hears what the watches would tell, and each pod goes through the functions that
the extender calls; among equals, and for processors and memory, there are kube-scheduler's own rules. What they are compared with:

- `optimum`: {placement("cases"):.0f} fleets of 2 to 6 nodes, each with the longest beginning of its stream that finds room at all, as a solver of
  mixed-integer programs (microlp) says, which knows the whole stream beforehand. The ratio is the mean share of these VMs that run;
  `first_refusal` counts only those before the first that does not. kube-scheduler alone: {placement("default_scheduler_optimum_ratio")}.
- `default_scheduler`: the same, and 42 fleets of 2 to 100 nodes to which more VMs come than find room, with a model of kube-scheduler alone: LeastAllocated,
  BalancedAllocation, the smallest volume for each claim. A model, not the real one. Each disk is uploaded before its VM starts, by a pod that asks for a tenth of a processor.
  `worst` is the case in which we are least ahead. `pinned` are VMs whose disks lie where they can never run; beside these,
  {placement("waiting"):.0f} of ours and {placement("default_scheduler_waiting"):.0f} of its own wait on a node for others to go.
- `vm_first`: KubeVirt's first pod asks for all that the VM needs and binds all of its disks, so that kube-scheduler alone makes no such mistake. It reaches
  {placement("vm_first_default_scheduler_optimum_ratio")} of the optimum. `vm_first_default_scheduler_ratio` is that of all VMs that ran in the 42 fleets that overflow, where who refuses large VMs runs
  more small ones; until the first refusal it is {placement("vm_first_first_refusal_ratio")} times as many.

Scratch space, holds that end and VMs that stop are not in it.

## The extender without network

`extender/benches/cycle`: 5,000 nodes with 50,000 volumes and 10,000 running VMs of eight kinds. A cycle is `/filter` and `/prioritize` through the routes, of a launcher pod that wants a volume,
functions and pages, where nine of ten nodes fit equally well; the chart's scheduler asks the first only. What was found of a node counts until it changes: a pod of a kind that was not asked about before
costs what `extender.cycle_1000_first_p50_us` and its like say in the bench's own output. `event_us` is the median of the slowest kind of event. Decoding the names bounds it.

`extender/benches/placement`: `unseen` are 300 fleets by which no weight was chosen; `below` is in how many fleets fewer VMs run than with the model of the cluster's scheduler.

## Beside the real scheduler

`tests/e2e/tests/bench`, on {plane("scheduler.nodes"):.0f} simulated nodes of the plane, beside its API server and controllers on the same machine. Two Deployments
of the same kube-scheduler take turns: the chart's, and one without the extender; image, profile, name and configuration are the same but for `extenders`.
Both write as fast as they can (`scheduler.clientConnection.qps` is 5000; with the chart's 200 they would wait for the same clock). All pods of a
round are there before it begins; the rate is that of the moments at which the scheduler says that a pod is bound, of all but the first tenth. Medians of
{plane("scheduler.rounds"):.0f} rounds; the ratio is that of the medians.

| pods | pods/s with | without | ratio | kube-scheduler's CPU ms by pod, with | without | the extender's |
|---|---|---|---|---|---|---|
| {speed_row("VMs' (KubeVirt's launchers, of 8 kinds)", "")} |
| {speed_row("nobody's", "foreign_")} |

Every node would do for each of these pods, so that all names go to the extender. For a VM's pod only the best come back, and kube-scheduler has nothing left to compare; that saves it more than the
call costs. For pods of nobody's all come back. In a cluster, those come here only if they name this scheduler. KubeVirt's controllers rest meanwhile, their pods are made by the bench.

`placement.plane_default_scheduler_ratio`: the first {plane("placement.plane_fleets"):.0f} of the small fleets above with all of their streams, filled until the first VM that finds no room, each disk uploaded
before its VM starts; volumes are bound by the real controllers. VMs that ran in all: {plane("placement.plane_vms"):.0f} with the extender,
{plane("placement.plane_default_scheduler_vms"):.0f} without; in the fleet where we are least ahead {plane("placement.plane_default_scheduler_worst_ratio")} times as many.

## Our part of it

`webhook/benches/review.rs`: the same functions on the same reviews, without network. The median, and how
often one review asks the allocator for memory (new or grown).

| review | {' | '.join(pure(kinds[0]))} |
|---|---|---|---|---|
{pure_table}
""")
print(table)
