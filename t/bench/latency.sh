#!/usr/bin/env bash
#
# From the end of the caller's speech to the first sound of the answer, with
# the embedded engines, split as the server's log splits it: silence that ends
# the turn, recogniser, model, voice, sending.  One call first, then twenty at
# once.  What Twilio and the network add is not in it.

set -euo pipefail
# shellcheck source=t/bench/lib/common.sh
. "$(dirname "$0")/lib/common.sh"

start_local
start_nginx "$voices voiceai_silence_threshold 700ms;
    voiceai_greeting \"Hello, how can I help you?\";"

: >"$results/latency.jsonl"

# Holds $1 calls for $2 seconds.
measure() {
    load "$run/load.json" --calls "$1" --ramp 10 --seconds "$2" \
        --mode talk --say "what time is it" || true
    node "$bench/report.js" turns "$run/error.log" >"$run/turns.json"
    node -e 'const fs = require("fs");
        const [calls, turns, load] = process.argv.slice(1);
        const heard = JSON.parse(fs.readFileSync(load)).answer;
        console.log(JSON.stringify({ calls: Number(calls),
            ...JSON.parse(fs.readFileSync(turns)),
            heard: heard.p50_ms, heard_p99: heard.p99_ms }));' \
        "$1" "$run/turns.json" "$run/load.json" >>"$results/latency.jsonl"
    : >"$run/error.log"
}

measure 1 50
measure 20 30

echo "medians and 99th percentiles in ms; heard: by the caller, at 20 ms steps"
node "$bench/report.js" table "$results/latency.jsonl" calls turns silence \
    recogniser model voice sending total heard
node "$bench/report.js" table "$results/latency.jsonl" calls turns \
    silence_p99 recogniser_p99 model_p99 voice_p99 sending_p99 total_p99 \
    heard_p99
