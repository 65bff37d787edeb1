# program: hits
# limit: 15
# A condition that is false 99,999 times.
tbreak hit if n == 99999
continue
print n
reverse-finish
