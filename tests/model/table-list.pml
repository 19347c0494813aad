/* SPDX-License-Identifier: MIT */
/*
 * The list of a hash table, and the buckets in it, while it grows and shrinks: list.c, buckets.c, the
 * operations of update.c and lookup.c, and grow and the callback's steps of resize.c, in src/lfht.
 * table-memory.pml has the buckets' memory; here whoever grows provides all of it in one step. Each
 * access to a word that others see is a step, in an order that all agree on: swaps are sequentially
 * consistent, and what a word leads to comes with it.
 *
 * The lowest two bits of a key are its hash; keys with one of the next two are unique: add_unique alone
 * puts them there. Each thread does any sequence of the operations that its configuration allows. A node or a
 * bucket is poisoned as soon as its grace period is over, and may be used again.
 *
 * Claims: nobody meets or swaps a word of a node or bucket that is freed, or meets a bucket that is missing.
 * A lookup finds a node that is in from its beginning to its end, and none that is not in. Of two dels of
 * a node one succeeds, and the other finds it deleted. add_unique never leaves two. A traversal meets each
 * node that is in throughout, none twice, and no unique key twice. At each change of the list or the size
 * the list is sorted, and from each bucket of that size where operations may start, each node that is in and
 * belongs behind it is reached; bucket 0 is always one. In the end no bucket of the size in force is marked.
 */
#include "table-list-sizes.inc"
#define IS_UNIQUE(k) ((k) & 12)

#include "table-list.inc"

/* ---- Operations ---- */

inline add()
{
	do
	:: start_update(k);
#ifndef MUTANT_ADD_UNIQUE_BEHIND_EQUALS
		walk(REVERSE(k), IS_UNIQUE(k), 0);
#else
		walk(REVERSE(k), false, 0);
#endif
		if
		:: found == FOUND_NO_START -> found = 0
		:: else ->
#ifndef MUTANT_ADD_UNIQUE_BEHIND_EQUALS
			if
			:: found == FOUND_EQUAL && op ->
				kept = word;
				search(k, match);
				word = kept; kept = 0
			:: else
			fi;
#else
			/* Looks through the equals from the bucket on. */
			if
			:: IS_UNIQUE(k) ->
				kept = word;
				word = words[from];
				search(k, match);
				word = kept; kept = 0
			:: else
			fi;
#endif
			if
			:: match -> atomic {
				/* Another was there. */
				held = held & ~BIT(node);
				match = 0; holder = 0; word = 0; found = 0; break
			}
			:: else
			fi;
			atomic {
				TOUCH(holder);
#ifndef MUTANT_ADD_AT_IGNORES_REMOVED
				swapped = words[holder] == word;
#else
				swapped = TO(words[holder]) == TO(word);
#endif
				if
				:: swapped ->
					words[node] = TO(word);
					words[holder] = LED(words[holder], node);
					key[node - 5] = k;
					for (each : 5 .. 4 + NODES) {
						assert(!IS_UNIQUE(k) || !(in & BIT(each)) || key[each - 5] != k)
					};
					each = 0;
					in = in | BIT(node);
					check()
				:: else
				fi;
				holder = 0; word = 0; found = 0
			};
			if
			:: swapped -> break
			:: else
#ifdef MUTANT_ADD_UNIQUE_LOOKS_ONCE
				-> op = 0
#endif
			fi
		fi
	od
}

inline unlink_node()
{
	do
	:: start(k);
		walk(REVERSE(k), false, match);
		holder = 0; word = 0;
#ifdef MUTANT_UNLINK_NODE_TRIES_ONCE
		found = 0;
		break
#else
		if
		:: found == FOUND_NO_START -> found = 0
		:: else -> found = 0; break
		fi
#endif
	od
}

inline mark()
{
	do
	:: atomic { TOUCH(match); word = words[match] };
		if
		:: word & REMOVED -> assert(!(in & BIT(match))); word = 0; swapped = false; break
		:: else
		fi;
		atomic {
			TOUCH(match);
#ifndef MUTANT_DEL_STORES
			swapped = words[match] == word;
#else
			swapped = true;
#endif
			if
			:: swapped ->
				assert(in & BIT(match));
				words[match] = word | REMOVED;
				in = in & ~BIT(match);
				for (each : 0 .. THREADS - 1) { sure[each] = sure[each] & ~BIT(match) };
				each = 0;
				check()
			:: else
			fi;
			word = 0
		};
		if
		:: swapped -> break
		:: else
		fi
	od
}

