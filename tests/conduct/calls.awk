# SPDX-License-Identifier: MIT
# Of what "strace -f -o FILE" wrote: the kinds of call, one a line, between the marks of
# tests/conduct/situations.h. With -v early=1: those before the first.
BEGIN { counting = early }

# The mark of a thread.
$2 ~ /^write\(-1,$/ {
	split($0, part, "\"")
	counting = (counting && !early && part[2] != "end") || part[2] == "begin" && !early
	if (part[2] == "mine")
		mine[$1] = 1
	if (part[2] == "done")
		delete mine[$1]
	if (part[2] == "quiet")
		ignored[$1] = 1
	next
}

# The rest of a call that another thread interrupted, or the kernel did, a signal, an end; and what the
# tracer could not read of a thread that was killed.
$2 ~ /^(<\.\.\.|\?\?\?|syscall_0x)/ || $2 ~ /^restart_syscall/ || $2 ~ /^(---|\+\+\+)/ { next }

ignored[$1] { next }

counting || mine[$1] {
	sub(/\(.*/, "", $2)
	if (!seen[$2]++)
		print $2
}
