#!/usr/bin/env bash
#
# Starts the assistant with the embedded engines on a free loopback port, calls
# it, lets it call back, shows both conversations and leaves what was heard as
# WAV files.
#
# Usage: demo.sh RELEASE_DIR WORK_DIR [phone]
#
# With "phone" it calls nobody, and waits for a browser until it is ended.

set -euo pipefail

# The time is asked for, and told at an hour of which the recogniser is sure.
minutes=$(( (10 * 60 + 20) - (10#$(date -u +%H) * 60 + 10#$(date -u +%M)) ))
sign=-
[ "$minutes" -ge 0 ] || { sign=+ minutes=$((-minutes)); }
TZ=$(printf "DEMO%s%d:%02d" "$sign" $((minutes / 60)) $((minutes % 60)))
export TZ

release=$(cd "$1" && pwd)
mkdir -p "$2"
work=$(cd "$2" && pwd)
module=$release/ngx_http_voiceai_module.so
pids=()

fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

stop() {
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
}
trap stop EXIT

for file in "$module" "$release/voiceai-local" "$release/voiceai-sim"; do
    [ -e "$file" ] || fail "$file is missing: run ./build.sh build"
done

# Sockets have short names only, so theirs does not depend on where we are.
run=$(mktemp -d /tmp/voiceai-demo.XXXXXX)
trap 'stop; rm -rf "$run"' EXIT

token=$(openssl rand -hex 16)
key=$(openssl rand -hex 16)
(umask 077 && printf '%s\n' "$token" >"$run/token" &&
    printf '%s\n' "$key" >"$run/key")

# Workers of a server started by root are somebody else unless told otherwise.
user=
[ "$(id -u)" != 0 ] || user='user root;'

write_conf() {
    cat >"$work/nginx.conf" <<END
load_module $module;
$user
worker_processes 2;
daemon off;
pid $run/nginx.pid;
error_log $work/error.log info;

events {
}

http {
    access_log off;
    client_body_temp_path $run/body;
    proxy_temp_path $run/proxy;
    fastcgi_temp_path $run/fastcgi;
    uwsgi_temp_path $run/uwsgi;
    scgi_temp_path $run/scgi;

    voiceai_zone calls 10m;

    server {
        listen 127.0.0.1:$1;

        voiceai on;
        voiceai_public_url https://demo.example.com;
        voiceai_twilio_account_sid AC00000000000000000000000000000000;
        voiceai_twilio_auth_token file:$run/token;
        voiceai_twilio_number +15550100002;
        voiceai_twilio_api_url http://127.0.0.1:$2/2010-04-01;
        voiceai_api_key file:$run/key;
        voiceai_greeting "Hello, how can I help you?";
        voiceai_silence_threshold 700ms;
        voiceai_stt local url=http://unix:$run/local.sock:/v1;
        voiceai_tts local url=http://unix:$run/local.sock:/v1;
    }
}
END
}

# Starts nginx on the first port that is free, and names it and another one.
start_nginx() {
    local port rest try
    for try in 1 2 3 4 5 6 7 8 9 10; do
        port=$((20000 + (RANDOM + try) % 20000))
        rest=$((40000 + (RANDOM + try) % 20000))
        write_conf "$port" "$rest"
        : >"$work/error.log"
        nginx -p "$run" -c "$work/nginx.conf" 2>"$work/nginx.log" &
        local pid=$!
        for _ in $(seq 50); do
            if curl -sf -o "$work/health.json" "http://127.0.0.1:$port/"; then
                pids+=("$pid")
                echo "$port $rest"
                return
            fi
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill "$pid" 2>/dev/null || true
    done
    cat "$work/nginx.log" >&2
    fail "nginx did not start"
}

"$release/voiceai-local" --socket "$run/local.sock" >"$work/local.log" 2>&1 &
pids+=($!)
for _ in $(seq 100); do
    [ -S "$run/local.sock" ] && break
    sleep 0.1
done
[ -S "$run/local.sock" ] || fail "voiceai-local did not start: $work/local.log"

exec 3< <(start_nginx)
read -r port rest <&3 || fail "nginx did not start"
pids+=("$(cat "$run/nginx.pid")")

echo "nginx answers on 127.0.0.1:$port ($work/nginx.conf)"
cat "$work/health.json"
echo

if [ "${3:-}" = phone ]; then
    echo
    echo "the phone:     http://localhost:$port/phone"
    echo "the dashboard: http://localhost:$port/dashboard"
    echo "their key:     $key"
    echo
    echo "Ctrl-C ends it"
    trap 'exit 0' INT TERM
    while kill -0 "${pids[1]}" 2>/dev/null; do
        sleep 1
    done
    fail "nginx has ended: $work/error.log"
fi

"$release/voiceai-sim" call "http://127.0.0.1:$port/voice/incoming" \
    --auth-token "file:$run/token" --public-url https://demo.example.com \
    --stt "http://unix:$run/local.sock:/v1" --max-time 90 \
    --out "$work/heard.wav" --stereo \
    --expect "how can i help you" \
    --say "what time is it" \
    --expect-time \
    --say "what can you do" \
    --interrupt 900 \
    --say "what day is it today" \
    --expect "today is *" \
    --say "thank you goodbye" \
    --expect "goodbye" \
    --expect-end

echo
echo "now the assistant calls somebody, through a Twilio on 127.0.0.1:$rest"
echo
"$release/voiceai-sim" outbound "http://127.0.0.1:$port" \
    --to +15550100009 --message "Hello, how can I help you?" \
    --api-key "file:$run/key" --auth-token "file:$run/token" \
    --listen "127.0.0.1:$rest" --webhook-host "127.0.0.1:$port" --amd \
    --stt "http://unix:$run/local.sock:/v1" --max-time 60 \
    --out "$work/called.wav" --stereo \
    --expect "how can i help you" \
    --say "what time is it" \
    --expect-time \
    --say "thank you goodbye" \
    --expect "goodbye" \
    --expect-end

echo
echo "the calls as WAV, caller on the left: $work/heard.wav, $work/called.wav"
echo "what nginx logged: $work/error.log"
