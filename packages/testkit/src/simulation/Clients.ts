/**
 * The clients of a simulated world: they submit runs, and send again what is not answered.
 *
 * @since 0.1.0
 */
import { fromText } from "@runlease/core/RequestSnapshot"
import { Runs } from "@runlease/core/Runs"
import { Effect, Schedule } from "effect"
import * as Prng from "./Prng.js"
import * as RemotePorts from "./RemotePorts.js"
import type { World } from "./Workers.js"

/** A client sends a request again after this, until it is answered. */
const again = Schedule.spaced("400 millis")

/** A conversation by its name in the plan: an id that follows from the seed. */
const conversationOf = (seed: number, name: string): string =>
  Prng.make(Prng.hash(seed, "conversation", name)).uuid()

/**
 * Starts the client. The result says whether it has done all that it is to do.
 *
 * @since 0.1.0
 * @category running
 */
export const make = (world: World): { readonly isDone: () => boolean } => {
  const { makeProcess, network, plan, ports, recorder } = world
  const name = "client"
  const process = makeProcess(name, 1)
  const remote = RemotePorts.make(ports, network.link(name, process), recorder, name)
  let left = plan.runs.length

  for (const run of plan.runs) {
    const submit = Effect.flatMap(Runs, (runs) =>
      runs.submit({
        publicId: run.name,
        agentId: "agent",
        snapshot: fromText(run.name),
        maxAttempts: run.maxAttempts,
        ...(run.conversation === undefined
          ? {}
          : { conversationId: conversationOf(plan.seed, run.conversation) }),
      }),
    )
    const fiber = process.fork(
      submit.pipe(
        Effect.retry({ schedule: again, while: ({ _tag }) => _tag === "ControlPlaneUnavailable" }),
        Effect.delay(run.at),
        Effect.provide(remote),
      ),
    )
    fiber.addObserver(() => {
      left -= 1
    })
  }
  return { isDone: () => left === 0 }
}
