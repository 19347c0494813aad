#!/bin/sh
# SPDX-License-Identifier: MIT
# A project of CMake's finds the library below PREFIX and runs with each target, shared and static.
# Usage: cmake.sh PREFIX WORK [TARGET...]
set -eu
prefix=$1
work=$2
shift 2
[ $# != 0 ] || set -- memb mb bp qsbr urcu memb-static mb-static bp-static qsbr-static
rm -rf "$work"
mkdir -p "$work"
cat > "$work/user.c" <<'TXT'
#include HEADER
#include <urcu/rculfhash.h>
int main(void)
{
	struct cds_lfht *table;

	rcu_register_thread();
	table = cds_lfht_new(1, 1, 0, 0, NULL);
	rcu_read_lock();
	rcu_read_unlock();
	synchronize_rcu();
	rcu_unregister_thread();
	return !table || cds_lfht_destroy(table, NULL);
}
TXT
cat > "$work/CMakeLists.txt" <<'TXT'
cmake_minimum_required(VERSION 3.13)
project(user C)
find_package(urcu 0.13 CONFIG REQUIRED)
find_package(urcu 99 CONFIG QUIET)
if(urcu_FOUND)
	message(FATAL_ERROR "a version was found that is not there")
endif()
enable_testing()
foreach(target ${targets})
	string(REPLACE "-static" "" name ${target})
	set(cds urcu::cds)
	if(NOT name STREQUAL target)
		set(cds urcu::cds-static)
	endif()
	set(header "urcu.h")
	if(name STREQUAL "bp" OR name STREQUAL "qsbr")
		set(header "urcu-${name}.h")
	endif()
	add_executable(${target} user.c)
	target_link_libraries(${target} PRIVATE urcu::${target} ${cds})
	target_compile_definitions(${target} PRIVATE "HEADER=<${header}>")
	add_test(NAME ${target} COMMAND ${target})
endforeach()
TXT
cd "$work"
cmake -S . -B out -DCMAKE_PREFIX_PATH="$prefix" "-Dtargets=$(echo "$*" | tr ' ' ';')" > log 2>&1 &&
	cmake --build out >> log 2>&1 && cd out && ctest --timeout 60 >> ../log 2>&1 || { tail -n 30 "$work/log"; exit 1; }
for target; do
	case $target in
	*-static) ! readelf -d "$target" | grep 'NEEDED.*urcu' ;;
	urcu) readelf -d "$target" | grep -q 'NEEDED.*liburcu-memb\.so\.8' ;;
	*) readelf -d "$target" | grep -q "NEEDED.*liburcu-$target\.so\.8" ;;
	esac || { echo "$target: linked with another"; exit 1; }
done
