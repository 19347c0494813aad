#!/bin/sh
# SPDX-License-Identifier: MIT
# The headers offer what functions.tsv, macros.tsv, names.tsv and constants.tsv list, and what
# ours-functions.tsv and ours-names.tsv add: programs are made from these lists, compiled against the
# headers and linked with the libraries. Rows "functions", "macros" and "names" of left-out.tsv are
# excepted. TAP.
# Usage: test-interface.sh [DIRECTORY], of the libraries; by default $LIBRARIES.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
include=${INCLUDE:-$here/../../include}
libraries=$(cd "${1:-$LIBRARIES}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$here/../tap.inc"

# rows LIST: its rows and those of ours, without the titles and without what is left out.
rows() {
	for list in "$here/$1.tsv" "$here/ours-$1.tsv"; do
		[ ! -e "$list" ] || tail -n +2 "$list"
	done |
		awk -F '\t' -v list="$1" -v out="$here/left-out.tsv" '
			BEGIN { while ((getline line < out) > 0) {
				split(line, cell, "\t"); if (cell[1] == list) gone[cell[2]] = 1 } }
			!($(list ~ /^(functions|macros)$/ ? 2 : 1) in gone)'
}

show_log() {
	grep -E 'error|warning|undefined|differs' "$work/log" | head -n 20 | sed 's/^/# /'
}

# attempt NAME COMMAND...
attempt() {
	name=$1
	shift
	status=0
	timeout 120 "$@" > "$work/log" 2>&1 || status=$?
	result "$status" "$name" || :
}

# ---- functions.tsv: a pointer of each function's type is made to point to it ----

# pointers LANGUAGE FLAVOR: the declarations. C++ has the casts to its unions, and each template
# for either kind of head or stack; C has the other rows.
pointers() {
	rows functions | awk -F '\t' -v language="$1" -v flavor="$2" '
	function point(ret, args) {
		printf "%s (*urcu_pointer_%d)%s = %s;\n", ret, ++count, args, $2
	}
	$1 ~ /urcu-(bp|mb|memb|qsbr)\.h/ && $1 !~ "urcu-" flavor "\\.h" { next }
	{ sub(/^CDS_[A-Z_]*DEPRECATED /, "", $3) }
	$3 ~ /^\[C\+\+ overload\]/ {
		if (language == "c" || $2 == "cmm_cast_volatile")	# a macro for us
			next
		kind = $1 ~ /lfs/ ? "cds_lfs_stack" : "cds_wfs_stack"
		if ($1 ~ /wfcqueue/)
			kind = "cds_wfcq_head"
		sub(/.*typename [TU]> /, "", $3)
		for (i = 0; i < 2; i++) {
			args = $4
			sub(/\(T /, "(struct " (i ? "__" : "") kind " *", args)
			sub(/,U \* /, ",struct " (i ? "" : "__") kind " *", args)
			sub(/,U /, ",struct " (i ? "" : "__") kind " *", args)
			point($3, args)
		}
		next
	}
	$2 ~ /_cast(_cpp)?$/ && ($3 ~ /_ptr_t$/) != (language == "c++") { next }
	{ point($3, $4) }'
}

# program LANGUAGE FLAVOR: what reaches every function, by the unprefixed names of the flavor.
program() {
	echo "#include <urcu$([ "$2" = mb ] || [ "$2" = memb ] || echo "-$2").h>"
	rows functions | cut -f 1 | grep -v 'urcu-' | LC_ALL=C sort -u | sed 's/.*/#include <&>/'
	echo '#pragma GCC diagnostic ignored "-Wdeprecated-declarations"'
	pointers "$1" "$2"
	cat <<-'TXT'
	void *(*urcu_pointer_sym_1)(void *p) = rcu_dereference_sym;
	void *(*urcu_pointer_sym_2)(void **p) = rcu_dereference_sym2;
	void *(*urcu_pointer_sym_3)(void **p, void *v) = rcu_set_pointer_sym;
	void *(*urcu_pointer_sym_4)(void **p, void *v) = rcu_xchg_pointer_sym;
	void *(*urcu_pointer_sym_5)(void **p, void *old, void *_new) = rcu_cmpxchg_pointer_sym;
	extern const struct rcu_flavor_struct urcu_table;
	DEFINE_RCU_FLAVOR(urcu_table);
	int main(void) { return 0; }
	TXT
}

# made LANGUAGE COMPILER...: the program of that language, compiled with the flag and linked.
made() {
	language=$1
	shift
	attempt "functions, $flavor, $flag, $language" "$@" -Werror -I"$include" $mode $flag \
		-o "$work/functions" -x "$language" "$work/functions.$language" -x none \
		-L"$libraries" -Wl,-rpath-link,"$libraries" \
		-lurcu-$flavor -lurcu-cds -lurcu-common -lpthread
}

functions() {
	for flavor in mb memb bp qsbr; do
		mode=
		[ $flavor != mb ] || mode=-DRCU_MB
		program c $flavor > "$work/functions.c"
		program c++ $flavor > "$work/functions.c++"
		for flag in -DURCU_INLINE_SMALL_FUNCTIONS -D_LGPL_SOURCE -DURCU_NO_INLINE; do
			made c ${CC:-cc} -std=gnu11
			made c++ ${CXX:-c++} -std=gnu++11
		done
	done
}

# ---- macros.tsv: each is a macro that takes so many arguments, or a function or a constant ----

# uses HEADER: a program that only has to be preprocessed and parsed. A macro with arguments is
# expanded into a string; one with an optional order twice, without and with it.
uses() {
	cat <<-TXT
	#include <$1>
	#define URCU_STRING(...) #__VA_ARGS__
	#define URCU_EXPAND(...) URCU_STRING(__VA_ARGS__)
	TXT
	rows macros | awk -F '\t' -v header="$1" '
	function expand(arguments) {
		printf "extern char urcu_expanded[sizeof(URCU_EXPAND(%s%s)) ? 1 : -1];\n",
			$2, arguments
	}
	$1 != header || $2 ~ /^URCU_ARCH_/ { next }	# those: see architectures
	$3 == "-" || $3 ~ /\(void\)|^\([a-z_ ]* mo\)$/ {
		printf "#ifndef %s\nstatic inline void urcu_use_%d(void) { (void) %s; }\n#endif\n",
			$2, ++count, $2
		next
	}
	{
		printf "#ifndef %s\n#error no %s\n#endif\n", $2, $2
		optional = sub(/,[a-z]*\.\.\./, "", $3)
		expand($3)
		if (optional && sub(/\)$/, ", mo)", $3))
			expand($3)
	}'
}

# parsed LANGUAGE COMPILER...: the same, for macros.
parsed() {
	language=$1
	shift
	attempt "macros of $header, $language" "$@" -Wall -Werror -Wno-unused-function \
		-D_LGPL_SOURCE -DURCU_API_MAP -I"$include" -fsyntax-only \
		-x "$language" "$work/macros"
}

macros() {
	for header in $(rows macros | cut -f 1 | LC_ALL=C sort -u); do
		uses "$header" > "$work/macros"
		parsed c ${CC:-cc} -std=gnu11
		parsed c++ ${CXX:-c++} -std=gnu++11
	done
}

# The architectures' names are defined on those machines alone: look at the text.
architectures() {
	rows macros | awk -F '\t' '$2 ~ /^URCU_ARCH_/ { print $2 }' > "$work/architectures"
	for name in $(cat "$work/architectures"); do
		grep -qrE "define[[:space:]]+$name[[:space:]]" "$include/urcu" ||
			echo "error: no $name"
	done > "$work/log"
	result "$(grep -c . "$work/log" || :)" "names of architectures" || :
}

# ---- names.tsv: an unprefixed or legacy name is the flavor's own ----

names() {
	for flavor in mb memb bp qsbr; do
		{
			printf '#define URCU_API_MAP\n#include <urcu/urcu-%s.h>\n' $flavor
			rows names | sed -e "s/_mb\([[:space:]_]\|\$\)/_$flavor\1/g" |
			awk -F '\t' '{ printf "QUOTE \"%s\" %s %s\n", $1, $1, $2 }'
		} > "$work/names.c"
		${CC:-cc} -E -P -I"$include" "$work/names.c" | sed -n 's/^QUOTE "\(.*\)" /\1 /p' |
		awk '$2 != $3 || $1 == $2 { print "differs: " $1 " is " $2 ", not " $3 }' \
			> "$work/log"
		grep -c QUOTE "$work/names.c" > "$work/count"
		result "$(grep -c . "$work/log" || :)" "names of $flavor ($(cat "$work/count"))" || :
	done
}

# ---- constants.tsv ----

constants() {
	{
		echo '#include <stdio.h>'
		echo '#include <urcu.h>'
		echo '#include <urcu/cds.h>'
		echo 'int main(void) { int wrong = 0;'
		rows constants | while read -r name value; do
			printf 'if ((long) %s != %s) wrong += printf("%s differs\\n");\n' \
				"$name" "$value" "$name"
		done
		echo 'return wrong != 0; }'
	} > "$work/constants.c"
	attempt "constants compile" ${CC:-cc} -I"$include" -o "$work/constants" \
		"$work/constants.c" -L"$libraries" -Wl,-rpath,"$libraries" -lurcu-memb
	case $(uname -m) in
	x86_64) attempt "constants have the values of constants.tsv" "$work/constants" ;;
	*) skip constants "kept for x86-64 alone" ;;
	esac
}

functions
macros
architectures
names
constants
plan
