/* SPDX-License-Identifier: ISC */
#include "vmm/refresh_command.h"

#include <sys/random.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "vmm/refresh_how.h"
#include "vmm/refresh_scripts.h"

#define RANDOM_BYTES 64 /* as much as the kernel's pool has of state */
#define MACHINE_ID_BYTES 16

static const char *
script_of(enum vm_refresh step)
{
	static const char *const scripts[VM_REFRESHES] = {
		[VM_REFRESH_CLOCK] = refresh_clock,
		[VM_REFRESH_RANDOM] = refresh_random,
		[VM_REFRESH_HOSTNAME] = refresh_hostname,
		[VM_REFRESH_MACHINE_ID] = refresh_machine_id,
		[VM_REFRESH_SSH_KEYS] = refresh_ssh_keys,
		[VM_REFRESH_NETWORK] = refresh_network,
	};

	return scripts[step];
}

static int
fresh_bytes(void *buf, size_t len, struct error *err)
{
	return getrandom(buf, len, 0) == (ssize_t)len
	    ? 0
	    : error_sys(err, EX_OSERR, "random numbers");
}

/* RFC 9562, 5.4: version 4, as systemd's are. */
static int
make_machine_id(struct refresh_guest *g, struct error *err)
{
	unsigned char raw[MACHINE_ID_BYTES];

	if (fresh_bytes(raw, sizeof(raw), err) == -1)
		return -1;
	raw[6] = (unsigned char)((raw[6] & 0x0f) | 0x40);
	raw[8] = (unsigned char)((raw[8] & 0x3f) | 0x80);
	hex_put(g->word, raw, sizeof(raw));
	return 0;
}

/* Of the steps of g->group, each in a function of its own. */
static int
put_group(FILE *to, unsigned steps)
{
	static const char *const words[VM_REFRESHES] = {
		[VM_REFRESH_CLOCK] = " \"$1\" \"$2\"",
		[VM_REFRESH_RANDOM] = "",
		[VM_REFRESH_HOSTNAME] = " \"$3\"",
	};
	enum vm_refresh step;

	fputs(refresh_one_of, to);
	for (step = 0; step < VM_REFRESHES; step++)
		if (steps & REFRESH_BIT(step))
			fprintf(to, "%s() {\n%s\n}\none %s%s\n",
			    vm_refresh_name(step), script_of(step),
			    vm_refresh_name(step), words[step]);
	return ferror(to) != 0 ? -1 : 0;
}

/* NULL: no memory. */
static char *
make_text(const struct refresh_guest *g)
{
	char *text = NULL;
	size_t len;
	FILE *to;
	int rc;

	if (g->group == 0)
		return strdup(g->is_script ? refresh_run : script_of(g->step));
	to = open_memstream(&text, &len);
	if (to == NULL)
		return NULL;
	rc = put_group(to, g->group);
	if (fclose(to) == 0 && rc == 0)
		return text;
	free(text);
	return NULL;
}

int
refresh_command_start(struct refresh_guest *g, int64_t deadline_ms,
    struct error *err)
{
	unsigned steps = g->group != 0 ? g->group
	    : g->is_script             ? 0
				       : REFRESH_BIT(g->step);
	char shell[] = "/bin/sh", option[] = "-c", name[] = "sh";
	char words[3][CIDATA_HOSTNAME_MAX + 1] = { "", "", "" };
	unsigned char bytes[RANDOM_BYTES];
	struct agent_command c = { .is_captured = true };
	size_t n = 0;
	struct timespec now;
	char *text, *argv[8];
	int rc = 0;

	if (g->is_script) {
		c.input = g->script;
		c.input_len = g->script_len;
	}
	if (steps & REFRESH_BIT(VM_REFRESH_RANDOM)) {
		rc = fresh_bytes(bytes, sizeof(bytes), err);
		c.input = bytes;
		c.input_len = sizeof(bytes);
	}
	/* In a group all of them have their places. */
	if (g->group != 0 || (steps & REFRESH_BIT(VM_REFRESH_CLOCK))) {
		clock_gettime(CLOCK_REALTIME, &now);
		snprintf(words[n++], sizeof(words[0]), "%lld",
		    (long long)now.tv_sec);
		snprintf(words[n++], sizeof(words[0]), "%09ld", now.tv_nsec);
	}
	if (g->group != 0 || (steps & REFRESH_BIT(VM_REFRESH_HOSTNAME)))
		snprintf(words[n++], sizeof(words[0]), "%s", g->hostname);
	if (steps & REFRESH_BIT(VM_REFRESH_MACHINE_ID)) {
		rc = make_machine_id(g, err);
		snprintf(words[n++], sizeof(words[0]), "%s", g->word);
	}
	text = rc == -1 ? NULL : make_text(g);
	if (text == NULL)
		return rc == -1 ? -1 : error_nomem(err, NULL);
	argv[0] = shell;
	argv[1] = option;
	argv[2] = text;
	argv[3] = name;
	argv[4] = words[0];
	argv[5] = words[1];
	argv[6] = words[2];
	argv[7] = NULL;
	c.argv = argv;
	rc = agent_exec_start(g->agent, &g->pid, &c, deadline_ms, err);
	memset(bytes, 0, sizeof(bytes));
	free(text);
	return rc;
}
