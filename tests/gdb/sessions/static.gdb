# program: static
# As c.gdb, without a dynamic loader.
break add if b == 5
continue
backtrace
mark add
watch total
continue
mark written
reverse-continue
reverse-continue
same add
continue
same written
delete
finish
tbreak twice
continue
mark twice
until
next
reverse-next
reverse-next
reverse-next
tbreak twice
continue
same twice
catch signal
continue
mark signal
continue
reverse-stepi
reverse-continue
same signal
info threads
