# program: python
# record: -n
# A stripped interpreter of some size: dynamic symbols are enough.
tbreak PyLong_FromLong
continue
mark long
tbreak write if $rdi == 1
continue
mark write
x/s $rsi
info threads
catch syscall getrandom
reverse-continue
reverse-continue
mark random
delete
stepi
mark stepped
stepi
reverse-stepi
same stepped
break PyObject_Repr
continue
reverse-continue
tbreak write if $rdi == 1
continue
delete
tbreak PyLong_FromLong
run 0
continue
same long
# What there is of names is that of functions.
handle SIGUSR1 nostop noprint
break getrandom if $rsi == 34
run 0
continue
mark 34
print $rsi
backtrace 1
info locals
display $rsi
stepi
mark stepped
stepi
reverse-stepi
same stepped
reverse-stepi
same 34
undisplay 1
finish
mark finished
reverse-stepi
stepi
same finished
reverse-continue
same 34
next
same finished
reverse-continue
same 34
watch -l *(long *) $rsp
continue
mark counted
reverse-continue
reverse-continue
same 34
continue
same counted
delete
tbreak write
continue
mark write
tbreak getrandom if $rsi == 34
reverse-continue
same 34
tbreak write
continue
same write
catch signal SIGUSR1
reverse-continue
mark signal
finish
mark behind
reverse-stepi
stepi
same behind
reverse-continue
same signal
run 0
continue
same signal
delete
continue
