#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: KERNEL=vmlinuz tests/tools/trace-vm.sh BUILD
# Runs each bpftrace line of doc/tracing.md in a virtual machine of its own, for where the kernel lets nobody attach:
# needs qemu-system-x86, busybox-static, cpio, bpftrace, and a kernel with uprobes and BTF. The build's library is that of
# memb. Traced are the main job of examples/ and, for stalls, tests/tools/target.c. No test: what it prints is to be read.
set -eu

source=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root" "$root.cpio"' EXIT
: "${KERNEL:?}" "${CC:=cc}"

compile() # program, sources...
{
	program=$root/$1
	shift
	$CC -std=gnu11 -O2 -g -fno-omit-frame-pointer -I"$source/include" "$@" -o "$program" -L"$build/.libs" \
		-lurcu-memb -lurcu-cds -lurcu-common -pthread
}

libraries() # of a program, with the links in their paths gone
{
	LD_LIBRARY_PATH=$build/.libs ldd "$1" | sed -n 's/.*=> \(\/.*\) (.*/\1/p'
}

mkdir -p "$root/bin" "$root/lib" "$root/lib64" "$root/proc" "$root/sys" "$root/dev" "$root/tmp"
compile job "$source"/examples/snapshot*.c
compile target "$source/tests/tools/target.c"
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$(command -v bpftrace)" "$root/bin"
for program in "$root/bin/bpftrace" "$root/job" "$root/target"; do
	for library in $(libraries "$program"); do
		cp -L "$library" "$root/lib"
	done
done
head -n 2000 /var/lib/dpkg/status > "$root/status"
cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64"

# One file for each line of the page: from "bpftrace" to the quote that ends it. What it printed follows there.
awk -v to="$root/line" '
	/^    bpftrace / { file = to (++count) }
	file { print > file }
	/\047$/ { file = "" }' "$source/doc/tracing.md"

cat > "$root/init" << 'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin LD_LIBRARY_PATH=/lib LIB=/lib/liburcu-memb.so.8 URCU_STALL_TIMEOUT=0.5
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
uname -srv
bpftrace --version
for line in /line*; do
	echo "---"
	cat $line
	case $(cat $line) in
	*:stall*) command=/target ;;
	*) command="/job -t 600 -w 600 -d /tmp /status" ;;
	esac
	sh $line > /tmp/out 2>&1 &
	tracer=$!
	tries=300
	# It has attached when it waits for events: epoll_wait or epoll_pwait.
	until grep -qsE '^(232|281) ' "/proc/$(pidof bpftrace)/syscall" || [ $tries = 0 ]; do
		sleep 1
		tries=$((tries - 1))
	done
	$command > /tmp/traced 2>&1 &
	traced=$!
	sleep 20
	killall -INT bpftrace
	wait $tracer
	kill -KILL $traced
	cat /tmp/out
	head -n 5 /tmp/traced
done 2>&1
poweroff -f
END
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet) > "$root.cpio"
timeout 900 qemu-system-x86_64 -accel tcg,thread=single -cpu max -m 3G -nic none -nographic -no-reboot -kernel "$KERNEL" \
	-initrd "$root.cpio" -append "console=ttyS0 panic=-1" < /dev/null
