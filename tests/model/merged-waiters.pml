/* SPDX-License-Identifier: MIT */
/*
 * Callers of synchronize_rcu share grace periods: quiesce_synchronize, take_turn, await_turn and
 * call_up of src/gp.c. CALLERS threads call CALLS times each. COMPLETED_ALONE is the form in which
 * who was woken looks at completed, by an acquire load, and does not take the lock to return.
 *
 * Claim: a caller returns only when a grace period that began after its call is over, only one is
 * led at a time, and every call returns (else: invalid end state).
 *
 * gp.lock orders all but the look of COMPLETED_ALONE, so memory is sequentially consistent here;
 * that look, an acquire load of what the leader stored with release, needs no more. A wake-up of one
 * takes any of the sleepers. No sleeper wakes without cause, which could hide one that is lost.
 */
#ifndef CALLERS
#define CALLERS 3
#endif
#ifndef CALLS
#define CALLS 2
#endif

byte owner;			/* of gp.lock: pid, or 0 */
bit running;
byte started, completed;
byte turn[2];			/* far from wrapping */
byte sleepers[2];

/* Of the kernel: what each thread sleeps on, turn's index plus one, or 0. */
byte bed[CALLERS + 1];
/* Of the model alone: how many grace periods have begun, and which was the last that ended. */
byte begun, ended;

inline acquire() { atomic { owner == 0 -> owner = _pid } }
#define release() owner = 0

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

inline lead()
{
	atomic { assert(begun == ended); begun++; mine = begun };
	ended = mine
}

inline call_up()
{
#ifndef MUTANT_CALL_UP_LEAVES_TURN
	turn[number % 2]++;
#endif
#ifndef MUTANT_CALL_UP_LEAVES_NEXT
	turn[(number + 1) % 2]++;
#endif
	done = sleepers[number % 2];
	next = sleepers[(number + 1) % 2]
}

/* Wakes the sleepers after unlocking; a look and a wake-up of nobody are one. */
inline take_turn()
{
#ifndef MUTANT_TAKE_TURN_TELLS_NOBODY
	running = 1;
#endif
	started = number;
	release();
	lead();
	acquire();
#ifndef MUTANT_TAKE_TURN_LEAVES_RUNNING
	running = 0;
#endif
	completed = number;
	call_up();
	release();
	if :: done -> wake_all(number % 2) :: else fi;
#ifndef MUTANT_TAKE_TURN_WAKES_NO_NEXT
	if :: next -> wake_one((number + 1) % 2) :: else fi;
#endif
	done = 0; next = 0;
	acquire()
}

inline await_turn()
{
	seen = turn[number % 2];
#ifndef MUTANT_AWAIT_TURN_COUNTS_NOBODY
	sleepers[number % 2]++;
#endif
	release();
	d_step {
		if
		:: turn[number % 2] == seen -> bed[_pid] = number % 2 + 1
		:: else
		fi;
		seen = 0
	};
	bed[_pid] == 0;
#ifdef COMPLETED_ALONE
	atomic { sleepers[number % 2]--; over = completed >= number };
	if :: !over -> acquire() :: else fi;
#else
	acquire();
#ifndef MUTANT_AWAIT_TURN_COUNTS_NOBODY
	sleepers[number % 2]--
#endif
#endif
}

active [CALLERS + 1] proctype caller()
{
	byte number, seen, done, next, calls, before, mine, i;
	bit over;

	if
	:: _pid == 0 -> goto end	/* no thread has the number 0 */
	:: else
	fi;
	do
	:: calls < CALLS ->
		before = begun;
		acquire();
#ifdef MUTANT_SYNCHRONIZE_JOINS_RUNNING
		number = (running -> started : started + 1);
#else
		number = started + 1;
#endif
		do
		:: over || completed >= number -> break
		:: else ->
			if
			:: running -> await_turn()
			:: else -> take_turn()
			fi
		od;
		atomic {
			if :: over -> over = 0 :: else -> release() fi;
			assert(ended > before);
			calls++;
			number = 0; before = 0; mine = 0
		}
	:: else -> break
	od;
end:
	skip
}
