# SPDX-License-Identifier: MIT
"""Flavors of the library in the program. Fields have the names that src/ gives them."""
import re

import gdb

from .memory import Broken, Limit, address_of, chain, count, each, integer, lookup, offset, pointer_size, word, words

NAMES = ("mb", "memb", "bp", "qsbr")
OURS = re.compile(r"/liburcu-(mb|memb|bp|qsbr|cds|common)\.so")
SYSTEM = re.compile(r"/(libc|libpthread|ld-linux[^/]*|ld|libm|librt)[.-][^/]*so|/ld-linux")
FRAMES = 64         # of a thread that are looked at
THREADS = 512       # whose frames are looked at


class Flavor:
    """One flavor, with its struct flavor as a gdb value."""

    def __init__(self, name, value, file):
        self.name, self.value, self.file = name, value, file
        self.domain = value["engine"]["domain"]
        self.workers = value["engine"]["workers"]


def find():
    """The flavors in the program, and what is there of the library without telling of itself."""
    flavors, silent = [], []
    for objfile in gdb.objfiles():
        if objfile.owner is not None:  # debug info of another, which is there, too, and answers for both
            continue
        found = False
        for name in NAMES:
            known = objfile.lookup_global_symbol("quiesce_" + name)
            if known is not None:
                found = True
                flavors.append(Flavor(name, known.value(), objfile.filename))
        if not found and re.search(r"/liburcu-(mb|memb|bp|qsbr)\.so[^/]*$", objfile.filename or ""):
            silent.append(objfile.filename)
    return flavors, silent


def is_ours():
    try:
        gdb.parse_and_eval("(long)&quiesce_version")
        return True
    except gdb.error:
        return False


# ---- Threads ----

def thread_handle(thread):
    """Its pthread_self, or None: from libthread_db, or, where that is missing, from the thread's pointer."""
    try:
        return int.from_bytes(thread.handle(), "little")
    except (gdb.error, RuntimeError):
        pass
    try:
        thread.switch()
        return int(gdb.newest_frame().read_register("fs_base")) & (2 ** 64 - 1)
    except (gdb.error, ValueError):
        return None


class Threads:
    """The program's threads by pthread_self. Use in a with: the selected one is selected again after it."""

    def __enter__(self):
        self.selected = gdb.selected_thread()
        self.frame = gdb.selected_frame() if self.selected else None
        self.all = sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num)
        self.by_handle = {thread_handle(thread): thread for thread in self.all}
        return self

    def __exit__(self, *_):
        if self.selected and self.selected.is_valid():
            self.selected.switch()
            if self.frame and self.frame.is_valid():
                self.frame.select()

    def describe(self, handle):
        thread = self.by_handle.get(handle)
        if thread is None:
            return "pthread 0x%x (no such thread)" % handle
        return describe(thread)

    def where(self, handle):
        """What the thread is doing: the function of the program, and what it called."""
        thread = self.by_handle.get(handle)
        return where(thread) if thread is not None else None

    def within(self, function):
        """The threads that are in a function, innermost calls first."""
        return [thread for thread in self.all[:THREADS]
                if any(frame.name() == function for frame in frames(thread))]


def describe(thread):
    lwp = thread.ptid[1] or thread.ptid[2]
    return "thread %d (LWP %d%s)" % (thread.num, lwp, ' "%s"' % thread.name if thread.name else "")


def frames(thread):
    try:
        thread.switch()
        frame = gdb.newest_frame()
        for _ in range(FRAMES):
            if frame is None:
                return
            yield frame
            frame = frame.older()
    except gdb.error:
        return


def where(thread):
    inner = None
    for frame in frames(thread):
        name = frame.name() or "0x%x" % frame.pc()
        inner = inner or name
        library = gdb.solib_name(frame.pc())
        if library and (SYSTEM.search(library) or OURS.search(library)):
            continue
        if library is None and frame.name() is None:
            continue
        sal = frame.find_sal()
        line = " at %s:%d" % (sal.symtab.filename, sal.line) if sal.symtab else ""
        return "in %s%s%s" % (name, line, "" if name == inner else ", in " + inner)
    return "in " + inner if inner else None


# ---- Readers ----

class Reader:
    """A reader of a domain: its address, word and thread."""

    def __init__(self, flavor, address, awaited, type_):
        self.address, self.awaited = address, awaited
        mask = (1 << 4 * pointer_size()) - 1
        self.ctr, gp_ctr = word(address), word(integer(flavor.domain["gp"]))
        self.handle = word(address + offset(type_, "tid"))
        self.nesting = self.ctr & mask
        self.below_zero = self.nesting > mask // 2
        self.inside = self.nesting != 0 and not self.below_zero
        self.older = self.inside and (self.ctr ^ gp_ctr) & ~mask != 0


