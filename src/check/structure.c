/* SPDX-License-Identifier: MIT */
/* Hash tables; and lists, of which programs compiled with URCU_CHECK tell. */
#include <sys/uio.h>
#include <unistd.h>

#include <quiesce/check.h>
#include <quiesce/lfht.h>
#include <urcu/list.h>
#include <urcu/rculfhash.h>

#include "check/check.h"

/* Tables of flavors that a program has defined itself are told by the functions in them. */
static bool find_flavor(const struct rcu_flavor_struct *flavor, enum flavor *which)
{
	static struct real lock[] REAL_SECTION = {
		{ .name = "urcu_mb_read_lock" }, { .name = "urcu_memb_read_lock" },
		{ .name = "urcu_bp_read_lock" }, { .name = "urcu_qsbr_read_lock" },
	};
	extern void urcu_mb_read_lock(void), urcu_memb_read_lock(void), urcu_bp_read_lock(void),
		urcu_qsbr_read_lock(void);
	void (*const ours[FLAVORS])(void) = {
		urcu_mb_read_lock, urcu_memb_read_lock, urcu_bp_read_lock, urcu_qsbr_read_lock,
	};
	enum flavor i;

	for (i = 0; i < FLAVORS; i++) {
		*which = i;
		if (flavor->read_lock == ours[i] || (void *)flavor->read_lock == check_find(&lock[i]))
			return true;
	}
	return false;
}

static void made(struct cds_lfht *ht, const struct rcu_flavor_struct *flavor, void *pc)
{
	struct thread *self;
	enum flavor which;
	struct place here;

	if (!ht || !find_flavor(flavor, &which) || !check_enter(&self))
		return;
	check_place(&here, pc);
	check_lock();
	/* One of the two functions calls the other. */
	if (!check_thing_find(ht, THING_TABLE))
		check_thing_add(ht, THING_TABLE, which)->in_at = here;
	check_unlock();
	check_leave(self);
}

EXPORT struct cds_lfht *_cds_lfht_new(unsigned long init_size, unsigned long min_nr_alloc_buckets,
		unsigned long max_nr_buckets, int flags, const struct cds_lfht_mm_type *mm,
		const struct rcu_flavor_struct *flavor, pthread_attr_t *attr)
{
	struct cds_lfht *ht = REAL(_cds_lfht_new)(init_size, min_nr_alloc_buckets, max_nr_buckets, flags, mm,
						  flavor, attr);

	made(ht, flavor, CALLER);
	return ht;
}

EXPORT struct cds_lfht *_cds_lfht_new_with_alloc(unsigned long init_size, unsigned long min_nr_alloc_buckets,
		unsigned long max_nr_buckets, int flags, const struct cds_lfht_mm_type *mm,
		const struct rcu_flavor_struct *flavor, const struct cds_lfht_alloc *alloc, pthread_attr_t *attr)
{
	struct cds_lfht *ht = REAL(_cds_lfht_new_with_alloc)(init_size, min_nr_alloc_buckets, max_nr_buckets,
							     flags, mm, flavor, alloc, attr);

	made(ht, flavor, CALLER);
	return ht;
}

static bool table_of(struct cds_lfht *ht, enum flavor *flavor)
{
	struct thing *thing;

	check_lock();
	thing = check_thing_find(ht, THING_TABLE);
	if (thing)
		*flavor = thing->flavor;
	check_unlock();
	return thing;
}

/* A call that belongs into a section. False in what is not to be checked. */
static bool use(struct thread **self, struct cds_lfht *ht, const char *function, void *pc)
{
	enum flavor flavor;
	struct place here;

	if (check_from_library(pc) || !check_enter(self))
		return false;
	if (!table_of(ht, &flavor) || (*self)->callback)
		return true;
	if (flavor == FLAVOR_QSBR ? check_is_online(*self) :
	    check_in_section(*self, flavor)) {
		check_hold(*self, ht, pc);
		return true;
	}
	if (check_has_others(*self)) {
		check_place(&here, pc);
		check_report("lookup-outside-section", &here, "", NULL,
			     "%s outside of a section of urcu-%s, the table's flavor", function,
			     check_names[flavor]);
	}
	return true;
}

static void found(struct thread *self, const void *node, const char *function, void *pc)
{
	if (!node)
		return;
	check_reached(node, function, pc);
	check_hold(self, node, pc);
}

#define LOOKUP(CALL)						\
	struct thread *self;					\
	bool checked = use(&self, ht, __func__, CALLER);	\
								\
	CALL;							\
	if (checked) {						\
		found(self, iter->node, __func__, CALLER);	\
		check_leave(self);				\
	}

EXPORT void cds_lfht_lookup(struct cds_lfht *ht, unsigned long hash, cds_lfht_match_fct match, const void *key,
		struct cds_lfht_iter *iter)
{
	LOOKUP(REAL(cds_lfht_lookup)(ht, hash, match, key, iter))
}

