#!/bin/sh
# SPDX-License-Identifier: MIT
# gdnsd: its threads read zones by qsbr, with the readers inlined and the grace-period word copied
# into the program. Zones are changed and reloaded under queries, and the daemon replaces itself.
# Read by run.sh.
# shellcheck disable=SC2154 # set by run.sh

changes=25

write_records() # serial
{
	for zone in one two three four; do
		{
			printf '@ SOA ns admin %s 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n' "$1"
			printf 'serial TXT "%s %s"\n' "$zone" "$1"
			seq 200 | sed 's/.*/host& A 10.0.0.1/'
		} > "$gdnsd/new"
		mv "$gdnsd/new" "$gdnsd/zones/$zone.test"
	done
}

command_gdnsd() # command
{
	consumer gdnsdctl -c "$gdnsd" "$@" > "$gdnsd/control" 2>&1
}

look_up() # zone
{
	consumer kdig "@127.0.0.1" -p "$port" +short "serial.$1.test" TXT 2> /dev/null
}

answers() # zone, serial
{
	[ "$(look_up "$1")" = "\"$1 $2\"" ]
}

look_up_all()
{
	while [ ! -e "$gdnsd/stop" ]; do
		for zone in one two three four; do
			look_up $zone || echo "failed"
		done
	done > "$gdnsd/answers"
}

# Of the one that answers on the control socket.
daemon_pid()
{
	command_gdnsd status && sed -n 's/.*[Pp][Ii][Dd] \([0-9]*\).*/\1/p' "$gdnsd/control" | head -n 1
}

reload_zones()
{
	for serial in $(seq 2 $changes); do
		write_records "$serial"
		command_gdnsd reload-zones || return 1
		for zone in one two three four; do
			until_ok answers $zone "$serial" || return 1
		done
	done
}

run_gdnsd()
{
	gdnsd=$work/gdnsd
	mkdir -p "$gdnsd/zones" "$gdnsd/run" "$gdnsd/state"
	free_port
	printf 'options => { listen => 127.0.0.1:%s, run_dir => %s/run, state_dir => %s/state }\n' \
		"$port" "$gdnsd" "$gdnsd" > "$gdnsd/config"
	write_records 1
	become gdnsd -c "$gdnsd" start > "$gdnsd/log" 2>&1 &
	daemon=$!
	daemons="$daemons $daemon"
	until_ok answers four 1
	result $? "gdnsd answers" || { show "$gdnsd/log"; return; }
	is_ours $daemon liburcu-qsbr
	result $? "gdnsd runs on our liburcu-qsbr"
	look_up_all &
	load_pid=$!
	reload_zones
	result $? "gdnsd serves each new serial, $changes times, under queries"
	: > "$gdnsd/stop"
	wait $load_pid
	judge "$gdnsd/answers" > "$gdnsd/wrong" &&
		[ "$(wc -l < "$gdnsd/answers")" -gt $changes ] && [ ! -s "$gdnsd/wrong" ]
	result $? "$(wc -l < "$gdnsd/answers") answers meanwhile, none wrong"
	show "$gdnsd/wrong"
	is_seen $daemon qsbr
	result $? "urcu-top shows gdnsd"
	write_records $((changes + 1))
	command_gdnsd replace && wait $daemon
	result $? "gdnsd is replaced, and the old one ends with status 0"
	daemon=$(daemon_pid)
	daemons="$daemons $daemon"
	is_ours "$daemon" liburcu-qsbr && answers one $((changes + 1))
	result $? "the new one runs on ours, and answers"
	command_gdnsd stop && until_ok is_gone "$daemon"
	result $? "gdnsd stops"
	[ "$failed" = 0 ] || show "$gdnsd/log"
}

run_gdnsd
