/** The tool that submits a run again that has ended. */
import { Ids, Runs } from "@runlease/core"
import { Context, Effect, Schema } from "effect"
import * as RunTools from "./RunTools.js"
import * as RunView from "./RunView.js"
import * as Tasks from "./Tasks.js"
import * as Tool from "./Tool.js"
import * as Wait from "./Wait.js"

export const tool: Tool.Tool = Tool.make({
  name: "retry_run",
  description:
    "Submits a run again that has ended, such as one that has failed, and waits for its end. The new run has what the first one had recorded, and begins with what failed. With from_start it does all of it again, also what was recorded, such as a payment: ask the user before.",
  input: Schema.Struct({
    run_id: RunTools.runId,
    from_start: Schema.optionalWith(
      Tool.shownAs(Schema.Boolean, {
        type: "boolean",
        description: "Do recorded steps again; false when absent",
      }),
      { default: () => false },
    ),
    new_run_id: Schema.optional(
      Tool.shownAs(Ids.NewRunId, {
        type: "string",
        description: "An id of your choice for the new run: the same call again finds it",
      }),
    ),
    wait_seconds: RunTools.waitSeconds(Wait.defaultSeconds),
  }),
  output: RunView.RunView,
  annotations: { title: "Retry a run", destructiveHint: true, openWorldHint: true },
  call: ({ from_start, new_run_id, run_id, wait_seconds }, call) =>
    Effect.map(
      Context.get(call.ports, Runs.Runs).retry(run_id, {
        publicId: new_run_id ?? call.runId,
        ...(new_run_id === undefined ? { derived: true } : {}),
        fromStart: from_start,
      }),
      ({ run }) => (call.era.tasks ? Tasks.created(run) : Wait.until(call, run, wait_seconds)),
    ),
})
