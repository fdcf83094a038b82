#!/bin/sh
#
# Writes files into a C header, each as it is and compressed, for
# ngx_http_voiceai_web.c.  The same files give the same header.
#
# Usage: embed.sh HEADER FILE...
#
# Needs what every system has that builds nginx, and gzip.

set -eu
LC_ALL=C
export LC_ALL

header=$1
shift

type_of() {
    case $1 in
    *.html) echo "text/html; charset=utf-8" ;;
    *.css) echo "text/css; charset=utf-8" ;;
    *.js) echo "text/javascript; charset=utf-8" ;;
    *.svg) echo "image/svg+xml" ;;
    *)
        echo "embed.sh: $1 is of no known type" >&2
        exit 1
        ;;
    esac
}

# Standard input as string literals, and the comma behind them.
literal() {
    od -An -v -to1 | sed 's/  */\\/g; s/^/      "/; s/$/"/'
    echo '      "",'
}

for file; do
    type=$(type_of "$file")
    size=$(($(wc -c <"$file")))
    packed=$(($(gzip -9nc "$file" | wc -c)))
    echo "    { ngx_string(\"${file##*/}\"), ngx_string(\"$type\"),"
    echo "      $size,"
    literal <"$file"
    echo "      $packed,"
    gzip -9nc "$file" | literal
    echo "    },"
done >"$header.new"
mv "$header.new" "$header"
