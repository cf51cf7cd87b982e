# SPDX-License-Identifier: Apache-2.0
# For tests with real containers (tests/containers): sourced first by each of
# them, and sources tests/lib.sh, whose words they have too.
#
# podman and dockerd run inside the test's cell: their data lie in its
# directory, what they write elsewhere is kept off the machine by overlays and
# tmpfs of the cell's own, and all of it ends with the cell. Beside the words of
# tests/lib.sh there are
#
#	podman ARG..., docker ARG...	the engines; "run" gets what this kind of
#				cell needs besides (no network, limits)
#	box ENGINE NAME ARG...	a container that sleeps, made with "run ARG..."
#	inside ENGINE NAME COMMAND...	runs it in that container
#	unbox ENGINE NAME	ends and removes it, waits until it is gone
#	doc_v SOURCE		what doc/CONTAINERS.md gives to -v for SOURCE
#	saw TEXT...		a line of the log
#
# The image "bb" has busybox, tests/lib/wr, tests/containers/handle and
# /attack. "all_but ENGINE" prints the options for root with every capability but
# SYS_ADMIN, and with none of the engine's filters of system calls.

TEST_TIMEOUT=${TEST_TIMEOUT:-300}
. "${srcdir:-.}/tests/lib.sh"

engines=(podman docker)
# The engines' own ALL is more than a machine without CAP_SYS_RESOURCE can
# give, and the last three are newer than docker 20.10.
all_but() { # all_but ENGINE
	local word
	for word in $(setpriv --dump | sed -n 's/^Capability bounding set: //p' |
		      tr , ' '); do
		case $1/$word in
		*/sys_admin|*/'[none]') ;;
		docker/perfmon|docker/bpf|docker/checkpoint_restore) ;;
		*) echo "--cap-add=${word^^}" ;;
		esac
	done
	printf '%s\n' --security-opt seccomp=unconfined \
		--security-opt apparmor=unconfined
}
cell_name=${dir##*/}

saw() { echo "  $*"; }

# ---- the machine, as the engines need it ----

# cgroups are not the cell's own: all of ours lie below one directory that has
# its name, which tests/lib/cell.c removes. Of a hybrid machine the engines
# take the first version alone.
cgroups_prepare() {
	local line
	[ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ] || return 0
	grep -q ' - cgroup ' /proc/self/mountinfo ||
		skip "this machine has no control groups"
	line=$(sed -nE 's/.* (\/sys\/fs\/cgroup\/[^ ]*) .* - cgroup [^ ]* (.*)/\1 \2/p' \
		/proc/self/mountinfo)
	mount -t tmpfs none /sys/fs/cgroup || exit 99
	while read -r where options; do
		mkdir "$where" &&
			mount -t cgroup -o "$(group_options "$options")" none "$where" ||
			exit 99
	done <<<"$line"
}

# "rw,cpu,cpuacct" or "rw,xattr,name=systemd" -> what names the hierarchy
group_options() {
	local words
	words=$(tr , '\n' <<<"$1" |
		grep -vxE 'rw|ro|xattr|noprefix|clone_children|release_agent=.*' |
		paste -sd,)
	case $words in name=*) words=none,$words ;; esac
	echo "$words"
}

# /etc, /opt and /var/lib may be written to, and nothing of it stays.
overlays_prepare() {
	local d at=$dir/over
	mkdir "$at" && mount -t tmpfs none "$at" || exit 99
	for d in etc opt var/lib var/cache; do
		mkdir -p "$at/$d/up" "$at/$d/work"
		mount -t overlay none -o \
			"lowerdir=/$d,upperdir=$at/$d/up,workdir=$at/$d/work" "/$d" ||
			exit 99
	done
	mount -t tmpfs none /dev/shm && mount -t tmpfs none /run || exit 99
}

# ---- the engines ----

wrapper() { # wrapper NAME PROGRAM-AND-OPTIONS RUN-OPTIONS
	cat >"$dir/bin/$1" <<END
#!/bin/sh
if [ "\$1" = run ]; then
	shift
	set -- run $3 "\$@"
fi
exec $2 "\$@"
END
	chmod +x "$dir/bin/$1"
}

