#!/usr/bin/env bash
#
# The one door: sets up, builds, shows and tests ngx_http_voiceai_module.
# Everything it makes is below build/ and t/node_modules/.

set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$root/build
release=$build/release
log=$build/log
jobs=$(nproc)
module=ngx_http_voiceai_module

# What building and running needs, and what only the tests need.
build_packages=(
    build-essential pkg-config
    nginx nginx-dev libcurl4-openssl-dev libssl-dev libyajl-dev libspeexdsp-dev
    libhiredis-dev
    libmicrohttpd-dev libpocketsphinx-dev libsphinxbase-dev pocketsphinx-en-us
    flite1-dev libexpat1-dev libsqlite3-dev libpq-dev openssl curl
)
test_packages=(
    libcmocka-dev clang clang-format libclang-rt-14-dev llvm cppcheck valgrind
    shellcheck asterisk-core-sounds-en-wav sox procps dpkg-dev
    debian-archive-keyring flite python3-numpy prometheus redis-server
    sqlite3 postgresql chromium
)

say() {
    printf '%s\n' "$*"
}

die() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}

usage() {
    cat <<END
Usage: ./build.sh COMMAND [ARGUMENT...]

  deps                        install what building and testing needs (Debian)
  build [--with-nginx=DIR]    build the module for the nginx of this machine (or
                              of a source tree), and the programs
  build --sanitize            build nginx, module and programs with
                              AddressSanitizer and UndefinedBehaviorSanitizer
  demo                        start the assistant and call it
  demo phone                  start the assistant for a browser: its phone and
                              its dashboard
  test [STAGE...]             run all tests, or only the stages named
  bench [NAME]                measure
  fuzz [SECONDS] [NAME]       fuzz each parser (60 seconds each by default)
  install                     install the module and the programs
                              (DESTDIR and PREFIX as usual)
  clean                       remove everything that was built
  help                        show this
END
}

# Runs "$@" with its output in the log file $1; shows the end of it on failure.
logged() {
    local file=$log/$1
    shift
    mkdir -p "$log"
    if ! "$@" >"$file" 2>&1; then
        tail -n 40 "$file" >&2
        die "failed: $* (whole output: $file)"
    fi
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root: $*"
    fi
}

# ---- deps

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs packages (or .deb files), with one refreshed list if need be.
apt_install() {
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get
        -o DPkg::Lock::Timeout=300)
    as_root "${apt[@]}" install -y --no-install-recommends "$@" && return
    as_root "${apt[@]}" update
    as_root "${apt[@]}" install -y --no-install-recommends "$@"
}

missing_packages() {
    local package
    for package in "$@"; do
        installed "$package" || printf '%s\n' "$package"
    done
}

install_missing() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    if [ ${#missing[@]} -gt 0 ]; then
        say "deps: installing ${missing[*]}"
        logged apt.log apt_install "${missing[@]}"
    fi
}

# The release of Debian that this machine runs, such as "bookworm".
codename() {
    # shellcheck source=/dev/null
    (. /etc/os-release && printf '%s' "${VERSION_CODENAME:?}")
}

# Prints "URI RELEASE" for each archive of Debian itself that apt is set up
# with, whichever of its two formats it is written in.
archives() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' |
        awk -v c="$(codename)" '$3 == "main" && index($2, c) == 1 { print $1, $2 }' |
        sort -u
}

# Runs the apt tool $2 on lists of our own in build/apt/$1, so that neither the
# system's lists nor what it would upgrade to change.  The system's proxy and
# transport settings still apply.
private_apt() {
    local dir=$build/apt/$1 tool=$2
    shift 2
    "$tool" -o Dir::Etc::sourcelist="$dir/sources.list" \
        -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferences=/dev/null \
        -o Dir::Etc::preferencesparts=/dev/null \
        -o Dir::State::lists="$dir/lists" -o Dir::Cache="$dir/cache" \
        -o Acquire::Languages=none -o APT::Sandbox::User=root \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
        "$@"
}

