// SPDX-License-Identifier: MIT
// A fork between the hooks whose function calls only some of them: call_rcu_after_fork_parent is due in the
// parent, also if fork failed, and call_rcu_after_fork_child in the child.
virtual report

@forks exists@
identifier function;
@@
function(...)
{
 <+...
 fork()
 ...+>
}

@hooked exists@
identifier forks.function;
position at;
@@
function(...)
{
 <+...
 call_rcu_before_fork@at();
 ...+>
}

@parent exists@
identifier forks.function;
@@
function(...)
{
 <+...
 call_rcu_after_fork_parent();
 ...+>
}

@child exists@
identifier forks.function;
@@
function(...)
{
 <+...
 call_rcu_after_fork_child();
 ...+>
}

@script:python depends on report && !parent@
at << hooked.at;
@@
print("%s:%s: no call_rcu_after_fork_parent" % (at[0].file, at[0].line))

@script:python depends on report && !child@
at << hooked.at;
@@
print("%s:%s: no call_rcu_after_fork_child" % (at[0].file, at[0].line))
