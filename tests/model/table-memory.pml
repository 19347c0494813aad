/* SPDX-License-Identifier: MIT */
/*
 * The memory of a hash table's buckets: threads grow it while the callback shrinks it. grow of
 * src/lfht/resize.c with provide, and adjust, retire, unlink_some, revive with free, of
 * src/lfht/memory.c. An order has one bucket here. MMAP: that scheme; else order and chunk, whose
 * entries of `pieces` are published. Each change of a word is a step, in an order that all agree on: the
 * shape's swaps are sequentially consistent, and what is published comes with its entry.
 *
 * Claims: who starts at a bucket of a size in force finds its memory there, and whole; one that is in
 * the list is not freed; one that was taken out is not met again when nothing is under way; and no
 * piece is lost.
 */
#define GROWERS 2
#ifndef SECTIONS
#define SECTIONS 1
#endif
#ifndef SHRINKS
#define SHRINKS 2
#endif
#define ORDERS 3	/* 0 is never given back */
#define PIECES 6	/* 0 is none; an address is used again */

mtype = { MISSING, READY, REMOVED };

/* The shape: the phase, and the order. Without the number of its changes, all of this holds too. */
#define NONE 0
#define RETIRING 1
#define UNLINKING 2
#define REVIVING 3
#define FREEING 4
#define SHAPE(order, phase) ((phase) << 2 | (order))
#define ORDER(shape) ((shape) & 3)
#define PHASE(shape) ((shape) >> 2)
byte shape = 1;	/* of two buckets, at first */

inline swap(old, new, swapped)
{
	atomic {
		if
		:: shape == old -> shape = new; swapped = true
		:: else -> swapped = false
		fi
	}
}

/* ---- Memory ---- */

#ifdef MMAP
bit accessible[ORDERS];
#ifdef MUTANT_MMAP_REMEMBERS
bit said[ORDERS];
#endif
mtype bucket[ORDERS];
#define PLACE(order) (order)
#define IS_WHOLE(order) (accessible[order])
#else
byte pieces[ORDERS];	/* entries: numbers of pieces */
bit live[PIECES];
bit whole[PIECES];
mtype bucket[PIECES];
#define PLACE(order) pieces[order]
#define IS_WHOLE(order) (live[pieces[order]] && whole[pieces[order]])
#endif
#define BUCKET(order) bucket[PLACE(order)]

/* One more order, for a thread that knows of those that it provided in earlier tries. */
inline provide(order)
{
#ifdef MMAP
#ifdef MUTANT_MMAP_REMEMBERS
	if
	:: said[order]
	:: else -> accessible[order] = 1; said[order] = 1
	fi
#else
	accessible[order] = 1
#endif
#else
	if
	:: pieces[order]
	:: else ->
		d_step {
			piece = 1;
			do
			:: live[piece] -> piece++
			:: else -> break
			od;
			live[piece] = 1;
			bucket[piece] = MISSING;
#ifndef MUTANT_CHUNKS_FILLED_LATER
			whole[piece] = 1
#endif
		};
#ifdef MUTANT_PUBLISH_STORES
		pieces[order] = piece;
#else
		atomic {
			if
			:: !pieces[order] -> pieces[order] = piece
			:: else -> live[piece] = 0; whole[piece] = 0
			fi
		};
#endif
#ifdef MUTANT_CHUNKS_FILLED_LATER
		if
		:: pieces[order] == piece -> whole[piece] = 1
		:: else
		fi;
#endif
		piece = 0
	fi
#endif
}

