/*
 * Commands that users have in gdb besides gdb's own: defined in gdb's command language, so that any
 * gdb knows them, on top of what `monitor` and `run` do here. Only the history of stops (back,
 * forward) takes a gdb with Python: nothing else tells of each stop without being in the way of a
 * user's hook-stop.
 */
#include "gdb/debug.h"

#define ASKS(name, command, help) \
	"define " name "\nmonitor " command "\nend\ndocument " name "\n" help "\nend\n"
#define GOES(name, to, help) "define " name "\nrun " to "\nend\ndocument " name "\n" help "\nend\n"

const char gdb_commands[] = "set confirm off\n"
			    "set prompt (rr) \n"

	ASKS("when", "when", "The number of the last completed event of the recording.") ASKS(
		"when-ticks", "when-ticks",
		"How far the current thread has come.") ASKS("when-tid", "when-tid",
							     "The current thread, as it was called in the recording.")
		ASKS("when-end", "when-end", "The number of the last event of the recording.") ASKS(
			"elapsed-time", "elapsed-time", "Seconds since the recording began.")
			ASKS("absolute-time", "absolute-time",
			     "The time of recording, in seconds since 1970.") ASKS("info recording",
										   "info-recording",
										   "Where the recording is.")

				GOES("restart", "c$arg0", "Go to checkpoint N.\nUsage: restart N") GOES(
					"seek-ticks", "t$arg0",
					"Go to where the current thread has made N ticks.\nUsage: seek-ticks N")
					GOES("back", "back", "Go back to where the program stopped before.") GOES(
						"forward", "forward",
						"Go to where the program stopped next, after `back`.")

						"set $rr_checkpoints = 0\n"
						"define checkpoint\n"
						"set $rr_checkpoints = $rr_checkpoints + 1\n"
						"eval \"monitor checkpoint %d\", $rr_checkpoints\n"
						"eval \"set $rr_checkpoint_%d = (long) $pc\", $rr_checkpoints\n"
						"output/a $pc\n"
						"echo \\n\n"
						"end\n"
						"document checkpoint\n"
						"Keep this point: `restart N` comes back to it at once.\n"
						"end\n"

						"define delete checkpoint\n"
						"monitor delete-checkpoint $arg0\n"
						"set $rr_checkpoint_$arg0 = $rr_nothing\n"
						"end\n"
						"document delete checkpoint\n"
						"Forget a checkpoint.\nUsage: delete checkpoint N\n"
						"end\n"

						"define info checkpoints\n"
						"echo ID\\tWhen\\tWhere\\n\n"
						"set $rr_i = 1\n"
						"while $rr_i <= $rr_checkpoints\n"
						"eval \"set $rr_where = $rr_checkpoint_%d\", $rr_i\n"
						"if !$_isvoid($rr_where)\n"
						"printf \"%d\\t\", $rr_i\n"
						"eval \"monitor checkpoint-when %d\", $rr_i\n"
						"output/a $rr_where\n"
						"echo \\n\n"
						"end\n"
						"set $rr_i = $rr_i + 1\n"
						"end\n"
						"end\n"
						"document info checkpoints\n"
						"The checkpoints: number, event, and where the program was.\n"
						"end\n"

						"define jump\n"
						"echo A recording runs as it was recorded: there is no jump.\\n\n"
						"end\n"
						"document jump\n"
						"Not available: a recording runs as it was recorded.\n"
						"end\n"

						"set confirm on\n"
						"if !$_isvoid($_streq)\n"
						"python\n"
						"def rr_visit(event):\n"
						"    try:\n"
						"        gdb.execute('monitor visit', to_string=True)\n"
						"    except gdb.error:\n"
						"        pass\n"
						"gdb.events.stop.connect(rr_visit)\n"
						"class NoRecord(gdb.Command):\n"
						"    def __init__(self):\n"
						"        super().__init__('rr-no-record', gdb.COMMAND_OBSCURE)\n"
						"    def invoke(self, args, from_tty):\n"
						"        raise gdb.GdbError('This is a recording already.')\n"
						"NoRecord()\n"
						"gdb.execute('define hook-record\\nrr-no-record\\nend')\n"
						"end\n"
						"end\n";
