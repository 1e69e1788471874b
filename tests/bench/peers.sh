#!/bin/sh
# peers.sh DIR - unpacks rsyslog and syslog-ng from Debian's archive below DIR/root, without installing
# them: each would take the place of the machine's own log daemon. Does nothing when they are there.
set -eu
dir=${1:?usage: peers.sh DIR}
[ -x "$dir/root/usr/sbin/syslog-ng" ] && [ -x "$dir/root/usr/sbin/rsyslogd" ] && exit 0
mkdir -p "$dir/root"
cd "$dir"
packages=$(for p in rsyslog syslog-ng-mod-http; do
    apt-get -s --no-install-recommends install $p | sed -n 's/^Inst \([^ ]*\).*/\1/p'
done | sort -u)
# shellcheck disable=SC2086
apt-get -q download $packages
for package in *.deb; do dpkg-deb -x "$package" root; done
rm -f ./*.deb
