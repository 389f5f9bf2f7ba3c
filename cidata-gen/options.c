/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <stdlib.h>
#include <string.h>

/* The password, copied where ps(1) does not look, and wiped from there. */
static int
take_password(struct wishes *w, char *value)
{
	if (w->password != NULL)
		return opt_wrong("--password: given twice");
	w->password = strdup(value);
	if (w->password == NULL)
		return opt_wrong("out of memory");
	memset(value, '*', strlen(value));
	return 0;
}

static const struct members seed_members = {
	"file size format instance_id files.#", NULL
};

int
wishes_parse(struct wishes *w, int argc, char *argv[], void (*usage)(FILE *))
{
	enum {
		ID = OPT_OWN,
		USER,
		PASSWORD_FILE,
		PASSWORD_HASH,
		SALT,
		USER_DATA,
		VENDOR_DATA,
		PASSWORD,
		SSH_KEY,
		NIC,
		MOUNTS
	};
	const struct {
		const char **slot;
		const char *name;
		int ch;
	} own[] = {
		{ &w->instance_id, "--instance-id", ID },
		{ &w->user, "--user", USER },
		{ &w->password_file, "--password-file", PASSWORD_FILE },
		{ &w->password_hash, "--password-hash", PASSWORD_HASH },
		{ &w->salt, "--salt", SALT },
		{ &w->user_data, "--user-data", USER_DATA },
		{ &w->vendor_data, "--vendor-data", VENDOR_DATA },
		{ &w->format, "--format", 'f' },
		{ &w->hostname, "--hostname", 'H' },
		{ &w->dsmode, "--dsmode", 'm' },
		{ &w->network_config, "--network-config", 'N' },
		{ &w->out, "--output", 'o' },
	};
	static const struct option longopts[] = { OPT_LONG_STATELESS,
		{ "instance-id", required_argument, NULL, ID },
		{ "user", required_argument, NULL, USER },
		{ "password", required_argument, NULL, PASSWORD },
		{ "password-file", required_argument, NULL, PASSWORD_FILE },
		{ "password-hash", required_argument, NULL, PASSWORD_HASH },
		{ "salt", required_argument, NULL, SALT },
		{ "ssh-key", required_argument, NULL, SSH_KEY },
		{ "nic", required_argument, NULL, NIC },
		{ "mounts", no_argument, NULL, MOUNTS },
		{ "user-data", required_argument, NULL, USER_DATA },
		{ "vendor-data", required_argument, NULL, VENDOR_DATA },
		{ "format", required_argument, NULL, 'f' },
		{ "filesystem", required_argument, NULL, 'f' },
		{ "hostname", required_argument, NULL, 'H' },
		{ "dsmode", required_argument, NULL, 'm' },
		{ "network-config", required_argument, NULL, 'N' },
		{ "output", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 } };
	const size_t n = sizeof(own) / sizeof(own[0]);
	size_t i;
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv,
		 OPT_SHORT_STATELESS "f:H:m:N:o:p:", longopts)) != -1) {
		for (i = 0; i < n && own[i].ch != ch; i++)
			continue;
		if (i < n)
			rc = opt_once(own[i].slot, optarg, own[i].name);
		else if (ch == 'p')
			rc = opt_members(&w->members, optarg, &seed_members);
		else if (ch == PASSWORD)
			rc = take_password(w, optarg);
		else if (ch == SSH_KEY)
			rc = opt_again(&w->ssh_keys, optarg);
		else if (ch == NIC)
			rc = opt_again(&w->nics, optarg);
		else if (ch == MOUNTS)
			w->mounts = true;
		else
			rc = opt_common(&w->common, ch, usage);
	}
	if (rc == 0 && argv[optind] != NULL)
		rc = opt_wrong("%s: no operands are taken", argv[optind]);
	return rc != 0 ? rc : opt_output(&w->out, w->members, "image");
}

void
wishes_fini(struct wishes *w)
{
	if (w->password != NULL)
		explicit_bzero(w->password, strlen(w->password));
	free(w->password);
	strv_fini(&w->ssh_keys);
	strv_fini(&w->nics);
}

bool
wishes_iso(const struct wishes *w)
{
	return w->format != NULL && strcmp(w->format, "vfat") != 0;
}

static int
check_format(const struct wishes *w, struct error *err)
{
	if (!wishes_iso(w) || strcmp(w->format, "iso") == 0 ||
	    strcmp(w->format, "iso9660") == 0)
		return 0;
	return error_set(err, EX_USAGE, "--format %s: is neither vfat nor iso",
	    w->format);
}

/* Standard input can be read once. */
static int
check_stdin(const struct wishes *w, struct error *err)
{
	const struct {
		const char *value, *name;
	} readers[] = {
		{ w->mounts ? "-" : NULL, "--mounts" },
		{ w->password, "--password -" },
		{ w->password_file, "--password-file -" },
		{ w->user_data, "--user-data -" },
		{ w->vendor_data, "--vendor-data -" },
		{ w->network_config, "--network-config -" },
	};
	const char *first = NULL;
	size_t i;

	for (i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (readers[i].value == NULL ||
		    strcmp(readers[i].value, "-") != 0)
			continue;
		if (first != NULL)
			return error_set(err, EX_USAGE,
			    "%s and %s: both read standard input", first,
			    readers[i].name);
		first = readers[i].name;
	}
	return 0;
}

int
wishes_check(const struct wishes *w, struct error *err)
{
	int passwords = (w->password != NULL) + (w->password_file != NULL) +
	    (w->password_hash != NULL);

	if (passwords > 1)
		return error_set(err, EX_USAGE,
		    "--password, --password-file and --password-hash exclude "
		    "each other");
	if (w->salt != NULL && w->password == NULL && w->password_file == NULL)
		return error_set(err, EX_USAGE,
		    "--salt: there is no password to hash");
	if (w->network_config != NULL && w->nics.n > 0)
		return error_set(err, EX_USAGE,
		    "--network-config and --nic exclude each other");
	if (check_format(w, err) == -1)
		return -1;
	return check_stdin(w, err);
}
