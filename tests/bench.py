"""Writes down what tests/bench.sh measured: docs/benchmarks.md and target/bench.json."""

import json
import os
import pathlib
import platform
import time

cache = pathlib.Path(os.environ["VMBERTH_CACHE"])
archives = pathlib.Path(os.environ["ARCHIVES"])
tag = os.environ["TAG"]
paced = json.loads(os.environ["PACED"])
flat_out = json.loads(os.environ["FLAT_OUT"])


def plane_seconds(kind):
    """The last `plane up` of this kind, as the plane recorded it; None if there was none."""
    file = cache / "up-times"
    lines = file.read_text().split("\n") if file.exists() else []
    times = [line.split()[1] for line in lines if line.startswith(kind + " ")]
    return int(times[-1]) if times else None


def mebibytes(name):
    return round((archives / f"{name}-{tag}.tar").stat().st_size / 2**20, 1)


rows = [
    ("webhook.p50_us", paced["p50_us"], "us", None),
    ("webhook.p99_us", paced["p99_us"], "us", 2000),
    ("webhook.reviews_per_s", round(flat_out["reviews_per_s"]), "1/s", 1000),
    ("webhook.rss_mib", round(int(os.environ["RSS"]) / 1024, 1), "MiB", 20),
    ("webhook.image_mib", mebibytes("webhook"), "MiB", 20),
    ("certs.image_mib", mebibytes("certs"), "MiB", 20),
    ("plane.cold_s", plane_seconds("cold"), "s", 1800),
    ("plane.warm_s", plane_seconds("warm"), "s", 120),
]
known = [dict(zip(("name", "value", "unit", "target"), row)) for row in rows if row[1] is not None]
pathlib.Path("target").mkdir(exist_ok=True)
pathlib.Path("target/bench.json").write_text(json.dumps(known, indent=2) + "\n")

table = "\n".join(
    f"| `{row['name']}` | {row['value']} {row['unit']} | {row['target'] or '-'} |" for row in known
)
cpu = next(
    (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
    platform.machine(),
)
pathlib.Path("docs/benchmarks.md").write_text(f"""# Benchmarks

Written by `make bench`; the same numbers for machines are in `target/bench.json`.

- Machine: {os.cpu_count()} cores, {cpu}; {time.strftime('%Y-%m-%d')}, revision {tag}.
- Webhook: the release binary of the image on one core, the client on the other; TLS 1.3 with
  keep-alive on loopback, 8 connections; the review of a virt-launcher pod as read from the plane
  (tests/fixtures/recorded). `p50` and `p99` at 1,000 reviews a second, `reviews_per_s` as fast as
  answers come; `rss` after both.
- Plane: the last cold (nothing built) and the last warm `plane up` of this machine, with CDI and
  KubeVirt ready. Compressed archives of images.

| what | measured | target |
|---|---|---|
{table}
""")
print(table)
