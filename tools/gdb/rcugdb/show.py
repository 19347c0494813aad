# SPDX-License-Identifier: MIT
"""The commands "info rcu" and "rcu callbacks"."""
import gdb

from . import flavors as library
from .memory import (
    Broken, Limit, Spent, address_of, chain, integer, lookup, offset, plural, pointer_size, symbol, word, words)

READERS_SHOWN = 32
WAITING = 8
OFFSETS = 4096      # QUIESCE_OFFSETS: less than this is no function but where a head is


def line(label, text):
    print("  %-14s %s" % (label, text))


def every_flavor(command, show):
    """Call show for each flavor, or say why there is none. What is broken in one ends neither."""
    found, silent = library.find()
    for file in silent:
        if library.is_ours():
            print("%s has no debug info (or it is not installed): %s needs it. Build with CFLAGS=-g, and do not "
                  "strip." % (file, command))
        else:
            print("%s is not Quiesce's: %s knows nothing of it." % (file, command))
    if not found and not silent:
        print("No flavor of Quiesce is in this program, or it was linked in without debug info (CFLAGS=-g).")
    if found and gdb.selected_thread() is None:
        print("There is no process: start it, attach to it, or open a core file.")
        return
    for flavor in found:
        print("%s  %s" % (flavor.name, flavor.file))
        Limit.begin()
        try:
            show(flavor)
        except (Broken, Spent, gdb.error) as broken:
            line("broken", str(broken))


# ---- info rcu ----

def show_grace_period(flavor, threads, readers):
    grace = flavor.domain["grace"]
    sequence = int(grace["sequence"])
    if not sequence & 1:
        line("grace period", "none is under way; %d are over" % (sequence >> 1))
    else:
        older = sum(reader.older for reader in readers)
        line("grace period", "the one after %d is under way, and waits for %s" % (
            sequence >> 1, plural(older, "reader")))
        leaders = of_flavor(flavor, threads, "quiesce_lead")
        line("", "led by " + ", ".join(map(library.describe, leaders)) if leaders
             else "no thread is seen that leads it")
    waiting = of_flavor(flavor, threads, "await_turns")
    if waiting:
        more = len(waiting) - WAITING
        line("", "waited for by " + ", ".join(map(library.describe, waiting[:WAITING])) +
             (", and %d more" % more if more > 0 else ""))
    if int(grace["wanted"]):
        line("", "one is wanted by a poll")


def of_flavor(flavor, threads, function):
    """The threads that are in a function of the engine for this flavor: by its argument, if that is known."""
    return [thread for thread in threads.within(function) if is_for(flavor, thread, function)]


def is_for(flavor, thread, function):
    for frame in library.frames(thread):
        if frame.name() == function:
            try:
                return integer(frame.read_var("domain")) == address_of(flavor.domain)
            except (gdb.error, ValueError):
                return True
    return False


def reader_state(flavor, reader):
    if reader.below_zero:
        return "has unlocked more often than locked"
    if flavor.name == "qsbr":
        if not reader.inside:
            return "is offline"
        return "is online, and has announced nothing since: AWAITED" if reader.older else "is online"
    if not reader.inside:
        return "in no section"
    depth = "in a section%s" % (", %d deep" % reader.nesting if reader.nesting > 1 else "")
    return depth + (", from before this grace period: AWAITED" if reader.older else "")


def show_readers(flavor, threads, readers, wrong, workers, everybody):
    under_way = int(flavor.domain["grace"]["sequence"]) & 1
    inside = sum(reader.inside for reader in readers)
    line("readers", "%d registered, %d %s" % (
        len(readers), inside, "online" if flavor.name == "qsbr" else "in a section"))
    order = sorted(readers, key=lambda reader: (not reader.older, not reader.inside))
    shown = order if everybody else order[:READERS_SHOWN]
    for reader in shown:
        reader.older = reader.older and under_way
        line("", "%s%s %s" % (threads.describe(reader.handle), ", a worker," if reader.handle in workers else "",
                              reader_state(flavor, reader)))
        where = threads.where(reader.handle) if reader.inside or reader.below_zero else None
        if where:
            line("", "    " + where)
    if len(shown) < len(order):
        line("", "and %d more, in no section or younger ones: info rcu all" % (len(order) - len(shown)))
    own = threads.selected and library.thread_handle(threads.selected)
    if own and not any(reader.handle == own for reader in readers):
        line("", "%s, this one, is not registered" % library.describe(threads.selected))
    for problem in wrong:
        line("broken", problem)


