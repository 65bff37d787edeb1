#!/bin/bash
# A stripped Go program: its table's functions are those that the symbols named before, and where it
# resumes after a panic is one of the function's calls of runtime.deferreturn.
# usage: elf-go.sh ELF_GO
set -eu -o pipefail
tool=$(realpath "$1")
command -v go > /dev/null || {
	echo "SKIPPED: no go"
	exit 77
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export LC_ALL=C GOCACHE=$dir/cache GO111MODULE=off CGO_ENABLED=0
cat > program.go << 'END'
package main

import "fmt"

func caught() (err error) {
	defer func() { err, _ = recover().(error) }()
	var p *int
	fmt.Println(*p)
	return nil
}

func main() { fmt.Println(caught()) }
END
# A 32-bit or foreign default of the environment is no matter of ours.
GOARCH=amd64 GOOS=linux go build -o program program.go
strip -s -o stripped program
"$tool" stripped > said

bad=0
# runtime.etext is no function, but typed as one.
nm program | awk '$2 ~ /[tT]/ && $3 != "runtime.etext" { sub(/^0+/, "", $1); print $1 }' |
	sort -u > want
awk '$1 == "function" { print $2 }' said | sort -u > got
diff want got > differences || {
	echo "functions differ (< nm, > table):"
	head -20 differences
	bad=1
}

go tool objdump program | awk '
	FNR == NR { if ($1 == "resume") resume[$2] = 1; next }
	function end() { if (calls && found != 1) print name ": " calls " calls, " found + 0 " named" }
	$1 == "TEXT" { end(); name = $2; calls = found = 0 }
	/CALL runtime.deferreturn\(SB\)/ {
		sub(/^0x/, "", $2)
		calls++
		if ($2 in resume) { found++; delete resume[$2] }
	}
	END { end(); for (a in resume) print a ": no call of runtime.deferreturn" }
' said - > differences
[ ! -s differences ] || {
	echo "where functions resume:"
	head -20 differences
	bad=1
}
echo "$(wc -l < got) functions, $(grep -c resume said) resume"
exit $bad
