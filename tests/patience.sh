#!/bin/sh
# SPDX-License-Identifier: MIT
# Print by how much to stretch the limits of a test that begins now (tests/limits.h): 4 on a machine
# with nothing else to do, and more by what runs and waits for each of its CPUs.
set -eu
[ -z "${CK_TIMEOUT_MULTIPLIER:-}" ] || { echo "$CK_TIMEOUT_MULTIPLIER"; exit; }
average=0 running=0
if [ -r /proc/loadavg ]; then read -r average _ _ running _ < /proc/loadavg; fi
average=${average%.*} running=${running%/*}
[ "$average" -gt "$running" ] || average=$running
factor=$((3 + 2 * average / $(getconf _NPROCESSORS_ONLN)))
[ $factor -ge 4 ] || factor=4
[ $factor -le 60 ] || factor=60
echo $factor
