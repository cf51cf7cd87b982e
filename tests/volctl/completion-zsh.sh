#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Names are completed from the tree, in a zsh on a terminal of its own.
. "${srcdir:-.}/tests/volctl/lib.sh"
command -v zsh >/dev/null || { echo "no zsh"; exit 77; }
make_tree
mkdir -p "$dir/bin"
ln -s "$volctl" "$dir/bin/volctl"
cat >"$dir/drive.zsh" <<'END'
zmodload zsh/zpty || exit 77
zpty z env -u TERM TERM=dumb VOLFS_TREE="$3" zsh -f
zpty -w z "PS1='> '; fpath=('$1' \$fpath); PATH='$2':\$PATH"
zpty -w z 'autoload -Uz compinit && compinit -u -D; setopt no_list_beep'
zpty -w z 'print READY-1'
zpty -r z line '*READY-1*READY-1*' || exit 1
shift 3
for start in "$@"; do
	zpty -w -n z "$start"$'\t'
	sleep 1
	zpty -w -n z $'\x15'"print END"$'-\n'
	zpty -r z line '*END-*END-*'
	print -r -- "== $start"
	print -r -- "$line"
done
zpty -d z
END
timeout 60 zsh -f "$dir/drive.zsh" "$source_dir/contrib/completion" "$dir/bin" \
	"$tree" 'volctl moun' 'volctl mount local/w' 'volctl mount loc' \
	'volctl restore local/db@n' 'volctl umount --la' \
	>"$dir/out" 2>"$dir/err" || fail "zsh: $(cat "$dir/out" "$dir/err")"
what="zsh completion"
return=$(printf '\r')
says out "volctl mount $return"
says out "volctl mount local/web $return"
says out "volctl mount local/$return"
says out "volctl restore local/db@nightly $return"
says out "volctl umount --lazy $return"
finish
