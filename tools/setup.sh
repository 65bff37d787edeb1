#!/bin/sh
# Install the Debian packages that are missing, for the named sets: build, demo, test.
# Quiet and fast when nothing is missing; otherwise says what it installs. Packages that the
# distribution does not have, and big ones that only widen the tests, are never a failure:
# the tests that need them say SKIPPED.
set -eu
cd "$(dirname "$0")/.."

build='meson ninja-build pkg-config gcc libc6-dev libzstd-dev libelf-dev libprotobuf-c-dev
	protobuf-c-compiler libzydis-dev'
demo='bash coreutils'
test="python3 perl sqlite3 git curl ed vim-tiny xz-utils bzip2 redis-server redis-tools musl-tools gdb g++
	util-linux procps make binutils attr clang libclang-rt-dev clang-format-14 nodejs
	libpython3.11-testsuite btrfs-progs xfsprogs ruby expect nginx-light sbcl"

# A package, or another program that serves as well.
present() {
	case $1 in
	nodejs) command -v node ;;
	vim-tiny) command -v vim || command -v vim.tiny ;;
	libpython3.11-testsuite) tests/suite/find-python.sh ;;
	btrfs-progs) command -v mkfs.btrfs ;;
	xfsprogs) command -v mkfs.xfs ;;
	gcc | g++ | git | curl | gdb | make | perl | meson | sqlite3) command -v "$1" ;;
	*) false ;;
	esac >/dev/null 2>&1
}

wanted=
for set; do
	case $set in
	build) wanted="$wanted $build" ;;
	demo) wanted="$wanted $demo" ;;
	test) wanted="$wanted $test" ;;
	*) echo "setup: no such set: $set" >&2; exit 2 ;;
	esac
done

installed=" $(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
	sed -n 's/^installed //p' | tr '\n' ' ')"
missing=
for p in $wanted; do
	case $installed in *" $p "*) continue ;; esac
	present "$p" || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive

# Nothing that is installed here may start a service (redis-server would).
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
	$sudo chmod +x $policy
	made_policy=1
fi
cleanup() {
	[ -z "$made_policy" ] || $sudo rm -f $policy
}
trap cleanup EXIT
trap 'exit 1' INT TERM

install() {
	$sudo -n apt-get install -y -q --no-install-recommends "$@" </dev/null >"$log" 2>&1
}
[ -n "$sudo" ] || install() {
	apt-get install -y -q --no-install-recommends "$@" </dev/null >"$log" 2>&1
}
log=$(mktemp)
# shellcheck disable=SC2086
if ! install $missing; then
	$sudo apt-get update -q </dev/null >>"$log" 2>&1 || true
	if ! install $missing; then
		# One package that cannot be had must not keep the others out.
		for p in $missing; do
			install "$p" && continue
			echo "setup: cannot install $p: $(grep '^E:' "$log" | head -n 1)" >&2
			case " $(echo $build) " in *" $p "*) exit 1 ;; esac
		done
	fi
fi
rm -f "$log"
