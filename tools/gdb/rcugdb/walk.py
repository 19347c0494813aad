# SPDX-License-Identifier: MIT
"""The commands that walk the program's own structures: "rcu lfht", "rcu list", "rcu wfcqueue"."""
import gdb

from .memory import Broken, Limit, address_of, each, chain, integer, lookup, offset, plural, pointer_size, word, words

SHOWN = 200         # elements that are printed


class Elements:
    """What of a node is shown: its address, or the program's structure around it."""

    def __init__(self, names, node_type):
        self.type = None
        self.offset = 0
        if not names:
            return
        self.type, member = self.split(names)
        if member is None:
            member = self.only_member(node_type)
        self.offset = offset(self.type, member)

    @staticmethod
    def split(names):
        """TYPE and MEMBER, or TYPE alone: a type may be of two words."""
        for number in (len(names), len(names) - 1):
            try:
                found = gdb.lookup_type(" ".join(names[:number]))
            except gdb.error:
                continue
            return found, names[number] if number < len(names) else None
        raise Broken("there is no type %s" % " ".join(names[:-1] or names))

    def only_member(self, node_type):
        members = [field.name for field in self.type.strip_typedefs().fields()
                   if field.type.strip_typedefs().name in node_type]
        if len(members) != 1:
            raise Broken("which member of %s is the node? %s" % (self.type, ", ".join(members)))
        return members[0]

    def show(self, number, node, more=""):
        if number >= SHOWN:
            return
        if self.type is None:
            print("  0x%x%s" % (node, more))
            return
        address = node - self.offset
        print("  (%s *) 0x%x%s  %s" % (self.type, address, more, self.content(address)))

    def content(self, address):
        try:
            value = gdb.Value(address).cast(self.type.pointer()).dereference()
            return value.format_string(max_elements=32, max_depth=1, pretty_structs=False, symbols=False)
        except gdb.error as error:
            return "<%s>" % error


class Walk(gdb.Command):
    """What the commands have in common."""
    node_type = ()

    def invoke(self, argument, _):
        arguments = gdb.string_to_argv(argument)
        if not arguments:
            raise gdb.GdbError("Usage: %s" % self.__doc__.split("Usage: ")[1].splitlines()[0])
        Limit.begin()
        try:
            elements = Elements(arguments[1:], self.node_type)
            self.walk(gdb.parse_and_eval(arguments[0]), elements)
        except Broken as broken:
            raise gdb.GdbError("broken: %s" % broken)

    def follow(self, nodes, elements):
        """Show nodes; how many there are, also if something is wrong with the next."""
        number, wrong = 0, None
        try:
            for node, more in nodes:
                elements.show(number, node, more)
                number += 1
        except Broken as broken:
            wrong = broken
        if number > SHOWN:
            print("  and %d more" % (number - SHOWN))
        print(plural(number, "element"))
        if wrong:
            raise gdb.GdbError("broken: %s" % wrong)
        return number


def target(value, *names):
    """The address of the structure that an expression is, or points to."""
    type_ = value.type.strip_typedefs()
    if type_.code == gdb.TYPE_CODE_PTR:
        return integer(value), type_.target().strip_typedefs()
    if value.address is None:
        raise Broken("%s is no structure in memory, nor a pointer to one" % value.type)
    return address_of(value), type_


class List(Walk):
    """Elements of a cds_list (of a cds_hlist too).
Usage: rcu list HEAD [TYPE [MEMBER]]
HEAD is the head or a pointer to it. With TYPE, say "struct item", elements are shown as such; MEMBER is
its node, to be named if there are several. Put what has a space in it between quotes."""
    node_type = ("cds_list_head", "cds_hlist_node")

    def __init__(self):
        super().__init__("rcu list", gdb.COMMAND_DATA)

    def walk(self, value, elements):
        head, type_ = target(value)
        if type_.name == "cds_hlist_head":
            self.follow(((node, "") for node in chain(word(head))), elements)
        else:
            self.follow(self.circular(head), elements)

    @staticmethod
    def circular(head):
        size, before = pointer_size(), head
        for node in chain(word(head), head):
            if node == 0:
                raise Broken("the list ends at 0x%x, and does not come back to its head" % before)
            back = word(node + size)
            yield node, "" if back == before else "  (its prev is 0x%x and not 0x%x)" % (back, before)
            before = node


