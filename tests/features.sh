# What this rr can do that some tests need: sourced by the runners. `yes` turns the tests on.
have_ticks=${HAVE_TICKS:-no} # preemption, and signals to code that computes
