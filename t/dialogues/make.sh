#!/usr/bin/env bash
#
# Makes the recorded dialogues again: to be run, and its changes to be read,
# when the conversation is meant to decide otherwise than before.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
make -s -C "$root/src" BUILD="$work" lib
# shellcheck disable=SC2046
gcc -O1 -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I"$root/src" \
    -I"$root/t/unit" -o "$work/make" "$here/make.c" "$work/libvoiceai.a" \
    -lcmocka $(pkg-config --libs libcurl openssl yajl speexdsp) -lm -lpthread
"$work/make" "$here"