/* All above an order. */
inline free_above(order, top)
{
#ifdef MMAP
#ifdef MUTANT_MMAP_REMEMBERS
	for (i : order + 1 .. ORDERS - 1) {
		if
		:: said[i] -> atomic { accessible[i] = 0; bucket[i] = MISSING }; said[i] = 0
		:: else
		fi
	}
#else
	atomic {
		if
		:: /* mapped anew */
			for (i : order + 1 .. ORDERS - 1) {
				assert(bucket[i] != READY);
				accessible[i] = 0;
				bucket[i] = MISSING
			}
		:: /* refused: cleared */
#ifndef MUTANT_MMAP_KEEPS_BUCKETS
			for (i : order + 1 .. top) {
				assert(accessible[i] && bucket[i] != READY);
				bucket[i] = MISSING
			}
#else
			skip
#endif
		fi
	}
#endif
#else
	for (i : order + 1 .. ORDERS - 1) {
#ifdef MUTANT_FREE_BEFORE_TAKE
		taken = pieces[i];
#else
		atomic { taken = pieces[i]; pieces[i] = 0 };
#endif
		d_step {
			if
			:: taken -> assert(live[taken] && bucket[taken] != READY);
				live[taken] = 0; whole[taken] = 0; taken = 0
			:: else
			fi
		};
#ifdef MUTANT_FREE_BEFORE_TAKE
		pieces[i] = 0
#endif
	}
#endif
}

/* ---- Sections and grace periods ---- */

bit inside[GROWERS];
bit awaited[GROWERS];

inline leave(me)
{
	d_step { inside[me] = 0; awaited[me] = 0 }
}

/* From one run of the callback to the next. */
inline grace_period()
{
	d_step { for (i : 0 .. GROWERS - 1) { awaited[i] = inside[i] } };
	!awaited[0] && !awaited[1] -> i = 0
}

/* ---- Threads that grow it ---- */

byte done;

proctype grower(byte me)
{
	byte wanted, order, tried, sections, piece, met, place;
	byte seen;
	bool swapped;

	do
	:: sections < SECTIONS ->
		sections++;
		atomic { inside[me] = 1; select (wanted : 1 .. ORDERS - 1) };
		tried = 0;
		do
		:: atomic { seen = shape; order = ORDER(seen) };
			if
			:: order >= wanted -> break
#ifndef MUTANT_GROW_IN_FREEING
			:: order < wanted && PHASE(seen) == FREEING -> break
			:: order < wanted && PHASE(seen) != FREEING
#else
			:: order < wanted
#endif
			fi;
			do
			:: order < wanted ->
				order++;
#ifdef MUTANT_GROW_TRUSTS_AN_EARLIER_TRY
				if
				:: order <= tried
				:: else -> provide(order); tried = order
				fi
#else
				provide(order)
#endif
			/* No memory for more. */
			:: order > ORDER(seen) -> break
			od;
			swap(seen, SHAPE(order, (PHASE(seen) == UNLINKING -> REVIVING : PHASE(seen))),
				swapped);
			if
			:: swapped -> break
			:: else
			fi
		od;
		/* Start at a bucket of the size in force, and make it if it is missing. */
		atomic { seen = shape; order = ORDER(seen) };
		if
		:: order > 1 -> order--
		:: true
		fi;
		if
		:: order -> atomic {
			assert(IS_WHOLE(order));
			assert(BUCKET(order) != REMOVED || PHASE(seen) != NONE || shape != seen);
			if
			:: BUCKET(order) == MISSING -> BUCKET(order) = READY
			:: else
			fi
		}
		:: else
		fi;
		/* Meet a bucket in the list, also one beyond the size in force, and go on from there. */
		if
		:: atomic { BUCKET(1) == READY -> met = 1; place = PLACE(1) }
		:: atomic { BUCKET(2) == READY -> met = 2; place = PLACE(2) }
		:: else
		fi;
		/* By its index: its memory is still the same. */
		assert(!met || (IS_WHOLE(met) && PLACE(met) == place));
		d_step { met = 0; place = 0; order = 0; wanted = 0; tried = 0; seen = 0; swapped = 0 };
		leave(me)
	:: else -> break
	od;
	done++
}

/* ---- The callback: a grace period, and a run ---- */

