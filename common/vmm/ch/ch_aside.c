/* SPDX-License-Identifier: ISC */
#include "vmm/ch/ch_aside.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/fd.h"
#include "snapshot/manifest.h"
#include "vmm/preflight.h"

#define WHAT "a look at " CH_CONFIG_NAME

/*
 * The whole file, as it was saved where that is recorded: of a size that is
 * always hashed, for who asks in a clone's place.
 */
static int
read_text(char **text, size_t *len, int dirfd, const char *name, size_t max,
    const struct envelope *saved, struct error *err)
{
	const struct envelope_file *file = saved == NULL
	    ? NULL
	    : envelope_find_file(saved, name);
	uint64_t size;
	int fd, rc = 0;

	if (fd_open_file(&fd, &size, dirfd, name, O_RDONLY, err) == -1)
		return -1;
	if (file != NULL && file->has_digest && size <= PREFLIGHT_SMALL_BYTES)
		rc = manifest_read(NULL, file, fd, size, err);
	if (rc == 0 && lseek(fd, 0, SEEK_SET) == -1)
		rc = error_sys(err, EX_IOERR, "%s", name);
	if (rc == 0)
		rc = fd_slurp_open(text, len, fd, size, max, name, err);
	fd_drop(&fd);
	return rc;
}

void
ch_pair_fini(struct ch_pair *pair)
{
	ch_config_fini(&pair->config);
	jdoc_free(pair->tree);
	pair->tree = NULL;
}

int
ch_pair_read(struct ch_pair *pair, int dirfd, const struct envelope *saved,
    struct error *err)
{
	char *config = NULL, *state = NULL;
	size_t config_len, state_len;
	int rc = -1;

	memset(pair, 0, sizeof(*pair));
	if (read_text(&config, &config_len, dirfd, CH_CONFIG_NAME,
		CH_CONFIG_BYTES_MAX, saved, err) == 0 &&
	    read_text(&state, &state_len, dirfd, CH_STATE_NAME,
		CH_STATE_BYTES_MAX, saved, err) == 0 &&
	    ch_config_decode(&pair->config, config, config_len, err) == 0 &&
	    ch_state_decode(&pair->state, &pair->tree, state, state_len, err) ==
		0)
		rc = ch_state_match(&pair->state, &pair->config, err);
	free(config);
	free(state);
	if (rc == -1)
		ch_pair_fini(pair);
	return rc;
}

static int
ask_aside(void *out, size_t len,
    int (*run)(void *, struct aside_answer *, struct error *), void *arg,
    int dirfd, struct error *err)
{
	const struct aside aside = { .what = WHAT,
		.run = run,
		.arg = arg,
		.sandbox = { .read_dirfds = &dirfd, .read_n = 1 } };

	return aside_ask(&aside, out, len, err);
}

/* What is asked, and the answer. */
struct word {
	int dirfd;
	uint32_t nics_n;
	struct {
		char mac[sizeof(((struct nic *)0)->mac)];
		char ifname[NIC_IFNAME_MAX + 1];
	} nics[NIC_MAX];
};

static int
put_nics(struct word *w, const struct ch_config *c, struct error *err)
{
	struct nic_list nics = { 0 };
	size_t i;
	int rc = ch_config_nics(&nics, c, err);

	for (i = 0; rc == 0 && i < nics.n; i++) {
		memcpy(w->nics[i].mac, nics.v[i].mac, sizeof(w->nics[i].mac));
		memcpy(w->nics[i].ifname, nics.v[i].ifname,
		    sizeof(w->nics[i].ifname));
	}
	w->nics_n = (uint32_t)i;
	nic_list_fini(&nics);
	return rc;
}

static int
look_at_nics(void *arg, struct aside_answer *answer, struct error *err)
{
	struct word *w = arg;
	struct ch_config c;

	answer->data = w;
	answer->len = sizeof(*w);
	return ch_config_read(&c, w->dirfd, err) == -1 ? -1
						       : put_nics(w, &c, err);
}

static int
take_nics(struct nic_list *out, const struct word *w, struct error *err)
{
	struct nic nic;
	size_t i;

	if (w->nics_n > NIC_MAX)
		return error_set(err, EX_DATAERR, "read as nonsense");
	for (i = 0; i < w->nics_n; i++) {
		memset(&nic, 0, sizeof(nic));
		nic.kind = NIC_TAP;
		memcpy(nic.mac, w->nics[i].mac, sizeof(nic.mac) - 1);
		memcpy(nic.ifname, w->nics[i].ifname, sizeof(nic.ifname) - 1);
		if (nic_check(&nic, err) == -1 ||
		    nic_list_add(out, &nic, err) == -1)
			return -1;
	}
	return 0;
}