podman_prepare() {
	wrapper podman "$(command -v podman) --root $dir/podman/root \
--runroot $dir/podman/run --tmpdir $dir/podman/tmp --events-backend none \
--cgroup-manager cgroupfs" "--network=none --cgroup-parent=/$cell_name \
--ulimit nofile=20000:20000 --ulimit nproc=32768:32768"
}

docker_prepare() {
	local dockerd
	dockerd=$(command -v dockerd)
	# Its own client: the machine may have another's on the way.
	wrapper docker "$(PATH=/usr/bin:$PATH command -v docker) \
-H unix://$dir/docker.sock" "--network none"
	"$dockerd" --data-root "$dir/docker/data" \
		--exec-root "$dir/docker/exec" -H "unix://$dir/docker.sock" \
		--pidfile "$dir/docker.pid" --iptables=false --ip6tables=false \
		--ip-forward=false --bridge=none --cgroup-parent "/$cell_name" \
		--default-ulimit nofile=20000:20000 --log-level=warn \
		--exec-opt native.cgroupdriver=cgroupfs \
		>"$dir/dockerd.log" 2>&1 &
	dockerd_pid=$!
}

# The programs with the libraries they were linked to.
image_make() {
	local root=$dir/rootfs program lib
	mkdir -p "$root"/{bin,dev,proc,sys,tmp,etc}
	cp "$(command -v busybox)" "$root/bin/busybox" || exit 99
	for program in $(busybox --list | grep -vx busybox); do
		ln -sf busybox "$root/bin/${program##*/}"
	done
	for program in tests/lib/wr tests/containers/handle; do
		cp "$build/$program" "$root/bin/" || exit 99
		for lib in $(ldd "$build/$program" | grep -oE '/[^ ]+'); do
			mkdir -p "$root${lib%/*}" && cp -L "$lib" "$root$lib"
		done
	done
	ln -sf busybox "$root/bin/sh"
	cp "$source_dir/tests/containers/attack.sh" "$root/attack"
	# The name of a container's root user, also where it is mapped.
	echo 'root:x:0:0::/:/bin/sh' >"$root/etc/passwd"
	tar -C "$root" -c -f "$dir/bb.tar" .
}

engines_start() {
	need podman dockerd docker crun runc busybox ldd
	mkdir -p "$dir/bin"
	cgroups_prepare
	overlays_prepare
	podman_prepare
	docker_prepare
	PATH=$dir/bin:$PATH
	hash -r
	image_make
	ok podman import -q bb.tar bb || finish
	within 30 docker version || finish
	ok docker import bb.tar bb || finish
}

# ---- containers ----

box() {
	local engine=$1 name=$2
	shift 2
	"$engine" run -d --name "$name" "$@" bb sleep 10000 >box.said 2>&1 ||
		{ fail "$engine: no container: $(tail -n 3 box.said)"; finish; }
}

inside() { "$1" exec "$2" "${@:3}"; }

# Its processes are gone then, and what they held.
unbox() {
	local main now=
	main=$(box_pid "$1" "$2")
	[ "$1" != podman ] || now="-t 0"
	# podman's own cleanup, which the end of the container began, may be in
	# the way for a moment.
	within 20 "$1" rm -f $now "$2"
	within 20 ended "$main"
}

# The container's own process, seen from here.
box_pid() { "$1" inspect -f '{{.State.Pid}}' "$2"; }
box_id() { "$1" inspect -f '{{.Id}}' "$2"; }

# ---- the documentation ----

# A command of doc/CONTAINERS.md as this cell can run it: with its own tree,
# directory above the tree and image. Inside a container the paths are the same.
doc_here() {
	sed -E "/^(docker|podman) exec/! {
		s#(^|[ =])/srv/volfs#\1${above:-/srv/volfs}#g
		s#(^|[ =])/volumes#\1$tree#g
		s# IMAGE# bb sleep 10000#
	}"
}

doc_commands() {
	sed -nE 's/^ {4,6}([a-z])/\1/p' "$source_dir/doc/CONTAINERS.md" |
		sed 's/ *#.*//'
}

doc_v() {
	local found
	found=$(doc_commands | sed -n 's/.* -v \([^ ]*\).*/\1/p' | grep -m 1 "^$1:") ||
		{ fail "doc/CONTAINERS.md hands out no '$1'" >&2; found=$1:/x; }
	doc_here <<<" $found" | tr -d ' '
}

engines_start
