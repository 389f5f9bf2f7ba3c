/* SPDX-License-Identifier: ISC */
#include "watch.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/json.h"
#include "state/root.h"

#include "dirs.h"
#include "fresh.h"

#define GATHER_MS 10 /* what comes together is asked for together */

enum place {
	PLACE_VMS,
	PLACE_SNAPS,
	PLACE_VM_NAMES,
	PLACE_SNAP_NAMES,
	PLACE_ACCESS,
	PLACE_ROOT,
	PLACES
};

static const struct {
	const char *dir;
	uint32_t mask;
	enum root_kind kind;
} places[PLACES] = {
	{ "vm", IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE, ROOT_VM },
	{ "snap", IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE, ROOT_SNAP },
	{ "name/vm", IN_MOVED_TO | IN_CREATE, ROOT_VM },
	{ "name/snap", IN_MOVED_TO | IN_CREATE, ROOT_SNAP },
	{ "access", IN_ATTRIB | IN_CREATE | IN_CLOSE_WRITE, ROOT_SNAP },
	/* One that was lacking, and the end of all. */
	{ ".",
	    IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |
		IN_ONLYDIR,
	    ROOT_VM },
};

struct watch {
	struct web *web;
	struct loop_fd notify; /* fd -1: nobody looks */
	int place[PLACES]; /* watch descriptors */
	struct dirs dirs; /* of VMs and snapshots */
	struct fresh *fresh[2]; /* by enum root_kind */
	struct loop_timer timer;
	bool is_lost; /* not all that is there is watched */
};

static const char *
kind_dir(enum root_kind kind)
{
	return kind == ROOT_VM ? "vm" : "snap";
}

static void
add_dir(struct watch *w, enum root_kind kind, const char *id)
{
	char path[PATH_MAX];
	int wd;

	snprintf(path, sizeof(path), "%s/%s/%s", w->web->root, kind_dir(kind),
	    id);
	/* Where the kernel has no more of them, this one is not followed. */
	wd = inotify_add_watch(w->notify.fd, path,
	    IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE | IN_ONLYDIR |
		IN_DONT_FOLLOW);
	if (wd != -1)
		dirs_add(&w->dirs, wd, kind == ROOT_VM, id);
}

static void
add_vm(void *arg, const char *id)
{
	add_dir(arg, ROOT_VM, id);
}

static void
add_snap(void *arg, const char *id)
{
	add_dir(arg, ROOT_SNAP, id);
}

static void
mark(struct watch *w, enum root_kind kind, const char *id)
{
	fresh_mark(w->fresh[kind], id);
	if (w->timer.at_ms == 0)
		w->timer.at_ms = clock_ms() + GATHER_MS;
}

static bool
is_there(const struct watch *w, enum root_kind kind, const char *id)
{
	return dirs_has(w->web->rootfd, kind == ROOT_VM, id);
}

/* It came, or went; where two change places both are told. */
static void
on_object(struct watch *w, enum root_kind kind, const char *id)
{
	char text[ID_LEN + 16];
	int n;

	if (is_there(w, kind, id)) {
		add_dir(w, kind, id);
		mark(w, kind, id);
		return;
	}
	n = snprintf(text, sizeof(text), "{\"id\":\"%s\"}", id);
	feed_tell(&w->web->feed, kind == ROOT_VM ? "vm-gone" : "snap-gone",
	    text, (size_t)n);
}

/* The link says whose the name is now. */
static void
on_name(struct watch *w, const char *dir, enum root_kind kind, const char *name)
{
	char path[NAME_MAX + 16], to[PATH_MAX], *id;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	n = readlinkat(w->web->rootfd, path, to, sizeof(to) - 1);
	if (n <= 0)
		return;
	to[n] = '\0';
	id = strrchr(to, '/');
	id = id == NULL ? to : id + 1;
	if (id_is_valid(id) && is_there(w, kind, id))
		mark(w, kind, id);
}

static void
on_place(struct watch *w, size_t i, const char *name)
{
	if (i == PLACE_ROOT)
		return;
	if (i == PLACE_VM_NAMES || i == PLACE_SNAP_NAMES)
		on_name(w, places[i].dir, places[i].kind, name);
	else if (!id_is_valid(name))
		return;
	else if (i == PLACE_ACCESS)
		mark(w, ROOT_SNAP, name);
	else
		on_object(w, places[i].kind, name);
}

/* All anew: the kernel has lost some, or another root is there. */
static void
tell_reset(struct watch *w)
{
	feed_tell(&w->web->feed, "reset", "{}", 2);
}

/* What the root has by that name is a place, or has one in it. */
static bool
is_place(const char *name)
{
	size_t i, n = strlen(name);

	for (i = 0; i < PLACES; i++)
		if (strncmp(places[i].dir, name, n) == 0 &&
		    (places[i].dir[n] == '\0' || places[i].dir[n] == '/'))
			return true;
	return false;
}

/* Something went that was watched, or came that is to be: pages ask again. */
static void
on_root(struct watch *w)
{
	if (!w->is_lost)
		tell_reset(w);
	w->is_lost = true;
}

static void
on_event(struct watch *w, const struct inotify_event *e)
{
	const char *name = e->len == 0 ? "" : e->name, *id;
	bool is_vm;
	size_t i;

	if ((e->mask & IN_Q_OVERFLOW) != 0) {
		tell_reset(w);
		return;
	}
	for (i = 0; i < PLACES; i++)
		if (e->wd == w->place[i]) {
			if ((e->mask & IN_IGNORED) != 0 ||
			    (i == PLACE_ROOT &&
				(name[0] == '\0' || is_place(name))))
				on_root(w);
			else
				on_place(w, i, name);
			return;
		}
	if ((e->mask & IN_IGNORED) != 0) {
		dirs_remove(&w->dirs, e->wd);
		return;
	}
	id = dirs_find(&w->dirs, e->wd, &is_vm);
	if (id != NULL &&
	    (is_vm ? strcmp(name, "vm.json") == 0
		   : strncmp(name, "snapshot.", 9) == 0))
		mark(w, is_vm ? ROOT_VM : ROOT_SNAP, id);
}

