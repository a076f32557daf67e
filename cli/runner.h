/* runner.h - what the verbs that run models share. */
#ifndef OX_CLI_RUNNER_H
#define OX_CLI_RUNNER_H

#include "cli/cli.h"
#include "ops/run.h"
#include "verify/values.h"

/* Loaded, and sound enough to be run. NULL after reporting. */
ox_model *cli_runner_load(ox_cli *c, const char *path);
ox_run_config cli_runner_options(const ox_cli *c);
/* "graph 'g' node 3 'c' (Conv): it has no kernel" */
const char *cli_failure_text(ox_cli *c, const ox_run_failure *f);
/* Element i of a tensor as people read it. */
const char *cli_element(ox_cli *c, const ox_array *x, uint64_t i);

bool cli_is_folder(const char *path);
bool cli_is_file(const char *path);
/* Folders below `path` whose name begins like this, sorted; links count as what they lead
 * to. False after reporting. */
bool cli_folders(ox_cli *c, const char *path, const char *begin, cli_list *out);

#endif
