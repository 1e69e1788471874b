#!/bin/sh
# run-all.sh BUILD_DIR [e2e options] - every unit program below BUILD_DIR/tests/unit, then the
# end-to-end tests with the programs of BUILD_DIR. Shows what failed; the last line is
# "N passed, N failed, N skipped" over both; exit code 1 when any failed. Lines of a unit program that
# begin with "figure: " are shown: how much is right.
set -u
build=${1:?usage: run-all.sh BUILD_DIR}
shift
top=$(cd "$(dirname "$0")/.." && pwd)
passed=0 failed=0 skipped=0
out=$(mktemp) outs=$(mktemp -d)
trap 'rm -rf "$out" "$outs"' EXIT
trap 'exit 130' INT TERM HUP

# cmocka in TAP: "1..N" first, then "ok" or "not ok" a test; what is missing at the end has failed.
# The output of a/test_b goes to $outs/a.test_b, its exit code behind it.
export CMOCKA_MESSAGE_OUTPUT=TAP outs
find "$build/tests/unit" -type f -name 'test_*' -perm -u+x ! -name '*.[od]' | sort |
    xargs -P "$(nproc)" -I{} sh -c '
        said=$outs/$(basename "$(dirname "$1")").${1##*/}
        timeout 300 "$1" >"$said" 2>&1 </dev/null
        echo "$?" >"$said.code"' sh {}
for code in "$outs"/*.code; do
    [ -f "$code" ] || continue
    said=${code%.code}
    code=$(cat "$code")
    planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$said" | awk '{n += $1} END {print n + 0}')
    good=$(grep -c '^ok ' "$said")
    skips=$(grep -c '^not ok .* # SKIP' "$said") # what this machine cannot show
    bad=$((planned - good - skips))
    # A program that printed no plan, or died after its last test (a leak, say), is one failure.
    [ "$code" = 0 ] || [ $bad -gt 0 ] || bad=1
    [ "$planned" -gt 0 ] || bad=1
    passed=$((passed + good))
    failed=$((failed + bad))
    skipped=$((skipped + skips))
    name=unit/${said##*/}
    if [ $bad -gt 0 ]; then
        echo "FAIL $name: $good passed, $bad failed, exit code $code"
        grep -v '^ok ' "$said" | tail -n 60
    else
        echo "ok   $name: $good passed"
        sed -n 's/^figure: /     /p' "$said"
    fi
done

python3 "$top/tests/e2e/run.py" --bin "$build" "$@" >"$out" 2>&1 </dev/null &
e2e=$!
# Shown while it runs; the sum needs its last line.
tail -f --pid=$e2e "$out" 2>/dev/null
wait $e2e
code=$?
last=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$out" | tail -n 1)
if [ -n "$last" ]; then
    passed=$((passed + $(echo "$last" | cut -d' ' -f1)))
    failed=$((failed + $(echo "$last" | cut -d' ' -f3)))
    skipped=$((skipped + $(echo "$last" | cut -d' ' -f5)))
else
    echo "FAIL e2e: run.py ended with $code and no sum"
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
