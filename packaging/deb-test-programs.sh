#!/bin/sh
# SPDX-License-Identifier: MIT
# Run by deb-test.sh in a fresh Debian, with our packages in /debs. Programs of Debian are installed first and run on
# Debian's liburcu, then on ours, over an upgrade of Debian's, and on Debian's again. TAP.
set -u
# shellcheck source=packaging/deb-test.inc
. /deb-test.inc
programs="knot gdnsd xfsprogs multipath-tools lttng-tools bind9"
# Not of every release.
for program in nfs-ganesha-vfs glusterfs-server libnfs-utils; do
	[ -z "$(apt-cache madison $program)" ] || programs="$programs $program"
done
ours="libquiesce8 libquiesce-dev quiesce-tools quiesce-doc"
liburcu=$(apt-cache madison liburcu8t64 | awk 'NR == 1 { print $1 }')
: "${liburcu:=liburcu8}"

# ---- Programs ----

zone() {
	printf '$TTL 60\n@ SOA ns.one.test. admin.one.test. 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n'
}

# Where urcu-top is installed, it shows what runs on ours, and says of liburcu that it is another.
top_shows() { # pid
	urcu-top -1 "$1" > "$work/top" 2>&1 && grep -q '^  readers' "$work/top" && ! grep -q incomplete "$work/top"
}
top_sees() { # pid, package
	installed quiesce-tools > /dev/null || return 0
	if [ "$2" = libquiesce8 ]; then
		until_ok top_shows "$1" || { cat "$work/top"; return 1; }
	else
		urcu-top -1 "$1"
		[ $? = 6 ]
	fi
}

# daemon PACKAGE PROBE COMMAND...: it starts, answers, has PACKAGE's library mapped, and ends.
daemon() {
	package=$1
	probe=$2
	shift 2
	"$@" > "$work/daemon" 2>&1 &
	pid=$!
	# shellcheck disable=SC2086 # a command
	until_ok $probe && mapped $pid "$package" && top_sees $pid "$package"
	status=$?
	kill $pid
	wait $pid
	[ $status = 0 ] || { tail -n 5 "$work/daemon"; return 1; }
}

run_knot() { # package
	mkdir -p knot && zone > knot/one.test.zone
	printf 'server:\n  rundir: %s\n  listen: 127.0.0.1@5301\n  user: root:root\ncontrol:\n  listen: %s\ndatabase:
  storage: %s\nzone:\n  - domain: one.test\n    storage: %s\n    zonefile-sync: -1\n' \
		"$work/knot" "$work/knot/socket" "$work/knot/db" "$work/knot" > knot/conf
	daemon "$1" "knotc -c $work/knot/conf zone-status one.test +serial" knotd -c "$work/knot/conf"
}

run_gdnsd() {
	mkdir -p gdnsd/zones gdnsd/run gdnsd/state && zone > gdnsd/zones/one.test
	printf 'options => { listen => 127.0.0.1:5302, run_dir => %s, state_dir => %s, http_listen => [] }\n' \
		"$work/gdnsd/run" "$work/gdnsd/state" | sed 's/, http_listen => \[\]//' > gdnsd/config
	daemon "$1" "gdnsdctl -c $work/gdnsd status" gdnsd -c "$work/gdnsd" start
}

run_named() {
	mkdir -p named && zone > named/one.test
	printf 'options { directory "%s"; listen-on port 5303 { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none;
 session-keyfile none; recursion no; };\ncontrols { };\nzone "one.test" { type primary; file "one.test"; };\n' \
		"$work/named" > named/conf
	chmod -R a+rX "$work"
	daemon "$1" "grep -q running $work/daemon" named -g -c "$work/named/conf"
}

run_xfs() {
	rm -f image && truncate -s 512M image && mkfs.xfs -q image && xfs_repair -n image &&
		linked "$(command -v xfs_repair)" "$1" || return 1
	mkfifo commands 2> /dev/null
	xfs_db image < commands &
	pid=$!
	exec 3> commands
	until_ok grep -q liburcu /proc/$pid/maps && mapped $pid "$1"
	status=$?
	echo quit >&3
	exec 3>&-
	wait $pid && [ $status = 0 ]
}

# A daemon of it has nothing to do without the kernel's device mapper.
run_multipath() {
	linked "$(command -v multipathd)" "$1" && multipath -t > /dev/null
}

run_lttng() {
	export LTTNG_HOME=$work/lttng
	mkdir -p "$LTTNG_HOME"
	daemon "$1" "lttng --no-sessiond list" lttng-sessiond --no-kernel
}

# NFS 4 on a port of the loopback's, and a client that is a program. It exports nothing: a chroot's root is no mount.
run_ganesha() {
	mkdir -p ganesha /var/run/ganesha /var/lib/nfs/ganesha
	printf 'NFS_CORE_PARAM { Protocols = 4; Bind_addr = 127.0.0.1; NFS_Port = 5304; Enable_NLM = false;
 Enable_RQUOTA = false; Enable_UDP = false; }\nNFSv4 { Graceless = true; RecoveryBackend = fs; }\n' > ganesha/conf
	daemon "$1" "nfs-ls nfs://127.0.0.1/?version=4&nfsport=5304" \
		ganesha.nfsd -F -f "$work/ganesha/conf" -L "$work/ganesha/log" -p "$work/ganesha/pid"
}

