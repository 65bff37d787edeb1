#!/bin/bash
# Print the first python3 of PATH that has its own tests (distributions keep them apart).
for p in $(type -aP python3); do
	"$p" -c 'import sys, test.test_json; print(sys.executable)' 2>/dev/null && exit 0
done
exit 1
