/** graphile-worker with a line of its crontab for each schedule, which it has in memory. */
import { Effect } from "effect"
import { Logger, run } from "graphile-worker"
import { main, sinceMinute } from "../src/contenders/Ticks.js"

main(({ database, schedules }, late) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      run({
        connectionString: database,
        concurrency: 24,
        crontab: Array.from({ length: schedules }, (_, index) => `* * * * * bench ?id=s${index}`).join("\n"),
        logger: new Logger(() => () => {}),
        noHandleSignals: true,
        taskList: { bench: async () => void late.push(sinceMinute()) },
      }),
    ),
    (runner) => Effect.promise(() => runner.stop()),
  ),
)
