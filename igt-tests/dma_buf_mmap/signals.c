// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

#include "dma_buf_mmap/signals.h"

static __thread sigjmp_buf env;
static __thread volatile sig_atomic_t armed;

static void on_signal(int sig)
{
	if (!armed) {
		signal(sig, SIG_DFL);
		raise(sig);
		return;
	}
	armed = 0;
	siglongjmp(env, sig);
}

/* libigt installs handlers of its own, at its first exit handler and on fork: ours go last */
void dbm_catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_NODEFER };

	sigemptyset(&sa.sa_mask);
	if (sigaction(SIGBUS, &sa, NULL) || sigaction(SIGSEGV, &sa, NULL))
		abort();
}

int __dbm_read(const volatile void *addr, uint64_t *value)
{
	int sig = sigsetjmp(env, 0);

	if (sig)
		return sig;
	armed = 1;
	*value = *(const volatile uint64_t *)addr;
	armed = 0;
	return 0;
}

int __dbm_write(volatile void *addr, uint64_t value)
{
	int sig = sigsetjmp(env, 0);

	if (sig)
		return sig;
	armed = 1;
	*(volatile uint64_t *)addr = value;
	armed = 0;
	return 0;
}
