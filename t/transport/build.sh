#!/usr/bin/env bash
#
# Builds the harness of t/transport.t into OUTDIR for the nginx of this
# machine:
#
#   t/transport/build.sh OUTDIR [SANITIZERS]
#
# SANITIZERS is what -fsanitize= takes, such as address,undefined or thread.
# Run what comes out with that sanitizer's runtime preloaded.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
nginx_src=${NGINX_SRC:-/usr/share/nginx/src}

[ $# -ge 1 ] || {
    echo "usage: $0 OUTDIR [SANITIZERS]" >&2
    exit 2
}
mkdir -p "$1"
out=$(cd "$1" && pwd)
flags=
if [ -n "${2:-}" ]; then
    flags="-fsanitize=$2 -fno-omit-frame-pointer"
fi

[ -n "${VOICEAI_CORE:-}" ] || make -s -C "$root/src" BUILD="$out/core" CFLAGS_EXTRA="$flags" lib

# configure writes beside itself, so it is given a place of its own
mkdir -p "$out/nginx"
for name in auto configure src; do
    ln -sfn "$nginx_src/$name" "$out/nginx/$name"
done

cd "$out/nginx"
export VOICEAI_CORE="${VOICEAI_CORE:-$out/core/libvoiceai.a}"
./configure --with-compat --with-threads --with-debug \
    --with-cc-opt="-g -O1 $flags" --with-ld-opt="$flags" \
    --add-dynamic-module="$here" --builddir="$out/objs" >"$out/configure.log" ||
    {
        tail "$out/configure.log" >&2
        exit 1
    }
make -s -f "$out/objs/Makefile" modules
cp "$out/objs/ngx_http_voiceai_transport_test_module.so" "$out/"
gcc -shared -fPIC -O1 -o "$out/preload.so" "$here/preload.c" -ldl
