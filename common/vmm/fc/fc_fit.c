/* SPDX-License-Identifier: ISC */
/* What Firecracker can run, and what of it here. */
#include "vmm/fc/fc.h"

#include <sys/utsname.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"
#include "disk/chain.h"
#include "vmm/fc/fc_import.h"
#include "vmm/fc/fc_look.h"
#include "vmm/fc/fc_space.h"
#include "vmm/host/processor.h"

#define ASK_MS 5000 /* for --version */

int
fc_check_vm(const struct vm *vm, struct error *err)
{
	if (vm->machine.boot[MACHINE_KERNEL] == NULL)
		return error_set(err, EX_USAGE,
		    "--kernel: firecracker boots nothing else");
	if (vm->machine.cpu > FC_CPU_MAX)
		return error_set(err, EX_USAGE,
		    "--cpu %" PRIu64 ": firecracker has at most %d",
		    vm->machine.cpu, FC_CPU_MAX);
	if (vm->memory_choice != VM_MEMORY_AUTO)
		return error_set(err, EX_USAGE,
		    "--memory-backing: firecracker keeps its memory itself");
	return 0;
}

int
fc_check_host(const struct envelope_host *host, const struct sidecar *sidecar,
    struct error *err)
{
	struct error why = { 0 };
	unsigned minor;

	(void)sidecar;
	if (strcmp(host->accel, "kvm") != 0)
		return error_set(err, EX_CONFIG,
		    "saved under accelerator \"%s\", Firecracker has kvm alone",
		    host->accel);
	if (fc_version_check(&minor, host->version, &why) == -1)
		return error_set(err, EX_CONFIG, "saved by %s", why.msg);
	if (!processor_has_kvm())
		return error_set(err, EX_CONFIG,
		    "saved under kvm, which is not here");
	return processor_check(&host->cpu_flags, err);
}

/* "Firecracker v1.16.1" is the first line of what the program prints. */
static int
ask_program(unsigned *minor, struct error *err)
{
	char text[4096], *version = text;
	char *const argv[] = { (char *)(size_t)fc_program(),
		(char *)(size_t) "--version", NULL };
	struct proc_run run = { .argv = argv,
		.dirfd = -1,
		.stdin_fd = -1,
		.out = text,
		.out_cap = sizeof(text),
		.deadline_ms = clock_ms() + ASK_MS };

	if (proc_run(&run, err) == -1)
		return -1;
	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, "Firecracker ", 12) == 0)
		version += 12;
	return fc_version_check(minor, version, err);
}

/* A tap has room for one: the old VM ends before the new one is asked. */
static bool
must_know_now(const struct machine *m)
{
	size_t i;

	for (i = 0; i < m->nics.n; i++)
		if (m->nics.v[i].kind == NIC_TAP)
			return true;
	return false;
}

int
fc_check_arch(const struct fc_look *look, struct error *err)
{
	struct utsname uts;

	if (uname(&uts) == -1)
		return error_sys(err, EX_OSERR, "uname");
	return strcmp(uts.machine, look->state.arch) == 0
	    ? 0
	    : error_set(err, EX_CONFIG, FC_STATE ": saved on %s, this is %s",
		  look->state.arch, uts.machine);
}

int
fc_state_match(const struct machine *m, int dirfd, struct error *err)
{
	struct fc_look look;
	unsigned minor;

	if (fc_look(&look, dirfd, FC_STATE, &m->disks, err) == -1 ||
	    fc_check_arch(&look, err) == -1)
		return -1;
	if (m->agent && !look.has_vsock)
		return error_set(err, EX_DATAERR,
		    FC_STATE ": has no vsock for an agent");
	/* Whether it is there at all is asked by who wants to start it. */
	if (!must_know_now(m) || fc_check_program(NULL) == -1)
		return 0;
	if (ask_program(&minor, err) == -1)
		return -1;
	if (fc_state_check_version(&look.state, minor, err) == -1)
		return error_wrap(err, FC_STATE);
	return 0;
}

int
fc_devices_match(const struct sidecar *s, struct error *err)
{
	const struct machine *m = &s->machine;
	size_t i;

	if (s->cpu != 0 && m->cpu != 0 && s->cpu != m->cpu)
		return error_set(err, EX_DATAERR,
		    "cpu is %" PRIu64 ", config.cpu %" PRIu64, s->cpu, m->cpu);
	if (m->cpu > FC_CPU_MAX)
		return error_set(err, EX_DATAERR,
		    "%" PRIu64 " processors, Firecracker has at most %d",
		    m->cpu, FC_CPU_MAX);
	for (i = 0; i < m->disks.n; i++) {
		if (m->disks.v[i].backing.n > 0 ||
		    !chain_format(m->disks.v[i].path)->is_flat)
			return error_set(err, EX_DATAERR,
			    "disk %zu: %s: Firecracker reads no qcow2", i,
			    m->disks.v[i].path);
	}
	return fc_space_check(&m->disks, err);
}

/* A tap for each MAC that the state has: where it goes, the user says. */
int
fc_complete(int dirfd, struct sidecar *sidecar, struct error *err)
{
	struct fc_look look;
	size_t i;

	if (fc_look(&look, dirfd, FC_STATE, NULL, err) == -1) {
		if (err != NULL && err->code == EX_NOINPUT)
			err->code = EX_DATAERR;
		return -1;
	}
	for (i = 0; i < look.macs_n; i++)
		if (fc_find_nics(&sidecar->machine.nics, look.macs[i],
			FC_STATE_MAC - 1, err) == -1)
			return -1;
	return 0;
}
