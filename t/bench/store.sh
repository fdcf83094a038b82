#!/usr/bin/env bash
#
# The call log: how many turns a second each database takes, and how late the
# event loop is while it is written, next to the same load without a log and
# with a database that hangs.  The event loop is asked by a client on another
# processor, whose own lateness is in the figures: the row without a log tells
# how much that is.
#
#   CALLS (20) at once; SECONDS_EACH (8) of each measurement

set -euo pipefail
# shellcheck source=t/bench/lib/common.sh
. "$(dirname "$0")/lib/common.sh"

calls=${CALLS:-20}
length=${SECONDS_EACH:-8}
rows=$results/store.jsonl
bin=$(find /usr/lib/postgresql/*/bin -name initdb 2>/dev/null | sort -V |
    tail -n 1)
[ -n "$bin" ] || die "PostgreSQL is missing: run ./build.sh deps"
bin=$(dirname "$bin")
as=()
if [ "$(id -u)" = 0 ]; then
    as=(setpriv --reuid postgres --regid postgres --clear-groups --)
fi
chmod 755 "$run"
mkdir "$run/pg" "$run/journal"
[ "$(id -u)" != 0 ] || chown postgres: "$run/pg"
"${as[@]}" "$bin/initdb" -D "$run/pg/data" -A trust -U voiceai --locale C \
    -E UTF8 >"$run/initdb.log"
background "$run/pg.log" "${there[@]}" "${as[@]}" "$bin/postgres" \
    -D "$run/pg/data" -k "$run/pg" -p 5432 -c listen_addresses=
postgres=${pids[-1]}
await "$bin/pg_isready" -q -h "$run/pg" || die "PostgreSQL did not start"
url="postgresql://voiceai@/postgres?host=$run/pg"

# shellcheck disable=SC2046
${CC:-gcc} -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -I"$root/src" \
    -o "$run/store" "$bench/store.c" "$release/libvoiceai-store.a" \
    "$release/libvoiceai.a" $(pkg-config --libs sqlite3 libpq yajl) -lm

: >"$rows"
for database in "sqlite:$run/alone.db" "$url"; do
    printf '{"database": "%s", "doing": "the log alone", %s\n' \
        "${database%%:*}" \
        "$("$run/store" "$database" "$run/journal" "$length" |
            sed 's/^{//; s/per_second/turns_s/')" >>"$rows"
done

# Measures a server with the directive $2.
measure() {
    local name=$1 begin out
    start_nginx "voiceai_mode gather; voiceai_signature off;
        voiceai_llm builtin;" "$2"
    begin=$(cpu_ns "$pid")
    out=$("${there[@]}" node "$bench/store.js" "$port" "$calls" "$length")
    printf '{"database": "%s", "doing": "a server", "cpu_us": %s, %s\n' \
        "$name" "$(node -e 'const [ns, out] = process.argv.slice(1);
            console.log(Math.round(ns / 1000 / JSON.parse(out).turns));' \
            $(($(cpu_ns "$pid") - begin)) "$out")" "${out#\{}" >>"$rows"
    stop_last
}

measure none ""
measure sqlite "voiceai_call_log sqlite:$run/calls.db;"
measure postgresql "voiceai_call_log '$url' journal=$run/journal-pg;"
turns=$("$bin/psql" -h "$run/pg" -U voiceai -d postgres -A -t -c \
    "SELECT count(*) FROM turns WHERE call_sid LIKE '%-%'")
asked=$(tail -n 1 "$rows" | sed 's/.*"turns":\([0-9]*\).*/\1/')
mapfile -t hung < <(pgrep -P "$postgres"; echo "$postgres")
kill -STOP "${hung[@]}"
measure "postgresql, hanging" \
    "voiceai_call_log '$url' journal=$run/journal-hang;"
kill -CONT "${hung[@]}"

node "$bench/report.js" table "$rows" database doing turns turns_s cpu_us \
    p50_ms p99_ms worst_ms failed
echo "turns_s: turns a second; cpu_us: of the server's processor, each turn;"
echo "p50, p99, worst: of a page asked for every 2 ms meanwhile"
echo "$turns of $asked turns are in PostgreSQL"
echo "all figures: $rows"
[ "$turns" -eq "$asked" ]
