#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs that compile with liburcu's headers, and what compilers say to others, one case each. TAP.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/headers/headers.inc
. "$here/headers.inc"

compile() { # language, flags ...: of $work/source
	language=$1
	shift
	for compiler in $(case $language in c) echo "gcc clang" ;; *) echo "g++ clang++" ;; esac); do
		command -v "$compiler" > /dev/null || continue
		timeout 60 "$compiler" -x "$language" -Wall -Wextra -Wpedantic -Werror -I"$include" "$@" \
			-c -o "$work/object" "$work/source" || return
	done
}

# accepted WHAT LANGUAGE FLAGS...; the source is read.
accepted() {
	what=$1
	shift
	cat > "$work/source"
	status=0
	compile "$@" > "$work/log" 2>&1 || status=1
	result $status "$what, $*" || :
}

# refused MESSAGE WHAT LANGUAGE FLAGS...: with that message.
refused() {
	message=$1 what=$2
	shift 2
	cat > "$work/source"
	status=0
	! compile "$@" > "$work/log" 2>&1 && grep -qE "$message" "$work/log" || status=1
	result $status "$what is refused, $*" || :
}

for language in c c++; do
	accepted "what <urcu.h> brings along" $language <<-'TXT'
	#include <urcu.h>
	extern void *taken;
	void *taken;
	int main(void) { free(taken); return EXIT_SUCCESS; }
	TXT

	accepted "bp's grace period has a tag, and its pointer functions are declared" $language <<-'TXT'
	#include <urcu-bp.h>
	extern struct urcu_bp_gp *gp;
	struct urcu_bp_gp *gp = &urcu_bp_gp;
	extern void *(*load)(void *), *(*set[2])(void **, void *), *(*compare)(void **, void *, void *);
	void *(*load)(void *) = urcu_bp_dereference_sym;
	void *(*set[2])(void **, void *) = { urcu_bp_set_pointer_sym, urcu_bp_xchg_pointer_sym };
	void *(*compare)(void **, void *, void *) = urcu_bp_cmpxchg_pointer_sym;
	TXT

	for flag in -U_LGPL_SOURCE -D_LGPL_SOURCE; do
		accepted "a program's own word on deprecated structures" $language $flag <<-'TXT'
		#define CDS_WFQ_DEPRECATED
		#define CDS_LFS_RCU_DEPRECATED
		#include <urcu/wfqueue.h>
		#include <urcu/rculfstack.h>
		extern void use(struct cds_wfq_queue *q, struct cds_lfs_stack_rcu *s);
		void use(struct cds_wfq_queue *q, struct cds_lfs_stack_rcu *s) { cds_wfq_init(q); cds_lfs_init_rcu(s); }
		TXT
		refused "deprecated" "a deprecated queue" $language $flag <<-'TXT'
		#include <urcu/wfqueue.h>
		extern void use(struct cds_wfq_queue *q);
		void use(struct cds_wfq_queue *q) { cds_wfq_init(q); }
		TXT
	done

	refused "unused.result" "a reference that may be none" $language <<-'TXT'
	#include <urcu/ref.h>
	extern void use(struct urcu_ref *ref);
	void use(struct urcu_ref *ref) { urcu_ref_get_safe(ref); }
	TXT

	for size in 3 16; do
		for access in 'uatomic_load(&x)' 'uatomic_read(&x)' 'uatomic_store(&x, y)' 'uatomic_set(&x, y)' \
				'uatomic_load(\&x, CMM_ACQUIRE)'; do
			refused "size|static assertion" "$access of $size bytes" $language <<-TXT
			#include <urcu/uatomic.h>
			struct object { char bytes[$size]; };
			extern struct object x, y;
			extern void use(void);
			void use(void) { (void) $(echo "$access" | tr -d '\\'); }
			TXT
		done
		accepted "CMM_LOAD_SHARED, CMM_STORE_SHARED of $size bytes" $language <<-TXT
		#include <urcu/system.h>
		struct object { char bytes[$size]; };
		extern struct object x, y;
		extern struct object use(void);
		struct object use(void) { CMM_STORE_SHARED(x, y); return CMM_LOAD_SHARED(y); }
		TXT
	done

	for operation in 'uatomic_inc(&x)' 'uatomic_dec(&x)' 'uatomic_add(&x, true)' 'uatomic_sub(&x, true)' \
			'(void) uatomic_add_return(&x, true)' '(void) uatomic_sub_return(&x, true)'; do
		refused "negative|narrowing" "$operation of a boolean" $language <<-TXT
		#include <stdbool.h>
		#include <urcu/uatomic.h>
		extern bool x;
		extern void use(void);
		void use(void) { $operation; }
		TXT
	done

	accepted "all else with a boolean, and counts of other types" $language <<-'TXT'
	#include <stdbool.h>
	#include <urcu/uatomic.h>
	enum colour { RED, GREEN };
	extern bool x;
	extern enum colour colour;
	extern char *pointer;
	extern unsigned char byte;
	extern volatile long number;
	extern bool use(void);
	bool use(void)
	{
		uatomic_set(&x, true);
		uatomic_or(&x, 2);
		uatomic_and(&x, false);
		uatomic_add(&colour, 1);
		uatomic_inc(&pointer);
		uatomic_inc(&byte);
		return uatomic_xchg(&x, false) || uatomic_cmpxchg(&x, true, false) || uatomic_add_return(&number, 1);
	}
	TXT

	accepted "an entry of NULL" $language <<-'TXT'
	#include <urcu.h>
	#include <urcu/rculfhash.h>
	#include <stdlib.h>
	struct entry { int number; struct cds_lfht_node node; };
	extern struct entry *use(const struct cds_lfht_node *node);
	struct entry *use(const struct cds_lfht_node *node)
	{
		return cds_lfht_entry(NULL, struct entry, node) ? NULL : cds_lfht_entry(node, struct entry, node);
	}
	TXT

	for order in '#include <urcu/call-rcu.h>
