/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_NET_CURL_H
#define VOLFS_NET_CURL_H

#include <curl/curl.h>

#include "base/err.h"

/*
 * libcurl, loaded when it is first used. It brings thirty libraries, and what
 * the dynamic linker has to do for them would be paid by each start and by
 * each helper process: 6 ms of 8. For src/net alone; included in the place of
 * <curl/curl.h>, so that no call is made past the table.
 */
#define CURL_FUNCTIONS(X)                                               \
	X(easy_cleanup) X(easy_getinfo) X(easy_init) X(easy_reset)      \
	X(easy_setopt) X(easy_strerror) X(getdate) X(global_init)       \
	X(multi_add_handle) X(multi_cleanup) X(multi_info_read)         \
	X(multi_init) X(multi_perform) X(multi_poll)                    \
	X(multi_remove_handle) X(multi_setopt) X(multi_wakeup)          \
	X(slist_append) X(slist_free_all)

struct curl_functions {
#define CURL_MEMBER(name) __typeof__(curl_##name) *name;
	CURL_FUNCTIONS(CURL_MEMBER)
#undef CURL_MEMBER
};
extern struct curl_functions curl_functions;

/* Before any other call; any thread, any number of times. Blocks for some
 * milliseconds the first time. -ENOENT: it is not installed, with the
 * sentence; @err may be NULL. */
int curl_load(struct err *err);

/* curl.h has macros that check types by some of these names. */
#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt

#define curl_easy_cleanup curl_functions.easy_cleanup
#define curl_easy_getinfo curl_functions.easy_getinfo
#define curl_easy_init curl_functions.easy_init
#define curl_easy_reset curl_functions.easy_reset
#define curl_easy_setopt curl_functions.easy_setopt
#define curl_easy_strerror curl_functions.easy_strerror
#define curl_getdate curl_functions.getdate
#define curl_global_init curl_functions.global_init
#define curl_multi_add_handle curl_functions.multi_add_handle
#define curl_multi_cleanup curl_functions.multi_cleanup
#define curl_multi_info_read curl_functions.multi_info_read
#define curl_multi_init curl_functions.multi_init
#define curl_multi_perform curl_functions.multi_perform
#define curl_multi_poll curl_functions.multi_poll
#define curl_multi_remove_handle curl_functions.multi_remove_handle
#define curl_multi_setopt curl_functions.multi_setopt
#define curl_multi_wakeup curl_functions.multi_wakeup
#define curl_slist_append curl_functions.slist_append
#define curl_slist_free_all curl_functions.slist_free_all

#endif
