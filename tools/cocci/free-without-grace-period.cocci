// SPDX-License-Identifier: MIT
// What readers could reach is freed by the function that took it out, with no grace period between.
virtual report

@taken exists@
expression object, p, next, table;
identifier member;
position at;
@@
(
 cds_list_del_rcu(&object->member);
|
 cds_hlist_del_rcu(&object->member);
|
 cds_lfht_del(table, &object->member);
|
 object = rcu_xchg_pointer(p, next);
)
 ... when != synchronize_rcu()
     when != urcu_mb_synchronize_rcu()
     when != urcu_memb_synchronize_rcu()
     when != urcu_bp_synchronize_rcu()
     when != urcu_qsbr_synchronize_rcu()
     when != rcu_barrier()
     when != object = ...
 free@at(object);

@script:python depends on report@
at << taken.at;
@@
print("%s:%s: free without a grace period" % (at[0].file, at[0].line))