#include <urcu.h>' '#include <urcu.h>
#include <urcu/urcu-qsbr.h>' '#include <urcu-bp.h>' '#include <urcu-qsbr.h>'; do
		accepted "$(echo "$order" | tr '\n' ' ') and all the rest, each declared once" $language \
			-Wredundant-decls <<-TXT
		$order
		#include <urcu-call-rcu.h>
		#include <urcu-defer.h>
		#include <urcu-flavor.h>
		#include <urcu/urcu-poll.h>
		#include <urcu/flavor-api.h>
		#include <urcu/cds.h>
		extern void (*pointers[])(void);
		void (*pointers[])(void) = { rcu_barrier, rcu_defer_barrier, synchronize_rcu, rcu_read_lock };
		extern const struct rcu_flavor_struct *table;
		const struct rcu_flavor_struct *table = &rcu_flavor;
		TXT
	done
done

accepted "members of a class with a base" c++ <<-'TXT'
#include <urcu.h>
#include <urcu/cds.h>
struct base { int number; };
struct entry : base { cds_list_head list; cds_hlist_node hlist; cds_lfht_node node; };
int use(cds_lfht *table, cds_list_head *list, cds_hlist_head *hlist);
int use(cds_lfht *table, cds_list_head *list, cds_hlist_head *hlist)
{
	cds_lfht_iter iter;
	entry *pos;
	int sum = 0;

	cds_lfht_for_each_entry(table, &iter, pos, node)
		sum += pos->number;
	cds_list_for_each_entry_rcu(pos, list, list)
		sum += pos->number;
	cds_hlist_for_each_entry_rcu_2(pos, hlist, hlist)
		sum += pos->number;
	return sum;
}
TXT

