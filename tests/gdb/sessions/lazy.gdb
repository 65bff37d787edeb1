# program: c
# A function's first call goes through the dynamic linker's resolver: back out of the function is at the call.
handle SIGUSR1 nostop noprint
tbreak printf
continue
reverse-finish
x/i $pc
tbreak printf
continue
reverse-finish
x/i $pc
