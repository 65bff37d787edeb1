# A shell with 500 forks and execs.
command=(bash -c "for ((i = 0; i < $(scaled 500); i++)); do /bin/true; done")
