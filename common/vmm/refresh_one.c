/* SPDX-License-Identifier: ISC */
#include "vmm/refresh_one.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hook.h"
#include "vmm/quiesce.h"
#include "vmm/refresh_guest.h"

#define RECORD_WAIT_MS                                                         \
	10000 /* for the lock of a VM that somebody uses already */

static int64_t
wait_ms(const struct refresh_how *how, const struct vm *vm)
{
	bool is_slow = vm->accel == VM_ACCEL_TCG;

	if (how->timeout.given)
		return (int64_t)how->timeout.ms;
	if (how->run == NULL)
		return is_slow ? QUIESCE_LOADED_EMULATED_MS : QUIESCE_LOADED_MS;
	return is_slow ? READY_WAIT_EMULATED_MS : READY_WAIT_MS;
}

/* Whether it is still the guest that was asked. */
static bool
is_same_process(const struct vm *a, const struct vm *b)
{
	return a->proc.pid == b->proc.pid &&
	    a->proc.start_ticks == b->proc.start_ticks;
}

/* Into the VM's record, which somebody may have changed meanwhile. */
static int
record_it(const struct vm_at *one, struct error *err)
{
	const struct vm *vm = &one->vm;
	struct timespec now;
	struct vm_at at;
	int rc = 0;

	if (vm_at_open(&at, one->root, vm->id, true,
		clock_ms() + RECORD_WAIT_MS, err) == -1)
		return err->code == EX_NOINPUT ? 0 : -1;
	if (is_same_process(&at.vm, vm)) {
		memcpy(at.vm.identity.refreshed, vm->identity.refreshed,
		    sizeof(vm->identity.refreshed));
		memcpy(at.vm.identity.hostname, vm->identity.hostname,
		    sizeof(vm->identity.hostname));
		at.vm.thaw = vm->thaw;
		clock_gettime(CLOCK_REALTIME, &now);
		rc = vm_at_write(&at, false, &now, err);
	}
	vm_at_close(&at);
	return rc;
}

static bool
is_confirmed(const struct vm *vm, enum vm_refresh step)
{
	return strcmp(vm->identity.refreshed[step].result, "confirmed") == 0;
}

static size_t
cut(size_t len)
{
	return len > REFRESH_STREAM_MAX ? REFRESH_STREAM_MAX : len;
}

/* The streams lie behind what has their lengths. */
static int
write_said(const struct vm_at *at, const struct refresh_guest *g,
    const struct error *record, int fd)
{
	struct refresh_said s = { .identity = at->vm.identity,
		.thaw = at->vm.thaw,
		.is_frozen = g->is_frozen,
		.err = g->err,
		.record = *record,
		.end = { .has_ended = g->end.has_ended,
		    .status = g->end.status,
		    .out_len = cut(g->end.out_len),
		    .err_len = cut(g->end.err_len) },
		.script_us = g->script_us };

	if (fd_write(fd, &s, sizeof(s), "memory", NULL) == -1 ||
	    fd_write(fd, g->end.out, s.end.out_len, "memory", NULL) == -1 ||
	    fd_write(fd, g->end.err, s.end.err_len, "memory", NULL) == -1)
		return EX_OSERR;
	return EX_OK;
}

int
refresh_one(struct vm_at *at, const struct ready_refresh *what,
    const struct refresh_how *how, const struct error *why, int said)
{
	struct refresh_guest g = { .vm = &at->vm,
		.dirfd = at->dirfd,
		.steps = what->steps,
		.hostname = what->hostname,
		.script = how->run == NULL ? NULL : how->script,
		.script_len = how->script_len,
		.deadline_ms = clock_ms() + wait_ms(how, &at->vm),
		.is_default = !refresh_is_asked_for(how) };
	struct vm_identity *identity = &at->vm.identity;
	struct error record = { 0 };
	int status, left;

	hook_step("refreshing");
	if (why->code != 0)
		refresh_guest_end(&g, why);
	while (!g.is_over) {
		left = clock_left(g.look_ms);
		if (left > 0)
			clock_nap(left);
		refresh_guest_look(&g);
	}
	if (is_confirmed(&at->vm, VM_REFRESH_HOSTNAME))
		memcpy(identity->hostname, "confirmed", sizeof("confirmed"));
	/* They were of the one that was saved. */
	if (is_confirmed(&at->vm, VM_REFRESH_SSH_KEYS))
		unlinkat(at->dirfd, VM_KNOWN_HOSTS, 0);
	record_it(at, &record);
	status = write_said(at, &g, &record, said);
	refresh_guest_fini(&g);
	return status;
}

static int
read_stream(unsigned char **out, int fd, uint64_t off, size_t len,
    struct error *err)
{
	*out = malloc(len + 1);
	return *out == NULL ? error_nomem(err, NULL)
			    : fd_pread(fd, *out, len, off, "memory", err);
}

int
refresh_said_read(struct refresh_said *out, int said, struct error *err)
{
	struct agent_end *end = &out->end;

	if (fd_pread(said, out, sizeof(*out), 0, "memory", err) == -1) {
		memset(out, 0, sizeof(*out));
		return -1;
	}
	if (read_stream(&end->out, said, sizeof(*out), end->out_len, err) ==
		-1 ||
	    read_stream(&end->err, said, sizeof(*out) + end->out_len,
		end->err_len, err) == -1) {
		agent_end_fini(end);
		return -1;
	}
	return 0;
}
