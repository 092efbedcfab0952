#!/usr/bin/env bash
# The laws of `make test` on other inputs each round, until the time is over or one is broken; the input that broke it
# stays in a *.proptest-regressions file, where `make test` tries it first. Run: make fuzz
#
#   FUZZ_SECONDS    for how long (default 600)
#   PROPTEST_CASES  inputs of each law in one round (default 5000)
set -euo pipefail
cd "$(dirname "$0")/.."

: "${CARGO_TARGET_DIR:?run this by: make fuzz}"
export PROPTEST_CASES=${PROPTEST_CASES:-5000} RUST_BACKTRACE=0
end=$((SECONDS + ${FUZZ_SECONDS:-600}))
round=0
while [ "$round" = 0 ] || [ "$SECONDS" -lt "$end" ]; do
    round=$((round + 1))
    # Built once more, but then ten times as fast as the tests' own build; the webhook brings too much along for that.
    CARGO_PROFILE_TEST_OPT_LEVEL=2 cargo test --quiet --locked -p vmberth-decide --test properties --test injections
    cargo test --quiet --locked -p vmberth-webhook --test junk
    echo "fuzz: round $round, $PROPTEST_CASES inputs of each law, $SECONDS s"
done
