# program: tree
# record: -n
# A child that executes another program is followed, and its history begins there.
tbreak in_parent
continue
tbreak in_executed
catch exec
set follow-fork-mode child
continue
delete 3
continue
mark executed
print stage
next
next
print stage
reverse-next
print stage
reverse-next
same executed
# include: tour.inc
delete
watch stage
reverse-continue
reverse-continue
same executed
