# program: calls
# options: -u
# Functions that gdb lets the program call leave the recording as it is.
break puts
continue
mark puts
print value
print change(5)
same puts
print value
print ((void *(*)(long)) malloc)(100) != 0
print ((int (*)(const char *, ...)) printf)("called %d\n", 7)
print ((int (*)(void *)) fflush)(0)
print forks()
set unwindonsignal on
print crashes()
set unwindonsignal off
print crashes()
backtrace 2
reverse-stepi
stepi
same puts
set var value = 100
print value
print change(1)
stepi
reverse-stepi
same puts
set var value = 100
set $rax = 5
print $rax
continue
print value
reverse-continue
same puts
tbreak change
print change(2)
info args
finish
continue
