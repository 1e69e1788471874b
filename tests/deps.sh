#!/bin/sh
# deps.sh build|demo|test|soak|dev|bench - installs the Debian packages that a make target needs, and only those
# that are missing. Says what it is about to do; does nothing, and needs no network and no root, when
# everything is there. Starts and enables no system service: nginx and logrotate are wanted as
# programs, run later by the tests from directories of their own.
set -eu
PATH=$PATH:/usr/local/bin:/usr/sbin:/sbin

# One line a need: "package" (asked of dpkg) or "package command" (met by the command as well, so
# that an nginx from nginx.org will do). Each set holds the sets before it. "@package command": only that
# program is wanted, which needs nothing but libc; it is taken out of the package into /usr/local/bin.
build_needs='gcc gcc
make make
pkg-config pkg-config
libc6-dev
libev-dev
libcurl4-openssl-dev
libyaml-dev
libpcre2-dev
zlib1g-dev
libzstd-dev
libbz2-dev
liblzma-dev
libsqlite3-dev
libssl-dev
libcrypt-dev
libxxhash-dev
libmaxminddb-dev'
case $(dpkg --print-architecture 2>/dev/null) in
amd64 | arm64)
    build_needs="$build_needs
libisal-dev"
    ;;
esac
demo_needs='nginx-light nginx
logrotate logrotate
curl curl'
test_needs='libcmocka-dev
libjansson-dev
python3 python3
zstd zstd
xz-utils xz
bzip2 bzip2
util-linux flock
openssl openssl
nodejs node
ca-certificates
systemd systemd-analyze
iproute2 ip
apache2-utils rotatelogs
libfaketime
tzdata
@prometheus promtool
@caddy caddy'
# What the full figures of the scenarios want besides: file systems of their own.
soak_needs='xfsprogs mkfs.xfs
e2fsprogs mkfs.ext4'
dev_needs='clang-14 clang-14
clang-format-14 clang-format-14
clang-tidy-14 clang-tidy-14
cppcheck cppcheck'
# What others would use for a part of the work; measured beside ours in the same run. (Not rsyslog and
# syslog-ng: each would take the place of the machine's own; the benchmark unpacks them instead.)
bench_needs='goaccess goaccess
wrk wrk'

usage() {
    echo "usage: deps.sh build|demo|test|soak|dev|bench" >&2
    exit 64
}

needs_of() {
    printf '%s\n' "$build_needs"
    case $1 in
    build) ;;
    demo) printf '%s\n' "$demo_needs" ;;
    test) printf '%s\n' "$demo_needs" "$test_needs" ;;
    soak) printf '%s\n' "$demo_needs" "$test_needs" "$soak_needs" ;;
    dev) printf '%s\n' "$demo_needs" "$test_needs" "$dev_needs" ;;
    bench) printf '%s\n' "$demo_needs" "$test_needs" "$bench_needs" ;;
    *) usage ;;
    esac
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_of() {
    needs_of "$1" | while read -r package command; do
        installed "${package#@}" && continue
        [ -n "$command" ] && command -v "$command" >/dev/null 2>&1 && continue
        printf '%s ' "$package"
    done
}

# The rest of this file runs as root.

# Debian starts a service when its package is installed, unless /usr/sbin/policy-rc.d says 101.
policy=/usr/sbin/policy-rc.d
hold_services() {
    [ ! -e $policy ] || mv $policy $policy.logferry-saved
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
}
release_services() {
    rm -f $policy
    [ ! -e $policy.logferry-saved ] || mv $policy.logferry-saved $policy
}

# ... and enables it for the next boot, as a link in one of these directories. What was not there
# before is disabled again, but for what systemd itself needs where it is new.
boot_links() {
    find /etc/systemd/system /etc/rc?.d -type l 2>/dev/null | sort
}
disable_new() { # a file with the links that were there before
    boot_links | comm -13 "$1" - | while read -r link; do
        name=${link##*/}
        case $link in
        */systemd-* | */getty@* | */remote-fs.target) ;;
        /etc/rc?.d/S[0-9][0-9]*) update-rc.d "${name#S[0-9][0-9]}" disable >/dev/null 2>&1 || true ;;
        # The helper only works for a maintainer script; it keeps the package's own record right.
        /etc/systemd/*)
            DPKG_MAINTSCRIPT_PACKAGE=logferry-deps deb-systemd-helper disable "$name" \
                >/dev/null 2>&1 || true
            ;;
        esac
    done
}

take_out() { # a package: its program, by the line that wants it
    command=$(needs_of test | sed -n "s/^@$1 //p")
    unpacked=$(mktemp -d)
    chmod 755 "$unpacked"
    (cd "$unpacked" && apt-get -q download "$1" && dpkg-deb --fsys-tarfile ./*.deb |
        tar -x "./usr/bin/$command" && install -m 755 "usr/bin/$command" /usr/local/bin/) || true
    rm -rf "$unpacked"
}

install_packages() {
    before=$(mktemp)
    trap 'release_services; rm -f "$before"' EXIT
    trap 'exit 130' INT TERM HUP
    boot_links >"$before"
    hold_services
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update || echo "deps: apt-get update failed; trying with the lists that are here" >&2
    whole='' alone=''
    for package; do
        case $package in
        @*) alone="$alone ${package#@}" ;;
        *) whole="$whole $package" ;;
        esac
    done
    # shellcheck disable=SC2086
    [ -z "$whole" ] || apt-get -q -y --no-install-recommends install $whole
    for package in $alone; do
        take_out "$package"
    done
    disable_new "$before"
}

[ $# -ge 1 ] || usage
if [ "$1" = --install ]; then # the step that runs as root
    shift
    install_packages "$@"
    exit 0
fi
[ $# -eq 1 ] || usage
needs_of "$1" >/dev/null
missing=$(missing_of "$1")
if [ -z "$missing" ]; then
    echo "deps: everything for '$1' is installed"
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "deps: no apt-get here; install by hand what corresponds to: $missing" >&2
    exit 69
fi
echo "deps: installing with apt-get: $missing"
# Package names hold no blanks: word splitting is wanted.
# shellcheck disable=SC2086
if [ "$(id -u)" = 0 ]; then
    sh "$0" --install $missing
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    sudo sh "$0" --install $missing
elif command -v sudo >/dev/null 2>&1 && [ -t 0 ]; then
    sudo sh "$0" --install $missing
else
    echo "deps: this needs root; run: sudo apt-get install --no-install-recommends $missing" >&2
    exit 77
fi
left=$(missing_of "$1")
[ -z "$left" ] || {
    echo "deps: still missing after the installation: $left" >&2
    exit 69
}