proctype callback()
{
	byte i, next, top, shrinks, taken;
	byte seen;
	bool swapped, drained;

	do
	:: shrinks < SHRINKS ->
		shrinks++;
		/* adjust */
		atomic { ORDER(shape) > 0 || done == GROWERS; seen = shape };
		if
		:: ORDER(seen) == 0 -> break
		:: ORDER(seen) > 0 -> i = 0
		:: ORDER(seen) > 1 -> i = 1
		fi;
		swap(seen, SHAPE(i, RETIRING), swapped);
		if
		:: swapped -> top = ORDER(seen)
		:: else -> goto over
		fi;
retire:		do
		:: seen = shape;
#ifndef MUTANT_RETIRE_WITHOUT_GRACE_PERIOD
			grace_period();
#endif
			if
			:: shape != seen
			:: else ->
				drained = false;
#ifndef MUTANT_RETIRE_FORGETS_TOP
				top = (top < ORDER(seen) -> ORDER(seen) : top);
#else
				top = ORDER(seen);
#endif
				next = top;
				swap(seen, SHAPE(ORDER(seen), UNLINKING), swapped);
				if
				:: swapped -> break
				:: else
				fi
			fi
		od;
		seen = shape;
		/* unlink_some; bucket_unlink looks at the bucket's word, then at the shape. */
		if
		:: PHASE(seen) == UNLINKING ->
			do
			:: next > ORDER(seen) ->
				atomic { assert(IS_WHOLE(next)); swapped = BUCKET(next) == READY };
				if
				:: shape != seen -> break
				:: else
				fi;
				if
				:: swapped -> atomic { assert(IS_WHOLE(next)); BUCKET(next) = REMOVED }
				:: else
				fi;
				next--
			:: else -> drained = true; break
			od
		:: else
		fi;
#ifndef MUTANT_FREE_WITHOUT_GRACE_PERIOD
		grace_period();
#endif
#ifdef MUTANT_FREE_BEFORE_FREEING
		if
		:: drained && shape == seen -> free_above(ORDER(seen), top)
		:: else
		fi;
#endif
		if
		:: drained -> swap(seen, SHAPE(ORDER(seen), FREEING), swapped)
		:: else -> swapped = false
		fi;
		if
		:: swapped ->
#ifndef MUTANT_FREE_BEFORE_FREEING
			free_above(ORDER(seen), top);
#endif
			seen = shape;
			swap(seen, SHAPE(ORDER(seen), NONE), swapped);
			assert(swapped)
		:: else ->
			/* revive */
			do
			:: next < top -> next++;
				atomic {
					assert(IS_WHOLE(next));
					if
					:: BUCKET(next) == REMOVED -> BUCKET(next) = MISSING
					:: else
					fi
				}
			:: else -> break
			od;
			do
			:: seen = shape;
				swap(seen, SHAPE(ORDER(seen), RETIRING), swapped);
				if
				:: swapped -> goto retire
				:: else
				fi
			od
		fi;
over:		i = 0; next = 0; top = 0; drained = false
	:: break
	od;
	done++
}

init
{
	byte i, pieces_live;

	atomic {
#ifdef MMAP
		for (i : 0 .. ORDERS - 1) { bucket[i] = MISSING };
		accessible[0] = 1; accessible[1] = 1;
#ifdef MUTANT_MMAP_REMEMBERS
		said[1] = 1;
#endif
#else
		pieces[1] = 1; live[1] = 1; whole[1] = 1;
#endif
		BUCKET(1) = READY;
		for (i : 0 .. GROWERS - 1) { run grower(i) };
		run callback()
	};
	done == GROWERS + 1;
#ifndef MMAP
	d_step {
		for (i : 1 .. PIECES - 1) { pieces_live = pieces_live + live[i] };
		for (i : 1 .. ORDERS - 1) { pieces_live = pieces_live - (pieces[i] -> 1 : 0) };
		assert(pieces_live == 0)
	}
#endif
}
