"""Twenty copies of a process of $SIZE MB, which does not write to its memory, take less than 300 MB in all for 500."""
import os
import sys

import gdb

sys.path.insert(0, os.path.dirname(__file__))
from server_tree import memory, processes

size = int(os.environ["SIZE"]) << 10
gdb.execute("continue", to_string=True)
automatic = len(processes()) - 2  # itself, and where it is
for i in range(automatic, 20):
    gdb.execute("monitor checkpoint %d" % (i + 1), to_string=True)
extra = memory() - size
print("%d automatic checkpoints, %d of ours: %d MB" % (automatic, max(0, 20 - automatic), extra >> 10))
# How many are automatic depends on the machine's speed: they are made by what they cost.
assert automatic >= 1 and len(processes()) >= 22
assert 0 < extra < size * 3 // 5
gdb.execute("reverse-stepi", to_string=True)
assert memory() - size < size * 3 // 5
print("little enough")
