#!/usr/bin/env bash
#
# What a call costs: CPU milliseconds of the server per second of a call, and
# KiB of its memory per call, while it listens and while it talks, next to two
# servers that show what the figures mean: one that reads the same frames and
# drops them, and a lean one in Node.  Also webhooks, and the server's own time
# in an answer.
#
#   CALLS (300) calls at once; SECONDS_EACH (8) of each measurement

set -euo pipefail
# shellcheck source=t/bench/lib/common.sh
. "$(dirname "$0")/lib/common.sh"

calls=${CALLS:-300}
few=$((calls / 3))
length=${SECONDS_EACH:-8}
rows=$results/cost.jsonl
sounds=/usr/share/asterisk/sounds/en_US_f_Allison
[ -d "$bench/../node_modules/ws" ] ||
    die "the Node packages are missing: run ./build.sh deps"
[ -f "$sounds/vm-intro.wav" ] ||
    die "recorded speech is missing: run ./build.sh deps"

${CC:-gcc} -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -I"$root/src" \
    -o "$run/sink" "$bench/sink.c" "$release/libvoiceai.a" -lcrypto

# Measures process pid under calls that were told in "$@": a third of them
# first, then all, so that what one call needs is the difference.
measure() {
    local server=$1 doing=$2 wait=$3 begin end from to before after first last
    local few_kib all_kib total
    shift 3
    total=$((length + wait + 2))
    load "$run/a.json" --calls "$few" --ramp 200 \
        --seconds $((total + 3)) "$@" &
    local a=$!
    sleep 2.5
    few_kib=$(memory_kib "$pid")
    load "$run/b.json" --calls $((calls - few)) --ramp 200 \
        --seconds "$total" "$@" &
    local b=$!
    sleep "$((wait + 1)).5"
    all_kib=$(memory_kib "$pid")
    read -r before first < <(cpu_ticks "$pid")
    from=$(cpu_ns "$pid") begin=$(now_ns)
    sleep "$length"
    to=$(cpu_ns "$pid") end=$(now_ns)
    read -r after last < <(cpu_ticks "$pid")
    wait "$a" "$b" || true
    node "$bench/report.js" row server="$server" doing="$doing" \
        calls="$calls" \
        cpu_ms="$(awk "BEGIN { printf \"%.3f\", ($to - $from) * 1e3 / $calls / ($end - $begin) }")" \
        system="$(awk "BEGIN { s = $last - $first; t = s + $after - $before; printf \"%d%%\", t ? 100 * s / t : 0 }")" \
        kib="$(awk "BEGIN { printf \"%.1f\", ($all_kib - $few_kib) / ($calls - $few) }")" \
        "$run/a.json" "$run/b.json" >>"$rows"
    tail -n 1 "$rows" >&2
}

: >"$rows"

port=$(free_port)
background "$run/sink.log" "${here[@]}" "$run/sink" "$port" "${public#*//}"
pid=${pids[-1]}
await curl -sf "http://127.0.0.1:$port/" || die "sink did not start"
measure sink "silence" 1
stop_last

for packet in 0 1 5; do
    port=$(free_port)
    background "$run/node.log" "${here[@]}" \
        env NODE_PATH="$bench/../node_modules" \
        node "$bench/server.js" "$port" "${public#*//}" "$packet"
    pid=${pids[-1]}
    await curl -sf "http://127.0.0.1:$port/" || die "server.js did not start"
    case $packet in
    0) measure node "silence" 1 ;;
    *) measure node "talks, $((packet * 20)) ms packets" 1 ;;
    esac
    stop_last
done

start_engine
greeting="Welcome to the house of long greetings, where every caller is told everything. First of all, we are glad that you called, and we hope that you are well today. We are open from nine in the morning to five in the afternoon on every day of the week but Sunday. If you want to place an order, please say so when this message is over, and have the number at hand. If you would rather speak to somebody, please say that, and we will find a person for you. Thank you for your patience, and now tell us what we can do."

start_nginx "$voices"
measure voiceai "silence" 1
measure voiceai "real speech" 1 --wav "$sounds/vm-intro.wav"
stop_last

# As an apology it is in memory once the first call has begun.
start_nginx "$voices voiceai_greeting \"$greeting\";
    voiceai_apology \"$greeting\";"
load "$run/warm.json" --calls 1 --seconds 1
measure voiceai "talks, from memory" 1
stop_last

start_nginx "$voices voiceai_silence_threshold 700ms;
    voiceai_greeting \"Hello, how can I help you?\";"
load "$run/warm.json" --calls 1 --seconds 3 --mode talk --say "hello"
: >"$run/error.log"
measure voiceai "talks with engines" 6 --mode talk --say "hello"
node "$bench/report.js" turns "$run/error.log" >"$run/many.json"
: >"$run/error.log"
load "$run/few.json" --calls 8 --ramp 3 --seconds 20 --mode talk --say "hello"
node "$bench/report.js" turns "$run/error.log" >"$run/few-turns.json"
stop_last

start_nginx "$voices"
from=$(cpu_ns "$pid")
"${there[@]}" node "$bench/webhooks.js" "$port" "$public" "$token" 4000 \
    >"$run/webhooks.json"
to=$(cpu_ns "$pid")
stop_last

node - "$rows" "$run" "$((to - from))" >"$results/cost.json" <<'END'
const fs = require('fs');
const [rows, run, ns] = process.argv.slice(2);
const read = (name) => JSON.parse(fs.readFileSync(`${run}/${name}`, 'utf8'));
const webhooks = read('webhooks.json');
webhooks.cpu_us = Math.round(ns / webhooks.ok / 100) / 10;
webhooks.per_core_second = Math.round(1e9 * webhooks.ok / ns);
console.log(JSON.stringify({
    calls: fs.readFileSync(rows, 'utf8').split('\n').filter(Boolean)
        .map((line) => JSON.parse(line)),
    answers_of_few_calls: read('few-turns.json'),
    answers_under_load: read('many.json'),
    webhooks,
}, null, 1));
END

echo
echo "cpu_ms: CPU milliseconds of the server per second of a call;"
echo "kib: anonymous memory per call; gaps: times that a caller's speech ran dry"
node "$bench/report.js" table "$rows" server doing calls cpu_ms system kib \
    gaps max_gap_ms first_p50_ms first_p99_ms answers sim_late_p99_ms calls_failed
# shellcheck disable=SC2016
node -e '
const r = JSON.parse(require("fs").readFileSync(process.argv[1]));
for (const [name, t] of [["few calls", r.answers_of_few_calls],
    ["under load", r.answers_under_load]]) {
    console.log(`answer, ${name}: ${t.after_silence} ms behind the silence ` +
        `(p99 ${t.after_silence_p99}), instant engines included; ` +
        `${t.turns} turns`);
}
console.log(`webhooks: ${r.webhooks.cpu_us} us of CPU each, ` +
    `${r.webhooks.per_core_second} per core and second; ` +
    `${r.webhooks.failed} failed`);
' "$results/cost.json"
echo "all figures: $results/cost.json"
