import { AgentEvent, Executor } from "@runlease/core"
import { Effect, Stream } from "effect"

/** An executor that takes four minutes, in two steps, and returns its result as text. */
export const execute = Executor.from(() =>
  Stream.make("sources", "draft").pipe(
    Stream.flatMap((step) =>
      Stream.make(AgentEvent.stepStarted(step)).pipe(
        Stream.concat(Stream.execute(Effect.sleep("2 minutes"))),
        Stream.concat(Stream.make(AgentEvent.stepFinished(step))),
      ),
    ),
    Stream.concat(Stream.make("Nothing new under the sun.")),
  ),
)
