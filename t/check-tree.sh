#!/usr/bin/env bash
#
# What the tree promises and no compiler checks: the layout, which way the
# rooms of src/ depend on each other, the lists in config, what the module
# shows to other modules, and the form of the files.
#
#   t/check-tree.sh BUILD        BUILD has libvoiceai.a and the module
#
# Speaks TAP, and ends with 1 if something is not as promised.

# A grep that finds nothing is the good case here, so its status is no error.
set -u
shopt -s lastpipe
cd "$(dirname "$0")/.." || exit

build=${1:?the folder of the build}
module=ngx_http_voiceai_module
checks=0
failed=0

# Takes a check's name, and the faults that it found on standard input.
verdict() {
    local faults
    faults=$(cat)
    checks=$((checks + 1))
    if [ -z "$faults" ]; then
        echo "ok - $1"
    else
        echo "not ok - $1"
        printf '%s\n' "$faults" | head -n 20 | sed 's/^/#   /'
        failed=1
    fi
}

# The project's own text files.
files() {
    find . \( -path ./.git -o -path ./build -o -name node_modules \
        -o -name 'servroot*' -o -path ./t/fuzz/corpus \) -prune -o -type f \
        \( "$@" \) -print | sort
}

shopt -s dotglob
for entry in *; do
    case $entry in
    .ci | .clang-format | .editorconfig | .git | .gitignore | CHANGELOG.md | \
        LICENSE | README.md | build | build.sh | config | docs | \
        "$module" | src | t) ;;
    *) echo "$entry does not belong at the top" ;;
    esac
done | verdict "the top of the tree holds what it should"
shopt -u dotglob

for room in base audio wire twilio dialog ai store; do
    for kind in c h; do
        for file in src/"$room"/*."$kind"; do
            [ -f "$file" ] && echo "\$voiceai_src/${file#src/}"
        done
    done
done | cat - <(for file in "$module"/*.[ch]; do
    echo "\$voiceai_mod/${file##*/}"
done) | sort >"$build/config.tree"
# shellcheck disable=SC2016
grep -o '\$voiceai_\(src\|mod\)/[^ ]*\.[ch]\>' config | sort \
    >"$build/config.list"
diff "$build/config.tree" "$build/config.list" |
    sed -n 's/^</config lacks/p; s/^>/config lists too often or wrongly/p' |
    verdict "config lists every source and header once"

# shellcheck disable=SC2016
grep -o '^ *$voiceai_src/web/[^ ]*' config | sed 's/^ *//' | sort |
    diff <(find src/web -name '*.html' -o -name '*.css' -o -name '*.js' \
        -o -name '*.svg' | sed 's|^src|$voiceai_src|' | sort) - |
    verdict "config lists every page once"

grep -rnE '#[[:space:]]*include[[:space:]]*[<"](.*/)?ngx_' src |
    verdict "src/ includes nothing of nginx"

# The compiler's own lists of what it read.
find "$build/obj" -name '*.d' -exec grep -HnE '(^|[ /])ngx_|/nginx/' {} + |
    verdict "src/ compiles without a header of nginx"

# A room may include from itself and from those named after it.
while read -r room allowed; do
    grep -nE '#[[:space:]]*include[[:space:]]*"\.\./' "src/$room"/*.[ch] |
        grep -vE "\"\.\./($allowed)/"
done <<'END' | verdict "the rooms of src/ depend one way"
base base
audio base
wire base
twilio base|wire
ai base|wire|audio
dialog base|wire|audio|twilio|ai
store base|wire
END

nm -u "$build/libvoiceai.a" 2>/dev/null |
    grep -wE '(time|clock_gettime|gettimeofday|sleep|usleep|nanosleep|socket|connect|bind|send|recv|poll|select|epoll_wait|getaddrinfo|open|fopen|pthread_[a-z_]*|curl_[a-z_]*)' |
    sort -u | verdict "the core asks no clock, socket, file or thread"

nm -D --defined-only "$build/$module.so" | awk '{ print $3 }' |
    grep -vxE "$module|ngx_modules|ngx_module_names|ngx_module_order" |
    verdict "the module shows nothing but its module table"

nm -D -u "$build/$module.so" | awk '$2 ~ /^(va|ngx_http_voiceai)_/ { print $2 }' |
    verdict "the module lacks nothing of its own"

files -name '*.[ch]' -o -name '*.sh' -o -name '*.p[lm]' -o -name '*.t' \
    -o -name '*.js' -o -name '*.md' -o -name Makefile -o -name '*.mk' \
    -o -name config -o -name run >"$build/files"

xargs -d '\n' grep -nE '[[:blank:]]+$' <"$build/files" |
    verdict "no line ends in blanks"
xargs -d '\n' grep -lP '\r' <"$build/files" | verdict "no line ends in CR"
while read -r file; do
    [ ! -s "$file" ] || [ -z "$(tail -c 1 "$file")" ] || echo "$file"
done <"$build/files" | verdict "every file ends in a newline"

grep -E '\.([ch]|sh|p[lm]|t)$' "$build/files" |
    xargs -d '\n' grep -nE '\b(TODO|FIXME|XXX|HACK)\b' |
    grep -v '^\./t/check-tree\.sh:' | verdict "nothing is marked as unfinished"

for file in "$module"/*.[ch]; do
    awk -v file="$file" 'length > 80 || /\t/ { print file ":" FNR ": " $0 }' "$file"
done | verdict "the module keeps to 80 columns without tabs"

while read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 800 ] || echo "# $file has $lines lines, more than 800"
done < <(grep -E '\.([ch]|sh|p[lm]|t|js)$' "$build/files" |
    grep -vE '_(weights|tables)\.h$')

echo "1..$checks"
exit $failed