EXPORT void cds_lfht_next_duplicate(struct cds_lfht *ht, cds_lfht_match_fct match, const void *key,
		struct cds_lfht_iter *iter)
{
	LOOKUP(REAL(cds_lfht_next_duplicate)(ht, match, key, iter))
}

EXPORT void cds_lfht_first(struct cds_lfht *ht, struct cds_lfht_iter *iter)
{
	LOOKUP(REAL(cds_lfht_first)(ht, iter))
}

EXPORT void cds_lfht_next(struct cds_lfht *ht, struct cds_lfht_iter *iter)
{
	LOOKUP(REAL(cds_lfht_next)(ht, iter))
}

EXPORT unsigned long quiesce_lfht_lookup_many(struct cds_lfht *ht, unsigned long number, const unsigned long *hashes,
		cds_lfht_match_fct match, const void *const *keys, struct cds_lfht_iter *iters)
{
	struct thread *self;
	bool checked = use(&self, ht, __func__, CALLER);
	unsigned long result = REAL(quiesce_lfht_lookup_many)(ht, number, hashes, match, keys, iters), i;

	for (i = 0; checked && i < number; i++)
		found(self, iters[i].node, __func__, CALLER);
	if (checked)
		check_leave(self);
	return result;
}

/* ---- Changes ---- */

/*
 * About to be added: marked before others may find it and take it out. False: it is in already. kind: of a table's
 * node or a list's element. *last becomes what it was, with no address if nothing.
 */
static bool add(const void *node, enum thing_kind kind, const void *owner, struct thing *last,
		const char *function, void *pc)
{
	struct thing *thing;
	struct place here;
	bool due = false;

	check_place(&here, pc);
	check_lock();
	thing = check_thing_find(node, kind);
	last->address = NULL;
	if (thing) {
		*last = *thing;
		due = thing->out && !check_grace_since(thing->clock);
	} else {
		thing = check_thing_add(node, kind, FLAVOR_MB);
	}
	if (!last->address || thing->out) {
		thing->out = false;
		thing->owner = owner;
		thing->in_at = here;
	}
	check_unlock();
	if (last->address && !last->out) {
		check_report("added-twice", &here, "added first", &last->in_at, "%s: the node at %p is in already",
			     function, node);
		return false;
	}
	if (due && check_options.strict)
		check_report("added-without-grace-period", &here, "taken out", &last->out_at,
			     "%s: the node at %p was taken out, and no grace period has passed since", function,
			     node);
	return true;
}

/* It was not. */
static void unadd(const void *node, enum thing_kind kind, const struct thing *last)
{
	struct thing *thing, *next;

	check_lock();
	thing = check_thing_find(node, kind);
	if (thing && last->address) {
		next = thing->next;
		*thing = *last;
		thing->next = next;
	} else if (thing) {
		check_thing_drop(thing);
	}
	check_unlock();
}

static void taken_out(const void *node, enum thing_kind kind, void *pc)
{
	struct place here;
	struct thing *thing;

	check_place(&here, pc);
	check_lock();
	thing = check_thing_find(node, kind);
	if (thing) {
		thing->out = true;
		thing->clock = check_clock_next();
		thing->out_at = here;
	}
	check_unlock();
}

EXPORT void cds_lfht_add(struct cds_lfht *ht, unsigned long hash, struct cds_lfht_node *node)
{
	struct thread *self;
	struct thing last;

	if (!use(&self, ht, __func__, CALLER)) {
		REAL(cds_lfht_add)(ht, hash, node);
		return;
	}
	if (add(node, THING_NODE, ht, &last, __func__, CALLER))
		REAL(cds_lfht_add)(ht, hash, node);
	check_leave(self);
}

EXPORT struct cds_lfht_node *cds_lfht_add_unique(struct cds_lfht *ht, unsigned long hash, cds_lfht_match_fct match,
		const void *key, struct cds_lfht_node *node)
{
	struct cds_lfht_node *there = node;
	struct thread *self;
	struct thing last;

	if (!use(&self, ht, __func__, CALLER))
		return REAL(cds_lfht_add_unique)(ht, hash, match, key, node);
	if (add(node, THING_NODE, ht, &last, __func__, CALLER)) {
		there = REAL(cds_lfht_add_unique)(ht, hash, match, key, node);
		if (there != node) {
			unadd(node, THING_NODE, &last);
			found(self, there, __func__, CALLER);
		}
	}
	check_leave(self);
	return there;
}

EXPORT struct cds_lfht_node *cds_lfht_add_replace(struct cds_lfht *ht, unsigned long hash, cds_lfht_match_fct match,
		const void *key, struct cds_lfht_node *node)
{
	struct cds_lfht_node *there = NULL;
	struct thread *self;
	struct thing last;

	if (!use(&self, ht, __func__, CALLER))
		return REAL(cds_lfht_add_replace)(ht, hash, match, key, node);
	if (add(node, THING_NODE, ht, &last, __func__, CALLER)) {
		there = REAL(cds_lfht_add_replace)(ht, hash, match, key, node);
		if (there)
			taken_out(there, THING_NODE, CALLER);
	}
	check_leave(self);
	return there;
}

