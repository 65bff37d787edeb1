# program: tree
# A forked child is followed, and its history begins at its birth.
set follow-fork-mode child
tbreak in_forked
continue
next
next
print stage
watch stage
reverse-continue
reverse-continue
reverse-continue
delete
continue