def show_worker(queue, threads):
    own = queue.value["own"]
    bits = library.state_bits(int(own["state"]))
    counts, wrong = queue.counts()
    total = sum(counts.values())
    if queue.name == "deferred" and not total and "thread" not in bits:
        return
    if "thread" not in bits:
        doing = "a thread is being made" if "starting" in bits else "no thread"
    else:
        doing = threads.describe(integer(own["thread"])) + " " + (
            "runs callbacks" if "busy" in bits else
            "sleeps until something is queued" if "idle" in bits else
            "waits for more to gather" if "linger" in bits else
            "is paused for a fork" if "pause" in bits else "waits for a grace period")
    name = queue.name if queue.name != "made" else "made 0x%x" % queue.address
    flags = (", RT" if int(queue.value["flags"]) & 1 else "") + (
        ", on CPU %d" % int(queue.value["cpu"]) if int(queue.value["cpu"]) >= 0 else "")
    line("worker", "%s%s: %s" % (name, flags, doing))
    line("", "%s: %d new, %d %s, %d ready to run   [%s]" % (
        plural(total, "callback"), counts["new"], counts["waiting"],
        "waits for a grace period" if counts["waiting"] == 1 else "wait for a grace period",
        counts["ready"], " ".join(bits)))
    server = integer(queue.value["server"])
    if server != address_of(own):
        line("", "stopped: the standard worker runs what is left")
    for problem in wrong:
        line("broken", problem)


def show_backlog(flavor):
    backlog = flavor.workers["backlog"]
    limits = [text for number, text in (
        (int(backlog["callbacks"]), "%d callbacks" % int(backlog["callbacks"])),
        (int(backlog["bytes"]), "%d bytes" % int(backlog["bytes"]))) if number]
    line("backlog", "limit: %s; %s for it, %s" % (
        " or ".join(limits) or "none", plural(int(backlog["waits"]), "wait"),
        plural(int(backlog["overruns"]), "overrun")))
    pointers = number = 0
    for stash in library.stashes(flavor):
        number += 1
        pointers += (int(stash["window"]["given"]) - int(stash["freed"])) & (2 ** (8 * pointer_size()) - 1)
    if pointers:
        line("free_rcu", "%s wait to be freed, in %d stash%s" % (
            plural(pointers, "pointer"), number, "" if number == 1 else "es"))
    deferred = sum(1 for queue in library.defer_queues(flavor) if int(queue["head"]) != int(queue["tail"]))
    if deferred:
        line("defer_rcu", "calls of %s wait" % plural(deferred, "thread"))
    closing = bool(flavor.workers["closing"])
    if closing:
        line("exit", "has begun: no new thread, no callback by itself")


class InfoRcu(gdb.Command):
    """RCU's state: grace periods, readers, workers and queues of each flavor.
Usage: info rcu [all]
Readers in a section come first, with what their threads are doing; AWAITED are those that the grace period
under way waits for. With "all" every reader is shown, else the first 32. "rcu callbacks" tells who waits."""

    def __init__(self):
        super().__init__("info rcu", gdb.COMMAND_STATUS)

    def invoke(self, argument, _):
        with library.Threads() as threads:
            every_flavor("info rcu", lambda flavor: self.show(flavor, threads, argument.strip() == "all"))

    @staticmethod
    def show(flavor, threads, everybody):
        readers, wrong = library.readers(flavor)
        show_grace_period(flavor, threads, readers)
        queues, broken = library.queues(flavor)
        workers = {integer(queue.value["own"]["thread"]) for queue in queues}
        show_readers(flavor, threads, readers, wrong, workers, everybody)
        for queue in queues:
            show_worker(queue, threads)
        for problem in broken:
            line("broken", problem)
        show_backlog(flavor)
        forker = integer(flavor.workers["forker"]["holder"]["thread"])
        if forker:
            line("fork", "%s is between the fork hooks" % threads.describe(forker))


