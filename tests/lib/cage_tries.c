/* SPDX-License-Identifier: ISC */
/*
 * In a VMM's place: tries what one that a guest has taken over would, and says of
 * each attempt, in a line on stderr, "NAME ABI done" or "NAME ABI ERRNO".
 * ABI is the version of Landlock's interface that it takes to refuse it; 0: none.
 * $CAGE_OTHER and $CAGE_SNAP are another VM's and a snapshot's directories, $CAGE_ROOT
 * theirs, $CAGE_PID another process, $CAGE_PORT one that listens; $CAGE_MEMORY,
 * $CAGE_STATE, $CAGE_KERNEL, $CAGE_LAYER and $CAGE_DISK files of the snapshot and its
 * VM's.  With $CAGE_AWAIT it begins when that file is there, and stays when it is
 * through.  Asked as QEMU what it is, it is the real one of version $CAGE_MAJOR.
 */
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096

/* "@OTHER/x": beneath what CAGE_OTHER says. */
static const char *
expand(char out[PATH_SIZE], const char *path)
{
	char name[32];
	size_t len;

	if (path[0] != '@')
		return path;
	len = strcspn(path + 1, "/");
	snprintf(name, sizeof(name), "CAGE_%.*s", (int)len, path + 1);
	snprintf(out, PATH_SIZE, "%s%s", getenv(name), path + 1 + len);
	return out;
}

static int
done(long rc)
{
	return rc == -1 ? -1 : 0;
}

