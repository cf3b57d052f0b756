import { AgentEvent, Executor, RequestSnapshot } from "@runlease/core"
import { Effect, pipe, Stream } from "effect"
import { Rates } from "./Rates.js"

/** Answers with a rate, in a step of its own. Its errors and its requirement `Rates` are inferred. */
const quote = Executor.from((run) => {
  const currency = RequestSnapshot.lastUserText(run.snapshot)
  return Stream.make(AgentEvent.stepStarted("ask the bank")).pipe(
    Stream.concat(
      Stream.fromEffect(
        Effect.map(
          Effect.flatMap(Rates, (rates) => rates.of(currency)),
          (rate) => `1 ${currency} is ${rate} EUR`,
        ),
      ),
    ),
    Stream.concat(Stream.make(AgentEvent.stepFinished("ask the bank"))),
  )
})

/** The same executor with a time limit, and a retry one second after `BankClosed`. */
export const layer = Executor.layerWith(
  pipe(
    quote,
    Executor.timeout("1 minute"),
    Executor.retryable({ while: (error) => error.code === "BankClosed", delay: () => "1 second" }),
  ),
)