class Wfcqueue(Walk):
    """Elements of a wfcqueue, the oldest first.
Usage: rcu wfcqueue HEAD [TYPE [MEMBER]]
HEAD is the struct cds_wfcq_head or __cds_wfcq_head, or a pointer to it. TYPE and MEMBER are as for "rcu list".
What a producer has not linked yet, and what comes behind it, cannot be reached."""
    node_type = ("cds_wfcq_node",)

    def __init__(self):
        super().__init__("rcu wfcqueue", gdb.COMMAND_DATA)

    def walk(self, value, elements):
        head, _ = target(value)
        self.follow(((node, "") for node in chain(word(head))), elements)


class Lfht(Walk):
    """Elements of a cds_lfht, as they lie in its list, and its size.
Usage: rcu lfht TABLE [TYPE [MEMBER]]
TABLE is a struct cds_lfht *. TYPE and MEMBER are as for "rcu list". Needs the debug info of liburcu-cds."""
    node_type = ("cds_lfht_node",)
    # src/lfht/lfht.h has what the bits of a word mean.
    REMOVED, BUCKET, FLAGS, FLAG_BITS = 1, 2, 7, 3
    PHASES = ("", "retiring", "unlinking", "reviving", "freeing")

    def __init__(self):
        super().__init__("rcu lfht", gdb.COMMAND_DATA)

    def walk(self, value, elements):
        address, _ = target(value)
        self.bits = 8 * pointer_size()
        words(address, 1)
        self.table = gdb.Value(address).cast(lookup("struct cds_lfht").pointer()).dereference()
        shape = int(self.table["shape"])
        order, phase = shape & 0xff, shape >> 8 & 0xf
        if order > self.bits or phase >= len(self.PHASES) or int(self.table["order_min"]) > self.bits:
            raise Broken("0x%x is no table: order %d, phase %d" % (address, order, phase))
        self.buckets = 0
        print("%s%s" % (plural(1 << order, "bucket"), ", " + self.PHASES[phase] if phase else ""))
        self.follow(self.nodes(), elements)
        print("%s in its list" % plural(self.buckets, "bucket"))

    def bucket(self, index):
        """The address of a bucket: quiesce_bucket of src/lfht/lfht.h."""
        size = pointer_size()
        pieces = address_of(self.table["pieces"][0])
        if not bool(self.table["chunked"]):
            bits = index.bit_length()
            return word(pieces + bits * size) + (index - (1 << bits >> 1)) * 8
        order = int(self.table["order_min"])
        chunk = index >> order
        bits = chunk.bit_length()
        chunks = word(pieces + bits * size)
        return word(chunks + (chunk - (1 << bits >> 1)) * size) + (index & (1 << order) - 1) * 8

    def nodes(self):
        """Each node with what is to be said of it. The list is sorted: where it is not, it is broken."""
        size, last = pointer_size(), 0
        for holder, is_bucket, index in self.holders():
            here = self.reverse(index) if is_bucket else word(holder + size)
            if here < last:
                raise Broken("the list is not sorted at %s" % ("bucket %d" % index if is_bucket else "0x%x" % holder))
            last = here
            if is_bucket:
                self.buckets += 1
                continue
            yield holder, "  (deleted)" if word(holder) & self.REMOVED else ""

    def reverse(self, number):
        return int(format(number, "0%db" % self.bits)[::-1], 2)

    def holders(self):
        """Buckets and nodes, as the list has them: address, whether it is a bucket, its index."""
        index_of = {}

        def following(address):
            this = word(address)
            tagged = self.bits == 64 and this >> 63 and self.has_tags()
            if this & self.BUCKET:
                index = (this & (1 << 48) - 1 if tagged else this) >> self.FLAG_BITS
                if not index:
                    return 0
                there = self.bucket(index)
                index_of[there] = index
                return there
            there = (this & (1 << 48) - 1 if tagged else this) & ~self.FLAGS
            if not there:
                raise Broken("the list ends at 0x%x without its end" % address)
            return there

        first = self.bucket(0)
        index_of[first] = 0
        for address in each(first, following):
            yield address, address in index_of, index_of.get(address, 0)

    @staticmethod
    def has_tags():
        return "x86-64" in gdb.selected_inferior().architecture().name() or \
            "x86-64" in gdb.execute("show architecture", to_string=True)
