import { Summaries, WorkerRegistry } from "@runlease/core"
import { Context, Effect, identity } from "effect"
import { lastEventIdHeader } from "../Api/EventStream.js"
import * as RunFilter from "../Api/RunFilter.js"
import { RunSummary, WorkerSummary } from "../Wire/RunSummary.js"
import * as Caller from "./Caller.js"
import * as EventStream from "./EventStream.js"
import { group } from "./Group.js"
import * as ListRows from "./ListRows.js"
import * as MetadataQuery from "./MetadataQuery.js"
import * as ProjectTopics from "./ProjectTopics.js"
import * as ProjectViews from "./ProjectViews.js"
import * as ReachedRun from "./ReachedRun.js"
import * as RunPages from "./RunPages.js"

/** How far back the lost leases go, as the endpoint describes it. */
const lostWithin = "24 hours"

export const layer = group("observe", (handlers) =>
  Effect.gen(function* () {
    const topics = yield* ProjectTopics.ProjectTopics

    return handlers
      .handle("statistics", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const { ports } = yield* Caller.project(path.project_reference)
          return yield* ProjectViews.statistics(ports, urlParams)
        }),
      )
      .handle("attention", ({ path }) =>
        Effect.gen(function* () {
          const { ports } = yield* Caller.project(path.project_reference)
          return yield* ProjectViews.attention(ports)
        }),
      )
      .handle("runSummaries", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const { ports } = yield* Caller.project(path.project_reference)
          const page = yield* Context.get(ports, Summaries.Summaries).runs({
            ...RunFilter.toSearch(urlParams),
            ...(yield* MetadataQuery.read),
          })
          return yield* ListRows.respond(RunSummary, page, identity, ({ runId }) => runId, {
            cursor: urlParams.cursor,
            searched: page.searched,
          })
        }),
      )
      .handle("runCounts", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const { ports } = yield* Caller.project(path.project_reference)
          return yield* Context.get(ports, Summaries.Summaries).counts({
            ...RunFilter.toCountFilter(urlParams),
            ...(yield* MetadataQuery.read),
          })
        }),
      )
      .handle("runSummary", ({ path }) =>
        Effect.gen(function* () {
          return yield* Context.get(yield* Caller.run("read", path.run_id), Summaries.Summaries).run(
            path.run_id,
          )
        }),
      )
      .handle("standing", ({ path }) =>
        Effect.gen(function* () {
          return yield* Context.get(yield* Caller.ports, Summaries.Summaries).standing(path.run_id)
        }),
      )
      .handleRaw("runLive", ({ headers, path }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.run("read", path.run_id)
          return yield* ReachedRun.whileReached(
            path.run_id,
            RunPages.respond(ports, path.run_id, headers[lastEventIdHeader]),
          )
        }),
      )
      .handleRaw("projectLive", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const { projectId } = yield* Caller.project(path.project_reference)
          const { last, step, topics: names } = urlParams
          return yield* EventStream.respond(
            topics.frames({ projectId, last, step }, yield* ProjectTopics.parse(names)),
          )
        }),
      )
      .handle("workerSummaries", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const { ports } = yield* Caller.project(path.project_reference)
          const page = yield* Context.get(ports, Summaries.Summaries).workers(urlParams)
          return yield* ListRows.respond(WorkerSummary, page, identity, ({ worker }) => worker.id, urlParams)
        }),
      )
      .handle("versions", ({ path }) =>
        Effect.gen(function* () {
          const { ports } = yield* Caller.project(path.project_reference)
          return { data: yield* Context.get(ports, Summaries.Summaries).versions }
        }),
      )
      .handle("held", ({ path }) =>
        Effect.gen(function* () {
          const summaries = Context.get(yield* Caller.ports, Summaries.Summaries)
          return { data: yield* summaries.held(path.worker_id) }
        }),
      )
      .handle("lostLeases", ({ path }) =>
        Effect.gen(function* () {
          const { ports } = yield* Caller.project(path.project_reference)
          return { data: yield* Context.get(ports, Summaries.Summaries).lost(lostWithin) }
        }),
      )
      .handle("agents", ({ path }) =>
        Effect.gen(function* () {
          const { ports } = yield* Caller.project(path.project_reference)
          return { data: yield* ProjectViews.agents(ports) }
        }),
      )
      .handle("drain", ({ path, payload }) =>
        Effect.gen(function* () {
          const registry = Context.get(yield* Caller.ports, WorkerRegistry.WorkerRegistry)
          return yield* registry.drain(path.worker_id, payload.drain)
        }),
      )
  }),
)
