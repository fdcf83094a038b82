# What the measurements share: a folder for results, a server pinned to one
# processor, callers on the others, and what /proc says about a process.
#
# VOICEAI_BUILD and VOICEAI_NGINX tell where things are; build.sh sets them.
# shellcheck shell=bash
# shellcheck disable=SC2034  # what the measurements use

bench=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=$(cd "$bench/../.." && pwd)
release=${VOICEAI_BUILD:-$root/build/release}
nginx=${VOICEAI_NGINX:-$(PATH=$PATH:/usr/sbin:/usr/local/sbin type -P nginx)}
results=$root/build/bench
run=$(mktemp -d /tmp/voiceai-bench.XXXXXX)
sim=$release/voiceai-sim
token=12345
public=https://voice.example.com
pids=()

die() {
    printf 'bench: %s\n' "$*" >&2
    exit 1
}

finish() {
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${pids[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$run"
}
trap finish EXIT

mkdir -p "$results"
[ -x "$sim" ] || die "$sim is missing: run ./build.sh build"
command -v node >/dev/null || die "node is missing: run ./build.sh deps"

# With one processor there is nothing to keep apart.
if [ "$(nproc)" -gt 1 ]; then
    here=(taskset -c 0)
    there=(taskset -c "1-$(($(nproc) - 1))")
else
    here=()
    there=()
fi

free_port() {
    node -e 'const s = require("net").createServer();
        s.listen(0, "127.0.0.1", () => {
            console.log(s.address().port);
            s.close();
        });'
}

# Waits until the command "$@" succeeds, ten seconds at most.
await() {
    local i
    for ((i = 0; i < 100; i++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    return 1
}

# Starts "$@" in the background, its output in the file $1.
background() {
    local file=$1
    shift
    "$@" >"$file" 2>&1 &
    pids+=($!)
}

# Ends the process that was started last.
stop_last() {
    local pid=${pids[-1]}
    unset 'pids[-1]'
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

# Starts nginx with one worker on the first processor, the lines $1 in its
# server and $2 outside of it; sets port, and pid to the worker.
start_nginx() {
    local user=
    [ "$(id -u)" != 0 ] || user='user root;'
    port=$(free_port)
    cat >"$run/nginx.conf" <<END
load_module $release/ngx_http_voiceai_module.so;
$user
worker_processes 1;
daemon off;
pid $run/nginx.pid;
error_log $run/error.log info;
events {
    worker_connections 4096;
}
http {
    access_log off;
    keepalive_requests 100000;
    client_body_temp_path $run/body;
    proxy_temp_path $run/proxy;
    fastcgi_temp_path $run/fastcgi;
    uwsgi_temp_path $run/uwsgi;
    scgi_temp_path $run/scgi;
    voiceai_zone calls 64m;
    ${2:-}
    server {
        listen 127.0.0.1:$port;
        voiceai on;
        voiceai_public_url $public;
        voiceai_twilio_auth_token $token;
        $1
    }
}
END
    : >"$run/error.log"
    background "$run/nginx.log" "${here[@]}" "$nginx" -p "$run" \
        -e "$run/error.log" -c "$run/nginx.conf"
    await curl -sf "http://127.0.0.1:$port/" || {
        cat "$run/nginx.log" >&2
        die "nginx did not start"
    }
    pid=$(pgrep -P "${pids[-1]}" | head -n 1)
}

# Engines that answer at once, on the callers' side of the machine.
start_engine() {
    engine=$run/engine.sock
    background "$run/engine.log" "${there[@]}" node "$bench/engine.js" "$engine"
    await test -S "$engine" || die "engine.js did not start"
    voices="voiceai_stt openai url=http://unix:$engine:/v1;
        voiceai_llm openai url=http://unix:$engine:/v1;
        voiceai_tts openai url=http://unix:$engine:/v1 format=ulaw;"
}

# The embedded engines.
start_local() {
    engine=$run/local.sock
    background "$run/local.log" "${there[@]}" "$release/voiceai-local" \
        --socket "$engine"
    await test -S "$engine" || die "voiceai-local did not start"
    voices="voiceai_stt local url=http://unix:$engine:/v1;
        voiceai_tts local url=http://unix:$engine:/v1;"
}

# Runs the simulator's load with the options that follow; JSON goes to $1.
load() {
    local file=$1
    shift
    "${there[@]}" "$sim" load "http://127.0.0.1:$port/voice/incoming" \
        --public-url "$public" --auth-token "$token" --json "$@" >"$file"
}

# Nanoseconds that all threads of process $1 have run.
cpu_ns() {
    local sum=0 ns
    while read -r ns _; do
        sum=$((sum + ns))
    done < <(cat /proc/"$1"/task/*/schedstat)
    echo "$sum"
}

# Ticks in user and in system mode of process $1.
cpu_ticks() {
    awk '{ sub(/.*\) /, ""); print $12, $13 }' "/proc/$1/stat"
}

now_ns() {
    date +%s%N
}

# KiB of resident memory of process $1 that no file stands behind.
memory_kib() {
    awk '$1 == "RssAnon:" { print $2 }' "/proc/$1/status"
}