static void
on_notify(void *arg, uint32_t events)
{
	struct watch *w = arg;
	char buf[16384]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *e;
	ssize_t n = read(w->notify.fd, buf, sizeof(buf)), off;

	(void)events;
	for (off = 0; off < n; off += (ssize_t)(sizeof(*e) + e->len)) {
		e = (const struct inotify_event *)(const void *)(buf + off);
		on_event(w, e);
	}
}

static void
on_timer(void *arg)
{
	struct watch *w = arg;

	fresh_ask(w->fresh[ROOT_VM]);
	fresh_ask(w->fresh[ROOT_SNAP]);
}

/* A VM's process has ended. */
static void
on_end(void *arg, const char *id)
{
	mark(arg, ROOT_VM, id);
}

int
watch_new(struct watch **out, struct web *web, struct error *err)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return error_nomem(err, "watch");
	w->web = web;
	w->notify.fd = -1;
	w->timer.ready = on_timer;
	w->timer.arg = w;
	if (fresh_new(&w->fresh[ROOT_VM], web, true, on_end, w, err) == -1 ||
	    fresh_new(&w->fresh[ROOT_SNAP], web, false, NULL, w, err) == -1) {
		watch_free(w);
		return -1;
	}
	loop_add_timer(&web->loop, &w->timer);
	*out = w;
	return 0;
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	watch_stop(w);
	fresh_free(w->fresh[ROOT_VM]);
	fresh_free(w->fresh[ROOT_SNAP]);
	free(w);
}

int
watch_start(struct watch *w, struct error *err)
{
	char path[PATH_MAX];
	size_t i;

	if (w->notify.fd != -1)
		return 0;
	w->notify.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->notify.fd == -1)
		return error_sys(err, EX_OSERR, "inotify_init1");
	w->notify.ready = on_notify;
	w->notify.arg = w;
	for (i = 0; i < PLACES; i++) {
		snprintf(path, sizeof(path), "%s/%s", w->web->root,
		    places[i].dir);
		/* A root that is only read may lack one. */
		w->place[i] = inotify_add_watch(w->notify.fd, path,
		    places[i].mask | IN_ONLYDIR);
	}
	if (dirs_each(w->web->rootfd, "vm", add_vm, w, err) == -1 ||
	    dirs_each(w->web->rootfd, "snap", add_snap, w, err) == -1) {
		watch_stop(w);
		return -1;
	}
	loop_set(&w->web->loop, &w->notify, EPOLLIN);
	fresh_scan(w->fresh[ROOT_VM]);
	return 0;
}

void
watch_stop(struct watch *w)
{
	if (w->notify.fd == -1)
		return;
	loop_forget(&w->web->loop, &w->notify);
	fd_drop(&w->notify.fd);
	dirs_fini(&w->dirs);
	fresh_stop(w->fresh[ROOT_VM]);
	fresh_stop(w->fresh[ROOT_SNAP]);
	w->timer.at_ms = 0;
}

/*
 * Whether the path leads where rootfd does; where to another root, that is put in
 * its place.  False: nowhere.
 */
static bool
find_root(const struct web *web, bool *is_new)
{
	struct stat here, there;
	struct root *root = NULL;

	if (fstat(web->rootfd, &here) == -1 || stat(web->root, &there) == -1)
		return false;
	*is_new = here.st_dev != there.st_dev || here.st_ino != there.st_ino;
	if (!*is_new)
		return true;
	if (web_open_root(&root, web, NULL) == -1)
		return false;
	*is_new = dup3(root_fd(root), web->rootfd, O_CLOEXEC) != -1;
	root_close(root);
	return *is_new;
}

void
watch_check(struct watch *w)
{
	bool is_new = false;

	if (!find_root(w->web, &is_new)) {
		w->is_lost = true;
		return;
	}
	if (!is_new && !w->is_lost)
		return;
	watch_stop(w);
	w->is_lost = w->web->feed.clients != NULL && watch_start(w, NULL) == -1;
	if (!w->is_lost)
		tell_reset(w);
}

static void
look_at(struct watch *w, const char *id)
{
	if (is_there(w, ROOT_VM, id))
		mark(w, ROOT_VM, id);
	if (is_there(w, ROOT_SNAP, id))
		mark(w, ROOT_SNAP, id);
}

/* Whose record it has printed. */
static void
look_at_record(struct watch *w, const char *line, size_t len)
{
	char id[ID_LEN + 1] = "";
	json_t *record;

	if (len == 0 || json_parse(&record, line, len, NULL) == -1)
		return;
	if (json_get_str(record, "id", id, sizeof(id), JSON_OPTIONAL, NULL) ==
		0 &&
	    id_is_valid(id))
		look_at(w, id);
	json_decref(record);
}

void
watch_look(struct watch *w, const struct job *job)
{
	const char *line, *end;
	size_t i;

	if (w->notify.fd == -1)
		return;
	for (i = 0; i < job->argv.n; i++)
		if (id_is_valid(job->argv.v[i]))
			look_at(w, job->argv.v[i]);
	for (line = job->text;
	     line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1)
		look_at_record(w, line, (size_t)(end - line));
}