inline del()
{
#ifdef MUTANT_DEL_UNLINKS_FIRST
	unlink_node();
	mark();
	if
	:: swapped -> free_node(match)
	:: else
	fi;
#else
	mark();
	if
	:: swapped ->
		PERHAPS_LEFT_BEHIND
#ifdef MUTANT_DEL_FREES_FIRST
		free_node(match);
#endif
#ifndef MUTANT_DEL_UNLINKS_NOTHING
		unlink_node();
#endif
#ifndef MUTANT_DEL_FREES_FIRST
		free_node(match)
#endif
	:: else
	fi;
#endif
	match = 0
}

inline traverse()
{
	atomic { word = words[BUCKET(0)] };
	do
	:: atomic {
		if
		:: TO(word) == END -> assert(!sure[me]); break
		:: else
		fi;
		next = TO(word);
		TOUCH(next);
		word = words[next];
		if
		:: IS_NODE(next) && !(word & REMOVED) ->
			assert(in & BIT(next) && !(met & BIT(next)));
			for (each : 5 .. 4 + NODES) {
				assert(!(met & BIT(each)) || !IS_UNIQUE(key[next - 5]) ||
					key[each - 5] != key[next - 5])
			};
			each = 0;
			met = met | BIT(next);
			sure[me] = sure[me] & ~BIT(next)
		:: else
		fi;
		next = 0;
		if
		:: TO(word) == END -> assert(!sure[me]); break
		:: else
		fi
	}
	od;
	met = 0
}

/* Whoever grows provides the memory first: what was freed becomes missing. */
inline provide(order)
{
	d_step {
		for (each : 1 .. (1 << (order)) - 1) {
			words[BUCKET(each)] = (words[BUCKET(each)] == POISON -> MISSING : words[BUCKET(each)])
		};
		each = 0
	}
}

inline grow()
{
	do
	:: atomic { word = shape;
			if
			:: ORDER(word) >= k || PHASE(word) == FREEING -> break
			:: else
			fi
		};
#ifndef MUTANT_GROW_PROVIDES_LAST
		provide(k);
#endif
		atomic {
			swapped = shape == word;
			if
			:: swapped ->
#ifndef MUTANT_GROW_GOES_ON_UNLINKING
				shape = SHAPE(k, (PHASE(word) == UNLINKING -> REVIVING : PHASE(word)));
#else
				shape = SHAPE(k, PHASE(word));
#endif
				check()
			:: else
			fi;
			word = 0
		};
		if
		:: swapped -> break
		:: else
		fi
	od
#ifdef MUTANT_GROW_PROVIDES_LAST
	; provide(k)
#endif
}

/* ---- Threads ---- */

byte done;

#define ALLOWED(op) ((me == 0 -> OPERATIONS_0 : (me == 1 -> OPERATIONS_1 : OPERATIONS_2)) & (op))
#define TURNS (me == 0 -> TURNS_0 : (me == 1 -> TURNS_1 : TURNS_2))

inline sure_of_key()
{
	for (each : 5 .. 4 + NODES) {
		sure[me] = sure[me] | (in & BIT(each) && key[each - 5] == k -> BIT(each) : 0)
	};
	each = 0
}

inline take_node()
{
	node = 5;
	do
	:: held & BIT(node) -> node++
	:: else -> held = held | BIT(node); break
	od
}

inline choose()
{
	if
	:: k = KEY_A
	:: KEY_B != KEY_A -> k = KEY_B
	fi;
	if
	:: ALLOWED(ADD) && !IS_UNIQUE(k) && held + 1 < 1 << NODES -> op = ADD; take_node()
	:: ALLOWED(ADD_UNIQUE) && IS_UNIQUE(k) && held + 1 < 1 << NODES -> op = ADD; take_node()
	:: ALLOWED(DEL) -> op = DEL; sure_of_key()
	:: ALLOWED(LOOKUP) -> op = LOOKUP; sure_of_key()
	:: ALLOWED(TRAVERSE) -> op = TRAVERSE; sure[me] = in
	:: ALLOWED(GROW) -> op = GROW; k = ORDER_MAX
	:: ALLOWED(GROW) && ORDER_MAX > 1 -> op = GROW; k = 1
	:: else -> op = 0
	fi
}