# Fills the private lists $1 from the source lines on standard input.  An
# archive signed with newer keys than this machine knows is tried again after
# an update of the keys, which Debian delivers as a package of this release.
private_lists() {
    local dir=$build/apt/$1
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$log"
    cat >"$dir/sources.list"
    [ -s "$dir/sources.list" ] ||
        die "apt has no archive of Debian $(codename) to go by"
    private_apt "$1" apt-get update --error-on=any >"$log/apt-$1.log" 2>&1 &&
        return
    logged apt.log apt_install debian-archive-keyring
    logged "apt-$1.log" private_apt "$1" apt-get update --error-on=any
}

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Test::Nginx is packaged in newer releases of Debian than 12; it is a package
# of Perl files, whose own dependencies this release has.
install_test_nginx() {
    local uri dir=$build/apt/newer
    installed libtest-nginx-perl && return
    say "deps: installing libtest-nginx-perl from Debian unstable"
    uri=$(archives | awk -v c="$(codename)" '$2 == c { print $1; exit }')
    private_lists newer <<END
deb [signed-by=$keyring] ${uri:?no archive of Debian found} sid main
END
    rm -f "$dir"/libtest-nginx-perl_*.deb
    (cd "$dir" &&
        logged apt-newer.log private_apt newer apt-get download \
            libtest-nginx-perl)
    logged apt.log apt_install "$dir"/libtest-nginx-perl_*.deb
    rm -rf "$dir"
}

install_node_modules() {
    local lock=$root/t/package-lock.json stamp=$root/t/node_modules/.lock
    [ -f "$lock" ] || return 0
    cmp -s "$lock" "$stamp" && return
    say "deps: installing the Node packages of t/package.json"
    (cd "$root/t" &&
        logged npm.log npm ci --no-audit --no-fund --ignore-scripts)
    cp "$lock" "$stamp"
}

deps_build() {
    command -v apt-get >/dev/null ||
        die "deps knows Debian only; elsewhere install what README.md names"
    install_missing "${build_packages[@]}"
}

cmd_deps() {
    deps_build
    install_missing "${test_packages[@]}"
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        install_missing nodejs npm
    fi
    install_test_nginx
    install_node_modules
    say "deps: ready"
}

# ---- build

# Copies $1 to $2 in one step, and only if it differs: a server may have the
# old one mapped.
put() {
    cmp -s "$1" "$2" && return
    mkdir -p "$(dirname "$2")"
    cp "$1" "$2.new"
    mv "$2.new" "$2"
}

# Builds libvoiceai and what stands on it: core DIR TARGET [VARIABLE...].
core() {
    local dir=$1 target=$2
    shift 2
    logged "core-$(basename "$dir").log" \
        make -C "$root/src" -j"$jobs" BUILD="$dir" CC=gcc "$target" "$@"
}

# Configures the nginx tree $2 (copied from $1) for builds below $3 with the
# arguments that follow, unless that was done with the same ones before.
configure_nginx() {
    local from=$1 tree=$2 objs=$3 stamp
    shift 3
    stamp=$(printf '%s\n' "$from" "$root" "$@" | cat - "$root/config" \
        "$from/src/core/nginx.h" | sha256sum)
    if [ "$(cat "$objs/.stamp" 2>/dev/null)" != "$stamp" ]; then
        rm -rf "$tree" "$objs"
        mkdir -p "$tree" "$objs"
        (cd "$from" && tar -c --exclude=./objs .) | tar -x -C "$tree"
        (cd "$tree" && export ASAN_OPTIONS=detect_leaks=0 &&
            logged "configure-$(basename "$(dirname "$objs")").log" \
                ./configure --builddir="$objs" "$@")
        printf '%s\n' "$stamp" >"$objs/.stamp"
    fi
}

make_nginx() {
    local tree=$1 objs=$2 target=$3 pages
    # What configure embedded is written again when a page has changed.
    if [ -n "$(find "$root/src/web" -newer "$objs/voiceai_assets.h")" ]; then
        # shellcheck disable=SC2016
        mapfile -t pages < <(sed -n 's#^ *$voiceai_src/web/\([^ ]*\).*#\1#p' \
            "$root/config" | sed "s#^#$root/src/web/#")
        sh "$root/src/web/embed.sh" "$objs/voiceai_assets.h" "${pages[@]}"
    fi
    (cd "$tree" && logged "nginx-$(basename "$(dirname "$objs")").log" \
        make -j"$jobs" -f "$objs/Makefile" "$target")
}

