# program: c
# System calls that were recorded without a stop.
handle SIGUSR1 nostop noprint
catch syscall write
continue
print $rax
x/i $pc
print *(char *) $rsi@3
mark entry
continue
print $rax
x/i $pc - 2
mark return
reverse-continue
same entry
continue
same return
reverse-stepi
same entry
stepi
same return
reverse-continue
same entry
reverse-continue
continue
same entry
delete
catch syscall tgkill write
reverse-continue
reverse-continue
continue
continue
same entry