proctype thread(byte me)
{
	byte turns, op, k, node, match, met;
	byte from, holder, word, kept, next, after, found;
	byte index, i, making;
	bool swapped;

	do
	:: atomic { turns < TURNS -> turns++; enter(me); choose() };
		if
		:: op == ADD -> add()
		:: op == DEL || op == LOOKUP ->
			start(k);
			atomic { word = words[from]; from = 0 };
			search(k, match);
			sure[me] = 0;
			word = 0;
			if
			:: op == DEL && match -> del()
			:: else -> match = 0
			fi
		:: op == TRAVERSE -> traverse()
		:: op == GROW -> grow()
		:: else
		fi;
		atomic {
			op = 0; k = 0; node = 0; word = 0; from = 0; swapped = false;
			leave(me)
		}
	:: else -> break
	od;
left_behind:
	atomic { sure[me] = 0; leave(me); done++ }
}

/* ---- The callback ---- */

/* quiesce_bucket_unlink, of the bucket under `below`; makes swapped false if the shape changed. */
inline bucket_unlink()
{
#ifdef MUTANT_BUCKET_UNLINK_READS_SHAPE_FIRST
	swapped = shape == seen;
	atomic { assert(words[below] != POISON); kept = words[below] };
#else
	atomic { assert(words[below] != POISON); kept = words[below] };
#ifndef MUTANT_BUCKET_UNLINK_IGNORES_SHAPE
	swapped = shape == seen;
#else
	swapped = true;
#endif
#endif
	if
	:: !swapped || kept == MISSING
	:: else ->
		atomic {
			assert(words[below] != POISON);
			words[below] = words[below] | REMOVED;
			check()
		};
		do
		:: index = PARENT(below - 1);
			ancestor();
			walk(REVERSE(below - 1), false, below);
			holder = 0; word = 0; from = 0;
			if
			:: found == FOUND_NO_START -> found = 0
			:: else -> found = 0; break
			fi
		od
	fi;
	kept = 0
}

inline unlink_some()
{
	do
	:: below > SIZE(seen) ->
		bucket_unlink();
		if
		:: swapped -> below--
		:: else -> break
		fi
	:: else -> drained = true; break
	od
}

inline free_buckets()
{
	d_step {
		for (i : SIZE(seen) .. 3) {
			assert(words[BUCKET(i)] == MISSING || words[BUCKET(i)] & REMOVED);
			words[BUCKET(i)] = POISON
		};
		i = 0
	};
	atomic { assert(shape == SHAPE(ORDER(seen), FREEING)); shape = SHAPE(ORDER(seen), NONE) }
}

inline revive()
{
	do
	:: below < top ->
		atomic {
			below++;
			assert(words[below] != POISON);
#ifndef MUTANT_BUCKET_FORGET_ALL
			if
			:: words[below] & REMOVED -> words[below] = MISSING
			:: else
			fi
#else
			words[below] = MISSING
#endif
		}
	:: else -> break
	od;
	atomic {
		if
		:: shape == seen -> shape = SHAPE(ORDER(seen), RETIRING); shape_seen = 0
		:: else
		fi
	}
}

/* From one run to the next. */
#ifdef MUTANT_FREE_WITHOUT_GRACE_PERIOD
#define TO_BE_AWAITED (PHASE(shape) == UNLINKING && drained -> 0 : inside)
#elif defined(MUTANT_RETIRE_WITHOUT_GRACE_PERIOD)
#define TO_BE_AWAITED (PHASE(shape) == RETIRING || PHASE(shape) == UNLINKING && !drained -> 0 : inside)
#elif defined(MUTANT_REVIVE_WITHOUT_GRACE_PERIOD)
#define TO_BE_AWAITED (PHASE(shape) == REVIVING -> 0 : inside)
#else
#define TO_BE_AWAITED inside
#endif

