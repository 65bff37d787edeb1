# program: c
# The commands of ours.
info recording
when
elapsed-time
break add if b == 3
continue
when-tid
checkpoint
break twice
continue
checkpoint
info checkpoints
python here = gdb.execute("when-ticks", to_string=True)
restart 1
info args
python there = gdb.execute("when-ticks", to_string=True)
continue
python print(here == gdb.execute("when-ticks", to_string=True))
back
python print(there == gdb.execute("when-ticks", to_string=True))
forward
python print(here == gdb.execute("when-ticks", to_string=True))
delete checkpoint 1
info checkpoints
restart 1
python gdb.execute("seek-ticks " + there.split()[2])
python print(there == gdb.execute("when-ticks", to_string=True))
set var total = 100
print factorial(3)
python print(there == gdb.execute("when-ticks", to_string=True))
delete
jump main
run 5
when
run
when-end
monitor nonsense
