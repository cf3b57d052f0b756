/** Steps of Runlease, over a store in the process of the worker or, with `served`, over the network. */
import { RunLog, Runs, Step } from "@runlease/core"
import { Context, Effect } from "effect"
import * as DrainRate from "../DrainRate.js"
import * as Backlog from "../hand/Backlog.js"
import * as Stores from "../Stores.js"
import { submission } from "../Submission.js"
import { main } from "./Contender.js"
import { makeTimes, resultOf } from "./Steps.js"

export interface Options {
  readonly store: Stores.StoreOptions
  readonly served?: Stores.Served
  /** Whether runs are submitted; else they are written as rows, as the tables of this commit are. */
  readonly submits: boolean
}

/** The ports, whose log counts the appends that it is asked for. */
const counted = (ports: Stores.Ports) => {
  let appends = 0
  const log = Context.get(ports, RunLog.RunLog)
  return {
    count: () => appends,
    ports: Context.add(ports, RunLog.RunLog, {
      ...log,
      append: (request) => {
        appends += 1
        return log.append(request)
      },
    }),
  }
}

main<Options>(({ served, store, submits }) =>
  Effect.gen(function* () {
    const { count, ports } = counted(
      yield* served === undefined ? Stores.local(store) : Stores.client(served),
    )
    const submit = Context.get(ports, Runs.Runs).submit(submission)
    return {
      fill: (pending) =>
        Effect.as(
          submits
            ? Effect.zipRight(Effect.replicateEffect(submit, pending), Backlog.tidy(store))
            : Backlog.fill(store, { pending }),
          null,
        ),
      steps: ({ runs, steps }) =>
        Effect.gen(function* () {
          const times = makeTimes()
          const before = count()
          const latch = yield* Effect.makeLatch()
          let left = runs
          const end = Effect.suspend(() => {
            left -= 1
            return left === 0 ? latch.open : Effect.void
          })
          const step = (index: number) =>
            Effect.suspend(() => {
              const startedAt = performance.now()
              return Effect.map(
                Step.run(
                  "weather",
                  Effect.sync(() => resultOf(index)),
                  { key: index },
                ),
                () => times.add(startedAt),
              )
            })
          const perSecond = yield* DrainRate.perSecond(ports, {
            runs,
            concurrency: runs,
            nearEnd: latch.await,
            execution: Effect.forEach(
              Array.from({ length: steps }, (_, index) => index),
              step,
              { discard: true },
            ).pipe(Effect.orDie, Effect.ensuring(end)),
          })
          return {
            rate: perSecond * steps,
            appends: (count() - before) / (runs * steps),
            ...times.quantiles(),
          }
        }),
    }
  }),
)