EXPORT int cds_lfht_replace(struct cds_lfht *ht, struct cds_lfht_iter *old_iter, unsigned long hash,
		cds_lfht_match_fct match, const void *key, struct cds_lfht_node *new_node)
{
	struct cds_lfht_node *there = old_iter->node;
	struct thread *self;
	struct thing last;
	int result = 0;

	if (!use(&self, ht, __func__, CALLER))
		return REAL(cds_lfht_replace)(ht, old_iter, hash, match, key, new_node);
	if (add(new_node, THING_NODE, ht, &last, __func__, CALLER)) {
		result = REAL(cds_lfht_replace)(ht, old_iter, hash, match, key, new_node);
		if (result == 0)
			taken_out(there, THING_NODE, CALLER);
		else
			unadd(new_node, THING_NODE, &last);
	}
	check_leave(self);
	return result;
}

EXPORT int cds_lfht_del(struct cds_lfht *ht, struct cds_lfht_node *node)
{
	struct thread *self;
	int result;

	if (!use(&self, ht, __func__, CALLER))
		return REAL(cds_lfht_del)(ht, node);
	result = REAL(cds_lfht_del)(ht, node);
	if (result == 0)
		taken_out(node, THING_NODE, CALLER);
	check_leave(self);
	return result;
}

static void drop_node(struct thing *thing, void *ht)
{
	if (thing->owner == ht || thing->address == ht)
		check_thing_drop(thing);
}

/* Nodes that were taken out of it are nobody's any more. */
EXPORT int cds_lfht_destroy(struct cds_lfht *ht, pthread_attr_t **attr)
{
	struct thread *self;
	int result;

	if (check_from_library(CALLER) || !check_enter(&self))
		return REAL(cds_lfht_destroy)(ht, attr);
	result = REAL(cds_lfht_destroy)(ht, attr);
	if (result == 0) {
		check_lock();
		check_things_all(drop_node, ht);
		check_unlock();
	}
	check_leave(self);
	return result;
}

EXPORT void cds_lfht_resize(struct cds_lfht *ht, unsigned long new_size)
{
	enum flavor flavor;
	struct thread *self;
	struct place here;

	if (check_from_library(CALLER) || !check_enter(&self)) {
		REAL(cds_lfht_resize)(ht, new_size);
		return;
	}
	if (table_of(ht, &flavor) && check_in_section(self, flavor)) {
		check_place(&here, CALLER);
		check_report("wait-in-section", &here, "entered", &self->of[flavor].entered_at,
			     "%s in a read-side critical section", __func__);
	}
	check_leave(self);
	REAL(cds_lfht_resize)(ht, new_size);
}

/* ---- Lists: quiesce/check.h ---- */

#define LONGEST 100000

/* What an element leads to may be gone: the kernel does not find it then, and it counts as one that leads nowhere. */
static bool read_links(const void *from, struct cds_list_head *links)
{
	struct iovec here = { links, sizeof(*links) }, there = { (void *)from, sizeof(*links) };

	return from && process_vm_readv(getpid(), &here, 1, &there, 1, 0) == sizeof(*links);
}

/* Of a cds_hlist_node too. */
static bool has_neighbour(const struct cds_list_head *element)
{
	struct cds_list_head own, last;

	return read_links(element, &own) && read_links(own.prev, &last) && last.next == element;
}

/* Whether it is in a ring: one that was, and whose list's head was made anew, is not. */
static bool is_linked(const struct cds_list_head *element)
{
	const struct cds_list_head *at = element;
	struct cds_list_head links;
	long left;

	for (left = LONGEST; left && read_links(at, &links); left--) {
		if (links.next == at || links.next == element)
			return links.next == element && has_neighbour(element);
		at = links.next;
	}
	return false;
}

EXPORT void quiesce_check_list(const void *element, enum quiesce_check_list what)
{
	struct thread *self;
	struct thing *thing, last;
	struct place here;
	bool in;

	if (check_from_library(CALLER) || !check_enter(&self))
		return;
	check_lock();
	thing = check_thing_find(element, THING_LIST);
	in = thing && !thing->out;
	check_unlock();
	switch (what) {
	case QUIESCE_CHECK_ADD:
		if (in && !is_linked(element))
			taken_out(element, THING_LIST, CALLER);
		add(element, THING_LIST, NULL, &last, "cds_list_add_rcu", CALLER);
		break;
	case QUIESCE_CHECK_ADD_HLIST:
		if (in && !has_neighbour(element))
			taken_out(element, THING_LIST, CALLER);
		add(element, THING_LIST, NULL, &last, "cds_hlist_add_head_rcu", CALLER);
		break;
	case QUIESCE_CHECK_DEL:
		if (thing && thing->out && !has_neighbour(element)) {
			check_place(&here, CALLER);
			check_report("taken-out-twice", &here, "taken out first", &thing->out_at,
				     "the element at %p is in no list", element);
		}
		taken_out(element, THING_LIST, CALLER);
		break;
	}
	check_leave(self);
}
