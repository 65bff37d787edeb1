# program: c
# Breakpoints where a stop of another kind is, and right behind it, are as natively: gdb steps over the one
# where it stands, and meets the other.
handle SIGUSR1 nostop noprint
tbreak twice
continue
finish
python gdb.execute("break *%d" % gdb.selected_frame().architecture().disassemble(int(gdb.parse_and_eval("$pc")), count=2)[1]["addr"])
continue
delete
reverse-continue
tbreak add if b == 2
continue
up
python gdb.execute("tbreak *%d" % gdb.selected_frame().pc())
down
finish
watch total
continue
python gdb.execute("break *%d" % gdb.parse_and_eval("$pc"))
continue
info breakpoints
delete
catch syscall getpgid
continue
continue
python gdb.execute("break *%d" % gdb.parse_and_eval("$pc"))
python gdb.execute("break *%d" % gdb.selected_frame().architecture().disassemble(int(gdb.parse_and_eval("$pc")), count=2)[1]["addr"])
continue
info breakpoints
reverse-continue
reverse-continue
