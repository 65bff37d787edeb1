# program: crash
# options: -e
# A crash at the end of a run: who wrote the word, twice.
backtrace
mark crash
watch -l record.last
reverse-continue
backtrace
info args
mark store
reverse-continue
reverse-continue
continue
continue
mark stored
continue
same crash
reverse-continue
same store
continue
reverse-continue
same store
delete
reverse-finish
stepi
reverse-stepi
