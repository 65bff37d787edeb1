# program: many
# limit: 8
# A caught system call among many others, in both directions: only it costs a stop.
catch syscall mkdir
continue
reverse-continue
delete
catch syscall getpgid
continue
up
print rounds
continue
continue
print rounds
continue
continue
print rounds
reverse-continue
reverse-continue
reverse-continue
print rounds
