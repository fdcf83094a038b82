#!/usr/bin/env bash
#
# Runs the tests in stages, or the stages named.  build.sh test calls it when
# everything that it needs is installed.  Details go to build/log; the last
# line sums up all stages.

set -euo pipefail

# shellcheck source=build.sh
VOICEAI_SOURCED=1 . "$(dirname "$0")/../build.sh"

cd "$root"
nginx=${VOICEAI_NGINX:-$(nginx_binary)}
stages=(build tree style analysis clang units memory fuzz server browser sanitize
    threads)

# count PASSED FAILED: adds to the result of the stage that runs.
count() {
    printf '%s %s\n' "$1" "$2" >>"$log/$stage.count"
}

# Runs a command as one test with its output in a log of its own.
check() {
    local label=$1 file=$log/$stage-${1//[^a-zA-Z0-9]/-}.log rc
    shift
    set +e
    (
        set -e
        "$@"
    ) >"$file" 2>&1
    rc=$?
    set -e
    if [ $rc -eq 0 ]; then
        count 1 0
    else
        count 0 1
        say "  not ok: $label"
        tail -n 30 "$file" | sed 's/^/    /'
    fi
}

# Adds up what a log of TAP has to say.  A test that was skipped was not done.
count_tap() {
    local bad='^not ok|^ok.*# *(skip|SKIP)|^Bail out!'
    count "$(grep -aE '^ok( [0-9]| -)' "$1" | grep -acvE "$bad" || true)" \
        "$(grep -acE "$bad" "$1" || true)"
    grep -aE -A 12 "$bad" "$1" | head -n 60 | sed 's/^/  /' || true
}

stage_build() {
    check "release build" build_release
    check "loads into $("$nginx" -v 2>&1 | sed 's/.*: //')" \
        check_loads "$nginx" "$release/$module.so"
}

stage_tree() {
    local file=$log/tree.log
    "$root/t/check-tree.sh" "$release" >"$file" 2>&1 || true
    count_tap "$file"
    grep '^# \./' "$file" || true
    grep -q '^1\.\.' "$file"
}

stage_style() {
    local sources scripts
    # The server's side is laid out as the server is, which no tool knows, and
    # weights and tables are written by programs.
    mapfile -t sources < <(find "$root/src" "$root/t" -name '*.[ch]' \
        -not -path '*/node_modules/*' -not -name 'ngx_*' \
        -not -name '*_weights.h' -not -name '*_tables.h' | sort)
    check "clang-format" clang-format --dry-run -Werror "${sources[@]}"
    mapfile -t scripts < <(find "$root/src" "$root/t" -name '*.sh' \
        -not -path '*/node_modules/*' | sort)
    check "shellcheck" shellcheck -x "$root/build.sh" "$root/.ci/run" \
        "${scripts[@]}"
}

stage_analysis() {
    local tree=$build/nginx-dev
    check "cppcheck of the core" cppcheck --quiet -j"$jobs" --std=c11 \
        --enable=warning,performance,portability --inline-suppr \
        --error-exitcode=1 -D_GNU_SOURCE "$root/src"
    check "cppcheck of the module" cppcheck --quiet -j"$jobs" \
        --enable=warning,portability --inline-suppr --error-exitcode=1 \
        --max-configs=2 --suppress='*:*/nginx-dev/*' \
        --suppress=autoVariables -I "$tree/tree/src/core" \
        -I "$tree/tree/src/event" -I "$tree/tree/src/http" \
        -I "$tree/tree/src/os/unix" -I "$tree/objs" \
        -I "$tree/tree/src/http/modules" -I "$tree/tree/src/http/v2" \
        "$root/$module"
}

stage_clang() {
    check "everything compiles with clang" core "$build/clang" all CC=clang
    check "the unit tests compile with clang" core "$build/clang" units CC=clang
}

# units DIR WRAPPER [VARIABLE...]: builds the unit tests into DIR, runs each
# under the wrapper, several at a time, and counts.
units() {
    local dir=$1 wrapper=$2 file=$log/$stage.log source failed
    shift 2
    core "$dir" units "$@"
    rm -rf "$dir/unit-log"
    mkdir -p "$dir/unit-log"
    # shellcheck disable=SC2016
    for source in "$root"/t/unit/test_*.c; do
        basename "$source" .c
    done | DIR=$dir WRAPPER=$wrapper xargs -P "$jobs" -I NAME sh -c '
        $WRAPPER "$DIR/unit/NAME" >"$DIR/unit-log/NAME" 2>&1 ||
            echo "# NAME ended with $?" >>"$DIR/unit-log/NAME"'
    cat "$dir/unit-log"/* >"$file"
    # A program that crashed has no summary, and counts as one.
    failed=$(awk '/^\[  FAILED  \] tests:/ { n += $5; told++ }
        / ended with / { ended++ }
        END { print n + (ended > told ? ended - told : 0) }' "$file")
    count "$(awk '/^\[  PASSED  \]/ { n += $4 } END { print n + 0 }' "$file")" \
        "$failed"
    [ "$failed" -eq 0 ] || grep -aE -A 8 \
        '^\[ +(ERROR|LINE) +\]|ERROR:|runtime error|^==[0-9]+==|ended with' \
        "$file" | head -n 60 | sed 's/^/  /'
}

stage_units() {
    export UBSAN_OPTIONS=print_stacktrace=1
    units "$build/sanitize" "" CFLAGS="-O1 -g" CFLAGS_EXTRA="$sanitizers" \
        LDFLAGS_EXTRA="$sanitizers"
}

stage_memory() {
    units "$release" "valgrind --quiet --error-exitcode=99 --leak-check=full
        --errors-for-leak-kinds=definite,indirect,possible"
}

# The same inputs each time, so that a failure is one everywhere; build.sh fuzz
# looks for new ones.
fuzz_again() {
    rm -rf "$build/fuzz/again"
    fuzz_one "$1" "$build/fuzz/again" -seed=1 -runs=30000 -max_total_time=20 ||
        {
            grep -avE '^#[0-9]|stat::|^INFO|DEDUP' "$log/fuzz-$1.log" | tail -n 25
            return 1
        }
}

stage_fuzz() {
    local names name
    names=$(build_fuzzers)
    for name in $names; do
        check "$name" fuzz_again "$name"
    done
}

# Most tests wait most of the time, so more of them run than there are cores.
# prove_all BUILD BINARY [TEST...]: tests of the server, all unless named.
prove_all() {
    local dir=$build/prove-$stage file=$log/$stage.log rc=0 tests
    tests=("${@:3}")
    [ ${#tests[@]} -gt 0 ] || tests=("$root"/t/*.t)
    mkdir -p "$dir"
    (cd "$dir" && VOICEAI_BUILD=$1 TEST_NGINX_BINARY=$2 \
        prove --verbose --jobs $((2 * jobs)) --timer -I "$root/t/lib" \
        "${tests[@]}") >"$file" 2>&1 || rc=$?
    count_tap "$file"
    [ $rc -eq 0 ] || grep -aq '^not ok' "$file" || {
        count 0 1
        tail -n 40 "$file" | sed 's/^/  /'
    }
}

# harness DIR SANITIZERS RUNTIME...: builds what t/transport.t needs.
harness() {
    local runtime preload=
    export TRANSPORT_OUT=$build/$1
    check "$1" "$root/t/transport/build.sh" "$TRANSPORT_OUT" "${2:-}"
    for runtime in "${@:3}"; do
        preload+=${preload:+:}$(gcc -print-file-name="$runtime")
    done
    export TRANSPORT_PRELOAD=$preload
}

stage_server() {
    harness transport
    prove_all "$release" "$nginx"
}

# The pages in a real browser.  Screenshots stay in build/screenshots.
stage_browser() {
    local file=$log/browser.log
    VOICEAI_BUILD=$release VOICEAI_NGINX=$nginx node \
        "$root/t/browser/main.js" "$build/screenshots" >"$file" 2>&1 || true
    count_tap "$file"
    grep -q '^1\.\.' "$file"
}

# The same again with the sanitizers in server, module and programs.
stage_sanitize() {
    check "sanitizer build" build_sanitize
    grep -q "^1" "$log/$stage.count" || return
    harness transport-address address,undefined libasan.so libubsan.so
    export TEST_NGINX_TIMEOUT=10
    prove_all "$build/sanitize" "$build/sanitize/nginx"
}

# The provider traffic once more, for races between its thread and the worker.
stage_threads() {
    harness transport-thread thread libtsan.so
    prove_all "$release" "$nginx" "$root"/t/transport*.t
}

# Runs a stage in a shell of its own, so that whatever ends it ends only that.
run_stage() {
    local rc=0 begin=$SECONDS passed failed
    stage=$1
    : >"$log/$stage.count"
    set +e
    (
        set -e
        "stage_$stage"
    )
    rc=$?
    set -e
    read -r passed failed < <(awk '{ p += $1; f += $2 }
        END { print p + 0, f + 0 }' "$log/$stage.count")
    [ $rc -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
    printf '%-9s %5d passed, %d failed  (%d s)\n' "$stage" "$passed" "$failed" \
        $((SECONDS - begin))
    total_passed=$((total_passed + passed))
    total_failed=$((total_failed + failed))
}

total_passed=0
total_failed=0
mkdir -p "$log"

for stage in "${@:-${stages[@]}}"; do
    declare -F "stage_$stage" >/dev/null ||
        die "no such stage: $stage (there are: ${stages[*]})"
done

for stage in "${@:-${stages[@]}}"; do
    run_stage "$stage"
    if [ "$total_failed" -gt 0 ]; then
        say "test: stage $stage failed, see $log"
        break
    fi
done

say "$total_passed passed, $total_failed failed"
[ "$total_failed" -eq 0 ] && [ "$total_passed" -gt 0 ]
