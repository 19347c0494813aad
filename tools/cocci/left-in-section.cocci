// SPDX-License-Identifier: MIT
// A function that enters a section, leaves it on some paths, and returns in it on another.
virtual report

@leaves exists@
identifier function;
@@
function(...)
{
 ...
 rcu_read_lock();
 ...
 rcu_read_unlock();
 ...
}

@enters exists@
identifier leaves.function;
position at;
@@
function(...)
{
 ...
 rcu_read_lock();
 ... when != rcu_read_unlock()
 return@at ...;
}

@script:python depends on report@
at << enters.at;
@@
print("%s:%s: returns in a section" % (at[0].file, at[0].line))
