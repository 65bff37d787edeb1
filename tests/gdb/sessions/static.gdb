# program: static
# record: -n
# Without a dynamic loader.
tbreak main
continue
mark main
# include: tour.inc
info threads
delete
tbreak write
continue
finish
continue
mark end
reverse-stepi
stepi
same end
tbreak main
reverse-continue
same main
