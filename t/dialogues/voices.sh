#!/usr/bin/env bash
#
# Makes sounds.ul, what the recorded dialogues are spoken with: sentences by
# flite's voices, as mu-law at 8000 Hz, each padded to a length that make.c
# knows.  Run after ./build.sh build; make.sh then makes the dialogues again.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
local=$here/../../build/release/voiceai-local
work=$(mktemp -d)
"$local" --socket "$work/socket" >"$work/log" 2>&1 &
server=$!
trap 'kill "$server"; rm -rf "$work"' EXIT
until [ -S "$work/socket" ]; do sleep 0.1; done

# say VOICE MILLISECONDS TEXT: appends the sentence, cut or padded.
say() {
    curl -sf --unix-socket "$work/socket" -o "$work/sound" \
        -H 'Content-Type: application/json' http://localhost/v1/audio/speech \
        -d "{\"model\":\"flite\",\"voice\":\"$1\",\"response_format\":\"ulaw\",
             \"input\":\"$3\"}"
    head -c $(($2 * 8)) /dev/zero | tr '\0' '\377' >>"$work/sound"
    head -c $(($2 * 8)) "$work/sound" >>"$work/voices"
}

say slt 3000 'Today we have soup, salad and fresh bread, and the kitchen is open.'
say rms 1200 'What time is it?'
say rms 1600 'My number is five five five'
say rms 2200 'zero one two three four five six'
say rms 600 'okay'
say rms 2000 'Stop, I want to order a table.'
say rms 800 'hello?'
mv "$work/voices" "$here/sounds.ul"