static int
open_as(const char *path, int flags)
{
	char text[PATH_SIZE];
	int fd = open(expand(text, path), flags | O_CLOEXEC, 0600);

	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

static int
try_read(const char *path)
{
	return open_as(path, O_RDONLY | O_NONBLOCK);
}

static int
try_write(const char *path)
{
	return open_as(path, O_WRONLY | O_NONBLOCK);
}

static int
try_both(const char *path)
{
	return open_as(path, O_RDWR | O_NONBLOCK);
}

static int
try_cut(const char *path)
{
	return open_as(path, O_RDONLY | O_TRUNC);
}

static int
try_make(const char *path)
{
	char text[PATH_SIZE];

	if (open_as(path, O_WRONLY | O_CREAT | O_EXCL) == -1)
		return -1;
	return unlink(expand(text, path));
}

static int
try_list(const char *path)
{
	char text[PATH_SIZE];
	DIR *dir = opendir(expand(text, path));

	return dir == NULL ? -1 : closedir(dir);
}

static int
try_truncate(const char *path)
{
	char text[PATH_SIZE];
	struct stat st;

	expand(text, path);
	return stat(path[0] == '@' ? text : path, &st) == -1
	    ? -1
	    : truncate(path[0] == '@' ? text : path, st.st_size);
}

static int
try_remove(const char *path)
{
	char text[PATH_SIZE];

	return unlink(expand(text, path));
}

static int
try_rename(const char *path)
{
	char text[PATH_SIZE], to[PATH_SIZE + 8];

	snprintf(to, sizeof(to), "%s.new", expand(text, path));
	return rename(expand(text, path), to);
}

static int
try_link(const char *path)
{
	char text[PATH_SIZE];

	unlink("handover/linked");
	return link(expand(text, path), "handover/linked");
}

static int
try_link_up(const char *path)
{
	char text[PATH_SIZE];

	return link(expand(text, path), "linked");
}

/* What it may make in one place, in another. */
static int
try_move_up(const char *arg)
{
	(void)arg;
	if (open_as("handover/made", O_WRONLY | O_CREAT) == -1)
		return -1;
	if (rename("handover/made", "moved") == -1)
		return -1;
	unlink("moved");
	return 0;
}

static int
try_symlink(const char *path)
{
	char text[PATH_SIZE];

	return symlink("/etc", expand(text, path));
}

static int
try_mkdir(const char *path)
{
	char text[PATH_SIZE];

	return mkdir(expand(text, path), 0700);
}

static int
try_fifo(const char *path)
{
	return mkfifo(path, 0600);
}

static int
try_device(const char *path)
{
	return mknod(path, S_IFCHR | 0600, 0x103); /* /dev/null's */
}

static int
try_chmod(const char *path)
{
	char text[PATH_SIZE];

	return chmod(expand(text, path), 0600);
}

static int
try_chown(const char *path)
{
	char text[PATH_SIZE];

	return chown(expand(text, path), geteuid(), (gid_t)-1);
}

static int
try_xattr(const char *path)
{
	char text[PATH_SIZE];

	return setxattr(expand(text, path), "user.x", "1", 1, 0);
}

static int
try_times(const char *path)
{
	char text[PATH_SIZE];

	return utimensat(AT_FDCWD, expand(text, path), NULL, 0);
}

static int
try_fchmod(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc, sys;

	if (fd == -1)
		return -1;
	rc = fchmod(fd, 0600);
	sys = errno;
	close(fd);
	errno = sys;
	return rc;
}

/* Those that it has, once more: whoever may set them could set others. */
static int
try_flags(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc, sys, flags;

	if (fd == -1)
		return -1;
	rc = ioctl(fd, FS_IOC_GETFLAGS, &flags);
	if (rc == 0)
		rc = ioctl(fd, FS_IOC_SETFLAGS, &flags);
	sys = errno;
	close(fd);
	errno = sys;
	return rc;
}

/* A descriptor that only reads, opened anew. */
static int
try_again(const char *path)
{
	char text[PATH_SIZE];
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc, sys;

	if (fd == -1)
		return -1;
	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	rc = open_as(text, O_RDWR);
	sys = errno;
	close(fd);
	errno = sys;
	return rc;
}

static pid_t
other(void)
{
	return (pid_t)atoi(getenv("CAGE_PID"));
}

static int
try_proc(const char *name)
{
	char text[PATH_SIZE];

	snprintf(text, sizeof(text), "/proc/%d/%s", (int)other(), name);
	return strcmp(name, "fd") == 0 ? try_list(text)
				       : open_as(text, O_RDONLY);
}

static int
try_ptrace(const char *arg)
{
	(void)arg;
	if (ptrace(PTRACE_ATTACH, other(), NULL, NULL) == -1)
		return -1;
	waitpid(other(), NULL, 0);
	ptrace(PTRACE_DETACH, other(), NULL, NULL);
	return 0;
}

static int
try_vm_read(const char *arg)
{
	char byte;
	struct iovec to = { &byte, 1 }, from = { &byte, 1 };

	(void)arg;
	/* EFAULT: it was allowed, and the address is none of its own. */
	return process_vm_readv(other(), &to, 1, &from, 1, 0) == -1 &&
		errno != EFAULT
	    ? -1
	    : 0;
}

static int
try_kill(const char *arg)
{
	return kill(arg[0] == 'p' ? getppid() : other(), 0);
}

static int
try_pidfd(const char *arg)
{
	long fd = syscall(SYS_pidfd_open, other(), 0);

	if (fd == -1)
		return -1;
	return arg[0] == 's'
	    ? done(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0))
	    : done(syscall(SYS_pidfd_getfd, fd, 0, 0));
}

#include "lib/cage_sockets.inc"

static int
try_core(const char *arg)
{
	struct rlimit r;

	(void)arg;
	if (getrlimit(RLIMIT_CORE, &r) == -1)
		return -1;
	if (r.rlim_max <= 1) {
		r.rlim_cur = r.rlim_max = 4096;
		return setrlimit(RLIMIT_CORE, &r);
	}
	return 0;
}

static int
try_capability(const char *arg)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2] = { 0 };

	(void)arg;
	data[0].effective = data[0].permitted = 1u << CAP_DAC_OVERRIDE;
	return done(syscall(SYS_capset, &head, data));
}

