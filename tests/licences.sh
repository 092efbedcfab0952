#!/usr/bin/env bash
# Every dependency has a licence that deny.toml allows, comes from crates.io, and is not banned
# there. cargo-deny does the same and more (advisories); this needs no tool and no network.
set -euo pipefail
cd "$(dirname "$0")/.."

# What is really compiled: the lock file also names what no feature asks for.
cargo metadata --locked --format-version 1 |
    TREE="$(cargo tree --locked --workspace --edges all --prefix none --format '{p}')" python3 -c '
import json, os, re, sys, tomllib
deny = tomllib.load(open("deny.toml", "rb"))
allowed = set(deny["licenses"]["allow"])
banned = {ban["name"] if "name" in ban else ban["crate"] for ban in deny["bans"].get("deny", [])}
metadata = json.load(sys.stdin)
used = {tuple(line.split()[:2]) for line in os.environ["TREE"].splitlines() if line}
wrong = []
def fine(licence):
    # An SPDX expression is one of Python with other words: names become whether they are allowed.
    name = r"[A-Za-z0-9.+-]+(?: WITH [A-Za-z0-9.+-]+)?"
    def value(found):
        word = found.group()
        return {"AND": "and", "OR": "or"}.get(word) or str(word in allowed)
    expression = re.sub(name, value, licence.replace("/", " OR "))
    return bool(licence) and eval(expression, {"__builtins__": {}})
for package in metadata["packages"]:
    if (package["name"], "v" + package["version"]) not in used:
        continue
    name, source, licence = package["name"], package["source"], package["license"] or ""
    if source is not None and "crates.io" not in source:
        wrong.append(f"{name}: comes from {source}")
    if name in banned:
        wrong.append(f"{name}: banned in deny.toml")
    if source is not None and not fine(licence):
        wrong.append(f"{name}: licence {licence} is not allowed in deny.toml")
print("\n".join(wrong) or f"{len(used)} packages, all fine")
sys.exit(1 if wrong else 0)
'