# Asks the nginx binary $1 whether it takes a configuration with the module;
# $2 is the module, or nothing if it is inside.
check_loads() {
    local dir=$build/check
    mkdir -p "$dir/logs"
    cat >"$dir/nginx.conf" <<END
${2:+load_module $2;}
pid $dir/nginx.pid;
events { }
http {
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
}
END
    logged nginx-t.log env \
        LSAN_OPTIONS="suppressions=$root/t/lsan.supp:print_suppressions=0" \
        "$1" -t -p "$dir/" -e stderr -c "$dir/nginx.conf"
}

nginx_binary() {
    local path=${NGINX:-$(PATH=$PATH:/usr/sbin:/usr/local/sbin type -P nginx)}
    [ -x "$path" ] || die "nginx is not installed: run ./build.sh deps"
    printf '%s' "$path"
}

# Flags as Debian builds its nginx with; those of configure only shape the
# server, while the compiler's reach the module.
cc_opt="-O2 -g -fstack-protector-strong -Wformat -Werror=format-security -D_FORTIFY_SOURCE=2"
ld_opt="-Wl,-z,relro -Wl,-z,now"

build_module_packaged() {
    local from=/usr/share/nginx/src dir=$build/nginx-dev NGX_CONF_FLAGS=()
    [ -f "$from/conf_flags" ] ||
        die "the headers of nginx are not installed: run ./build.sh deps" \
            "(or give --with-nginx=DIR)"
    # shellcheck source=/dev/null
    . "$from/conf_flags"
    configure_nginx "$from" "$dir/tree" "$dir/objs" "${NGX_CONF_FLAGS[@]}" \
        --with-cc-opt="$cc_opt" --with-ld-opt="$ld_opt" \
        --add-dynamic-module="$root"
    make_nginx "$dir/tree" "$dir/objs" modules
    check_loads "$(nginx_binary)" "$dir/objs/$module.so"
    put "$dir/objs/$module.so" "$release/$module.so"
}

# A source tree that was built before says with which arguments; one that was
# not gets those that a compatible module needs.
build_module_source() {
    local from dir=$build/nginx-source args=()
    from=$(cd "$1" 2>/dev/null && pwd) || die "no such folder: $1"
    if [ ! -f "$from/src/core/nginx.h" ] || [ ! -x "$from/configure" ]; then
        die "$from is not a source tree of nginx"
    fi
    if [ -x "$from/objs/nginx" ]; then
        eval "args=($("$from/objs/nginx" -V 2>&1 |
            sed -n 's/^configure arguments: //p'))"
    else
        args=(--with-compat --with-threads --with-http_ssl_module
            --with-cc-opt="$cc_opt" --with-ld-opt="$ld_opt")
    fi
    configure_nginx "$from" "$dir/tree" "$dir/objs" "${args[@]}" \
        --add-dynamic-module="$root"
    make_nginx "$dir/tree" "$dir/objs" modules
    if [ -x "$from/objs/nginx" ]; then
        check_loads "$from/objs/nginx" "$dir/objs/$module.so"
    else
        say "build: $from has no objs/nginx, so loading was not tried"
    fi
    put "$dir/objs/$module.so" "$release/$module.so"
}

