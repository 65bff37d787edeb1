#!/bin/sh
# Print the names of those cases of a test of Python's that fail here natively.
# usage: failing-python-tests.sh PYTHON TEST
"$1" -m test -v "$2" 2>&1 | sed -nE 's/^(FAIL|ERROR): ([a-zA-Z_0-9]+).*/\2/p' | sort -u
