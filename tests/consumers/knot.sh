#!/bin/sh
# SPDX-License-Identifier: MIT
# Knot DNS: knotd replaces whole zones under its readers, by RCU. Several zones are served, changed
# on disk and reloaded under a load of queries; every answer is a serial that was there, never an
# older one after a newer. Read by run.sh.
# shellcheck disable=SC2154 # set by run.sh

zones=8
rounds=25
loaders=3

write_zone() # zone, serial
{
	{
		echo "\$ORIGIN zone$1.test."
		echo "\$TTL 60"
		echo "@ SOA ns.zone$1.test. admin.zone$1.test. $2 3600 600 86400 60"
		echo "@ NS ns"
		echo "ns A 127.0.0.1"
		echo "serial TXT \"zone$1 $2\""
		awk -v serial="$2" 'BEGIN {
			for (i = 0; i < 300; i++)
				print "host" i " A 10." serial % 250 "." int(i / 200) "." i % 200 + 1
		}'
	} > "$knot/zones/zone$1.test.zone.new"
	mv "$knot/zones/zone$1.test.zone.new" "$knot/zones/zone$1.test.zone"
}

write_zones() # serial
{
	for zone in $(seq $zones); do write_zone "$zone" "$1"; done
}

configure_knot()
{
	mkdir -p "$knot/zones" "$knot/db"
	{
		printf 'server:\n  rundir: "%s"\n  listen: 127.0.0.1@%s\n' "$knot" "$port"
		printf '  udp-workers: 2\n  tcp-workers: 2\n  background-workers: 3\n'
		printf 'control:\n  listen: "%s/knot.sock"\n' "$knot"
		printf 'database:\n  storage: "%s/db"\n' "$knot"
		printf 'log:\n  - target: stderr\n    any: info\n'
		printf 'template:\n  - id: default\n    storage: "%s/zones"\n' "$knot"
		printf '    zonefile-sync: -1\nzone:\n'
		for zone in $(seq $zones); do printf '  - domain: zone%s.test\n' "$zone"; done
	} > "$knot/knot.conf"
}

control() # command ...
{
	consumer knotc -c "$knot/knot.conf" -t 60 "$@" > "$knot/control" 2>&1
}

ask() # question ...
{
	consumer kdig "@127.0.0.1" -p "$port" +short "$@" 2> /dev/null
}

has_serial() # zone, serial
{
	[ "$(ask "serial.zone$1.test" TXT)" = "\"zone$1 $2\"" ]
}

# All zones in turn, as fast as it goes, until told to stop. One line an answer.
load() # number
{
	questions=
	for zone in $(seq $zones); do questions="$questions -t TXT -q serial.zone$zone.test"; done
	while [ ! -e "$knot/stop" ]; do
		# shellcheck disable=SC2086 # a list
		ask $questions || echo "failed"
	done > "$knot/answers.$1"
}

# Reloads of everything and of single zones in turn; after each the new serial is there.
change_and_reload()
{
	for serial in $(seq 2 $rounds); do
		write_zones "$serial"
		if [ $((serial % 2)) = 0 ]; then control reload; else control zone-reload; fi || return 1
		for zone in $(seq $zones); do
			until_ok has_serial "$zone" "$serial" || return 1
		done
	done
}

run_knot()
{
	knot=$work/knot
	mkdir -p "$knot"
	free_port
	configure_knot
	write_zones 1
	become knotd -c "$knot/knot.conf" > "$knot/log" 2>&1 &
	daemon=$!
	daemons="$daemons $daemon"
	until_ok has_serial $zones 1
	result $? "knotd answers for $zones zones" || return
	is_ours $daemon liburcu-memb
	result $? "knotd runs on our liburcu"
	load_pids=
	for loader in $(seq $loaders); do
		load "$loader" &
		load_pids="$load_pids $!"
	done
	change_and_reload
	result $? "knotd serves each new serial, $rounds times, under queries"
	: > "$knot/stop"
	# shellcheck disable=SC2086 # a list
	wait $load_pids
	for loader in $(seq $loaders); do
		judge "$knot/answers.$loader" || echo "cannot tell"
	done > "$knot/wrong"
	answers=$(cat "$knot"/answers.* | wc -l)
	[ "$answers" -gt $((rounds * loaders)) ] && [ ! -s "$knot/wrong" ]
	result $? "$answers answers meanwhile: none failed, none was older than one before"
	show "$knot/wrong"
	is_ours $daemon liburcu-memb
	result $? "knotd is the process it was"
	is_seen $daemon memb
	result $? "urcu-top shows knotd"
	control stop && wait $daemon
	status=$?
	result $status "knotd stops, with status $status"
	[ "$failed" = 0 ] || show "$knot/log"
}

run_knot