/*
 * A swap of the shape that fails leaves all as it is for the next run, so here the shape is read and
 * swapped in one step where nothing comes between. shape_seen is not what it was by then: the code has a number
 * of changes in the shape.
 */
proctype callback()
{
	byte seen, shape_seen, shrinks, top, below;
	byte from, holder, word, kept, next, after, found;
	byte index, i;
	bool swapped, drained;

	do
	:: atomic {
			!awaited && (PHASE(shape) != NONE || done == THREADS ||
				shrinks < SHRINKS && ORDER(shape));
			seen = shape;
			if
			:: PHASE(seen) == NONE && shrinks < SHRINKS && ORDER(seen) ->
				shrinks++;
				if
				:: i = 0
				:: ORDER(seen) > 1 -> i = 1
				fi;
				shape = SHAPE(i, RETIRING);
				i = 0;
				top = SIZE(seen);
				shape_seen = 0;
				check()
			:: PHASE(seen) == NONE && !(shrinks < SHRINKS && ORDER(seen)) -> break
#ifndef MUTANT_RETIRE_WITHOUT_GRACE_PERIOD
			:: PHASE(seen) == RETIRING && shape_seen != seen -> shape_seen = seen
			:: PHASE(seen) == RETIRING && shape_seen == seen ->
#else
			:: PHASE(seen) == RETIRING ->
#endif
				drained = false;
#ifndef MUTANT_RETIRE_FORGETS_TOP
				top = (top < SIZE(seen) -> SIZE(seen) : top);
#else
				top = SIZE(seen);
#endif
				below = top;
#ifdef MUTANT_RETIRE_SAYS_DRAINED
				drained = true;
#endif
				shape = SHAPE(ORDER(seen), UNLINKING)
			:: PHASE(seen) == UNLINKING && drained -> shape = SHAPE(ORDER(seen), FREEING)
			:: PHASE(seen) == UNLINKING && !drained
			:: PHASE(seen) == REVIVING
			fi;
			enter(CALLBACK)
		};
		if
		:: PHASE(seen) == UNLINKING && drained -> free_buckets()
		:: PHASE(seen) == UNLINKING && !drained -> unlink_some()
		:: PHASE(seen) == REVIVING -> revive()
		:: else
		fi;
		atomic { swapped = false; seen = 0; leave(CALLBACK); awaited = TO_BE_AWAITED }
	od;
	done++
}

/* ---- The table at first, and in the end ---- */

/* Perhaps a node of that key is there at first. */
inline put(k)
{
	if
	:: REVERSE((k) & 3) == rank && node < 5 + NODES ->
		if
		:: words[last] = words[last] | node;
			last = node;
			words[last] = 0;
			key[node - 5] = k;
			in = in | BIT(node);
			held = in;
			node++
		:: true
		fi
	:: else
	fi
}

/* Its nodes: one of each key, or none. */
init
{
	byte rank, last, node;

	atomic {
		for (rank : 0 .. 3) { words[BUCKET(rank)] = POISON };
		for (node : 5 .. 4 + NODES) { words[node] = POISON };
		node = 5;
		for (rank : 0 .. 3) {
			if
			:: REVERSE(rank) < 1 << ORDER_FIRST ->
				if
				:: true ->
					if
					:: last -> words[last] = words[last] | BUCKET(REVERSE(rank))
					:: else
					fi;
					last = BUCKET(REVERSE(rank));
					words[last] = READY
				:: REVERSE(rank) >= MADE -> words[BUCKET(REVERSE(rank))] = MISSING
				fi
			:: else
			fi;
			put(KEY_A);
			if
			:: KEY_B != KEY_A -> put(KEY_B)
			:: else
			fi
		};
		words[last] = words[last] | END;
		rank = 0; last = 0; node = 0;
		check();
		for (rank : 0 .. THREADS - 1) { run thread(rank) };
		rank = 0;
		run callback()
	};
	done == THREADS + 1;
	d_step {
		check();
		for (rank : 1 .. SIZE(shape) - 1) {
			assert(words[BUCKET(rank)] != POISON && !(words[BUCKET(rank)] & REMOVED))
		};
		for (node : 5 .. 4 + NODES) {
			assert(in & BIT(node) || held & BIT(node) || words[node] == POISON)
		}
	}
}
