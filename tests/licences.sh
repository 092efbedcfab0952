#!/usr/bin/env bash
# Every dependency has a licence that deny.toml allows, comes from crates.io, and is not banned
# there. cargo-deny does the same and more (advisories); this needs no tool and no network.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo metadata --locked --format-version 1 | python3 -c '
import json, re, sys, tomllib
deny = tomllib.load(open("deny.toml", "rb"))
allowed = set(deny["licenses"]["allow"])
banned = {ban["name"] if "name" in ban else ban["crate"] for ban in deny["bans"].get("deny", [])}
metadata = json.load(sys.stdin)
used = {node["id"] for node in metadata["resolve"]["nodes"]}
wrong = []
def fine(licence):
    # "A OR B" needs one of both, "A AND B" all; brackets only group alternatives here.
    licence = licence.replace("/", " OR ").replace("(", "").replace(")", "")
    return any(all(part.strip().split(" WITH ")[0] in allowed or part.strip() in allowed
                   for part in choice.split(" AND ")) for choice in licence.split(" OR "))
for package in metadata["packages"]:
    if package["id"] not in used:
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
