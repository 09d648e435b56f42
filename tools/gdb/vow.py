"""Shows promises in gdb as what they stand for. In gdb, or in ~/.gdbinit:

    source tools/gdb/vow.py

    (gdb) print user
    $1 = rejected NOT_FOUND: no such user
    (gdb) print answer
    $2 = pending, 2 reactions, made at samples/answer.cc:10

A Promise<T> or a Deferred<T> is one of these:

    fulfilled 42
    fulfilled                                        a Promise<void>
    rejected NOT_FOUND: no such user
    pending, 2 reactions, made at samples/answer.cc:10
    moved from

A reaction is what waits for the promise: a callback of `then`, a coroutine, a combinator. A SourceLocation is shown as
samples/answer.cc:10. The library must have been compiled with debug information, too: `tools/bazel build -c dbg`.
"""

import gdb
import gdb.printing

STATUS_CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)

# No longer ring is followed to its end: what is no ring, in a promise that is being destroyed, may have none.
MAX_REACTIONS = 100_000


def target(pointer):
    # pointer.dereference() looks for the type of the whole object, and warns if it finds none: so it is with each
    # reaction, because callbacks are lambdas. Of an array's element it does not ask.
    return pointer.cast(pointer.type.strip_typedefs().target().array(0).pointer()).dereference()[0]


def has_field(value, name):
    return any(field.name == name for field in value.type.strip_typedefs().fields())


def describe_location(where):
    if has_field(where, "file_"):  # The stand-in of loop/source_location.h.
        return f"{where['file_'].string()}:{int(where['line_'])}"
    there = where["_M_impl" if has_field(where, "_M_impl") else "__ptr_"]  # libstdc++, libc++.
    return f"{there['_M_file_name'].string()}:{int(there['_M_line'])}" if there else "nowhere"


def describe_status(status):
    rep = int(status["rep_"])
    # Either a code and two bits, or the address of a StatusRep. The lowest bit tells which, but what it means was
    # turned round in Abseil 20240116; that addresses are greater than codes is true in both.
    if rep < 4096:
        return STATUS_CODES[rep >> 2]
    namespace = status.type.strip_typedefs().name.rpartition("::")[0]
    rep_type = gdb.lookup_type(namespace + "::status_internal::StatusRep")
    there = gdb.Value(rep & ~1).cast(rep_type.pointer()).dereference()
    end = "_" if has_field(there, "code_") else ""  # Also since 20240116.
    code = STATUS_CODES[int(there["code" + end])]
    message = there["message" + end]
    length = int(message["_M_string_length"])
    return f"{code}: {message['_M_dataplus']['_M_p'].string(length=length)}" if length else code


def describe_error(state):
    try:
        return "rejected " + describe_status(state["slot_"]["error"])
    except (gdb.error, IndexError, UnicodeDecodeError):
        return "rejected"  # By another Abseil, or another standard library.


def describe_value(state, value_type):
    if value_type.code == gdb.TYPE_CODE_VOID:
        return "fulfilled"
    # As TypedState::value_memory.
    room = state["room_"]
    memory = room["bytes"] if has_field(room, "bytes") else state["slot_"]["value"]
    value = memory.address.cast(value_type.pointer()).dereference()
    return "fulfilled " + value.format_string()


def count_reactions(queue):
    last = queue["last_"]
    if not last:
        return "no reactions"
    count = 1
    job = target(last)["next_"]
    while job != last:
        if count == MAX_REACTIONS:
            return f"{count} reactions or more"
        count += 1
        job = target(job)["next_"]
    return f"{count} reaction{'s' if count > 1 else ''}"


class PromisePrinter:
    """Of both ends: Promise and Deferred have the same state."""

    def __init__(self, value):
        self._value = value

    def to_string(self):
        pointer = self._value["state_"]
        if not pointer:
            return "moved from"
        state = target(pointer)
        phase = str(state["phase_"]).rpartition("::")[2]
        if phase == "kPending":
            return f"pending, {count_reactions(state['reactions_'])}, made at {describe_location(state['where_'])}"
        if phase == "kFulfilled":
            return describe_value(state, self._value.type.strip_typedefs().template_argument(0))
        return describe_error(state)


class LocationPrinter:
    def __init__(self, value):
        self._value = value

    def to_string(self):
        return describe_location(self._value)


def make_printers():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("vow")
    printers.add_printer("promise", r"^vow::(Promise|Deferred)<.*>$", PromisePrinter)
    printers.add_printer("location", r"^(std|vow)::(.*::)?(SourceLocation|source_location)$", LocationPrinter)
    return printers


gdb.printing.register_pretty_printer(None, make_printers(), replace=True)
