/* SPDX-License-Identifier: Apache-2.0 */
/* The commands, and what --help says of each. doc/volctl.1 says the same. */

#include "tools/volctl.h"

const struct command command_table[] = {
	{ "ls", command_ls, TAKES_BYTES, "[SERVICE | SERVICE/VOLUME]...",
	  "List services, a service's volumes, a volume's snapshots",
	  "Reads what the daemon holds; asks no service, changes nothing.\n"
	  "With -q only the names, as other commands take them.\n\n"
	  "  volctl ls                       all services\n"
	  "  volctl ls local                 the volumes of 'local'\n"
	  "  volctl ls local/db              the snapshots of 'db'\n"
	  "  volctl ls --json local | jq '.[].id'\n"
	  "  volctl ls -q local | xargs -n1 volctl snapshot\n" },
	{ "tree", command_tree, TAKES_BYTES, "[SERVICE | SERVICE/VOLUME]...",
	  "Draw services, volumes and snapshots as a tree",
	  "  volctl tree                     everything\n"
	  "  volctl tree local               one service\n" },
	{ "create", command_create, TAKES_LINE,
	  "SERVICE/VOLUME... [KEY=VALUE]...",
	  "Make volumes, waiting for the service's verdict",
	  "What is not said comes from the service's configuration; reading\n"
	  "TREE/SERVICE/.create/NAME shows the words it takes and those\n"
	  "defaults. A volume that is so already is a success. Names may hold\n"
	  "any byte: what the tree cannot show is escaped as %XX.\n\n"
	  "  volctl create local/db\n"
	  "  volctl create local/db size=20G fstype=xfs\n"
	  "  volctl create local/a local/b local/c size=1G\n"
	  "  volctl create --dry-run local/huge size=100T\n" },
	{ "rm", command_rm, TAKES_LINE | TAKES_YES | TAKES_SNAPSHOTS,
	  "SERVICE/VOLUME[@SNAPSHOT]... [absent=ok]",
	  "Remove volumes and snapshots for good",
	  "A volume that ever held data is protected, and so are snapshots:\n"
	  "volctl asks on a terminal, and elsewhere wants --yes. What could\n"
	  "not be removed is protected again.\n\n"
	  "  volctl rm local/db              asks when it is protected\n"
	  "  volctl rm --yes local/db@old local/db@older\n"
	  "  volctl rm --yes --with-snapshots local/db\n"
	  "  volctl rm local/db absent=ok    fine if it is gone already\n" },
	{ "attach", command_attach, TAKES_LINE,
	  "SERVICE/VOLUME... [WORD | KEY=VALUE]...",
	  "Attach volumes to this machine",
	  "Mounting attaches by itself.\n\n"
	  "  volctl attach local/db\n"
	  "  volctl attach local/db ro\n" },
	{ "detach", command_detach, TAKES_LINE,
	  "SERVICE/VOLUME... [WORD | KEY=VALUE]...",
	  "Detach volumes from this machine",
	  "Refused while the volume is mounted: umount first.\n\n"
	  "  volctl detach local/db\n" },
	{ "mount", command_mount, TAKES_LINE,
	  "SERVICE/VOLUME... [WORD | KEY=VALUE]...",
	  "Attach and mount volumes; print where their data is",
	  "A blank volume gets a file system first. user=NAME notes who wants\n"
	  "it: the last user's umount unmounts. Reading the volume's 'mount'\n"
	  "file shows all words.\n\n"
	  "  cd \"$(volctl mount local/db)\"\n"
	  "  volctl mount local/db ro\n"
	  "  volctl mount local/db user=backup\n" },
	{ "umount", command_umount, TAKES_LINE | TAKES_FORCE | TAKES_LAZY,
	  "SERVICE/VOLUME... [WORD | KEY=VALUE]...",
	  "Unmount volumes, and detach what mounting attached",
	  "When something holds the mount, the sentence names it.\n\n"
	  "  volctl umount local/db\n"
	  "  volctl umount local/db user=backup\n"
	  "  volctl umount --lazy local/db\n" },
	{ "snapshot", command_snapshot, TAKES_ASYNC | TAKES_CONTINUE,
	  "SERVICE/VOLUME... [NAME] | SERVICE/VOLUME@NAME",
	  "Keep a volume's content of now, waiting until it is safe",
	  "A mounted volume is frozen for a moment, so that the snapshot is\n"
	  "one point in time. Without NAME it is called after the time.\n\n"
	  "  volctl snapshot local/db before-upgrade\n"
	  "  volctl snapshot local/db@before-upgrade\n"
	  "  volctl snapshot local/a local/b nightly\n" },
	{ "restore", command_restore, TAKES_LINE,
	  "SERVICE/VOLUME@SNAPSHOT...",
	  "Roll a volume back to a snapshot, in place",
	  "The volume has to be unmounted. Its present content is kept as a\n"
	  "snapshot 'before-restore-TIME' first.\n\n"
	  "  volctl umount local/db\n"
	  "  volctl restore local/db@before-upgrade\n" },
	{ "clone", command_clone, TAKES_LINE,
	  "SERVICE/VOLUME[@SNAPSHOT] SERVICE/NEW [KEY=VALUE]...",
	  "Make a new volume from a snapshot or a volume",
	  "  volctl clone local/db@nightly local/test\n"
	  "  volctl clone local/db local/copy size=40G\n" },
	{ "resize", command_resize, TAKES_LINE, "SERVICE/VOLUME... SIZE",
	  "Grow volumes and their file systems, mounted or not",
	  "SIZE is bytes, or a number with K, M, G, T (1024) or KB, MB, GB,\n"
	  "TB (1000); +SIZE is that much more. Volumes only grow.\n\n"
	  "  volctl resize local/db 200G\n"
	  "  volctl resize local/a local/b +10G\n" },
	{ "set", command_set, TAKES_LINE, "SERVICE/VOLUME... KEY=VALUE...",
	  "Change settings of volumes, all of them or none",
	  "The volume's 'set' file lists the keys it takes.\n\n"
	  "  volctl set cloud/db size=200G iops=6000\n" },
	{ "import", command_import,
	  TAKES_TIMEOUT | TAKES_ASYNC | TAKES_DRY_RUN,
	  "SERVICE ID [name=NAME]",
	  "Take over a volume that something else made",
	  "Sets the mark of a managed volume; touches no content. ID is what\n"
	  "the service calls it ('volctl ls' shows it).\n\n"
	  "  volctl import cloud vol-0a1b2c name=db\n" },
	{ "status", command_status, TAKES_BYTES,
	  "[SERVICE | SERVICE/VOLUME[@SNAPSHOT]]...",
	  "Say how the daemon, a service, a volume or a snapshot is",
	  "  volctl status                   the daemon\n"
	  "  volctl status local             a service\n"
	  "  volctl status local/db          a volume\n"
	  "  volctl status --json local/db | jq '.[0].mount.path'\n" },
	{ "jobs", command_jobs, TAKES_ALL, "[SERVICE/VOLUME]...",
	  "List what is being done, or the last jobs of a volume",
	  "  volctl jobs                     what runs or waits\n"
	  "  volctl jobs --all               also what has ended\n"
	  "  volctl jobs local/db            the last ones of a volume\n" },
	{ "cancel", command_cancel, TAKES_CONTINUE,
	  "JOB... | SERVICE/VOLUME...",
	  "Stop a running job safely",
	  "  volctl cancel 17                the job of that number\n"
	  "  volctl cancel local/db          what runs on that volume\n" },
	{ "events", command_events, TAKES_FOLLOW | TAKES_LINES,
	  "[SERVICE | SERVICE/VOLUME]...",
	  "Show what has happened, or follow what happens",
	  "With --json one object a line.\n\n"
	  "  volctl events -n 20\n"
	  "  volctl events -f local/db\n"
	  "  volctl events -f --json | jq -r .message\n" },
	{ "wait", command_wait, TAKES_TIMEOUT | TAKES_CONTINUE,
	  "SERVICE/VOLUME[@SNAPSHOT]... [KEY=VALUE]... | gone",
	  "Wait until something is so",
	  "KEY is 'state', 'mounted', 'attached' or any key of the status;\n"
	  "job=ID waits for that job and fails if it failed; 'gone' waits\n"
	  "until the name is no more. Without any: until nothing runs on it.\n"
	  "What cannot come true any more (state 'error') fails at once.\n\n"
	  "  volctl wait local/db\n"
	  "  volctl wait local/db state=available --timeout 60s\n"
	  "  volctl wait local/db mounted=1\n"
	  "  volctl wait local/db job=17\n"
	  "  volctl wait local/db gone\n" },
	{ "down", command_down, TAKES_FORCE | TAKES_TIMEOUT, "",
	  "Unmount every volume in order and end the daemon",
	  "Returns when the tree is gone. Ending the daemon by SIGTERM alone\n"
	  "leaves mounts for its next start; this does not.\n\n"
	  "  volctl down\n"
	  "  volctl down --force             also what is in use\n" },
	{ NULL }
};
