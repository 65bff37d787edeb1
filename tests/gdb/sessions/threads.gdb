# program: threads
# record: -n
# Threads of a C++ program. The order of what they do to the account is the program's; where they are
# meanwhile, and what each command finds again, is the recording's.
handle SIGUSR1 nostop noprint
break Account::deposit if who == 1
continue
backtrace 2
mark deposit
python print(len(gdb.selected_inferior().threads()) >= 3)
delete
watch account.balance
continue
continue
mark two
continue
print account.balance
reverse-continue
print account.balance
reverse-continue
reverse-continue
print account.balance
continue
continue
same two
continue
mark four
delete
print deposits
tbreak puts
continue
info threads
mark puts
watch account.balance
reverse-continue
print account.balance
delete
reverse-finish
info args
print deposits
tbreak puts
continue
same puts
thread apply all print account.balance
watch account.balance if account.balance == 7
reverse-continue
print account.balance
delete
watch account.balance
reverse-continue
continue
same four
delete
# include: tour.inc
info threads
delete
tbreak puts
continue
same puts