# liburcu's headers compile so, too, without _LGPL_SOURCE.
for standard in c++98 gnu++98; do
	for flag in -U_LGPL_SOURCE -D_LGPL_SOURCE; do
		accepted "C++ before C++11" c++ -std=$standard -Wno-pedantic $flag <<-'TXT'
		#include <urcu.h>
		#include <urcu/cds.h>
		struct entry { int number; cds_list_head list; cds_hlist_node hlist; cds_lfht_node node; };
		extern entry *shared;
		entry *shared;
		int use(cds_lfht *table, cds_list_head *list, cds_hlist_head *hlist, int *number);
		int use(cds_lfht *table, cds_list_head *list, cds_hlist_head *hlist, int *number)
		{
			cds_lfht_iter iter;
			entry *pos;

			CDS_INIT_HLIST_HEAD(hlist);
			cds_lfht_for_each_entry(table, &iter, pos, node)
				uatomic_inc(number);
			cds_list_for_each_entry_rcu(pos, list, list)
				uatomic_or(number, pos->number);
			rcu_assign_pointer(shared, pos);
			return uatomic_xchg(number, 1) + rcu_dereference(shared)->number + CMM_LOAD_SHARED(*number);
		}
		TXT
	done
done

# ---- Barriers in what compilers make ----

barriers() { # pattern, wanted number, source, flags ...
	pattern=$1 wanted=$2 source=$3
	shift 3
	timeout 60 "$@" -O2 -I"$include" -S -o "$work/assembly" "$source" &&
		[ "$(grep -cE "$pattern" "$work/assembly")" = "$wanted" ] || { cat "$work/assembly"; return 1; }
}

# fenced NAME EXPRESSION: a function that does that with *p, in a file of its own.
fenced() {
	cat > "$work/$1.c" <<-TXT
	#include <urcu/uatomic.h>
	extern long act(long *p);
	long act(long *p) { $2; }
	TXT
}
fenced store 'uatomic_store(p, 1, CMM_SEQ_CST_FENCE); return 0'
fenced load 'return uatomic_load(p, CMM_SEQ_CST_FENCE)'
fenced exchange 'return uatomic_xchg(p, 1, CMM_SEQ_CST_FENCE)'
fenced compare 'return uatomic_cmpxchg(p, 1, 2)'
fenced failure 'return uatomic_cmpxchg(p, 1, 2, CMM_RELAXED, CMM_SEQ_CST_FENCE)'
fenced success 'return uatomic_cmpxchg(p, 1, 2, CMM_SEQ_CST_FENCE, CMM_RELAXED)'
for compiler in gcc clang; do
	case $(command -v $compiler) in
	"") skip "one barrier in a store, $compiler" "no $compiler" ;;
	*)
		case $(uname -m) in
		x86_64)
			status=0
			barriers 'lock|xchg|mfence' 1 "$work/store.c" $compiler > "$work/log" 2>&1 || status=1
			result $status "one barrier in a store of order CMM_SEQ_CST_FENCE, $compiler" || :
			;;
		*) skip "one barrier in a store, $compiler" "of x86" ;;
		esac
		;;
	esac
done

# Old binaries load a pointer, and call this for the barrier. The C library's headers of this machine do.
mkdir "$work/gnu"
: > "$work/gnu/stubs-32.h"
sed '/^void \*rcu_dereference_sym2/,$d' "$here/../../src/flavor/pointer.c" > "$work/pointer.c"
if command -v clang > /dev/null && clang --print-targets 2> /dev/null | grep -q aarch64 &&
		[ -d /usr/include/x86_64-linux-gnu ]; then
	# Those of a store are its release and what is behind it.
	for case in store:stlr:1 store:dmb:1 load:dmb:2 exchange:dmb:2 compare:dmb:2 failure:dmb:2 success:dmb:2; do
		name=${case%%:*} pattern=${case#*:}
		status=0
		barriers "${pattern%:*}" "${case##*:}" "$work/$name.c" clang --target=aarch64-linux-gnu \
			-isystem "$work" -isystem /usr/include/x86_64-linux-gnu -w > "$work/log" 2>&1 || status=1
		result $status "a barrier before and after, CMM_SEQ_CST_FENCE, $case, aarch64" || :
	done
	status=0
	barriers 'dmb' 1 "$work/pointer.c" clang --target=aarch64-linux-gnu \
		-isystem "$work" -isystem /usr/include/x86_64-linux-gnu -w > "$work/log" 2>&1 || status=1
	result $status "a barrier in rcu_dereference_sym, aarch64" || :
else
	skip "a barrier in rcu_dereference_sym, aarch64" "no clang for it"
fi
plan
