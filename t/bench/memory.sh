#!/usr/bin/env bash
#
# Whether memory comes back: what the server holds after 100 and after 1,000
# short calls, each of which says something and is answered.  The first ones
# are more at once, so that the most that is ever needed was needed by then.
# Ends with 1 if the second is over the first by more than a tenth.

set -euo pipefail
# shellcheck source=t/bench/lib/common.sh
. "$(dirname "$0")/lib/common.sh"

word=/usr/share/asterisk/sounds/en_US_f_Allison/hello.wav
[ -f "$word" ] || die "recorded speech is missing: run ./build.sh deps"
command -v sox >/dev/null || die "sox is missing: run ./build.sh deps"
sox "$word" "$run/word.wav" pad 0 0.4
sox "$run/word.wav" "$word" "$run/turn.wav"

start_engine
start_nginx "$voices voiceai_silence_threshold 200ms;
    voiceai_greeting Hello.;"

begin=$(memory_kib "$pid")
load "$run/a.json" --calls 50 --ramp 100 --repeat-calls 2 --seconds 1.5 \
    --wav "$run/turn.wav" || true
hundred=$(memory_kib "$pid")
load "$run/b.json" --calls 25 --ramp 100 --repeat-calls 36 --seconds 1.5 \
    --wav "$run/turn.wav" || true
sleep 1
thousand=$(memory_kib "$pid")
turns=$(grep -c 'caller spoke' "$run/error.log" || true)

# shellcheck disable=SC2016
node "$bench/report.js" row fresh_kib="$begin" after_100_kib="$hundred" \
    after_1000_kib="$thousand" turns="$turns" "$run/a.json" "$run/b.json" |
    tee "$results/memory.json" |
    node -e 'const r = JSON.parse(require("fs").readFileSync(0));
        console.log(`fresh ${r.fresh_kib} KiB, after 100 calls ` +
            `${r.after_100_kib}, after ${r.calls_ok} calls ` +
            `${r.after_1000_kib}; ${r.turns} turns understood, ` +
            `${r.calls_failed} calls failed`);'
[ "$thousand" -le $((hundred + hundred / 10)) ] ||
    die "memory grows from call to call"
