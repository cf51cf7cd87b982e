/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_FS_INDEX_H
#define VOLFS_FS_INDEX_H

/*
 * The number of each file within its object. It is the low byte of a node id,
 * which kernels, open files and the next daemon hold on to: a number is never
 * changed and never given to another file. Below 64, since the nodes that the
 * kernel has are kept as one bit each.
 */

enum daemon_index {              /* service 0, serial 0 */
	DAEMON_ROOT = 1,         /* FUSE_ROOT_ID */
	DAEMON_README = 2,
	DAEMON_DIR = 3,          /* .volfs */
	DAEMON_STATUS = 4,
	DAEMON_VERSION = 5,
	DAEMON_METRICS = 6,
	DAEMON_CONFIG = 7,
	DAEMON_RELOAD = 8,
	DAEMON_DRIVERS = 9,
	DAEMON_JOBS = 10,
	DAEMON_MOUNTS = 11,
	DAEMON_DEVICES = 12,
	DAEMON_EVENTS = 13,
	DAEMON_EVENTS_OLD = 14,  /* events.1 */
	DAEMON_DOWN = 15,
	DAEMON_DRIVER_FIRST = 64 /* + its place in providers[] */
};

enum job_index {                 /* service 0, serial = the job's id */
	JOB_DIR = 1,
	JOB_STATUS = 2,
	JOB_CANCEL = 3
};

enum service_index {             /* serial 0 */
	SERVICE_DIR = 1,
	SERVICE_README = 2,
	SERVICE_STATUS = 3,
	SERVICE_ERROR = 4,
	SERVICE_CREATE = 5,
	SERVICE_REMOVE = 6,
	SERVICE_IMPORT = 7,
	SERVICE_REFRESH = 8,
	SERVICE_SNAPSHOTS = 9,
	SERVICE_BY_ID = 10
};

enum volume_index {              /* below SNAPSHOT_FIRST */
	VOLUME_DIR = 1,
	VOLUME_README = 2,
	VOLUME_STATUS = 3,
	VOLUME_STATE = 4,
	VOLUME_ID = 5,
	VOLUME_ERROR_FILE = 6,
	VOLUME_JOB = 7,
	VOLUME_JOBS = 8,
	VOLUME_SIZE = 9,
	VOLUME_TYPE = 10,
	VOLUME_IOPS = 11,
	VOLUME_THROUGHPUT = 12,
	VOLUME_ZONE = 13,
	VOLUME_ENCRYPTED = 14,
	VOLUME_FSTYPE = 15,
	VOLUME_TAGS = 16,
	VOLUME_PROTECT = 17,
	VOLUME_ATTACHED_FILE = 18,
	VOLUME_MOUNTED = 19,
	VOLUME_MANAGED = 20,
	VOLUME_AUTO = 21,
	VOLUME_ATTACH = 22,
	VOLUME_DETACH = 23,
	VOLUME_MOUNT = 24,
	VOLUME_UNMOUNT = 25,
	VOLUME_SET = 26,
	VOLUME_CANCEL = 27,
	VOLUME_FORGET = 28,
	VOLUME_USERS = 29,
	VOLUME_OPTIONS = 30,
	VOLUME_SUBPATH = 31,
	VOLUME_UID = 32,
	VOLUME_GID = 33,
	VOLUME_MODE = 34,
	VOLUME_DEVICE = 35,
	VOLUME_SNAPSHOTS = 36,
	VOLUME_DATA = 37,
	VOLUME_BY_ID = 38,       /* the symlink in the service's .by-id */

	SNAPSHOT_FIRST = 48,     /* from here on the serial is a snapshot's */
	SNAPSHOT_DIR = 48,
	SNAPSHOT_STATUS = 49,
	SNAPSHOT_ID = 50,
	SNAPSHOT_SIZE = 51,
	SNAPSHOT_STATE = 52,
	SNAPSHOT_PROGRESS = 53,
	SNAPSHOT_PROTECT = 54,
	SNAPSHOT_RESTORE = 55,
	SNAPSHOT_ERROR_FILE = 56,
	SNAPSHOT_LINK = 63       /* the symlink in the service's .snapshots */
};

enum name_index {                /* a name below .create/ and its like */
	NAME_CREATE = 1,
	NAME_REMOVE = 2,
	NAME_IMPORT = 3
};

#define INDEX_MAX 128

#endif
