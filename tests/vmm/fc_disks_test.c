/* SPDX-License-Identifier: ISC */
/* Firecracker with as many disks as a VM may have: each is locked and named. */
#include "lib/fc_bed.h"

#define SCRIPT "script"

/* One more call of the script, with a body or (NULL) none. */
static void
put_call(FILE *f, const char *title, const char *request, const char *body,
    const char *answer)
{
	fprintf(f, "=== %s\n> %s HTTP/1.1\n> Host: localhost\n", title,
	    request);
	if (body != NULL)
		fprintf(f,
		    "> Content-Type: application/json\n"
		    "> Content-Length: %zu\n>\n> %s\n",
		    strlen(body), body);
	else
		fprintf(f, ">\n");
	if (answer != NULL)
		fprintf(f,
		    "< HTTP/1.1 200 \n< Content-Type: application/json\n"
		    "< Content-Length: %zu\n<\n< %s\n\n",
		    strlen(answer), answer);
	else
		fprintf(f, "< HTTP/1.1 204 \n<\n\n");
}

/* What Firecracker is told of such a VM, in this order. */
static void
put_script(const struct vm *vm)
{
	char title[32], request[64], body[256];
	FILE *f = fopen(SCRIPT, "w");
	size_t i;

	ATF_REQUIRE(f != NULL);
	put_call(f, "1. version", "GET /version", NULL,
	    "{\"firecracker_version\":\"1.16.1\"}");
	put_call(f, "2. machine", "PUT /machine-config",
	    "{\"vcpu_count\":1,\"mem_size_mib\":16,\"smt\":false,"
	    "\"track_dirty_pages\":true}",
	    NULL);
	put_call(f, "3. boot", "PUT /boot-source",
	    "{\"kernel_image_path\":\"kernel\",\"boot_args\":\"" CMDLINE "\"}",
	    NULL);
	put_call(f, "4. entropy", "PUT /entropy", "{}", NULL);
	for (i = 0; i < vm->machine.disks.n; i++) {
		snprintf(title, sizeof(title), "%zu. drive", 100 + i);
		snprintf(request, sizeof(request), "PUT /drives/drive_%zu", i);
		snprintf(body, sizeof(body),
		    "{\"drive_id\":\"drive_%zu\",\"path_on_host\":\"%s\","
		    "\"is_root_device\":false,\"is_read_only\":%s,"
		    "\"cache_type\":\"%s\"}",
		    i, vm->machine.disks.v[i].path,
		    vm->machine.disks.v[i].ro ? "true" : "false",
		    vm->machine.disks.v[i].ro ? "Unsafe" : "Writeback");
		put_call(f, title, request, body, NULL);
	}
	ATF_REQUIRE_EQ(0, fclose(f));
}

/* A program that plays it from the first call to the last. */
static void
put_program(struct bed *b, const atf_tc_t *tc)
{
	char path[PATH_MAX + 8], cwd[PATH_MAX], reads[2 * PATH_MAX];
	FILE *f;
	size_t i;

	ATF_REQUIRE(getcwd(cwd, sizeof(cwd)) != NULL);
	(void)server_find(&b->server, tc, "fc-api.txt"); /* sets `program` */
	snprintf(path, sizeof(path), "%s/fake", cwd);
	f = fopen(path, "w");
	ATF_REQUIRE(f != NULL);
	fprintf(f, "#!/bin/sh\nexec %s \"$2\" '%s/%s' 1 2 3", b->server.program,
	    cwd, SCRIPT);
	for (i = 0; i < b->vm.machine.disks.n; i++)
		fprintf(f, " %zu", 100 + i);
	fprintf(f, " 4\n");
	ATF_REQUIRE_EQ(0, fclose(f));
	ATF_REQUIRE_EQ(0, chmod(path, 0700));
	ATF_REQUIRE_EQ(0, setenv("INSTAR_FIRECRACKER", path, 1));
	/* It runs what it plays by. */
	snprintf(reads, sizeof(reads), "%.*s:%s/%s",
	    (int)(strrchr(b->server.program, '/') - b->server.program),
	    b->server.program, cwd, SCRIPT);
	ATF_REQUIRE_EQ(0, setenv("INSTAR_VMM_READS", reads, 1));
}

/* How many of its descriptors are files of that name's kind. */
static size_t
count_locks(const struct bed *b)
{
	char link[64], to[PATH_MAX];
	size_t i, found = 0;
	ssize_t n;

	for (i = 0; i < STORAGE_MAX; i++) {
		snprintf(link, sizeof(link), "/proc/%d/fd/%zu",
		    (int)b->vm.proc.pid, 3 + i);
		n = readlink(link, to, sizeof(to) - 1);
		if (n <= 0)
			continue;
		to[n] = '\0';
		found += strstr(to, "/disk-") != NULL;
	}
	return found;
}

static void
run_with(const atf_tc_t *tc, size_t disks)
{
	struct error err = { 0 };
	struct bed b = { 0 };
	char name[32], serial[16];
	size_t i;

	vm_init(&b.vm);
	snprintf(b.vm.id, sizeof(b.vm.id), "%s", ID);
	snprintf(b.vm.machine.hypervisor, sizeof(b.vm.machine.hypervisor),
	    "firecracker");
	b.vm.machine.cpu = 1;
	b.vm.machine.memory_bytes = MEMORY;
	ATF_REQUIRE_EQ(0,
	    machine_set_boot(&b.vm.machine, MACHINE_KERNEL, VM_KERNEL, NULL));
	b.vm.machine.cmdline = strdup(CMDLINE);
	for (i = 0; i < disks; i++) {
		snprintf(name, sizeof(name), "disk-%zu.raw", i);
		snprintf(serial, sizeof(serial), "d%zu", i);
		add_disk(&b.vm, name, i == 0 ? STORAGE_LAYER : STORAGE_DATA,
		    serial);
	}
	clock_gettime(CLOCK_REALTIME, &b.now);
	b.dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ATF_REQUIRE(b.dirfd != -1);
	put_script(&b.vm);
	put_program(&b, tc);
	ATF_REQUIRE_EQ_MSG(0, start(&b, &err), "%zu disks: %s", disks, err.msg);
	ATF_CHECK_EQ(disks, count_locks(&b));
	bed_end(&b);
}

ATF_TC_WITHOUT_HEAD(boot__disks);
ATF_TC_BODY(boot__disks, tc)
{
	run_with(tc, 16);
	run_with(tc, 17);
	run_with(tc, STORAGE_MAX);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, boot__disks);
	return atf_no_error();
}
