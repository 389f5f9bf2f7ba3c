/* SPDX-License-Identifier: ISC */
/* What vm-ssh is asked for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/opt.h"
#include "base/strv.h"
#include "state/vm.h"

/* For the guest, without --timeout: a boot by emulation takes minutes. */
#define OPTIONS_WAIT_MS 120000
#define OPTIONS_WAIT_EMULATED_MS 600000

enum output {
	OUTPUT_LOGIN, /* none: ssh runs */
	OUTPUT_COMMAND, /* --print: its command line */
	OUTPUT_CONFIG /* --ssh-config: a block for ssh_config(5) */
};

struct opts {
	struct opt_common common;
	const char *user; /* -l, or NULL */
	struct strv flags; /* words that ssh(1) takes as they are: "-t" */
	struct strv keys; /* -i */
	struct strv options; /* -o */
	struct opt_time timeout; /* 0: the guest is not waited for */
	enum output output;
	char *vm;
	char *const *command; /* NULL at its end; empty: a shell */
};

void options_fini(struct opts *o);

/* 0 go, 1 done, -1 wrong, of which one line has told. */
int options_parse(struct opts *o, int argc, char *argv[]);

/* How long the guest of this VM is waited for; 0: not at all. */
int64_t options_wait_ms(const struct opts *o, const struct vm *vm);

#endif