def reader_type(flavor):
    return lookup({"bp": "struct urcu_bp_reader", "qsbr": "struct urcu_qsbr_reader"}.get(
        flavor.name, "struct urcu_reader"))


def readers(flavor):
    """All readers, and what is wrong with them."""
    registry, found, wrong = flavor.domain["registry"], [], []
    number, capacity = int(registry["count"]), int(registry["capacity"])
    awaited = int(registry["awaited"])
    if number > capacity or awaited > number:
        wrong.append("the registry is broken: %d readers, %d awaited, room for %d" % (number, awaited, capacity))
        number = min(number, capacity)
    if number > Limit.value:
        wrong.append("%d readers: the first %d are looked at (set rcu-limit)" % (number, Limit.value))
        number = Limit.value
    type_ = reader_type(flavor)

    def add(address, is_awaited):
        try:
            found.append(Reader(flavor, address, is_awaited, type_))
        except Broken as broken:
            wrong.append("a reader: %s" % broken)

    try:
        for index, address in enumerate(words(integer(registry["readers"]), number)):
            add(address, index < awaited)
            if len(wrong) > 8:
                raise Broken("the rest is not looked at")
        head = address_of(registry["beyond"])
        for node in chain(word(head), head):
            add(node - offset(lookup("struct reader"), "node"), False)
    except Broken as broken:
        wrong.append("the registry: %s" % broken)
    return found, wrong


# ---- Queues ----

class Queue:
    """A queue of callbacks, with a name to call it by."""

    CHAINS = ("newest", "taken", "turned", "waiting", "batch")

    def __init__(self, name, value):
        self.name, self.value = name, value
        self.address = address_of(value)

    def chains(self):
        """Each chain of callbacks: what they wait for, and the first node. A batch is ready when its server has come
        back from the grace period."""
        for field in self.CHAINS:
            stage = "new" if field == "newest" else "waiting"
            if field == "batch" and self.is_served():
                stage = "ready"
            yield stage, field, integer(self.value[field])

    def is_served(self):
        try:
            server = gdb.Value(integer(self.value["server"])).cast(self.value["own"].type.pointer())
            return "busy" in state_bits(int(server["state"]))
        except gdb.error as error:
            raise Broken("the server of the %s queue: %s" % (self.name, error)) from None

    def counts(self):
        """How many are in each stage, and what is wrong."""
        numbers, wrong = {"new": 0, "waiting": 0, "ready": 0}, []
        for stage, field, first in self.chains():
            number, problem = count(first)
            numbers[stage] += number
            if problem:
                wrong.append("%s: %s" % (field, problem))
        return numbers, wrong


def queues(flavor):
    """The standard queue, that of deferred calls, made ones; and what is wrong with their list."""
    workers = flavor.workers
    found, wrong = [Queue("standard", workers["standard"]), Queue("deferred", workers["deferred"])], []
    type_ = workers["standard"].type
    head = address_of(workers["list"])
    try:
        for node in chain(word(head), head):
            address = node - offset(type_, "node")
            words(address, type_.sizeof // pointer_size())
            found.append(Queue("made", gdb.Value(address).cast(type_.pointer()).dereference()))
    except Broken as broken:
        wrong.append("the list of workers: %s" % broken)
    return found, wrong


def state_bits(state):
    """The names of a worker's bits."""
    return [field.name.replace("WORKER_", "").lower() for field in lookup("enum worker_bits").fields()
            if state & field.enumval]


def defer_queues(flavor):
    """Queues of deferred calls, of threads."""
    type_ = lookup("struct defer_queue")
    first = integer(flavor.workers["defer"]["list"])
    next_at = offset(type_, "next")
    for address in each_linked(first, next_at):
        yield gdb.Value(address).cast(type_.pointer()).dereference()


def each_linked(first, next_at):
    return each(first, lambda address: word(address + next_at))


def stashes(flavor):
    """What threads have given to free_rcu, the shared stash first."""
    all_stashes = flavor.workers["stashes"]
    type_ = all_stashes["shared"].type
    yield all_stashes["shared"]
    for address in each_linked(integer(all_stashes["list"]), offset(type_, "next")):
        yield gdb.Value(address).cast(type_.pointer()).dereference()
