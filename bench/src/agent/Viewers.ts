/** The process of a contender that submits agents, and that views each of them by one viewer, live. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, type Scope } from "effect"
import * as Child from "../Child.js"
import { median, quantile } from "../Statistics.js"
import { type Message, opening } from "./Conversation.js"
import * as Viewing from "./Viewing.js"

export interface Agents {
  readonly runs: number
  /** Answers of each run, and deltas of each answer. */
  readonly answers: number
  readonly deltas: number
  /** Seconds after which the runs that have not ended are given up. */
  readonly within: number
}

/** A type, as it is a part of a sample. */
export type Seen = {
  /** Milliseconds from the call of the submission to the reading of the first delta: the median of the runs. */
  readonly firstDelta: number
  /** Milliseconds from the production of a delta to its reading. */
  readonly p50: number
  readonly p99: number
  /** Runs that were not seen as they have to be. */
  readonly problems: ReadonlyArray<string>
}

export type Calls = {
  /** Submits agents at once, and views them to their ends. */
  readonly view: { readonly input: Agents; readonly output: Seen }
  /** Bytes that the store has. */
  readonly stored: { readonly input: null; readonly output: number }
}

/** How a contender submits and views. */
export interface Contender {
  /** Submits an agent; returns the name of its run. */
  readonly submit: (messages: ReadonlyArray<Message>) => Promise<string>
  /** Views a run from its beginning to its end. */
  readonly view: (run: string, viewing: Viewing.Viewing) => Promise<void>
  /** Whether the run has ended well in the store. */
  readonly isCompleted: (run: string) => Promise<boolean>
  /** Where the parent cannot measure it. */
  readonly stored?: () => Promise<number>
}

const wait = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

interface Viewed {
  readonly seen: Viewing.Seen
  firstDelta: number
  ended: boolean
}

const viewAgent = async ({ isCompleted, submit, view }: Contender, viewed: Viewed): Promise<void> => {
  const submittedAt = performance.now()
  const run = await submit(opening)
  await view(run, viewed.seen)
  viewed.firstDelta = viewed.seen.firstAt() - submittedAt
  // A viewer may see the end before the store has it.
  while (!(await isCompleted(run))) await wait(20)
  viewed.ended = true
}

const view = async (contender: Contender, { answers, deltas, runs, within }: Agents): Promise<Seen> => {
  const all = Array.from({ length: runs }, (): Viewed => ({
    seen: Viewing.make(),
    firstDelta: Number.NaN,
    ended: false,
  }))
  await Promise.race([Promise.all(all.map((viewed) => viewAgent(contender, viewed))), wait(within * 1000)])
  const latencies = all.flatMap(({ seen }) => seen.latencies)
  return {
    firstDelta: median(all.map(({ firstDelta }) => firstDelta)),
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    problems: all.flatMap(({ ended, seen }) =>
      ended ? (seen.problem(answers, deltas) ?? []) : "has not ended",
    ),
  }
}

/** In the child: serves the calls. */
export const main = <Options>(
  make: (options: Options) => Effect.Effect<Contender, unknown, Scope.Scope>,
): void =>
  Effect.suspend(() => make(Child.options<Options>())).pipe(
    Effect.flatMap((contender) =>
      Child.serve<Calls>(null, {
        view: (agents) => Effect.promise(() => view(contender, agents)),
        stored: () => Effect.promise(async () => (await contender.stored?.()) ?? Number.NaN),
      }),
    ),
    Effect.scoped,
    NodeRuntime.runMain,
  )
