#!/usr/bin/env bash
#
# Cut-ins and waits at the end of turns: adaptive endpointing next to fixed
# thresholds, each over its parameter, on turns with pauses inside, spoken by
# flite, and on labelled streams where there are some (DIR or VOICEAI_SPEECH,
# as for speech.sh).  The plot in docs/ shows both, so without labelled streams
# it is left as it is, and there is one in build/bench/turns only.
#
#   turns.sh [DIR]

set -euo pipefail

bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$bench/../.." && pwd)
release=${VOICEAI_BUILD:-$root/build/release}
results=$root/build/bench/turns
labelled=${1:-${VOICEAI_SPEECH:-}}
fixed=(200 300 400 500 600 800 1000 1300 1600 2000 2500 4000)
adaptive=(100 150 200 250 300 400 500 800 1500)
socket=
mkdir -p "$results"

gcc -O2 -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I"$root/src" \
    "$bench/endpoint.c" "$release/libvoiceai.a" -o "$results/endpoint" \
    -lyajl -lspeexdsp -lcrypto -lm

start_voices() {
    socket=$(mktemp -u)
    "$release/voiceai-local" --socket "$socket" >"$results/local.log" 2>&1 &
    server=$!
    trap 'kill "$server"' EXIT
    for _ in $(seq 300); do
        [ -S "$socket" ] && break
        sleep 0.1
    done
}

# spoken TURNS PLAN: has the voices speak the turns, unless they have.
spoken() {
    [ "$1" -nt "$2" ] || return 0
    [ -n "$socket" ] || start_voices
    python3 "$bench/endpoint_make.py" "$socket" "$1" "$2.new.tsv"
    mv "$2.new.ul" "${2%.tsv}.ul"
    sed "s,^[^\t]*,$(basename "${2%.tsv}").ul," "$2.new.tsv" >"$2"
    rm "$2.new.tsv"
}

# measure PLAN: all ways over one plan.
measure() {
    local plan=$1 ms
    for ms in "${fixed[@]}"; do
        "$results/endpoint" "$plan" 0 "$ms" >"${plan%.tsv}-fixed-$ms.txt"
    done
    for ms in "${adaptive[@]}"; do
        "$results/endpoint" "$plan" "$ms" 4000 \
            >"${plan%.tsv}-adaptive-$ms.txt"
    done
    "$results/endpoint" "$plan" 300 4000 none >"${plan%.tsv}-bare-300.txt"
} 2>"$results/cuts.log"

spoken "$bench/endpoint_turns.txt" "$results/spoken.tsv"
spoken "$bench/endpoint_fresh.txt" "$results/fresh.tsv"
plans=("turns of endpoint_turns.txt in four voices=$results/spoken.tsv"
    "turns of endpoint_fresh.txt in four voices=$results/fresh.tsv")
svg=$results/endpointing.svg
if [ -n "$labelled" ]; then
    [ -f "$labelled/labels.tsv" ] || labelled=$labelled/open
    python3 "$bench/endpoint_plan.py" "$labelled" "$results/labelled.tsv"
    plans+=("labelled recordings=$results/labelled.tsv")
    svg=$root/docs/endpointing.svg
fi
for plan in "${plans[@]}"; do
    measure "${plan#*=}"
done
python3 "$bench/endpoint_score.py" "$svg" "${plans[@]}" |
    tee "$results/turns.txt"
