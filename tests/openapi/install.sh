#!/bin/sh
# install.sh [DIR] - puts what the OpenAPI tests need (package-lock.json beside this file) into DIR, build/openapi
# by default. Does nothing, and needs no network, when it is there already. Debian's package npm would bring 400
# others with it: npm itself comes from the registry too, by its checksum. No package's script is run.
#
# DIR/ready        what is there, by checksum
# DIR/unreachable  why nothing is, when the registry cannot be reached: exit code 0, and the tests say SKIP.
#                  Everything else that goes wrong is an error.
set -u
npm_version=10.9.4
npm_sha512=OnUG836FwboQIbqtefDNlyR0gTHzIfwRfE3DuiNewBvnMnWEpB0VEXwBlFVgqpNzIgYo/MHh3d2Hel/pszapAA==
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-$here/../../build/openapi}
registry=${npm_config_registry:-${NPM_CONFIG_REGISTRY:-https://registry.npmjs.org}}

unreachable() {
    echo "$1" >"$dir/unreachable"
    echo "openapi: NOT INSTALLED, its tests will be SKIPPED: $1" >&2
    exit 0
}
broken() {
    echo "openapi: $1" >&2
    exit 1
}

mkdir -p "$dir" || exit 73
dir=$(cd "$dir" && pwd)
exec 9>"$dir/lock"
flock 9
want="npm $npm_version, $(cat "$here/package.json" "$here/package-lock.json" | sha256sum | cut -d' ' -f1)"
[ "$(cat "$dir/ready" 2>/dev/null)" != "$want" ] || exit 0
rm -rf "$dir/ready" "$dir/unreachable" "$dir/tree"
mkdir -p "$dir/tree" "$dir/npm"
command -v node >/dev/null || broken "there is no node: sh tests/deps.sh test"

curl -sSf --connect-timeout 10 --max-time 120 -o "$dir/npm.tgz" \
    "${registry%/}/npm/-/npm-$npm_version.tgz" 2>"$dir/log" ||
    unreachable "$registry cannot be reached: $(head -n 1 "$dir/log")"
[ "$(openssl dgst -sha512 -binary "$dir/npm.tgz" | base64 -w0)" = "$npm_sha512" ] ||
    broken "$registry gives another npm $npm_version than the one whose checksum is in $0"
tar -xzf "$dir/npm.tgz" -C "$dir/npm" --strip-components=1 || broken "npm's archive cannot be read"

cp "$here/package.json" "$here/package-lock.json" "$dir/tree"
(cd "$dir/tree" && timeout 400 node "$dir/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund \
    --no-progress --no-update-notifier --fetch-retries=2 --fetch-timeout=60000 --cache "$dir/cache" \
    --registry "$registry" </dev/null >"$dir/log" 2>&1)
code=$?
rm -rf "$dir/cache" "$dir/npm" "$dir/npm.tgz"
[ $code != 124 ] || unreachable "$registry is too slow: npm ci was not done after 400 s"
if [ $code != 0 ]; then
    why=$(grep -E 'code (E[A-Z]*|E429|E5[0-9][0-9])$' "$dir/log" | tail -n 1)
    case $why in
    *ENOTFOUND | *EAI_AGAIN | *ECONN* | *ETIMEDOUT | *EHOSTUNREACH | *ENETUNREACH | *ERR_SOCKET_TIMEOUT | *E429 | *E5??)
        unreachable "$registry cannot be reached: $why"
        ;;
    esac
    tail -n 20 "$dir/log" >&2
    broken "npm ci failed"
fi
echo "$want" >"$dir/ready"
