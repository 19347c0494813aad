/* SPDX-License-Identifier: MIT */
/*
 * Callers of synchronize_rcu share grace periods: quiesce_gp_ticket, quiesce_gp_wait, end_turn,
 * await_turn and call_up of src/grace/gp.c. CALLERS threads call CALLS times in all.
 *
 * Claim: a caller returns only when a grace period that began after its call is over, only one is
 * led at a time, and every call returns (else: invalid end state).
 *
 * All of these loads and stores are sequentially consistent, or a ticket's look after a full barrier
 * [T1], and so is memory here. What the leader freed for is ordered by its store and the followers'
 * acquire. A wake-up of one takes any of the sleepers. No sleeper wakes without cause, which could
 * hide one that is lost.
 */
#ifndef CALLERS
#define CALLERS 3
#endif
#ifndef CALLS
#define CALLS 4
#endif

byte sequence;			/* far from wrapping, as is turn */
bit asleep[2];

/* Of turn, whose value says nothing: for whom it is as he read it, its index plus one. */
byte read[CALLERS + 1];

/* Of the kernel: what each thread sleeps on, turn's index plus one, or 0. */
byte bed[CALLERS + 1];
/* Of the model alone: how many calls are still to come; how many grace periods have begun, and which was the last that ended. */
byte left = CALLS, begun, ended;

#define WHICH(ticket) ((ticket) / 2 % 2)

inline wake_all(index)
{
	d_step {
		for (i : 1 .. CALLERS) {
			if :: bed[i] == (index) + 1 -> bed[i] = 0 :: else fi
		}
		i = 0
	}
}

inline wake_one(index)
{
	atomic {
		if
		:: bed[1] == (index) + 1 -> bed[1] = 0
		:: bed[2] == (index) + 1 -> bed[2] = 0
		:: bed[CALLERS] == (index) + 1 -> bed[CALLERS] = 0
		:: else
		fi
	}
}

inline change_turn(index)
{
	d_step {
		for (i : 1 .. CALLERS) {
			if :: read[i] == (index) + 1 -> read[i] = 0 :: else fi
		}
		i = 0
	}
}

#ifdef MUTANT_CALL_UP_LEAVES_TURN
#define CHANGE_TURN(index) skip
#else
#define CHANGE_TURN(index) change_turn(index)
#endif
#define READ_TURN read[_pid] = WHICH(ticket) + 1

/* Before the turn changes: who sets it after that sees the sequence. */
#if defined(MUTANT_CALL_UP_FORGETS_LATE)
#define FORGET(index) skip
#define FORGET_LATE(index) asleep[index] = 0
#else
#define FORGET(index) asleep[index] = 0
#define FORGET_LATE(index) skip
#endif

inline call_up_all(index)
{
	if
	:: asleep[index] -> FORGET(index); CHANGE_TURN(index); wake_all(index); FORGET_LATE(index)
	:: else
	fi
}

inline call_up_one(index)
{
	if
	:: asleep[index] ->
#ifdef MUTANT_CALL_UP_ONE_FORGETS
		asleep[index] = 0;
#endif
		CHANGE_TURN(index); wake_one(index)
	:: else
	fi
}

inline lead()
{
	atomic { assert(begun == ended); begun++; mine = begun };
	ended = mine
}

/* The sequence is odd; seen is what it was before. */
inline lead_turn()
{
	lead();
#ifndef MUTANT_W1_AFTER_LOOK
	sequence = seen + 2;
#endif
#ifdef MUTANT_END_TURN_WAKES_ONE
	call_up_one(WHICH(seen + 2));
#else
	call_up_all(WHICH(seen + 2));
#endif
#ifndef MUTANT_END_TURN_WAKES_NO_NEXT
	call_up_one(WHICH(seen + 4));
#endif
#ifdef MUTANT_W1_AFTER_LOOK
	sequence = seen + 2;
#endif
	mine = 0
}

#ifdef MUTANT_AWAIT_TURN_TELLS_NOBODY
#define TELL skip
#else
#define TELL asleep[WHICH(ticket)] = 1
#endif

inline await_turn()
{
#if !defined(MUTANT_W2_READS_TURN_LATE) && !defined(MUTANT_W2_READS_TURN_SECOND)
	READ_TURN;
#endif
#ifndef MUTANT_W2_TELLS_LATE
	TELL;
#endif
#ifdef MUTANT_W2_READS_TURN_SECOND
	READ_TURN;
#endif
	seen = sequence;
#ifdef MUTANT_W2_TELLS_LATE
	TELL;
#endif
#ifdef MUTANT_W2_READS_TURN_LATE
	READ_TURN;
#endif
	if
	:: seen % 2 && seen < ticket ->
		d_step {
			if
			:: read[_pid] -> bed[_pid] = WHICH(ticket) + 1
			:: else
			fi
		};
		bed[_pid] == 0
	:: else
	fi;
	read[_pid] = 0
}

active [CALLERS + 1] proctype caller()
{
	byte ticket, seen, before, mine, i;

	if
	:: _pid == 0 -> goto end	/* no thread has the number 0 */
	:: else
	fi;
	do
	:: atomic { left > 0 -> left--; before = begun };
#ifdef MUTANT_T1_JOINS_RUNNING
		ticket = (sequence + 2) / 2 * 2;
#else
		ticket = (sequence + 3) / 2 * 2;
#endif
		do
		:: seen = sequence;
			if
			:: seen >= ticket -> break
			:: seen < ticket && seen % 2 -> await_turn()
			:: seen < ticket && seen % 2 == 0 ->
#ifdef MUTANT_LEADS_WITHOUT_EXCHANGE
				sequence = seen + 1;
				lead_turn()
#else
				atomic {
					if
					:: sequence == seen -> sequence = seen + 1
					:: else -> seen = 1
					fi
				};
				if
				:: seen % 2 == 0 -> lead_turn()
				:: else
				fi
#endif
			fi
		od;
		atomic {
			assert(ended > before);
			ticket = 0; before = 0; seen = 0
		}
	:: left == 0 -> break
	od;
end:
	skip
}
