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

# The same with engines that stream as hosted ones do: a transcript after
# 100 ms, a model that begins after 200 ms and says 40 tokens a second, a voice
# 150 ms to its first byte.  What is left when their time is taken away is this
# server's own.

stop_last
stop_last

engine=$run/paced.sock
background "$run/paced.log" "${there[@]}" node "$bench/paced.js" "$engine" \
    100 200 40 150
await test -S "$engine" || die "paced.js did not start"
start_nginx "voiceai_stt openai url=http://unix:$engine:/v1;
    voiceai_llm openai url=http://unix:$engine:/v1;
    voiceai_tts openai url=http://unix:$engine:/v1 format=ulaw;
    voiceai_silence_threshold 700ms;
    voiceai_endpointing fixed;
    voiceai_preemptive off;
    voiceai_api_key off;
    voiceai_greeting \"Hello, how can I help you?\";"

: >"$results/overhead.jsonl"

# Holds $1 calls for $2 seconds.
overhead() {
    background "$run/events.sse" curl -sN "http://127.0.0.1:$port/events"
    load "$run/load.json" --calls "$1" --ramp 10 --seconds "$2" \
        --mode talk --say "what time is it" || true
    stop_last
    curl -s --unix-socket "$engine" http://localhost/turns >"$run/engine.json"
    node "$bench/report.js" overhead "$run/events.sse" "$run/engine.json" \
        >"$run/overhead.json"
    node -e 'const [calls, file] = process.argv.slice(1);
        console.log(JSON.stringify({ calls: Number(calls),
            ...JSON.parse(require("fs").readFileSync(file)) }));' \
        "$1" "$run/overhead.json" >>"$results/overhead.jsonl"
}

overhead 1 50
overhead 20 30

echo
echo "with a model at 40 tokens a second and a voice of 150 ms to its first byte:"
echo "ms from the end of the turn, medians; engines: what they took; own: the rest"
node "$bench/report.js" table "$results/overhead.jsonl" calls turns silence \
    transcript first_token first_clause first_audio first_sent engines own \
    own_p99
echo "of it from the transcript to the model's request, and from the last token"
echo "of a clause to the voice's"
node "$bench/report.js" table "$results/overhead.jsonl" calls to_model \
    to_model_p99 to_voice to_voice_p99
