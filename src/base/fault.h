/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_BASE_FAULT_H
#define VOLFS_BASE_FAULT_H

/*
 * Faults on purpose, in builds configured with --enable-fault-points only.
 * FAULT_POINT("job.create.called") kills the process with SIGKILL when the
 * environment's VOLFS_FAULT names it, "NAME" or "NAME:N" for the Nth time it
 * is reached (VOLFS_FAULT_ONCE=FILE: only while FILE does not exist; it is
 * made first, so that a restarted daemon goes on). VOLFS_FAULT_TRACE=FILE gets
 * the name of each point that is reached, a line each. A process that has called
 * FAULT_IN_HELPER(), and what it forks, is a part of its parent: that is killed
 * as well. In other builds it is
 * nothing. tests/lint lists the points by grep, so the name is a literal.
 */
#ifdef VOLFS_FAULT_POINTS
void fault_point(const char *name);
#define FAULT_POINT(name) fault_point(name)
void fault_in_helper(void);
#define FAULT_IN_HELPER() fault_in_helper()
#else
#define FAULT_IN_HELPER() ((void)0)
#define FAULT_POINT(name) ((void)0)
#endif

#endif
