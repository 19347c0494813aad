# SPDX-License-Identifier: MIT
"""What gdb's commands for RCU make of a program whose memory is overwritten. Run by gdb (tests/fuzz/gdb.sh), attached
to a process of tests/tools/target.c: words of what the commands read are changed, the commands run, and the words put
back. A command ends in time, with text or a message of its own, and prints nothing that a terminal acts upon.

An input is the length of a thread's name and the name, and then patches of four bytes: of which part of the
memory, which word of it, what is put there, and an argument to that.

FUZZ_INPUTS has inputs that are run once each, or, with FUZZ_SECONDS, that others are made of: what reaches new lines
is kept in FUZZ_CORPUS, what ends in a fault in FUZZ_FINDS. The last line is "N inputs, N finds".
"""
import os
import random
import signal
import sys
import time

import gdb
import rcugdb as library

COMMANDS = (
    "info rcu all", "rcu callbacks", 'rcu lfht table "struct item"', "rcu list list struct item in_list",
    "rcu wfcqueue &queue_head struct item in_queue",
)
LIMIT = 2000            # rcu-limit
SECONDS = 20            # for the commands of one input
TEXT_MAX = 1 << 20
WORD = 8
MASK = 2 ** 64 - 1


class TooLong(BaseException):
    """No code that is tried catches this."""


def too_long(*_):
    raise TooLong("no end within %d s" % SECONDS)