# Prints the folder of nginx's whole source at the version of the installed
# package; the package of headers has none.  Where a mirror lacks the source
# of that very revision, another one of the same upstream version serves.
nginx_source() {
    local version revisions revision dir
    version=$(dpkg-query -W -f '${source:Version}' nginx-dev) ||
        die "nginx-dev is not installed: run ./build.sh deps"
    dir=$build/apt/source-$version
    if [ ! -f "$dir/.complete" ]; then
        rm -rf "$dir"
        archives | sed "s|.*|deb-src [signed-by=$keyring] & main|" |
            private_lists "source-$version"
        revisions=$(private_apt "source-$version" apt-cache showsrc nginx |
            sed -n "s/^Version: \(${version%-*}-.*\)/\1/p" | sort -Vr)
        for revision in $version $revisions; do
            (cd "$dir" && private_apt "source-$version" apt-get source \
                "nginx=$revision") >"$log/apt-source.log" 2>&1 && break
        done
        [ -f "$(echo "$dir"/nginx-*/src/core/nginx.h)" ] ||
            die "no source of nginx $version to be had, see $log/apt-source.log"
        rm -rf "$dir/lists" "$dir/cache"
        touch "$dir/.complete"
    fi
    echo "$dir"/nginx-*/
}

sanitizers="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"

# The server is built together with the module here: a module that was
# unloaded when leaks are reported could not be named.  Each block of a pool
# is its own allocation, and nginx's unaligned reads are off.  nginx itself
# copies nothing from NULL in places; our own sources may not.
build_sanitize() {
    local dir=$build/sanitize from lenient=nonnull-attribute,pointer-overflow
    from=$(nginx_source)
    configure_nginx "${from%/}" "$dir/tree" "$dir/objs" \
        --with-debug --with-threads --with-http_ssl_module \
        --with-http_v2_module --with-http_stub_status_module \
        --with-http_realip_module --with-http_auth_request_module \
        --with-cc-opt="-O1 -g $sanitizers -fno-sanitize=$lenient -DNGX_DEBUG_PALLOC=1 -DNGX_HAVE_NONALIGNED=0" \
        --with-ld-opt="$sanitizers" --add-module="$root"
    grep -q "^$dir/objs/addon/%" "$dir/objs/Makefile" ||
        printf '%s\n' "$dir/objs/addon/%.o: CFLAGS += -fsanitize=$lenient" \
            >>"$dir/objs/Makefile"
    make_nginx "$dir/tree" "$dir/objs" binary
    check_loads "$dir/objs/nginx"
    put "$dir/objs/nginx" "$dir/nginx"
    core "$dir" all CFLAGS="-O1 -g" CFLAGS_EXTRA="$sanitizers" \
        LDFLAGS_EXTRA="$sanitizers"
    say "build: $dir/nginx, with the module and sanitizers inside"
}

build_release() {
    core "$release" all
    build_module_packaged
    say "build: $release/$module.so"
}

cmd_build() {
    case ${1:-} in
    '') build_release ;;
    --sanitize) build_sanitize ;;
    --with-nginx=?*)
        core "$release" all
        build_module_source "${1#*=}"
        say "build: $release/$module.so"
        ;;
    *) die "build does not know $1 (try ./build.sh help)" ;;
    esac
}

# ---- the rest

cmd_demo() {
    deps_build
    build_release
    exec bash "$root/src/cli/demo.sh" "$release" "$build/demo" "$@"
}

cmd_test() {
    cmd_deps
    VOICEAI_NGINX=$(nginx_binary) exec bash "$root/t/run.sh" "$@"
}

