#!/bin/sh
# SPDX-License-Identifier: MIT
# Each mutation of tests/mutation/list still has its place: what it replaces is in its file, once. So a
# change of the code takes its mutations along, and not only the next `./dev mutate` notices. TAP.
set -u
: "${srcdir:?}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# shellcheck source=tests/tap.inc
. "$srcdir/tests/tap.inc"

# shellcheck disable=SC2016 # perl's variables
perl -0777 -ne '
	for (grep { /^\S+\nin / } split /^= /m) {
		my ($name, $file) = /^(\S+)\nin (\S+)/;
		my $before = join "\n", /^[ -](.*)$/mg;
		my $text = do { local @ARGV = "$ENV{srcdir}/$file"; <> } // "";
		my $times = () = $text =~ /\Q$before\E/g;
		print "$name: its text is $times times in $file\n" if $times != 1 || $before eq "";
	}
' "$srcdir/tests/mutation/list" > "$work/log" 2>&1
[ ! -s "$work/log" ]
result $? "each mutation has its place"
plan
