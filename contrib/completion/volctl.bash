# SPDX-License-Identifier: Apache-2.0
# bash completion for volctl: commands and options from here, names from the
# tree itself. Needs nothing but bash; goes to
# /usr/share/bash-completion/completions/volctl, or is sourced.

# Leaves in $tree the tree that the line so far names, in $command its command.
_volctl_context()
{
	local i word
	tree=${VOLFS_TREE:-/volumes}
	command=
	for ((i = 1; i < ${#words[@]} - 1; i++)); do
		word=${words[i]}
		case $word in
		-t | --tree) tree=${words[++i]} ;;
		--tree=*) tree=${word#--tree=} ;;
		-t?*) tree=${word#-t} ;;
		--timeout | -n | --lines) ((i++)) ;;
		-*) ;;
		*) [[ $command ]] || command=$word ;;
		esac
	done
	tree=${tree/#\~\//$HOME/}
}

# Names of the sub-directories of $1, each between $2 and $3.
_volctl_directories()
{
	local path
	for path in "$1"/*/; do
		[[ -d $path ]] || continue
		path=${path%/}
		printf '%s\n' "$2${path##*/}$3"
	done
}

_volctl_services()
{
	_volctl_directories "$tree" '' "$1"
}

# SERVICE/VOLUME, and SERVICE/VOLUME@SNAPSHOT once there is an @.
_volctl_names()
{
	local service=${cur%%/*} volume
	if [[ $cur != */* ]]; then
		_volctl_services /
	elif [[ $cur == *@* && $1 == snapshots ]]; then
		volume=${cur#*/}
		volume=${volume%@*}
		_volctl_directories "$tree/$service/$volume/snapshots" \
			"$service/$volume@" ''
	else
		_volctl_directories "$tree/$service" "$service/" ''
	fi
}

_volctl_jobs()
{
	_volctl_directories "$tree/.volfs/jobs" '' ''
}

_volctl_options()
{
	local line='--async --continue-on-error --dry-run --timeout'
	echo '--tree --json --quiet --help --version'
	case $1 in
	ls | tree | status) echo --bytes ;;
	create | attach | detach | mount | restore | clone | resize | set)
		echo "$line" ;;
	umount) echo "$line --force --lazy" ;;
	rm) echo "$line --yes --with-snapshots" ;;
	snapshot) echo '--async --continue-on-error' ;;
	import) echo '--async --dry-run --timeout' ;;
	jobs) echo --all ;;
	cancel) echo --continue-on-error ;;
	events) echo '--follow --lines' ;;
	wait) echo '--timeout --continue-on-error' ;;
	down) echo '--force --timeout' ;;
	esac
}

# All that may stand where $cur is, one a line.
_volctl_candidates()
{
	local commands='ls tree create rm attach detach mount umount snapshot
		restore clone resize set import status jobs cancel events
		wait down'
	local states='creating available attaching attached detaching in-use
		deleting error lost unknown'
	if [[ $cur == -* ]]; then
		_volctl_options "$command"
		return
	fi
	case $command in
	'') echo "$commands help" ;;
	help) echo "$commands" ;;
	ls | tree | events) _volctl_names ;;
	status | rm | clone) _volctl_names snapshots ;;
	restore) _volctl_names snapshots ;;
	import) _volctl_services '' ;;
	cancel)
		_volctl_jobs
		_volctl_names
		;;
	wait)
		case $cur in
		state=*) printf 'state=%s\n' $states ;;
		job=*) _volctl_jobs | sed 's/^/job=/' ;;
		*)
			_volctl_names snapshots
			echo 'state= mounted=1 mounted=0 attached=1' \
				'attached=0 job= gone'
			;;
		esac
		;;
	create | attach | detach | mount | umount | snapshot | resize | set | \
	jobs) _volctl_names ;;
	esac
}

_volctl()
{
	local cur tree command line words=() word broken

	# bash cuts words at '@' and '=', which are parts of ours: the line is
	# cut anew, and what bash thinks is done already is taken off again.
	line=${COMP_LINE:0:COMP_POINT}
	read -ra words <<<"$line"
	[[ $line == *[[:space:]] ]] && words+=('')
	cur=${words[-1]}
	_volctl_context
	case ${words[-2]} in
	-t | --tree)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	esac
	broken=
	[[ $cur == *["@=:"]* ]] && broken=${cur%"${cur##*[@=:]}"}
	[[ $broken && $COMP_WORDBREAKS != *"${broken: -1}"* ]] && broken=
	COMPREPLY=()
	while IFS= read -r word; do
		[[ $word == "$cur"* ]] || continue
		COMPREPLY+=("${word#"$broken"}")
	done < <(_volctl_candidates | tr -s ' \t' '\n')
	# after a service's slash, or "state=", the word goes on
	[[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[/=] ]] &&
		compopt -o nospace 2>/dev/null
	return 0
}

complete -F _volctl volctl
