# program: tree
# record: -n
# A forked child is followed, and its history begins at its birth.
set follow-fork-mode child
tbreak in_forked
continue
mark forked
next
next
print stage
watch stage
reverse-continue
reverse-continue
same forked
delete
# include: tour.inc
delete
tbreak in_forked
reverse-continue
same forked
reverse-continue
delete
continue
