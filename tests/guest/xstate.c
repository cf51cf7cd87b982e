/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into user-mode Linux, so that it runs on every x86-64 CPU.
 *
 * It sets the floating-point registers of its processes with
 * PTRACE_SETREGSET(NT_X86_XSTATE) and a buffer of the size it knows. Where the
 * CPU's XSAVE area is larger (AMX adds 8 KiB), newer kernels answer EFAULT,
 * and it ends at once. The rest of the area is what the process has now: read
 * it, lay the caller's bytes over its beginning, and set the whole.
 */
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* XSAVE areas are below 12 KiB today (Intel SDM 1, 13.5). */
#define XSTATE_MAX 65536

/* As ptrace(2): 0 or the word, else -1 with errno. */
static long set_xstate(pid_t pid, void *type, const struct iovec *given)
{
	static _Thread_local char area[XSTATE_MAX]
		__attribute__((aligned(64)));
	struct iovec whole = { .iov_base = area, .iov_len = sizeof(area) };

	if (given->iov_len > sizeof(area) ||
	    syscall(SYS_ptrace, PTRACE_GETREGSET, pid, type, &whole) < 0 ||
	    whole.iov_len <= given->iov_len)
		return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, type, given);
	memcpy(area, given->iov_base, given->iov_len);
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, type, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list args;
	pid_t pid;
	void *addr, *data;
	long word, result;

	va_start(args, request);
	pid = va_arg(args, pid_t);
	addr = va_arg(args, void *);
	data = va_arg(args, void *);
	va_end(args);
	if (request == PTRACE_SETREGSET && data &&
	    (unsigned long)addr == NT_X86_XSTATE)
		return set_xstate(pid, addr, data);
	/* As the C library does: the kernel stores the word it peeks. */
	if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA ||
	    request == PTRACE_PEEKUSER) {
		result = syscall(SYS_ptrace, request, pid, addr, &word);
		return result < 0 ? result : word;
	}
	return syscall(SYS_ptrace, request, pid, addr, data);
}
