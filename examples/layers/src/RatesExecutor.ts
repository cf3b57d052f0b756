import { AgentEvent, Executors, RequestSnapshot } from "@runlease/core"
import { Effect, pipe, Stream } from "effect"
import { Rates } from "./Rates.js"

/** Tells a rate, with a step around the question. Its errors and its need of Rates are inferred. */
const tell = Executors.make((run) => {
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

/** The same with a limit on time, and another attempt a second after the bank was closed. */
export const layer = Executors.layerWith(
  pipe(
    tell,
    Executors.timeout("1 minute"),
    Executors.retry({ while: (error) => error.code === "BankClosed", delay: () => "1 second" }),
  ),
)