class Memory:
    """The parts of the process that the commands read, as words that can be changed and put back."""

    def __init__(self):
        flavors, memory = library.show.library, library.memory
        self.process = gdb.selected_inferior()
        memory.Limit.begin()
        self.parts = []
        flavor = flavors.find()[0][0]
        structure = gdb.parse_and_eval("quiesce_" + flavor.name)
        self.add(memory.address_of(structure["engine"]), structure["engine"].type.sizeof)
        found, _ = flavors.readers(flavor)
        self.add(memory.integer(flavor.domain["registry"]["readers"]), WORD * len(found))
        for reader in found:
            self.add(reader.address, flavors.reader_type(flavor).sizeof)
        for queue in flavors.queues(flavor)[0]:
            self.add(queue.address, queue.value.type.sizeof)
            for _, _, first in queue.chains():
                self.add_chain(first, memory)
        table = gdb.parse_and_eval("*(struct cds_lfht *)table")
        self.add(memory.address_of(table), table.type.sizeof)
        for head in ("&list", "&queue_head"):
            self.add_chain(memory.integer(gdb.parse_and_eval(head)), memory)
        walk = library.walk.Lfht.__new__(library.walk.Lfht)
        walk.bits, walk.table = 8 * WORD, table
        for address, _, _ in walk.holders():
            self.add(address, 2 * WORD)
        self.saved = [self.read(part) for part in self.parts]

    def add(self, address, size):
        self.parts.append((address, min(size, 256 * WORD) // WORD * WORD))

    def add_chain(self, node, memory):
        for _ in range(12):
            if not node:
                return
            self.add(node, 2 * WORD)
            node = memory.word(node)

    def read(self, part):
        return self.process.read_memory(*part).tobytes()

    def patch(self, patches):
        """Each at once, so that a later one sees what an earlier one has put there."""
        for place, at, kind, argument in patches:
            address, size = self.parts[place % len(self.parts)]
            address += at % (size // WORD) * WORD
            old = int.from_bytes(self.process.read_memory(address, WORD).tobytes(), "little")
            other, other_size = self.parts[argument % len(self.parts)]
            new = (0, argument, MASK - argument, other, other + argument % (other_size // WORD) * WORD, address,
                   old + argument - 128, old ^ 1 << argument % 64, argument << 56 | argument << 32, other + 1,
                   old << argument % 64, (1 << 47) - argument)[kind % 12]
            self.process.write_memory(address, (new & MASK).to_bytes(WORD, "little"))

    def restore(self):
        for part, bytes_ in zip(self.parts, self.saved):
            if self.read(part) != bytes_:
                self.process.write_memory(part[0], bytes_)


def wrong(text):
    """What of a command's text is not as it should be, or None."""
    if len(text) > TEXT_MAX:
        return "%d characters" % len(text)
    for letter in text:
        if letter != "\n" and not letter.isprintable():
            return "it prints %r" % letter
    return None


def run(memory, data):
    """Run the commands on an input: what was not so, or None."""
    thread = gdb.selected_inferior().threads()[0]
    length = data[0] % 16 if data else 0
    name, rest = data[1:1 + length], data[1 + length:]
    thread.name = name.replace(b"\0", b"?").decode("latin-1") or None
    memory.patch(rest[at:at + 4] for at in range(0, len(rest) - 3, 4))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    command = None
    try:
        for command in COMMANDS:
            try:
                text = gdb.execute(command, to_string=True)
            except gdb.error as error:
                text = str(error)
                if text.startswith(("Error occurred in Python", "Python Exception")):
                    return "%s: %s" % (command, text)
            fault = wrong(text)
            if fault:
                return "%s: %s" % (command, fault)
    except TooLong as end:
        return "%s: %s" % (command, end)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        memory.restore()
    return None


class Lines:
    """Which lines of the commands' code were ever run."""

    def __init__(self):
        self.seen, self.new = set(), False

    def trace(self, frame, event, _):
        if "rcugdb" not in frame.f_code.co_filename:
            return None
        if event == "line" and (frame.f_code, frame.f_lineno) not in self.seen:
            self.seen.add((frame.f_code, frame.f_lineno))
            self.new = True
        return self.trace

    def run(self, memory, data):
        self.new = False
        sys.settrace(self.trace)
        try:
            return run(memory, data)
        finally:
            sys.settrace(None)


def mutate(corpus):
    data = bytearray(random.choice(corpus))
    for _ in range(random.choice((1, 1, 2, 4))):
        way = random.randrange(4)
        if way == 0 or len(data) < 5:
            data += bytes(random.randrange(256) for _ in range(4))
        elif way == 1:
            data[random.randrange(len(data))] = random.randrange(256)
        elif way == 2:
            del data[-4:]
        else:
            data += random.choice(corpus)[-4 * random.randrange(1, 6):]
    return bytes(data[:256])


def keep(directory, name, data):
    with open(os.path.join(directory, name), "wb") as file:
        file.write(data)


def fuzz(memory, inputs, seconds):
    lines, corpus, finds, end = Lines(), [b"\0"], {}, time.monotonic() + seconds
    number = 0
    while time.monotonic() < end or number < len(inputs):
        data = inputs[number] if number < len(inputs) else mutate(corpus)
        fault = lines.run(memory, data)
        number += 1
        if fault:
            if fault not in finds:
                finds[fault] = data
                keep(os.environ["FUZZ_FINDS"], "gdb-%d-%d" % (os.getpid(), len(finds)), data)
                print("gdb-%d-%d: %s" % (os.getpid(), len(finds), fault))
        elif lines.new:
            corpus.append(data)
            if number > len(inputs):
                keep(os.environ["FUZZ_CORPUS"], "lines-%d" % len(lines.seen), data)
    print("%d lines" % len(lines.seen))
    return number, len(finds)


def replay(memory, names, inputs):
    finds = 0
    for name, data in zip(names, inputs):
        print(name)
        fault = run(memory, data)
        if fault:
            print("%s is not so" % fault)
            finds += 1
    return len(inputs), finds


def main():
    names, inputs = os.environ["FUZZ_INPUTS"].split(), []
    for name in names:
        with open(name, "rb") as file:
            inputs.append(file.read())
    signal.signal(signal.SIGALRM, too_long)
    gdb.execute("set rcu-limit %d" % LIMIT)
    memory = Memory()
    if os.environ.get("FUZZ_SECONDS"):
        print("%d inputs, %d finds" % fuzz(memory, inputs, float(os.environ["FUZZ_SECONDS"])))
    else:
        print("%d inputs, %d finds" % replay(memory, names, inputs))


main()
