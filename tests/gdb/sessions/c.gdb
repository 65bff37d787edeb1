# program: c
# record: -n
# What a C programmer does first, forwards and then backwards.
break add
continue
mark first
backtrace
info args
x/i $pc
continue
mark second
reverse-continue
same first
continue
same second
finish
info locals
tbreak twice
delete 1
continue
mark twice
next
step
mark end of twice
step
info locals
display total
reverse-step
same end of twice
reverse-next
reverse-next
same twice
reverse-finish
next
undisplay 1
next
mark before raise
tbreak on_signal
next
continue
mark handler
until
until
info registers rip
reverse-continue
watch total
reverse-continue
reverse-continue
reverse-continue
mark third
reverse-continue
continue
continue
reverse-continue
same third
delete
tbreak factorial if n == 3
continue
mark factorial
backtrace
reverse-finish
print n
step
same factorial
next
reverse-continue
catch signal SIGUSR1
continue
mark signal
backtrace 1
tbreak on_signal
continue
same handler
reverse-continue
same signal
catch syscall getpgid
continue
mark entry
continue
mark return
reverse-continue
same entry
continue
same return
reverse-continue
reverse-continue
same signal
delete
stepi
reverse-stepi
same signal
continue
mark end
reverse-stepi
stepi
same end
run 20
when
mark twenty
tbreak main
continue
run 20
same twenty
info threads
