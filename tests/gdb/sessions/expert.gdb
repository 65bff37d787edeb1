# program: threads
# record: -n
# What gdb knows of the process, and commands that a recording cannot obey.
handle SIGUSR1 nostop noprint
break Account::deposit if who == 1
continue
python print([l.split()[-1] for l in gdb.execute("info proc mappings", to_string=True).splitlines() if l.endswith(("[heap]", "[stack]", "[vdso]"))])
info proc exe
info proc cmdline
python print("AT_ENTRY" in gdb.execute("info auxv", to_string=True))
record
mark here
print tour(2)
same here
stepi
reverse-stepi
same here
python import os; gdb.execute("generate-core-file " + os.environ["HOME"] + "/core", to_string=True)
shell gdb -nx -batch -ex "print account.turn" $HOME/threads $HOME/core 2>&1 | grep "^.1 = "
delete
x/2i $pc
stepi 20
reverse-stepi 20
same here
tbreak tour
continue
mark tour
return
continue
continue
reverse-stepi
stepi
same tour
tbreak puts
continue
python gdb.execute("save breakpoints " + os.environ["HOME"] + "/saved")
info breakpoints
inferior 2
start
detach
