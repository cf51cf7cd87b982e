#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage errors are 2 and teach; every command explains itself; the manual page
# and the completions name the same commands and options.
. "${srcdir:-.}/tests/volctl/lib.sh"
make_tree

run 0 --help
silent err
commands=$(sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p' "$dir/out")
[ "$(echo $commands)" = "ls tree create rm attach detach mount umount snapshot restore clone resize set import status jobs cancel events wait down" ] ||
	fail "the commands are: $(echo $commands)"
run 0 help
run 0 help mount
says out "usage: volctl mount"
run 0 --version
says out "volctl "

man=$source_dir/doc/volctl.1
bash_file=$source_dir/contrib/completion/volctl.bash
zsh_file=$source_dir/contrib/completion/_volctl
for command in $commands; do
	run 0 "$command" --help
	silent err
	says out "usage: volctl $command"
	grep -q "^  volctl $command" "$dir/out" ||
		fail "$command --help has no example"
	options=$(sed -n '/^Options:/,$s/.*--\([a-z-]*\).*/\1/p' "$dir/out")
	usage=$(sed -n '1s/^usage: volctl //p' "$dir/out")
	grep -q "^\.SS $command\$" "$man" ||
		fail "the manual page has no '$command'"
	tr -d '\\' <"$man" | grep -qF "volctl $usage" ||
		fail "the manual page has another usage of '$command': $usage"
	grep -qw -e "$command" "$bash_file" || fail "bash: no '$command'"
	grep -q "'$command:" "$zsh_file" || fail "zsh: no '$command'"
	for option in $options; do
		tr -d '\\' <"$man" | grep -qF -e "--$option" ||
			fail "the manual page has no '--$option'"
		grep -qF -e "--$option" "$bash_file" ||
			fail "bash: no '--$option'"
		grep -qF -e "--$option" "$zsh_file" ||
			fail "zsh: no '--$option'"
	done
done

run 2
says err "which command"
run 2 mout
says err "did you mean 'mount'"
run 2 xyzzy
run 2 help xyzzy
run 2 --nosuch ls
says err "'--nosuch' is no option here"
run 2 ls --bites
says err "did you mean '--bytes'"
run 2 ls -x
says err "'-x' is no option here"
run 2 ls --yes
run 2 mount --follow local/db
run 2 events --lines
says err "needs a value"
run 2 -t
run 2 ls --json=1
for command in create rm attach detach mount umount snapshot restore clone \
	resize set import cancel wait; do
	run 2 "$command"
done
run 2 set local/db
run 2 resize local/db
run 2 resize local/db 10X
run 2 resize local/db 1G 2G
run 2 clone local/db
run 2 import local
run 2 down local
run 2 snapshot local/db a b
run 2 create --timeout forever local/x

# before the command and after it
run 0 --json ls local
cp "$dir/out" "$dir/before"
run 0 ls local --json
diff "$dir/before" "$dir/out" || fail "--json after the command differs"
run 0 ls -- local

# no colours but on a terminal
run 0 ls
grep -q "$(printf '\033')" "$dir/out" && fail "colours in a pipe"
if command -v script >/dev/null; then
	on_terminal() {
		script -qec "$1 '$volctl' -t '$tree' ls local" /dev/null \
			</dev/null >"$dir/out"
	}
	on_terminal "env TERM=xterm"
	grep -q "$(printf '\033\[32m')" "$dir/out" ||
		fail "no colours on a terminal"
	on_terminal "env NO_COLOR=1"
	grep -q "$(printf '\033')" "$dir/out" && fail "NO_COLOR is not heeded"
	on_terminal "env TERM=dumb"
	grep -q "$(printf '\033')" "$dir/out" && fail "a dumb terminal"
fi
finish
