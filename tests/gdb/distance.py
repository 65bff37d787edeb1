"""What going back costs, in gdb: CPU time of the server, its tracees and gdb, as the machine may be busy.

The recording is about 5 s of computing, and what it takes from its start to its end is the measure. A stop a
fifth of that before the end is to be found in as much; a step back takes a tenth of it in the median, the way
back over a line or out of a function two fifths.
"""
import os
import statistics
import sys

import gdb

sys.path.insert(0, os.path.dirname(__file__))
from server_tree import cpu

KIND = os.environ["KIND"]


def timed(command):
    before = cpu()
    gdb.execute(command, to_string=True)
    return cpu() - before


def at():
    return gdb.execute("monitor when-ticks", to_string=True)


failures = []


def check(what, seconds, limit):
    print("%s %s: %.2f s of %.2f" % (KIND, what, seconds, limit))
    if seconds >= limit:
        failures.append(what)


whole = timed("continue")
end = at()
steps = [timed("reverse-stepi") for i in range(12)]
check("reverse-stepi at the end", statistics.median(steps), whole / 10)
if KIND == "xz":
    # Into a caller without lines gdb goes on, to that one's beginning and further.
    caller = gdb.selected_frame().older()
    if caller and caller.find_sal().symtab:
        check("reverse-finish at the end", timed("reverse-finish"), whole * 2 / 5)
    else:
        print("SKIPPED reverse-finish at the end: libc has no debug information here")
    size = int(os.environ["SIZE"])
    gdb.execute("break lzma_code if *(unsigned long *) ($rdi + 16) < %d" % (size * 4 // 5))
    check("reverse-continue", timed("reverse-continue"), whole)
    assert int(gdb.parse_and_eval("*(unsigned long *) ($rdi + 16)")) > size * 3 // 4
    gdb.execute("delete")
    check("reverse-next", timed("reverse-next"), whole * 2 / 5)
else:
    gdb.execute("break block if number < %d" % (int(os.environ["SIZE"]) * 4 // 5))
    check("reverse-continue", timed("reverse-continue"), whole)
    assert int(gdb.parse_and_eval("number")) == int(os.environ["SIZE"]) * 4 // 5 - 1
    gdb.execute("delete")
    gdb.execute("tbreak mix if i == 1000")
    gdb.execute("continue")
    check("reverse-finish", timed("reverse-finish"), whole * 2 / 5)
    for i in range(4): # over a call of mix() and over the head of the loop
        check("reverse-next", timed("reverse-next"), whole * 2 / 5)
    check("reverse-finish of many calls", timed("reverse-finish"), whole * 2 / 5)
    check("reverse-next of many calls", max(timed("reverse-next") for i in range(3)), whole * 2 / 5)
steps = [timed("reverse-stepi") for i in range(12)]
check("reverse-stepi", statistics.median(steps), whole / 10)
check("continue to the end", timed("continue"), whole)
assert at() == end
print("whole replay: %.2f s; %d failures" % (whole, len(failures)))
