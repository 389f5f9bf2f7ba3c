/* SPDX-License-Identifier: ISC */
#include "vmm/refresh_how.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "vmm/host/agent.h"

#define RULE                                                                   \
	"not clock, random, hostname, machine-id, ssh-keys or network, with "  \
	"commas between them, or none"

/* As the option has them. */
static const struct {
	const char *name;
	enum vm_refresh what;
} words[] = {
	{ "clock", VM_REFRESH_CLOCK },
	{ "random", VM_REFRESH_RANDOM },
	{ "hostname", VM_REFRESH_HOSTNAME },
	{ "machine-id", VM_REFRESH_MACHINE_ID },
	{ "ssh-keys", VM_REFRESH_SSH_KEYS },
	{ "network", VM_REFRESH_NETWORK },
};

void
refresh_how_fini(struct refresh_how *how)
{
	free(how->script);
	how->script = NULL;
}

/* 0: there is no such word. */
static unsigned
bit_of(const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].name) == len &&
		    memcmp(words[i].name, word, len) == 0)
			return REFRESH_BIT(words[i].what);
	return 0;
}

int
refresh_opt(struct refresh_how *how, const char *value)
{
	const char *word = value;
	unsigned bit;
	size_t len;

	if (how->is_said)
		return opt_wrong("--refresh given twice");
	how->is_said = true;
	if (strcmp(value, "none") == 0)
		return 0;
	for (;; word += len + 1) {
		len = strcspn(word, ",");
		bit = bit_of(word, len);
		if (bit == 0)
			return opt_wrong("--refresh: \"%.*s\": " RULE, (int)len,
			    word);
		how->steps |= bit;
		if (word[len] == '\0')
			return 0;
	}
}

int
refresh_opt_run(struct refresh_how *how, const char *value)
{
	return opt_once(&how->run, value, "--run");
}

int
refresh_opt_timeout(struct refresh_how *how, const char *value)
{
	return opt_duration(&how->timeout, value, "--refresh-timeout");
}

bool
refresh_is_asked_for(const struct refresh_how *how)
{
	return how->steps != 0 || how->run != NULL;
}

int
refresh_opt_check(const struct refresh_how *how, const char *excluder)
{
	if (excluder == NULL || !refresh_is_asked_for(how))
		return 0;
	return opt_wrong("%s and %s exclude each other",
	    how->run != NULL ? "--run" : "--refresh", excluder);
}

int
refresh_how_read(struct refresh_how *how, struct error *err)
{
	bool is_stdin;
	int fd, rc;

	if (how->run == NULL)
		return 0;
	is_stdin = strcmp(how->run, "-") == 0;
	fd = is_stdin ? 0 : open(how->run, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "--run: %s",
		    how->run);
	rc = fd_read_all(&how->script, &how->script_len, fd, REFRESH_RUN_MAX,
	    is_stdin ? "standard input" : how->run, err);
	if (!is_stdin)
		fd_drop(&fd);
	if (rc == 0 && how->script_len == 0)
		rc = error_set(err, EX_DATAERR, "%s: it is empty", how->run);
	return rc == -1 ? error_wrap(err, "--run") : 0;
}

int
refresh_can_be(const struct refresh_how *how, const struct vm *vm,
    struct error *err)
{
	struct agent *agent;

	if (!refresh_is_asked_for(how))
		return 0;
	if (agent_open(&agent, vm, -1, err) == -1)
		return -1;
	agent_close(agent);
	return 0;
}
