#!/bin/sh
# The units load without a complaint, are as closed as they claim to be, and name what the tree has.
# Works in a scratch root: nothing is installed, no service manager is needed. Prints "ok - …" and
# "not ok - …"; exits 1 when one failed, 77 when systemd-analyze is missing.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
command -v systemd-analyze >/dev/null || { echo "skipped: no systemd-analyze"; exit 77; }
root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"' EXIT
failed=0

# check NAME COMMAND…: the command must succeed; what it printed explains a failure.
check()
{
    name=$1
    shift
    if "$@" >"$root/out" 2>&1; then
        echo "ok - $name"
    else
        echo "not ok - $name"
        sed 's/^/  # /' "$root/out"
        failed=1
    fi
}

# silent COMMAND…: it must succeed and have nothing to say.
silent()
{
    said=$("$@" 2>&1) || { echo "$said"; return 1; }
    [ -z "$said" ] || { echo "$said"; return 1; }
}

refuses()
{
    ! "$@"
}

# has UNIT LINE: the unit holds exactly this line.
has()
{
    grep -qxF -- "$2" "$top/systemd/$1"
}

lacks()
{
    ! grep -q "^$2" "$top/systemd/$1"
}

# An executable in place of what ExecStart and ExecReload name, and the targets that all units want.
units=$root/etc/systemd/system
mkdir -p "$units" "$root/usr/bin" "$root/bin"
for program in usr/bin/logferry usr/bin/logferry-server bin/kill; do
    printf '#!/bin/sh\n' >"$root/$program" && chmod 755 "$root/$program"
done
for target in sockets sysinit basic network nss-lookup shutdown multi-user; do
    printf '[Unit]\nDescription=%s\n' "$target" >"$units/$target.target"
done
cp "$top"/systemd/*.service "$top"/systemd/*.socket "$units/" || exit 1
verify="systemd-analyze verify --man=no --root=$root"

for unit in logferry logferry-server; do
    check "$unit.service: systemd has nothing to complain about" silent $verify "$unit.service"
    check "$unit.service: exposure is at most 2.0" \
        systemd-analyze security --no-pager --offline=true --threshold=20 "$units/$unit.service"
    for line in Type=notify WatchdogSec=30 "User=$unit" "StateDirectory=$unit" \
        "RuntimeDirectory=$unit" LimitCORE=0 UMask=0077 \
        ProtectSystem=strict CapabilityBoundingSet= 'SystemCallFilter=~@privileged @resources'; do
        check "$unit.service: $line" has "$unit.service" "$line"
    done
    check "$unit.service: leaves PCRE2's JIT its pages" \
        lacks "$unit.service" MemoryDenyWriteExecute
    check "$unit: sysusers makes the unit's user" \
        sh -c "systemd-sysusers --dry-run '$top/systemd/sysusers.d/$unit.conf' 2>&1 |
               grep -q \"Creating user '$unit'\""
done
check "logferry-server.socket: systemd has nothing to complain about" \
    silent $verify logferry-server.socket
check "logferry-server.socket: listens on this machine" \
    has logferry-server.socket ListenStream=127.0.0.1:8080
check "logferry.service: reloads on SIGHUP" \
    has logferry.service 'ExecReload=/bin/kill -HUP $MAINPID'
check "logferry.service: reads logs as group adm" has logferry.service SupplementaryGroups=adm
check "logferry.service: the token comes as a credential" \
    has logferry.service LoadCredential=token:/etc/logferry/token

# The checks can fail: a unit with a misspelt key, and one without its sandbox.
sed 's/^WatchdogSec=/WatchdogSecs=/' "$top/systemd/logferry.service" >"$units/misspelt.service"
check "a misspelt key would be seen" refuses silent $verify misspelt.service
grep -v '^Protect' "$top/systemd/logferry.service" >"$units/open.service"
check "an open unit would be seen" \
    refuses systemd-analyze security --no-pager --offline=true --threshold=20 "$units/open.service"

# tmpfiles.d: applied in the scratch root, where the users are ours.
mkdir -p "$root/etc/logferry"
printf '%s\n' root:x:0:0::/:/bin/sh logferry:x:901:901::/:/bin/sh \
    logferry-server:x:902:902::/:/bin/sh >"$root/etc/passwd"
printf 'root:x:0:\nlogferry:x:901:\nlogferry-server:x:902:\n' >"$root/etc/group"
if [ "$(id -u)" = 0 ]; then
    printf 'secret-secret\n' >"$root/etc/logferry/token" && chmod 644 "$root/etc/logferry/token"
    for unit in logferry logferry-server; do
        mkdir -p "$root/usr/lib/tmpfiles.d"
        cp "$top/systemd/tmpfiles.d/$unit.conf" "$root/usr/lib/tmpfiles.d/" || exit 1
        check "$unit: tmpfiles.d is applied" \
            silent systemd-tmpfiles --root="$root" --create "$unit.conf"
        check "$unit: its directory is its own" \
            sh -c "stat -c %a:%u '$root/var/lib/$unit' | grep -qxE '700:90[12]'"
    done
    check "the token is closed to others" \
        sh -c "stat -c %a:%u:%g '$root/etc/logferry/token' | grep -qx 640:0:901"
fi
exit $failed