run_gluster() {
	daemon "$1" "gluster --mode=script pool list" glusterd -N -l "$work/glusterd" -p "$work/glusterd.pid"
}

has() { # program ...
	for program; do
		command -v "$program" > /dev/null || return
	done
}

run_all() { # package, on what
	for program in knot gdnsd xfs multipath lttng; do
		try "$program runs on $2" run_$program "$1"
	done
	! has ganesha.nfsd nfs-ls || try "ganesha runs on $2" run_ganesha "$1"
	! has glusterd || try "gluster runs on $2" run_gluster "$1"
	if ldd /usr/sbin/named | grep -q liburcu; then
		try "named runs on $2" run_named "$1"
	else
		skip "named runs on $2" "this release's uses no liburcu"
	fi
}

# ---- Steps ----

# shellcheck disable=SC2086 # a list
try "installed: $programs" install install $programs
run_all "$liburcu" "Debian's $liburcu"

# shellcheck disable=SC2086 # a list
put_ours_in() {
	apt-get -s install /debs/*.deb | awk '$1 == "Remv" { print $2 }' > "$work/removed"
	cat "$work/removed"
	[ "$(cat "$work/removed")" = "$liburcu" ] || return 1
	install install /debs/*.deb && installed $programs $ours && not_installed "$liburcu"
}
try "apt install ./*.deb removes $liburcu and nothing else" put_ours_in
run_all libquiesce8 "ours"

# Debian's own package, of a higher version, in a repository.
repository() {
	mkdir -p /repository && cd /repository && apt-get -qq download "$liburcu" && dpkg-deb -R ./*.deb tree &&
		rm -f ./*.deb && sed -i 's/^Version: .*/Version: 99.0-1/; s/^\(Provides: liburcu8 (= \).*/\199.0-1)/' \
			tree/DEBIAN/control && dpkg-deb -b tree liburcu.deb && rm -rf tree || return 1
	{
		dpkg-deb -f liburcu.deb
		printf 'Filename: ./liburcu.deb\nSize: %s\nSHA256: %s\n' "$(stat -c %s liburcu.deb)" \
			"$(sha256sum liburcu.deb | cut -d ' ' -f 1)"
	} > Packages
	echo 'deb [trusted=yes] file:/repository ./' > /etc/apt/sources.list.d/newer.list
	apt-get -qq update && apt-cache policy "$liburcu" | grep 'Candidate: 99.0-1'
}
try "a newer $liburcu is to be had" repository
for command in upgrade dist-upgrade; do
	# shellcheck disable=SC2086 # a list
	upgrade() {
		install $command && installed $programs $ours && not_installed "$liburcu"
	}
	try "apt $command keeps ours" upgrade
done
try "knot still runs on ours" run_knot libquiesce8
rm -f /etc/apt/sources.list.d/newer.list
apt-get -qq update

# Built from Debian's source against our headers, in Debian's way. It takes long.
rebuild() {
	install install build-essential fakeroot && install build-dep xfsprogs && installed libquiesce-dev &&
		mkdir -p /rebuilt && cd /rebuilt && apt-get -qq source xfsprogs && cd xfsprogs-*/ &&
		DEB_BUILD_OPTIONS='nocheck parallel=1' dpkg-buildpackage -b -us -uc
}
accepts_either() {
	dpkg-deb -f /rebuilt/xfsprogs_*.deb Depends | grep -oE 'lib(urcu|quiesce)[^,]*' > "$work/depends"
	cat "$work/depends"
	grep -q '^liburcu8' "$work/depends" && ! grep -q quiesce "$work/depends"
}
is_rebuilt() {
	dpkg-deb -x /rebuilt/xfsprogs_*.deb /rebuilt/tree && find /rebuilt/tree -name xfs_repair > "$work/file" &&
		[ -s "$work/file" ] && cmp "$(cat "$work/file")" "$(command -v xfs_repair)"
}
if [ -n "${REBUILD:-}" ]; then
	try "xfsprogs builds from Debian's source against libquiesce-dev" rebuild
	try "its package asks for liburcu8, which either is" accepts_either
	try "it is installed" install install --reinstall --allow-downgrades /rebuilt/xfsprogs_*.deb
	try "it runs on ours" run_xfs libquiesce8
	try "it is what was built" is_rebuilt
fi

# shellcheck disable=SC2086 # a list
put_theirs_back() {
	install install "$liburcu" && installed $programs "$liburcu" && not_installed libquiesce8
}
try "apt install $liburcu brings Debian's back, and removes no program" put_theirs_back
run_all "$liburcu" "Debian's $liburcu again"
[ -z "${REBUILD:-}" ] || try "and it was xfsprogs as it was rebuilt" is_rebuilt
# shellcheck disable=SC2086 # a list
remove_with_plus() {
	install install /debs/*.deb && installed $ours && install remove libquiesce8 "$liburcu+" &&
		installed $programs "$liburcu" && not_installed libquiesce8
}
try "apt remove libquiesce8 $liburcu+ does the same" remove_with_plus
plan
