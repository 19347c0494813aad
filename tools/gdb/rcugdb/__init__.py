# SPDX-License-Identifier: MIT
"""RCU in gdb: "info rcu", and "rcu", whose help lists the rest. doc/debugging.md shows them at work.

    memory.py    what is read from the program, live or from a core file, none of which is believed
    flavors.py   flavors of the library, their readers, workers and queues, from its debug info
    show.py      "info rcu" and "rcu callbacks"
    walk.py      "rcu lfht", "rcu list" and "rcu wfcqueue"
"""
import gdb

from . import memory, show, walk


class Rcu(gdb.Command):
    """Look at callbacks and data structures of RCU."""

    def __init__(self):
        super().__init__("rcu", gdb.COMMAND_DATA, prefix=True)


memory.Limit()
Rcu()
show.InfoRcu()
show.Callbacks()
walk.Lfht()
walk.List()
walk.Wfcqueue()
