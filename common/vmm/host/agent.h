/* SPDX-License-Identifier: ISC */
/*
 * The guest agent that distributions have, as its host sees it: a JSON object in a
 * line each way, over the channel of a VM that has one (machine.agent), be it a
 * serial port or a port of the guest's vsock.  The agent's own reference tells
 * commands and replies.
 *
 * One at a time talks with it: who holds agent.lock in the VM's directory.  That
 * is not the VM's own lock: nothing else waits for a guest.  Each time the
 * channel is taken up it begins with guest-sync-delimited and a random number,
 * so that no reply to an older question, of before a restore or of somebody who
 * gave up, is taken for one to ours.
 *
 * The guest is not trusted: a reply meets its limit and its deadline before
 * anybody looks at it, and one that is not as it should be ends the
 * conversation.
 */
#ifndef VMM_AGENT_H
#define VMM_AGENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/jdoc.h"
#include "state/vm.h"

#define AGENT_VSOCK_PORT 1234 /* where it listens in a guest with a vsock */
#define AGENT_SYNC_MS 10000 /* for one that listens to show it */
#define AGENT_CALL_MS 20000 /* of one ordinary question */
#define AGENT_TURN_MS 600000 /* for one that was let in to be done */
#define AGENT_SILENCE_MS 45000 /* before a long reply, and in the midst of it */
#define AGENT_REPLY_MAX (1u << 20) /* bytes of an ordinary reply */
#define AGENT_STALE_MAX (UINT64_C(256) << 20) /* of replies nobody took */

struct agent;

/*
 * The agent of the VM that runs in `dirfd`, which is borrowed; nothing is asked
 * yet.  *out is the caller's.  EX_UNAVAILABLE: the VM has no channel for one.
 */
int agent_open(struct agent **out, const struct vm *vm, int dirfd,
    struct error *err);

/* Takes NULL. */
void agent_close(struct agent *a);

/*
 * Takes the channel up, unless it is held already.  EX_TEMPFAIL: another
 * program has it all the time.  EX_UNAVAILABLE: nobody answers there until
 * `deadline_ms`.
 */
int agent_hold(struct agent *a, int64_t deadline_ms, struct error *err);

#define AGENT_TRY_MS 2000 /* for one that may be started just now */

/*
 * The same, asked anew every AGENT_TRY_MS: what one has heard that has ended since
 * nobody answers.
 */
int agent_await(struct agent *a, int64_t deadline_ms, struct error *err);

/* Lets it go. */
void agent_release(struct agent *a);

/*
 * Lets others have it if there is somebody who waits for it.  Else it is kept: an
 * agent at a serial port to which nobody is connected sleeps for a tenth of a
 * second before each thing that it does, be it 4 KiB that a command has written.
 */
void agent_yield(struct agent *a);

/*
 * The same between two pieces of long work: it is held again afterwards, and
 * whoever was let in may take minutes for an answer.  As agent_hold().
 */
int agent_turn(struct agent *a, struct error *err);

/* Sleeps for so long, unless a signal comes, and yields to others meanwhile. */
void agent_nap(struct agent *a, int ms);

bool agent_is_held(const struct agent *a);

/*
 * Asks, and takes the channel up for it.  Takes `args` (NULL: none).  *answer is
 * the caller's, unless it is NULL; the reply has no more than `max` bytes.
 * EX_UNAVAILABLE: it refuses, in its own words (agent_refusal()), or its
 * reply is none.  EX_TEMPFAIL: out of time.  After what is no reply the channel is let go.
 */
int agent_call(struct agent *a, const char *command, json_t *args,
    struct jdoc **answer, size_t max, int64_t deadline_ms, struct error *err);

/* Of the answer of agent_call(): the value it returns. */
uint32_t agent_return(const struct jdoc *answer);

/*
 * Why the last call failed, if the agent said so: the class of its error, such as
 * AGENT_NO_COMMAND.  NULL: it did not.  Until the next call.
 */
const char *agent_refusal(const struct agent *a);

/*
 * Of the answer to `command`, in which *err has found what makes it no reply: the
 * channel is let go.  Returns -1, EX_UNAVAILABLE.
 */
int agent_malformed(struct agent *a, const char *command, struct error *err);

#define AGENT_NO_COMMAND "CommandNotFound" /* or its guest forbids it */

#endif
