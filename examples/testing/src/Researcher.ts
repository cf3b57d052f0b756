import { AgentEvent, Executors } from "@runlease/core"
import { Effect, Stream } from "effect"

/** An executor of your own: it takes four minutes, in two steps, and says what it found. */
export const execute = Executors.make(() =>
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
