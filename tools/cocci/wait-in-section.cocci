// SPDX-License-Identifier: MIT
// A call that waits for readers, in a section: it waits for itself.
virtual report

@wait@
position at;
@@
(
 rcu_read_lock();
|
 urcu_mb_read_lock();
|
 urcu_memb_read_lock();
|
 urcu_bp_read_lock();
)
 ... when != rcu_read_unlock()
     when != urcu_mb_read_unlock()
     when != urcu_memb_read_unlock()
     when != urcu_bp_read_unlock()
(
 synchronize_rcu@at();
|
 rcu_barrier@at();
|
 urcu_mb_synchronize_rcu@at();
|
 urcu_memb_synchronize_rcu@at();
|
 urcu_bp_synchronize_rcu@at();
|
 urcu_mb_barrier@at();
|
 urcu_memb_barrier@at();
|
 urcu_bp_barrier@at();
)

@script:python depends on report@
at << wait.at;
@@
print("%s:%s: waits for readers in a section" % (at[0].file, at[0].line))
