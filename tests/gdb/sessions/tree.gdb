# program: tree
# A process tree: the parent by default, a child if asked for.
tbreak in_parent
continue
print status
catch fork
continue
delete
set follow-fork-mode child
tbreak in_executed
continue
print stage
next
next
print stage
reverse-next
print stage