int
ch_aside_nics(struct nic_list *nics, int dirfd, struct error *err)
{
	struct word w = { .dirfd = dirfd };

	if (ask_aside(&w, sizeof(w), look_at_nics, &w, dirfd, err) == -1)
		return -1;
	return take_nics(nics, &w, err);
}

/* The answer with texts: lengths and plan, then the two behind them. */
struct head {
	uint64_t config_len, state_len; /* 0: there is none */
	uint32_t nets_n;
	unsigned char is_replaced[NIC_MAX], has_seed, is_whole, can_map,
	    has_balloon;
	char ids[NIC_MAX][CH_ID_MAX + 1];
};

#define ANSWER_MAX                                                             \
	(sizeof(struct head) + CH_CONFIG_BYTES_MAX + CH_STATE_BYTES_MAX)

struct job {
	ch_make *make;
	void *arg;
};

static int
make_and_tell(void *arg, struct aside_answer *answer, struct error *err)
{
	const struct job *job = arg;
	struct ch_texts t = { 0 };
	struct head head;
	size_t i;
	char *all;

	memset(&head, 0, sizeof(head));
	if (job->make(&t, job->arg, err) == -1)
		return -1;
	head.config_len = t.config_len;
	head.state_len = t.state_len;
	head.nets_n = t.plan.nets_n;
	head.has_seed = t.plan.has_seed;
	head.is_whole = t.plan.is_whole;
	head.can_map = t.can_map;
	head.has_balloon = t.has_balloon;
	for (i = 0; i < NIC_MAX; i++)
		head.is_replaced[i] = t.plan.is_replaced[i];
	memcpy(head.ids, t.plan.ids, sizeof(head.ids));
	all = malloc(sizeof(head) + t.config_len + t.state_len);
	if (all == NULL)
		return error_nomem(err, NULL);
	memcpy(all, &head, sizeof(head));
	if (t.config_len > 0)
		memcpy(all + sizeof(head), t.config, t.config_len);
	if (t.state_len > 0)
		memcpy(all + sizeof(head) + t.config_len, t.state, t.state_len);
	answer->data = all;
	answer->len = sizeof(head) + t.config_len + t.state_len;
	return 0;
}

static int
take_texts(struct ch_texts *out, const char *answer, size_t len,
    struct error *err)
{
	struct head head;
	size_t i;

	if (len < sizeof(head))
		return error_set(err, EX_OSERR, WHAT ": answered %zu bytes",
		    len);
	memcpy(&head, answer, sizeof(head));
	len -= sizeof(head);
	if (head.config_len > len || head.state_len != len - head.config_len ||
	    head.nets_n > NIC_MAX)
		return error_set(err, EX_OSERR, WHAT ": answered nonsense");
	memset(out, 0, sizeof(*out));
	out->config_len = (size_t)head.config_len;
	out->state_len = (size_t)head.state_len;
	if (out->config_len > 0)
		out->config = answer + sizeof(head);
	if (out->state_len > 0)
		out->state = answer + sizeof(head) + out->config_len;
	out->plan.nets_n = head.nets_n;
	out->plan.has_seed = head.has_seed != 0;
	out->plan.is_whole = head.is_whole != 0;
	out->can_map = head.can_map != 0;
	out->has_balloon = head.has_balloon != 0;
	for (i = 0; i < NIC_MAX; i++) {
		out->plan.is_replaced[i] = head.is_replaced[i] != 0;
		memcpy(out->plan.ids[i], head.ids[i], CH_ID_MAX);
	}
	return 0;
}

int
ch_aside_texts(struct ch_texts *out, ch_make *make, void *arg, int dirfd,
    struct error *err)
{
	struct job job = { make, arg };
	const struct aside aside = { .what = WHAT,
		.run = make_and_tell,
		.arg = &job,
		.sandbox = { .read_dirfds = &dirfd, .read_n = 1 } };
	void *answer;
	size_t len;

	if (aside_run(&aside, &answer, &len, ANSWER_MAX, err) == -1)
		return -1;
	if (take_texts(out, answer, len, err) == -1) {
		free(answer);
		return -1;
	}
	out->answer = answer;
	return 0;
}

struct check {
	int (*check)(void *, struct error *);
	void *arg;
};

static int
run_check(void *arg, struct aside_answer *answer, struct error *err)
{
	const struct check *check = arg;

	(void)answer;
	return check->check(check->arg, err);
}

int
ch_aside_check(int (*check)(void *arg, struct error *err), void *arg, int dirfd,
    struct error *err)
{
	struct check job = { check, arg };

	return ask_aside(NULL, 0, run_check, &job, dirfd, err);
}
