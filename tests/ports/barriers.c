/* SPDX-License-Identifier: MIT */
/* What programs inline, as functions of their own for barriers.sh to look at. */
#include <urcu/static/urcu-mb.h>
#include <urcu/static/urcu-memb.h>
#include <urcu/static/urcu-qsbr.h>
#include <urcu/uatomic.h>

void mb_read_lock(void)
{
	_urcu_mb_read_lock();
}

void mb_read_unlock(void)
{
	_urcu_mb_read_unlock();
}

void memb_read_lock(void)
{
	urcu_common_read_lock(&URCU_TLS(urcu_memb_reader).ctr, &urcu_memb_gp, 1);
}

void memb_read_lock_refused(void)
{
	urcu_common_read_lock(&URCU_TLS(urcu_memb_reader).ctr, &urcu_memb_gp, 0);
}

void qsbr_quiescent_state(void)
{
	_urcu_qsbr_quiescent_state();
}

void smp_mb(void)
{
	cmm_smp_mb();
}

unsigned long xchg(unsigned long *word, unsigned long value)
{
	return uatomic_xchg(word, value);
}

unsigned long add_return(unsigned long *word, unsigned long value)
{
	return uatomic_add_return(word, value);
}
