#!/bin/sh
# SPDX-License-Identifier: MIT
# The packages in a fresh Debian: for each release a chroot made by debootstrap (kept below WORK, copied for each run),
# the packages built in it from the tarball, and deb-test-tarball.sh, deb-test-user.sh and deb-test-programs.sh run. Needs root. TAP.
# Usage: deb-test.sh TARBALL WORK [RELEASE...]; by default bookworm and trixie. MIRROR names another mirror;
# with PREBUILT=1 the packages of the last run are taken; with REBUILD=1 one of Debian's is built from its source, too;
# PARTS="tarball user" does these of its parts alone, and leaves out "programs".
set -u
here=$(cd "$(dirname "$0")" && pwd)
tarball=$(readlink -f "$1")
mkdir -p "$2"
store=$(cd "$2" && pwd)
shift 2
[ $# != 0 ] || set -- bookworm trixie
: "${MIRROR:=http://deb.debian.org/debian}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$here/../tests/tap.inc"

# In namespaces of its own: what is mounted or left running there goes with it.
inside() { # root, command ...
	root=$1
	shift
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" sh -c '
		root=$1
		shift
		mount -t tmpfs tmpfs "$root/dev/shm" && exec chroot "$root" \
			env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
			DEBIAN_FRONTEND=noninteractive DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-}" \
			REBUILD="${REBUILD:-}" "$@"
	' inside "$root" "$@"
}

# The release with what builds packages. No service is started there by its installation.
base() { # release
	[ ! -e "$store/base-$1.complete" ] || return 0
	rm -rf "$store/base-$1"
	debootstrap --variant=minbase "$1" "$store/base-$1" "$MIRROR" &&
		echo "deb-src $MIRROR $1 main" >> "$store/base-$1/etc/apt/sources.list" &&
		printf '#!/bin/sh\nexit 101\n' > "$store/base-$1/usr/sbin/policy-rc.d" &&
		chmod +x "$store/base-$1/usr/sbin/policy-rc.d" &&
		echo force-unsafe-io > "$store/base-$1/etc/dpkg/dpkg.cfg.d/unsafe-io" &&
		mkdir -p "$store/base-$1/dev/shm" && : > "$store/base-$1.complete"
}

# copy RELEASE NAME: a fresh chroot.
copy() {
	rm -rf "${store:?}/$2"
	cp -a --reflink=auto "$store/base-$1" "$store/$2" && inside "$store/$2" apt-get -qq update &&
		inside "$store/$2" apt-get -qqy dist-upgrade
}

# With that release's compiler and flags, so in one chroot, and tried in another that has no compiler.
build_packages() { # release
	if [ -n "${PREBUILT:-}" ]; then
		ls "$store/debs-$1"/libquiesce8_*.deb
		return
	fi
	copy "$1" "build-$1" && mkdir "$store/build-$1/src" "$store/build-$1/src/packaging" &&
		cp -R "$here/../debian" "$store/build-$1/src" && cp "$here/deb.sh" "$store/build-$1/src/packaging" &&
		cp "$tarball" "$store/build-$1/src" &&
		inside "$store/build-$1" apt-get -qqy --no-install-recommends install build-essential fakeroot &&
		inside "$store/build-$1" apt-get -qqy --no-install-recommends build-dep /src &&
		inside "$store/build-$1" sh -c 'cd /src && sh packaging/deb.sh ./*.tar.gz out' &&
		rm -rf "${store:?}/debs-$1" && cp -R "$store/build-$1/src/out" "$store/debs-$1"
}

# tried RELEASE NAME: deb-test-NAME.sh, in a fresh chroot that has the packages.
tried() {
	release=$1
	root=$store/$2-$release
	(copy "$release" "$2-$release" && mkdir "$root/debs" && cp "$store/debs-$release"/*.deb "$store/debs-$release"/*.orig.tar.gz "$root/debs" &&
		cp "$here/deb-test.inc" "$here/deb-test-$2.sh" "$here/../tests/tap.inc" "$root") > "$work/log" 2>&1
	result $? "$release: a fresh chroot" || return
	inside "$root" sh "/deb-test-$2.sh" > "$work/inside"
	grep -v '^1\.\.' "$work/inside" | awk -v n="$number" -v release="$release" '
		/^(not )?ok / { sub(/ok [0-9]+ - /, "ok " ++n " - " release ": ") }
		{ print }'
	number=$((number + $(grep -cE '^(not )?ok ' "$work/inside")))
	failed=$((failed + $(grep -c '^not ok ' "$work/inside")))
	tail -n 1 "$work/inside" | grep -q '^1\.\.'
	result $? "$release: it came to its end" && rm -rf "$root"
}

for release; do
	(base "$release") > "$work/log" 2>&1 || {
		skip "$release" "no debootstrap, no root, or no mirror that has it"
		continue
	}
	(build_packages "$release") > "$work/log" 2>&1
	result $? "$release: packages build there" || continue
	rm -rf "${store:?}/build-$release"
	for part in ${PARTS:-tarball user programs}; do
		tried "$release" "$part"
	done
done
plan
