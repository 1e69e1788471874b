/* cmd_status.c - asks the running daemon how it is. */
#include "agent/commands.h"
#include "agent/control_wire.h"
#include "config/exit_codes.h"

#include <stdio.h>

int command_status(const struct options *o)
{
    struct buf state, why;
    int code = EXIT_BAD_CONFIG;
    if (o->n_paths) {
        fputs("logferry status takes no words; `logferry help status` shows its options\n", stderr);
        return EXIT_USAGE;
    }
    buf_init(&state, 4096);
    buf_init(&why, CONTROL_FRAME_MAX);
    if (command_state_path(o, &state)) {
        enum control_result result = control_call(state.p, "status", o, &code, &why);
        if (result != CONTROL_ANSWERED) {
            code = EXIT_UNREACHABLE;
            fprintf(stderr,
                    "logferry status: no daemon answers for %s%s%.*s; start it: systemctl start "
                    "logferry\n",
                    state.p, why.n ? ": " : "", STR_ARGS(buf_str(&why)));
        }
    }
    buf_release(&why);
    buf_release(&state);
    return code;
}