# ---- rcu callbacks ----

def function_name(address, names):
    if address not in names:
        names[address] = ("free, of the object %d bytes before" % (address - 1) if 0 < address < OFFSETS
                          else symbol(address))
    return names[address]


def tally_queue(queue, tally, names):
    """Count a queue's callbacks by function; what is wrong with its chains."""
    func_at = offset(lookup("struct rcu_head"), "func")
    wrong = []
    for stage, field, first in queue.chains():
        try:
            for node in chain(first):
                row = tally.setdefault(function_name(word(node + func_at), names), {})
                row[stage] = row.get(stage, 0) + 1
        except Broken as broken:
            wrong.append("%s of the %s queue 0x%x: %s" % (field, queue.name, queue.address, broken))
    return wrong


def tally_calls(queue, tally, names):
    """The same for a thread's deferred calls: src/callbacks/ring.h says what the words mean."""
    ring, size = address_of(queue["ring"]), queue["ring"].type.range()[1] + 1
    tail, head = int(queue["tail"]), int(queue["head"])
    escape = 2 ** (8 * pointer_size()) - 1
    current = integer(queue["current"])
    if not 0 <= head - tail <= size:
        return ["deferred calls: head %d, tail %d" % (head, tail)]
    all_words = words(ring, size)
    Limit.spend(head - tail)
    while tail < head:
        this = all_words[tail % size]
        tail += 1
        if this == escape:
            current = all_words[tail % size]
            tail += 2
        elif this & 1:
            current = this & ~1
            tail += 1
        row = tally.setdefault(function_name(current, names) + " (deferred call)", {})
        row["waiting"] = row.get("waiting", 0) + 1
    return []


def running(threads, queue):
    """The function that a busy worker is in: the outermost in its round that is not the worker's own."""
    thread = threads.by_handle.get(integer(queue.value["own"]["thread"]))
    if thread is None or "busy" not in library.state_bits(int(queue.value["own"]["state"])):
        return None
    outer = None
    for frame in library.frames(thread):
        if frame.name() == "do_round":
            return outer and "%s runs %s, and is %s" % (library.describe(thread), outer, library.where(thread))
        sal = frame.find_sal()
        if not sal.symtab or not sal.symtab.filename.endswith("callbacks/worker.c"):
            outer = frame.name() or "0x%x" % frame.pc()
    return None


class Callbacks(gdb.Command):
    """Who waits for grace periods: functions of callbacks and deferred calls, with their numbers.
Usage: rcu callbacks
Of each function: how many are new (queued, and not seen by a worker yet), wait for a grace period, or are
ready to run; and which callback runs."""

    def __init__(self):
        super().__init__("rcu callbacks", gdb.COMMAND_DATA)

    def invoke(self, *_):
        with library.Threads() as threads:
            every_flavor("rcu callbacks", lambda flavor: self.show(flavor, threads))

    @staticmethod
    def show(flavor, threads):
        tally, names = {}, {}
        queues, wrong = library.queues(flavor)
        try:
            for queue in queues:
                wrong += tally_queue(queue, tally, names)
            for queue in library.defer_queues(flavor):
                wrong += tally_calls(queue, tally, names)
        except Spent as spent:
            wrong.append(str(spent))
        if tally:
            print("  %9s %9s %9s  function" % ("new", "waiting", "ready"))
        for name, row in sorted(tally.items(), key=lambda item: -sum(item[1].values())):
            print("  %9d %9d %9d  %s" % (row.get("new", 0), row.get("waiting", 0), row.get("ready", 0), name))
        if not tally:
            line("", "no callback waits")
        for queue in queues:
            text = running(threads, queue)
            if text:
                line("", text)
        for problem in wrong:
            line("broken", problem)
        if Limit.value and sum(sum(row.values()) for row in tally.values()) >= Limit.value:
            line("", "the limit of a queue is %d: set rcu-limit" % Limit.value)
