/* SPDX-License-Identifier: ISC */
/*
 * What is done by running a tool: a row tells how members of a JSON object
 * become options.  Operands stand behind "--"; an option's value is a word of
 * its own, or behind a "=".
 */
#ifndef ACTION_H
#define ACTION_H

#include <jansson.h>

#include "web.h"

#define ACTION_PARAMS_MAX 20
#define ACTION_TEXT_MAX 4096 /* bytes of one value */
#define ACTION_WORDS_MAX 256 /* of a command for a guest */

enum action_kind {
	ACTION_END, /* of the list */
	ACTION_FLAG, /* true: the option alone */
	ACTION_TEXT, /* a string, or a number: option and value */
	ACTION_OPTIONAL, /* true: the option alone; a string: with =value */
	ACTION_LIST, /* strings: the option again for each */
	ACTION_OPERAND, /* a string that must be there: behind "--" */
	ACTION_COMMAND /* strings, behind another "--" */
};

struct action {
	const char *tool;
	const char *fixed; /* an option that it always has, or NULL */
	struct {
		const char *key;
		enum action_kind kind;
		const char *option;
	} params[ACTION_PARAMS_MAX];
	bool operand_first; /* what params name, before what the path does */
	bool unlisted; /* reads: not in the journal */
	bool says_all; /* its output is the answer whatever its status is */
};

/*
 * The command for `action`: with what the path names, `ref` or NULL, and the
 * members of `body`, NULL: none.  EX_USAGE names the member that is wrong.
 */
int action_argv(struct strv *argv, const struct action *action,
    const char *root, const char *ref, const json_t *body, struct error *err);

/* The runs of routes: an action to its end, and a list as it comes. */
enum MHD_Result action_run(struct request *r);
enum MHD_Result action_list(struct request *r);

/* Starts a job for the request, and sets it aside; else answers why not. */
enum MHD_Result action_begin(struct request *r, struct strv *argv, bool input,
    enum job_out how);

/* Answers with the job's output while it comes, once there is some. */
enum MHD_Result action_stream(struct request *r, const char *type,
    const char *file);

#endif
