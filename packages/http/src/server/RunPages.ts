/**
 * The streams of pages that show one run each. Pages of one run share what is read for them.
 *
 * Source: docs/decisions/0097-pages-of-a-run.md
 */
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { type ControlPlaneError, type Ids, type Run, RunLog, Summaries } from "@runlease/core"
import { Cause, Context, Effect, Layer, Runtime } from "effect"
import * as EventStream from "./EventStream.js"
import * as LiveRun from "./LiveRun.js"
import * as Pauses from "./Pauses.js"
import type { Ports } from "./ProjectPorts.js"
import * as RunPage from "./RunPage.js"

type Failure = Run.RunNotFound | ControlPlaneError.ControlPlaneError

type Port = Context.Tag.Service<Summaries.Summaries>

export class RunPages extends Context.Tag("@runlease/http/server/RunPages")<
  RunPages,
  {
    /** Has a stream show a run, until it leaves. `first` is a summary that was just read. */
    readonly join: (
      summaries: Port,
      first: Summaries.RunSummary,
      page: Pick<RunPage.Options, "reader" | "after" | "stream">,
    ) => RunPage.JoinedPage
  }
>() {}

/** Between two batches of entries that come in while a page is open. */
const batchInterval = "250 millis"

/** Between two looks at a summary. */
const summaryInterval = "10 seconds"

export const layer: Layer.Layer<RunPages> = Layer.scoped(
  RunPages,
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const runFork = Runtime.runFork(yield* Effect.runtime<never>())
    const { after: pauseBatches } = yield* Pauses.make(batchInterval)
    const { after: pauseLooks } = yield* Pauses.make(summaryInterval)

    const onFailure = (cause: Cause.Cause<Failure>): void => {
      if (!Cause.isInterruptedOnly(cause)) {
        runFork(Effect.logWarning("An event stream ended early", cause), { scope })
      }
    }

    /** The runs that have open pages, by project. */
    const liveRuns = new WeakMap<Port, Map<Ids.RunId, LiveRun.LiveRun>>()

    const liveRun = (summaries: Port, summary: Summaries.RunSummary): LiveRun.LiveRun => {
      const { runId } = summary
      const first = LiveRun.toSummary(summary)
      const runs = liveRuns.get(summaries) ?? new Map<Ids.RunId, LiveRun.LiveRun>()
      liveRuns.set(summaries, runs)
      const found = runs.get(runId)
      if (found !== undefined) {
        found.offer(first)
        return found
      }
      const readSummary = Effect.map(summaries.run(runId), LiveRun.toSummary)
      const run = LiveRun.make<Failure>({
        first,
        read: (take) => void runFork(readSummary, { scope }).addObserver(take),
        pause: pauseLooks,
        onFailure,
        onEmpty: () => runs.delete(runId),
      })
      runs.set(runId, run)
      return run
    }

    return {
      join: (summaries, first, page) =>
        RunPage.join({
          ...page,
          run: liveRun(summaries, first),
          pause: pauseBatches,
          onFailure,
        }),
    }
  }),
)

/** Answers with a page, after event `after` of the log. The first summary is read before the stream begins. */
export const respond = (
  ports: Ports,
  runId: Ids.RunId,
  after = 0,
): Effect.Effect<HttpServerResponse.HttpServerResponse, Failure, EventStream.Services | RunPages> =>
  Effect.gen(function* () {
    const pages = yield* RunPages
    const summaries = Context.get(ports, Summaries.Summaries)
    const first = yield* summaries.run(runId)
    const reader = yield* Context.get(ports, RunLog.RunLog).reader({ runId })
    let page: RunPage.JoinedPage | undefined
    const { response, stream } = yield* EventStream.open(() => page?.take())
    page = yield* Effect.acquireRelease(
      Effect.sync(() => pages.join(summaries, first, { reader, after, stream })),
      ({ leave }) => Effect.sync(leave),
    )
    return response
  })
