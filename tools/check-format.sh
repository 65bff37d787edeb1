#!/bin/sh
# Every C file is formatted as .clang-format says. `-i` rewrites the files instead.
cd "$(dirname "$0")/.." || exit 1
fmt=$(command -v clang-format-14 || command -v clang-format) || {
	echo "SKIPPED: no clang-format"
	exit 77
}
"$fmt" --version | grep -q 'version 14\.' || {
	echo "SKIPPED: clang-format is not version 14"
	exit 77
}
mode='--dry-run -Werror'
[ "${1:-}" != -i ] || mode=-i
# shellcheck disable=SC2086
git ls-files -z -- '*.c' '*.h' | xargs -0 "$fmt" $mode
