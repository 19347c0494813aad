# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2154 # variables of the script that reads this
# What the scripts here share: the sides, and how a program is compiled against each. The caller has
# set here, prefix (ours) and work (a directory); LIBURCU, CK and DPDK name the others, if there are any.

sides=quiesce
if [ -n "${LIBURCU:-}" ]; then
	sides="quiesce liburcu"
	peer_libraries=$(dirname "$(find "$LIBURCU" -name liburcu-memb.so | head -n 1)")
	peer_headers=$(dirname "$(find "$LIBURCU/include" -name urcu-pointer.h | head -n 1)")
fi
ck_library=$(find "${CK:-/usr}" -name libck.a 2>/dev/null | head -n 1)

# Its libraries are shared ones that need others of the same packages.
dpdk_library=$(find "${DPDK:-/usr/lib}" -name librte_rcu.so 2>/dev/null | head -n 1)
dpdk_libraries=${dpdk_library%/*}:${DPDK:-}/../lib/$(basename "${dpdk_library%/*}")

# cc_program OUTPUT SOURCE BUILD ARGUMENTS...: compile an executable as exe (-no-pie) or pie, or a
# shared object that so is linked to and dlopen opens; print the command to run.
cc_program() {
	output=$1 source=$here/$2.c build=$3
	shift 3
	set -- -w -O2 -D_GNU_SOURCE "$@" -pthread
	case $build in
	exe) ${CC:-cc} -fno-pie -no-pie -o "$output" "$source" "$@" && echo "$output" ;;
	pie) ${CC:-cc} -fPIE -pie -o "$output" "$source" "$@" && echo "$output" ;;
	so)
		${CC:-cc} -fPIC -shared -Dmain=bench_main -o "$output.so" "$source" "$@"
		${CC:-cc} -o "$output" "$here/launch.c" -Wl,--no-as-needed "$output.so" "$@"
		echo "$output"
		;;
	dlopen)
		${CC:-cc} -fPIC -shared -Dmain=bench_main -o "$output.so" "$source" "$@"
		${CC:-cc} -o "$output" "$here/launch.c" -ldl
		echo "$output $output.so"
		;;
	esac
}

# compile SIDE FLAVOR SOURCE INLINING BUILD: with readers inlined or called, or as they are by
# default. Prints the command to run; fails where the side has no such thing.
compile() {
	target=$work/$(echo "$@" | tr ' ' -)
	case $2 in
	mb) flags=-DRCU_MB ;;
	memb) flags=-DRCU_MEMBARRIER ;;
	qsbr) flags="-DBENCH_QSBR -DCOSTS_QSBR" ;;
	bp) flags="-DBENCH_BP -DCOSTS_BP" ;;
	esac
	case $4 in
	inlined) flags="$flags -D_LGPL_SOURCE" ;;
	called) flags="$flags -DURCU_NO_INLINE" ;;
	esac
	where="-lurcu-$2 -lurcu-cds -lurcu-common"
	# liburcu's threads that defer in qsbr and are two wait for each other for ever.
	[ "$1 $2" != "liburcu qsbr" ] || flags="$flags -DQUEUES_ONE_DEFERS"
	# shellcheck disable=SC2086 # lists of words
	case $1 in
	quiesce)
		flags="$flags -DBENCH_GP=urcu_$2_gp"
		# It has Concurrency Kit's way in the same process.
		[ "$3" != giving ] || [ -z "$ck_library" ] ||
			where="$where -DGIVING_CK ${CK:+-I$CK/include} $ck_library"
		cc_program "$target" "$3" "$5" $flags -I"$prefix/include" \
			-L"$prefix/lib" -Wl,-rpath,"$prefix/lib" $where
		;;
	liburcu)
		cc_program "$target" "$3" "$5" $flags -I"$peer_headers" -I"$LIBURCU/include" \
			-L"$peer_libraries" -Wl,-rpath,"$peer_libraries" $where
		;;
	ck) cc_program "$target" "$3" "$5" -DBENCH_CK ${CK:+-I"$CK/include"} "$ck_library" ;;
	dpdk)
		cc_program "$target" "$3" "$5" -DBENCH_DPDK -march=native ${DPDK:+-I"$DPDK/include/dpdk"} \
			-I"${DPDK:-/usr}/include/$(basename "${dpdk_library%/*}")/dpdk" -I/usr/include/dpdk \
			-L"${dpdk_library%/*}" -lrte_rcu -lrte_eal -Wl,--disable-new-dtags \
			-Wl,-rpath,"$dpdk_libraries" -Wl,-rpath-link,"$dpdk_libraries"
		;;
	rwlock) cc_program "$target" "$3" "$5" -DBENCH_RWLOCK ;;
	machine) cc_program "$target" "$3" "$5" -fno-plt ;;
	esac
}
