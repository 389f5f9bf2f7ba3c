/* SPDX-License-Identifier: ISC */
#include "vmm/host/console_scan.h"

#include "base/sig.h"

void
console_scan_init(struct console_scan *c)
{
	vm_log_init(&c->log);
	c->len = 0;
}

void
console_scan_fini(struct console_scan *c)
{
	vm_log_fini(&c->log);
}

static bool
line_fits(struct console_scan *c, const regex_t *regex)
{
	c->line[c->len] = '\0';
	return regexec(regex, c->line, 0, NULL, 0) == 0;
}

/* Takes `n` bytes of the log; true as soon as a finished line fits. */
static bool
take_text(struct console_scan *c, const char *buf, size_t n,
    const regex_t *regex)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (buf[i] == '\r' || buf[i] == '\0')
			continue;
		if (buf[i] != '\n')
			c->line[c->len++] = buf[i];
		if (buf[i] != '\n' && c->len < CONSOLE_SCAN_LINE_MAX)
			continue;
		if (line_fits(c, regex))
			return true;
		c->len = 0;
	}
	return false;
}

int
console_scan_look(struct console_scan *c, const struct vm *vm, int dirfd,
    const regex_t *regex, bool *found, struct error *err)
{
	char buf[16384];
	size_t got;
	bool anew;

	*found = false;
	while (sig_check(err) == 0) {
		if (vm_log_read(&c->log, vm, dirfd, buf, sizeof(buf), &got,
			&anew, err) == -1)
			return -1;
		if (anew)
			c->len = 0;
		if (got == 0) {
			*found = c->len > 0 && line_fits(c, regex);
			return 0;
		}
		*found = take_text(c, buf, got, regex);
		if (*found)
			return 0;
	}
	return -1;
}
