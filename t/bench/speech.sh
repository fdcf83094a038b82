#!/usr/bin/env bash
#
# How well the voice activity detector tells speech from what is not, next to
# SpeexDSP's detector and a fixed threshold, on the same labelled streams.
#
#   speech.sh [DIR]
#
# DIR (or VOICEAI_SPEECH) holds labels.tsv and the streams it names, itself or
# in its subfolder "open".  Without it the streams are made from Debian's
# recordings first, which takes a few minutes and python3-numpy and sox.

set -euo pipefail

bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$bench/../.." && pwd)
release=${VOICEAI_BUILD:-$root/build/release}
results=$root/build/bench
streams=${1:-${VOICEAI_SPEECH:-}}

die() {
    printf 'bench: %s\n' "$*" >&2
    exit 1
}

[ -x "$release/voiceai-sim" ] ||
    die "$release/voiceai-sim is missing: run ./build.sh build"
mkdir -p "$results"

if [ -n "$streams" ]; then
    [ -f "$streams/labels.tsv" ] || streams=$streams/open
    [ -f "$streams/labels.tsv" ] || die "no labels.tsv in ${streams%/open}"
else
    streams=$results/speech
    if [ ! -f "$streams/labels.tsv" ]; then
        make -C "$root/src/audio/train" test WORK="$results/speech-work" \
            OUT="$streams" >"$results/speech.log" 2>&1 ||
            die "no streams could be made, see $results/speech.log"
    fi
fi

gcc -O2 -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I"$root/src" \
    "$bench/vad_rivals.c" "$root/src/cli/vad_set.c" \
    "$root/src/audio/va_g711.c" -lspeexdsp -o "$results/vad_rivals"
"$release/voiceai-sim" vad "$streams" >"$results/vad-ours.txt"
# SpeexDSP says of each state that its detector is a stopgap.
"$results/vad_rivals" speex "$streams" >"$results/vad-speex.txt" \
    2>"$results/speech.log" || die "see $results/speech.log"
"$results/vad_rivals" rms "$streams" >"$results/vad-rms.txt"

echo "streams: $streams, 500 ms of hangover, times in ms"
python3 "$bench/score_vad.py" "$streams" voiceai="$results/vad-ours.txt" \
    SpeexDSP="$results/vad-speex.txt" "fixed threshold=$results/vad-rms.txt" |
    tee "$results/speech.txt"
