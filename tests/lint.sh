#!/bin/sh
# lint.sh [FILE…] - what a reader should not have to check. Without files: all sources in the tree.
#
#   format    clang-format-14 agrees with every file
#   tidy      clang-tidy-14 with .clang-tidy: bugs, the analyzer, and the size of functions: 80 lines, 6
#             parameters, 3 levels, 15 of cognitive complexity (that one, because it counts what a reader
#             has to hold in mind: nesting, not the branches of a flat switch). Of tests, only the sizes
#             (tests/.clang-tidy)
#   cppcheck  warnings, performance, portability
#   header    every header compiles alone
#   layer     who may include whom, which files may know a library, and that parsers/ stays pure
#   banned    functions that are not used here, and marks of unfinished work
#   long      files over 800 lines, lines over 100 columns
#
# Findings are lines "path:line: text [check]". tests/lint-exceptions lists those that stay, each with its
# reason; an exception that nothing needs any more is a finding too. Exit code 1 when there is one.
set -u
cd "$(dirname "$0")/.." || exit 69
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
found=$work/found
: >"$found"
everything=1
if [ $# -gt 0 ]; then
    everything=
    printf '%s\n' "$@" >"$work/files"
else
    find agent config parsers server tests -name '*.[ch]' | sort >"$work/files"
fi
grep '\.c$' "$work/files" >"$work/c"
jobs=$(nproc)

say() { # check, then lines "path:line: text"
    sed "s|\$| [$1]|" >>"$found"
}

check_format() {
    while read -r file; do
        clang-format-14 --dry-run -Werror "$file" >/dev/null 2>&1 || echo "$file:1: make format"
    done <"$work/files" | say format
}

check_tidy() {
    # shellcheck disable=SC2016
    xargs -r -P "$jobs" -n 4 sh -c '
        clang-tidy-14 --quiet "$@" -- -std=c17 -D_GNU_SOURCE "-DLOGFERRY_VERSION=\"lint\"" -I. 2>/dev/null
    ' sh <"$work/c" | sed -nE "s#^($PWD|\.)/##; s#^([^ :]*:[0-9]+):[0-9]+: (warning|error): #\1: #p" |
        sort -u >>"$found"
}

check_cppcheck() {
    cppcheck --quiet --std=c11 --enable=warning,performance,portability -j "$jobs" -I. -D_GNU_SOURCE \
        '-DLOGFERRY_VERSION="lint"' --template='{file}:{line}: {message} [cppcheck-{id}]' \
        --file-list="$work/c" 2>&1 >/dev/null | grep '\[cppcheck-' | sort -u >>"$found"
}

check_header() {
    grep '\.h$' "$work/files" | while read -r header; do
        ${CC:-cc} -std=c17 -D_GNU_SOURCE '-DLOGFERRY_VERSION="lint"' -I. -Wall -fsyntax-only -x c - \
            2>"$work/error" <<END ||
#include "$header"
typedef int lint_needs_a_declaration;
END
            echo "$header:1: does not compile alone: $(grep -m1 error: "$work/error")"
    done | say header
}

matches() { # word, shell patterns: does one of them fit?
    set -f
    for pattern in $2; do
        # shellcheck disable=SC2254
        case $1 in $pattern)
            set +f
            return 0
            ;;
        esac
    done
    set +f
    return 1
}
may_include() { # file: the project's headers that it may know
    case $1 in
    parsers/base/*) echo 'parsers/base/*' ;;
    parsers/*) echo 'parsers/*' ;;
    config/*) echo 'config/* parsers/*' ;;
    agent/*) echo 'agent/* config/* parsers/*' ;;
    server/*) echo 'server/* config/* parsers/*' ;;
    esac
}
home_of() { # header of a library: the files that may know it
    case $1 in
    crypt.h) echo 'server/password.c' ;;
    curl/*) echo 'agent/http_client.c' ;;
    ev.h) echo 'agent/* server/*' ;;
    openssl/*) echo 'server/token.c server/password.c server/admin_client.c server/admin_client_life.c server/admin_password.c server/store_sqlite*' ;;
    maxminddb.h) echo 'server/geo.c' ;;
    pcre2.h) echo 'parsers/regex.c' ;;
    sqlite3.h) echo 'server/store_sqlite*' ;;
    xxhash.h) echo 'parsers/base/hash.c' ;;
    yaml.h) echo 'config/yaml.c' ;;
    bzlib.h) echo 'agent/container_bzip2.c' ;;
    lzma.h) echo 'agent/container_xz.c' ;;
    isa-l/*) echo 'agent/container_gzip.c' ;;
    zlib.h) echo 'agent/container_gzip.c server/inflate.c' ;;
    zstd.h) echo 'agent/batch.c agent/container_zstd.c server/inflate.c' ;;
    zstd_errors.h) echo 'agent/container_zstd.c' ;;
    # parsers/ takes no input, makes no output, and knows no clock; parsers/base/ serves it so.
    dirent.h | fcntl.h | pthread.h | signal.h | sys/* | time.h | unistd.h)
        echo 'parsers/base/* config/* agent/* server/*'
        ;;
    arpa/inet.h | assert.h | emmintrin.h | endian.h | errno.h | fnmatch.h | getopt.h | glob.h | grp.h | \
        inttypes.h | limits.h | malloc.h | netdb.h | netinet/* | poll.h | sched.h | std*.h | string.h)
        echo '*'
        ;;
    *) echo 'no file; tests/lint.sh does not know it' ;;
    esac
}
check_layer() {
    while read -r file; do
        matches "$file" 'tests/*' && continue
        sed -n 's|^ *# *include *\([<"]\)\(.*\)[>"].*|\1 \2|p' "$file" | sort -u | while read -r kind header; do
            case $kind in
            '"') matches "$header" "$(may_include "$file")" || echo "$file:1: this layer must not know $header" ;;
            *) matches "$file" "$(home_of "$header")" || echo "$file:1: <$header> is for $(home_of "$header")" ;;
            esac
        done
    done <"$work/files" | say layer
}

check_banned() {
    xargs grep -nE '\<(strcpy|strcat|sprintf|gets|strtok|atoi|sscanf|localtime|alloca)\> *\(' <"$work/files" |
        sed 's|^\([^:]*:[0-9]*\):.*\<\(str[a-z]*\|sprintf\|gets\|atoi\|sscanf\|localtime\|alloca\)\> *(.*|\1: \2 is not used here|' |
        say banned
    [ -z "$everything" ] || git ls-files | grep -v '^tests/lint' |
        xargs grep -nIE '\<(TODO|FIXME|XXX)\>' | sed 's|^\([^:]*:[0-9]*\):.*|\1: unfinished|' | say banned
}

check_long() {
    {
        xargs awk 'FNR == 801 { print FILENAME ":801: over 800 lines" }' <"$work/files"
        LC_ALL=C.UTF-8 xargs grep -nE '^.{101}' <"$work/files" | sed -E 's/^([^:]*:[0-9]+):.*/\1: over 100 columns/'
    } | say long
}

# Exceptions: check, path, a word that must be in the finding ("-": any), reason.
sift() {
    awk -v everything="$everything" -v found="$found" '
        FILENAME != found {
            if ($0 ~ /^#/ || NF == 0) next
            if (NF < 4) { print FILENAME ":" FNR ": an exception needs a reason"; bad = 1; next }
            n++; check[n] = $1; path[n] = $2; word[n] = $3; at[n] = FILENAME ":" FNR
            next
        }
        {
            for (i = 1; i <= n; i++)
                if (index($0, path[i] ":") == 1 && index($0, "[" check[i] "]") &&
                    (word[i] == "-" || index($0, word[i]))) { used[i] = 1; next }
            print; bad = 1
        }
        END {
            for (i = 1; i <= n && everything; i++)
                if (!used[i]) { print at[i] ": nothing needs this exception any more"; bad = 1 }
            exit bad
        }' tests/lint-exceptions "$found"
}

for check in format layer header banned long cppcheck tidy; do
    check_$check
done
if sift; then
    echo "lint: nothing found in $(wc -l <"$work/files") files"
else
    exit 1
fi
