/* SPDX-License-Identifier: ISC */
/*
 * usage: dmsnap NAME SECTORS BASE COW
 * What `dmsetup create` does for a persistent snapshot, without its libraries:
 * linked statically, it runs in the guest, which has busybox alone.  The
 * first device is /dev/dm-0.
 */
#include <sys/ioctl.h>

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One request, with room for one target and its parameters. */
struct request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char params[256];
};

static void
request_init(struct request *r, const char *name)
{
	memset(r, 0, sizeof(*r));
	r->head.version[0] = DM_VERSION_MAJOR;
	r->head.data_size = sizeof(*r);
	r->head.data_start = sizeof(r->head);
	strncpy(r->head.name, name, sizeof(r->head.name) - 1);
}

int
main(int argc, char *argv[])
{
	struct request r;
	int fd;

	if (argc != 5)
		errx(64, "usage: dmsnap NAME SECTORS BASE COW");
	fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (fd == -1)
		err(71, "/dev/mapper/control");
	request_init(&r, argv[1]);
	if (ioctl(fd, DM_DEV_CREATE, &r) == -1)
		err(71, "create");
	request_init(&r, argv[1]);
	r.head.target_count = 1;
	r.target.length = strtoull(argv[2], NULL, 10);
	strncpy(r.target.target_type, "snapshot",
	    sizeof(r.target.target_type) - 1);
	/* The chunk size in the CoW file's head overrides this one. */
	snprintf(r.params, sizeof(r.params), "%s %s P 8", argv[3], argv[4]);
	if (ioctl(fd, DM_TABLE_LOAD, &r) == -1)
		err(71, "table");
	request_init(&r, argv[1]);
	if (ioctl(fd, DM_DEV_SUSPEND, &r) == -1) /* without the flag: resume */
		err(71, "resume");
	return 0;
}
