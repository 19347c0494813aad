# SPDX-License-Identifier: MIT
"""What is read from the program. It may be half written or overwritten: each walk has an end, and each
address may lead nowhere."""
import struct

import gdb


class Broken(Exception):
    """What is there cannot be right, or is not there: the message says so."""


class Spent(Exception):
    """One command has looked at enough: a program may have as many structures as elements in them."""


class Limit(gdb.Parameter):
    """Most elements that "info rcu" and "rcu" commands look at in one structure. In all it is 16 times that."""
    set_doc = show_doc = __doc__
    value = 100000
    STRUCTURES = 16
    left = STRUCTURES * value   # elements that the command under way may look at

    @staticmethod
    def begin():
        Limit.left = Limit.STRUCTURES * Limit.value

    @staticmethod
    def spend(number):
        Limit.left -= number
        if Limit.left < 0:
            raise Spent("more than %d elements in all: the rest is not looked at (set rcu-limit)" %
                        (Limit.STRUCTURES * Limit.value))

    def __init__(self):
        super().__init__("rcu-limit", gdb.COMMAND_DATA, gdb.PARAM_ZUINTEGER)
        self.value = Limit.value

    def get_set_string(self):
        Limit.value = self.value
        return ""

    def get_show_string(self, value):
        return "The limit of elements that rcu commands look at is %s." % value


def pointer_size():
    return gdb.lookup_type("void").pointer().sizeof


def is_big_endian():
    return "big" in gdb.execute("show endian", to_string=True)


def words(address, count):
    """Machine words at an address."""
    size = pointer_size()
    address &= (1 << 8 * size) - 1
    try:
        raw = gdb.selected_inferior().read_memory(address, size * count).tobytes()
    except (gdb.MemoryError, OverflowError, ValueError):
        raise Broken("0x%x cannot be read" % address) from None
    return struct.unpack((">" if is_big_endian() else "<") + str(count) + ("Q" if size == 8 else "I"), raw)


def word(address):
    return words(address, 1)[0]


def each(first, following, end=0):
    """Addresses from the first on, following(address) being the next, to the end."""
    seen, number = set(), 0
    while first != end:
        if first in seen:
            raise Broken("leads back to 0x%x after %d: a circle" % (first, number))
        if number >= Limit.value:
            raise Broken("more than %d: not followed any further (set rcu-limit)" % Limit.value)
        Limit.spend(1)
        seen.add(first)
        number += 1
        yield first
        first = following(first)


def chain(first, end=0):
    """Nodes whose first word leads to the next."""
    return each(first, word, end)


def count(first):
    """How many nodes are in a chain, and what is wrong with it, or None."""
    number = 0
    try:
        for _ in chain(first):
            number += 1
    except Broken as broken:
        return number, str(broken)
    return number, None


def integer(value):
    """A pointer, or a number, as a number."""
    return int(value.cast(gdb.lookup_type("unsigned long")))


def address_of(value):
    return integer(value.address)


def offset(type_, member):
    """Of a member in a type, in bytes."""
    for field in type_.strip_typedefs().fields():
        if field.name == member:
            return field.bitpos // 8
    raise Broken("%s has no member %s" % (type_, member))


def lookup(name):
    """A type with its members, which only debug info knows."""
    try:
        found = gdb.lookup_type(name).strip_typedefs()
    except gdb.error:
        found = None
    if found is None or (found.code == gdb.TYPE_CODE_STRUCT and not found.fields()):
        raise Broken("no debug info tells what %s is" % name)
    return found


def symbol(address):
    """The function at an address, or the address."""
    try:
        text = gdb.execute("info symbol 0x%x" % address, to_string=True)
    except gdb.error:
        text = "No symbol"
    return "0x%x" % address if text.startswith("No symbol") else text.split(" in section ")[0].strip()


def clean(name):
    """A thread or a file may have any name: what a terminal would act upon becomes a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def plural(number, noun):
    return "%d %s%s" % (number, noun, "" if number == 1 else "s")