static int
try_call(const char *arg)
{
	char zeros[256] = { 0 };
	struct rlimit limit;
	int id;

	if (strcmp(arg, "userns") == 0)
		return unshare(CLONE_NEWUSER);
	if (strcmp(arg, "mountns") == 0)
		return unshare(CLONE_NEWNS);
	if (strcmp(arg, "mount") == 0)
		return mount("none", "handover", "tmpfs", 0, NULL) == -1
		    ? -1
		    : umount("handover");
	if (strcmp(arg, "chroot") == 0)
		return chroot(".");
	if (strcmp(arg, "keyctl") == 0)
		return done(syscall(SYS_keyctl, 0, -3, 0));
	if (strcmp(arg, "bpf") == 0)
		return done(syscall(SYS_bpf, 0, zeros, 8)) == -1 &&
			errno != EINVAL
		    ? -1
		    : 0;
	if (strcmp(arg, "datagrams") == 0)
		return socketpair(AF_UNIX, SOCK_DGRAM, 0, (int[2]){ 0 });
	if (strcmp(arg, "shared") == 0)
		return (id = shmget(IPC_PRIVATE, 4096, 0)) == -1
		    ? -1
		    : shmctl(id, IPC_RMID, NULL);
	if (strcmp(arg, "limit") == 0)
		return prlimit(other(), RLIMIT_CPU, NULL, &limit) == -1
		    ? -1
		    : prlimit(other(), RLIMIT_CPU, &limit, NULL);
	if (strcmp(arg, "io_uring") == 0)
		return done(syscall(SYS_io_uring_setup, 1, zeros));
	if (strcmp(arg, "hostname") == 0)
		return gethostname(zeros, sizeof(zeros)) == -1
		    ? -1
		    : sethostname(zeros, strlen(zeros));
	/* "handle": a file by none of its names; ESTALE: one could have it. */
	*(int *)(void *)zeros = 8;
	return done(syscall(SYS_open_by_handle_at, AT_FDCWD, zeros,
		   O_RDONLY)) == -1 &&
		errno != ESTALE
	    ? -1
	    : 0;
}

/* One that is open and nobody has meant for it: a directory, or a file. */
static int
try_inherited(const char *arg)
{
	struct stat st;
	int fd;

	(void)arg;
	for (fd = 3; fd < 1024; fd++)
		if (fstat(fd, &st) == 0 &&
		    (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)) &&
		    st.st_nlink > 0)
			return 0;
	errno = EBADF;
	return -1;
}

static const struct attempt {
	const char *name;
	int abi;
	int (*try)(const char *);
	const char *arg;
} attempts[] = {
#include "lib/cage_list.inc"
};

int
main(int argc, char *argv[])
{
	const char *file = getenv("CAGE_AWAIT");
	char script[] =
	    "\"$CAGE_QEMU\" \"$@\" | sed "
	    "\"s/\\\"major\\\": [0-9]*/\\\"major\\\": $CAGE_MAJOR/\"";
	char *words[64] = { (char[]){ "sh" }, (char[]){ "-c" }, script,
		(char[]){ "sh" } };
	pid_t pid;
	size_t i;
	int status;

	if (argc > 1 && strcmp(argv[argc - 1], "stdio") == 0) {
		setenv("CAGE_QEMU", "qemu-system-x86_64", 0);
		for (i = 1; i < (size_t)argc && i < 59; i++)
			words[3 + i] = argv[i];
		execv("/bin/sh", words);
		return 127;
	}
	for (i = 0; file != NULL && access(file, F_OK) == -1 && i < 6000; i++)
		usleep(10000);
	for (i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		const struct attempt *a = &attempts[i];

		/* In a process each: some end what tries them. */
		pid = fork();
		if (pid == 0) {
			errno = 0;
			_exit(a->try(a->arg) == 0 ? 0 : errno);
		}
		if (pid == -1 || waitpid(pid, &status, 0) == -1 ||
		    !WIFEXITED(status))
			dprintf(STDERR_FILENO, "%s %d broken\n", a->name,
			    a->abi);
		else if (WEXITSTATUS(status) == 0)
			dprintf(STDERR_FILENO, "%s %d done\n", a->name, a->abi);
		else
			dprintf(STDERR_FILENO, "%s %d %s\n", a->name, a->abi,
			    strerrorname_np(WEXITSTATUS(status)));
	}
	dprintf(STDERR_FILENO, "tried\n");
	if (file != NULL)
		sleep(60);
	_exit(1); /* in there nobody looks for leaks */
}
