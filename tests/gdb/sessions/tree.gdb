# program: tree
# record: -n
# A process tree: the parent by default, a child if asked for.
tbreak in_parent
continue
print status
catch fork
continue
mark fork
reverse-stepi
stepi
tbreak in_parent
reverse-continue
print stage
continue
same fork
delete
# include: tour.inc
delete
tbreak in_parent
reverse-continue
reverse-finish
