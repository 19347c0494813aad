#!/bin/sh
# SPDX-License-Identifier: MIT
# xfsprogs: a file system in a file is made, filled with a tree from the outside, damaged, repaired
# by the threads of xfs_repair, and clean again. Read by run.sh.
# shellcheck disable=SC2154 # set by run.sh

image_is_clean()
{
	consumer xfs_repair -n "$xfs/image" > "$xfs/log" 2>&1
}

# The program waits for a command while its maps are looked at.
look_at_maps()
{
	mkfifo "$xfs/commands"
	become xfs_db "$xfs/image" < "$xfs/commands" > "$xfs/log" 2>&1 &
	daemon=$!
	daemons="$daemons $daemon"
	exec 3> "$xfs/commands"
	until_ok grep -q liburcu "/proc/$daemon/maps" 2>/dev/null
	is_ours $daemon liburcu-memb
	result $? "xfs_db runs on our liburcu"
	echo quit >&3
	exec 3>&-
	wait $daemon
	result $? "xfs_db ends with status 0"
}

run_xfs()
{
	xfs=$work/xfs
	mkdir -p "$xfs"
	# Directories, a file each, and a protofile that says so.
	{
		printf 'none\n0 0\nd--755 0 0\n'
		for i in $(seq 400); do printf 'd%s d--755 0 0\nf ---644 0 0 /dev/null\n$\n' "$i"; done
		printf '$\n'
	} > "$xfs/tree"
	truncate -s 1G "$xfs/image"
	consumer mkfs.xfs -q -d agcount=8 -p "$xfs/tree" "$xfs/image" > "$xfs/log" 2>&1
	result $? "mkfs.xfs makes a file system with 400 directories" || show "$xfs/log"
	look_at_maps
	image_is_clean
	result $? "xfs_repair finds nothing"
	for group in 0 3 5; do
		consumer xfs_db -x -c "agi $group" -c 'write -d count 77' "$xfs/image"
	done > "$xfs/log" 2>&1
	! image_is_clean
	result $? "xfs_repair finds the damage"
	consumer xfs_repair -o ag_stride=2 "$xfs/image" > "$xfs/log" 2>&1
	result $? "xfs_repair, with threads, repairs it"
	image_is_clean
	result $? "and finds nothing any more"
	[ "$failed" = 0 ] || show "$xfs/log"
}

run_xfs
