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
delete
continue
