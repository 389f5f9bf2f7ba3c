/* SPDX-License-Identifier: ISC */
#include "tables.h"

#define READY                                                                  \
	{ "ready", ACTION_TEXT, "--ready" },                                   \
	{                                                                      \
		"ready_timeout", ACTION_TEXT, "--ready-timeout"                \
	}
#define LABEL                                                                  \
	{ "name", ACTION_TEXT, "-n" }, { "description", ACTION_TEXT, "-d" },   \
	{                                                                      \
		"replace", ACTION_OPTIONAL, "--replace"                        \
	}
#define SIGNED                                                                 \
	{ "signed_by", ACTION_TEXT, "--signed-by" },                           \
	    { "as", ACTION_TEXT, "--as" },                                     \
	{                                                                      \
		"revoked", ACTION_TEXT, "--revoked"                            \
	}
#define WAIT                                                                   \
	{                                                                      \
		"wait", ACTION_TEXT, "--wait"                                  \
	}

const struct action table_vms = { .tool = "vm-ls",
	.params = { { "more", ACTION_FLAG, "--memory" } },
	.unlisted = true };

const struct action table_snaps = { .tool = "snap-ls",
	.params = { { "more", ACTION_FLAG, "--exclusive" } },
	.unlisted = true };

/* No password: it would stand in the journal. */
const struct action table_create = { .tool = "vm-create",
	.params = { { "name", ACTION_TEXT, "-n" },
	    { "description", ACTION_TEXT, "-d" },
	    { "hypervisor", ACTION_TEXT, "--hypervisor" },
	    { "cpu", ACTION_TEXT, "--cpu" },
	    { "memory", ACTION_TEXT, "--memory" },
	    { "kernel", ACTION_TEXT, "--kernel" },
	    { "initrd", ACTION_TEXT, "--initrd" },
	    { "cmdline", ACTION_TEXT, "--cmdline" },
	    { "firmware", ACTION_TEXT, "--firmware" },
	    { "base", ACTION_TEXT, "--base" },
	    { "storage", ACTION_TEXT, "--storage" },
	    { "data_disk", ACTION_LIST, "--data-disk" },
	    { "nic", ACTION_LIST, "--nic" }, { "user", ACTION_TEXT, "--user" },
	    { "ssh_key", ACTION_LIST, "--ssh-key" },
	    { "memory_backing", ACTION_TEXT, "--memory-backing" },
	    { "console_max", ACTION_TEXT, "--console-max" },
	    { "agent", ACTION_FLAG, "--agent" } } };

const struct action table_start = { .tool = "vm-start",
	.params = { READY, WAIT } };

const struct action table_stop = { .tool = "vm-stop",
	.params = { { "force", ACTION_FLAG, "--force" },
	    { "timeout", ACTION_TEXT, "--timeout" }, WAIT } };

const struct action table_pause = { .tool = "vm-pause", .params = { WAIT } };

const struct action table_resume = { .tool = "vm-resume",
	.params = { { "link_up", ACTION_FLAG, "--link-up" }, WAIT } };

const struct action table_save = { .tool = "snap-save",
	.params = { LABEL, { "freeze", ACTION_OPTIONAL, "--freeze" },
	    { "freeze_timeout", ACTION_TEXT, "--freeze-timeout" },
	    { "stop", ACTION_FLAG, "--stop" }, WAIT } };

const struct action table_restore = { .tool = "vm-restore",
	.params = { { "snapshot", ACTION_OPERAND, NULL },
	    { "memory_mode", ACTION_TEXT, "--memory-mode" },
	    { "verify", ACTION_FLAG, "--verify" }, SIGNED, READY, WAIT } };

const struct action table_vm_remove = { .tool = "vm-rm",
	.params = { { "force", ACTION_FLAG, "--force" }, WAIT } };

const struct action table_vm_set = { .tool = "vm-set",
	.params = { { "name", ACTION_TEXT, "-n" },
	    { "cpu", ACTION_TEXT, "--cpu" },
	    { "memory", ACTION_TEXT, "--memory" } } };

const struct action table_exec = { .tool = "vm-exec",
	.fixed = "--all-of",
	.params = { { "argv", ACTION_COMMAND, NULL },
	    { "env", ACTION_LIST, "--env" }, { "cwd", ACTION_TEXT, "--cwd" },
	    { "timeout", ACTION_TEXT, "--timeout" } },
	.says_all = true };

const struct action table_pull = { .tool = "snap-pull",
	.params = { LABEL, { "ref", ACTION_OPERAND, NULL },
	    { "plain_http", ACTION_FLAG, "--plain-http" },
	    { "cacert", ACTION_TEXT, "--cacert" }, SIGNED } };

const struct action table_clone = { .tool = "vm-clone",
	.params = { { "name", ACTION_TEXT, "-n" },
	    { "description", ACTION_TEXT, "-d" },
	    { "count", ACTION_TEXT, "--count" },
	    { "paused", ACTION_FLAG, "--paused" },
	    { "no_start", ACTION_FLAG, "--no-start" },
	    { "nic", ACTION_LIST, "--nic" },
	    { "memory_mode", ACTION_TEXT, "--memory-mode" },
	    { "disk_mode", ACTION_TEXT, "--disk-mode" },
	    { "hostname", ACTION_TEXT, "--hostname" },
	    { "from_pool", ACTION_FLAG, "--from-pool" }, SIGNED, READY } };

const struct action table_snap_set = { .tool = "snap-set",
	.params = { LABEL, WAIT } };

const struct action table_snap_remove = { .tool = "snap-rm",
	.params = { WAIT } };

const struct action table_push = { .tool = "snap-push",
	.params = { { "ref", ACTION_OPERAND, NULL },
	    { "parent", ACTION_TEXT, "--parent" },
	    { "plain_http", ACTION_FLAG, "--plain-http" },
	    { "cacert", ACTION_TEXT, "--cacert" } },
	.operand_first = true };

const struct action table_sign = { .tool = "snap-sign",
	.params = { { "key", ACTION_TEXT, "--key" },
	    { "remove", ACTION_TEXT, "--remove" }, WAIT } };

const struct action table_verify = { .tool = "snap-verify",
	.params = { { "complete", ACTION_FLAG, "--complete" }, SIGNED } };
