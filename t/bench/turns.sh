#!/usr/bin/env bash
#
# Cut-ins and waits at the end of turns: adaptive endpointing next to fixed
# thresholds, on turns with pauses inside, spoken by flite, and on labelled
# streams where there are some (DIR or VOICEAI_SPEECH, as for speech.sh).
#
#   turns.sh [DIR]

set -euo pipefail

bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$bench/../.." && pwd)
release=${VOICEAI_BUILD:-$root/build/release}
results=$root/build/bench/turns
labelled=${1:-${VOICEAI_SPEECH:-}}
mkdir -p "$results"

gcc -O2 -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I"$root/src" \
    "$bench/endpoint.c" "$release/libvoiceai.a" -o "$results/endpoint" \
    -lyajl -lspeexdsp -lcrypto -lm

if [ "$bench/endpoint_turns.txt" -nt "$results/plan.tsv" ]; then
    socket=$(mktemp -u)
    "$release/voiceai-local" --socket "$socket" >"$results/local.log" 2>&1 &
    server=$!
    trap 'kill "$server"' EXIT
    for _ in $(seq 300); do
        [ -S "$socket" ] && break
        sleep 0.1
    done
    python3 "$bench/endpoint_make.py" "$socket" "$bench/endpoint_turns.txt" \
        "$results"
fi

# measure PLAN OPTION...: a table of all ways over one plan.
measure() {
    local plan=$1 out
    out=${plan%.tsv}
    shift
    "$results/endpoint" "$plan" 0 500 >"$out-500.txt"
    "$results/endpoint" "$plan" 0 800 >"$out-800.txt"
    "$results/endpoint" "$plan" 0 4000 >"$out-4000.txt"
    "$results/endpoint" "$plan" 300 4000 >"$out-adaptive.txt"
    "$results/endpoint" "$plan" 300 4000 none >"$out-bare.txt"
    python3 "$bench/endpoint_score.py" "$@" "fixed 0.5 s=$out-500.txt" \
        "fixed 0.8 s=$out-800.txt" "fixed 4 s=$out-4000.txt" \
        "adaptive=$out-adaptive.txt" \
        "adaptive, no punctuation=$out-bare.txt"
}

echo "turns of endpoint_turns.txt in four voices"
measure "$results/plan.tsv" --svg "$root/docs/endpointing.svg" |
    tee "$results/turns.txt"
if [ -n "$labelled" ]; then
    [ -f "$labelled/labels.tsv" ] || labelled=$labelled/open
    python3 "$bench/endpoint_plan.py" "$labelled" "$results/labelled.tsv"
    echo "utterances of $labelled"
    measure "$results/labelled.tsv" | tee -a "$results/turns.txt"
fi
