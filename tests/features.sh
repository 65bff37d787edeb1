# What this rr can do that some tests need (`needs: a-name` in a program is have_a_name here): sourced by
# the runners. What says `no` is skipped aloud; `yes` turns it on, also from the environment.
have_ticks=${HAVE_TICKS:-yes}		   # preemption, and signals to code that computes
have_hidden_patches=${HAVE_HIDDEN_PATCHES:-no} # a program that reads its code sees the original
have_moved_code=${HAVE_MOVED_CODE:-yes}	   # mremap of instrumented code
have_kept_sigtrap=${HAVE_KEPT_SIGTRAP:-yes} # our traps leave a blocked or ignored SIGTRAP so
have_quick_landing=${HAVE_QUICK_LANDING:-yes} # replay of code without safepoints does not take minutes
have_gdb=${HAVE_GDB:-$(gdb -nx -batch -ex 'python print("yes")' 2>/dev/null | grep -x yes || echo no)} # gdb, with Python