cmd_bench() {
    local script found=
    deps_build
    build_release
    for script in "$root"/t/bench/*"${1:-}"*.sh; do
        [ -f "$script" ] || continue
        found=1
        say "bench: $(basename "$script" .sh)"
        VOICEAI_BUILD=$release VOICEAI_NGINX=$(nginx_binary) bash "$script"
    done
    [ -n "$found" ] || die "no such measurement: ${1:-t/bench is empty}"
}

# Builds the fuzzers and names them.
build_fuzzers() {
    local dir=$build/fuzz source name flags
    flags="-fsanitize=address,undefined -fno-sanitize-recover=all"
    core "$dir" lib CC=clang CFLAGS_EXTRA="-fsanitize=fuzzer-no-link $flags"
    for source in "$root"/t/fuzz/fuzz_*.c; do
        [ -f "$source" ] || continue
        name=$(basename "$source" .c)
        if [ ! "$dir/$name" -nt "$dir/libvoiceai.a" ] ||
            [ ! "$dir/$name" -nt "$dir/libvoiceai-store.a" ] ||
            [ ! "$dir/$name" -nt "$source" ]; then
            # shellcheck disable=SC2046,SC2086
            logged "$name-build.log" clang -g -O1 -std=c11 -D_GNU_SOURCE \
                -Wall -Wextra -Werror $flags -fsanitize=fuzzer \
                -I"$root/src" -o "$dir/$name" "$source" \
                "$dir/libvoiceai-store.a" "$dir/libvoiceai.a" \
                $(pkg-config --libs libcurl openssl yajl speexdsp) -lm -lpthread
        fi
        printf '%s\n' "${name#fuzz_}"
    done
}

# fuzz_one NAME CORPUS OPTION...: runs a fuzzer.  The seeds of t/fuzz/corpus
# stay as they are; what fuzzing finds is kept in CORPUS.
fuzz_one() {
    local name=$1 corpus=$2 seeds=$root/t/fuzz/corpus/$1
    local crash=$build/fuzz/crash/$name
    shift 2
    mkdir -p "$corpus" "$crash" "$log"
    [ -d "$seeds" ] || seeds=
    "$build/fuzz/fuzz_$name" "$@" -timeout=10 -rss_limit_mb=1024 \
        -artifact_prefix="$crash/" -print_final_stats=1 \
        "$corpus" ${seeds:+"$seeds"} >"$log/fuzz-$name.log" 2>&1
}

cmd_fuzz() {
    local seconds=${1:-60} only=${2:-} name names failed=0
    case $seconds in
    '' | *[!0-9]*) die "fuzz takes a number of seconds first, not $seconds" ;;
    esac
    names=$(build_fuzzers)
    for name in $names; do
        [ -z "$only" ] || [ "$only" = "$name" ] || continue
        if fuzz_one "$name" "$build/fuzz/corpus/$name" \
            -max_total_time="$seconds"; then
            say "fuzz: $name:" "$(sed -n \
                's/^stat::number_of_executed_units: *//p' \
                "$log/fuzz-$name.log") runs, nothing found"
        else
            say "fuzz: $name FAILED, see $log/fuzz-$name.log"
            failed=1
        fi
    done
    return $failed
}

cmd_install() {
    local prefix=${PREFIX:-/usr/local} dest=${DESTDIR:-} modules file
    [ -f "$release/$module.so" ] || build_release
    modules=$("$(nginx_binary)" -V 2>&1 |
        sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p')
    modules=${modules:-/usr/lib/nginx/modules}
    install -D -m 644 "$release/$module.so" "$dest$modules/$module.so"
    for file in "$release"/voiceai-*; do
        [ -f "$file" ] && [ -x "$file" ] &&
            install -D -m 755 "$file" "$dest$prefix/bin/$(basename "$file")"
    done
    for file in "$root"/docs/man/*.[1-8]; do
        [ -f "$file" ] && install -D -m 644 "$file" \
            "$dest$prefix/share/man/man${file##*.}/$(basename "$file")"
    done
    file=$dest$prefix/lib/systemd/system/voiceai-local.service
    install -d "$(dirname "$file")"
    sed "s|@PREFIX@|$prefix|" "$root/src/local/voiceai-local.service.in" \
        >"$file"
    if [ -z "$dest" ] && [ -d /run/systemd/system ]; then
        systemctl daemon-reload
    fi
    if [ -d "$release/share" ]; then
        install -d "$dest$prefix/share"
        cp -R "$release/share/." "$dest$prefix/share/"
    fi
    say "install: done; put 'load_module $modules/$module.so;' first in nginx.conf"
    say "install: after an update restart nginx, a reload keeps the old module"
}

cmd_clean() {
    rm -rf "$build" "$root/t/node_modules"
    say "clean: done"
}

# t/run.sh takes the functions above and none of the commands below.
[ -z "${VOICEAI_SOURCED:-}" ] || return 0

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
deps | build | demo | test | bench | fuzz | install | clean)
    "cmd_$command" "$@"
    ;;
help | -h | --help) usage ;;
*)
    usage >&2
    die "no such command: $command"
    ;;
esac
