#!/bin/sh
# SPDX-License-Identifier: MIT
# LTTng: the session and the consumer daemon keep everything in hash tables of liburcu-cds. A session
# traces the malloc and free of a program, as a user without privileges. Read by run.sh.
# shellcheck disable=SC2154 # set by run.sh

# Root's session daemon would be the system's, so root is not root here.
as_user() # command ...
{
	HOME=$lttng
	LTTNG_HOME=$lttng
	LTTNG_SESSION_CONFIG_XSD_PATH=$(directory_of usr/share/xml/lttng/session.xsd)
	export HOME LTTNG_HOME LTTNG_SESSION_CONFIG_XSD_PATH
	if [ "$(id -u)" = 0 ]; then
		become setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		become "$@"
	fi
}

control_lttng() # command ...
{
	( as_user lttng --no-sessiond "$@" ) >> "$lttng/control" 2>&1
}

# Or gone for good.
daemon_is_there()
{
	control_lttng list || is_gone "$daemon"
}

child_of() # pid, name
{
	awk -v parent="$1" -v name="$2" '
		$1 == "Name:" { is = $2 == name }
		$1 == "Pid:" { pid = $2 }
		$1 == "PPid:" && is && $2 == parent { print pid }' /proc/[0-9]*/status 2>/dev/null |
		head -n 1
}

# The daemon makes one for the first session of a kind.
has_consumer()
{
	consumer_pid=$(child_of "$daemon" lttng-consumerd)
	[ -n "$consumer_pid" ] && grep -q liburcu-cds "/proc/$consumer_pid/maps"
}

trace_a_program()
{
	(
		LD_PRELOAD=liblttng-ust-libc-wrapper.so.1
		LTTNG_UST_REGISTER_TIMEOUT=-1
		export LTTNG_UST_REGISTER_TIMEOUT
		as_user env LD_PRELOAD=$LD_PRELOAD sort /etc/passwd
	) > "$lttng/traced" 2>&1
}

trace_has_events()
{
	find "$lttng/trace" -name 'channel0_*' -size +0 | grep -q .
}

session() # number
{
	rm -rf "$lttng/trace"
	control_lttng create "session$1" --output="$lttng/trace" &&
		control_lttng enable-event --userspace 'lttng_ust_libc:*' &&
		control_lttng start &&
		trace_a_program &&
		control_lttng stop &&
		control_lttng destroy &&
		trace_has_events
}

sessions()
{
	for i in $(seq 5); do session "$i" || return 1; done
}

run_lttng()
{
	lttng=$work/lttng
	mkdir -p "$lttng"
	[ "$(id -u)" != 0 ] || { chmod 755 "$work" && chown 65534:65534 "$lttng"; }
	consumerd=$(find "$root/usr/lib" -path '*/libexec/lttng-consumerd')
	( as_user lttng-sessiond --no-kernel --consumerd64-path="$consumerd" \
		--consumerd64-libdir="$libraries" ) > "$lttng/log" 2>&1 &
	daemon=$!
	daemons="$daemons $daemon"
	until_ok daemon_is_there && ! is_gone "$daemon"
	result $? "lttng-sessiond answers" || { show "$lttng/log"; show "$lttng/control"; return; }
	is_ours $daemon liburcu-cds
	result $? "lttng-sessiond runs on our liburcu-cds"
	sessions
	result $? "five sessions trace a program" || show "$lttng/control"
	control_lttng create last --output="$lttng/last" &&
		control_lttng enable-event --userspace 'lttng_ust_libc:*' && until_ok has_consumer &&
		is_ours "$consumer_pid" liburcu-cds
	result $? "lttng-consumerd runs on ours"
	control_lttng destroy --all
	kill $daemon
	wait $daemon
	status=$?
	result $status "lttng-sessiond stops, with status $status"
	until_ok is_gone "${consumer_pid:-none}"
	result $? "and lttng-consumerd with it"
	[ "$failed" = 0 ] || show "$lttng/log"
}

# LTTng leaves a page of shared memory for the next one.
without_rest()
{
	rest=/dev/shm/lttng-ust-wait-
	before=$(ls -d $rest* 2>/dev/null)
	"$@"
	[ -n "$before" ] || rm -f $rest*
}

if grep -q cds_lfht_add "$libraries/liburcu-cds.so.8"; then
	without_rest run_lttng
else
	skip "LTTng" "our liburcu-cds has no hash table"
fi
