/** The endpoints of runs. */
import {
  Access,
  ControlEvents,
  ControlPlane,
  type Ids,
  Interrupt,
  Leases,
  LogFilter,
  RequestSnapshot,
  Run,
  type RunEdits,
  RunLog,
  Runs,
} from "@runlease/core"
import * as AppendRules from "@runlease/core/AppendRules"
import * as EditCheck from "@runlease/core/EditCheck"
import { Context, Duration, Effect, Option, Array, Either, Schema } from "effect"
import { lastEventIdHeader } from "../Api/EventStream.js"
import { logFilter } from "../Api/Runs.js"
import type * as Bodies from "../Api/RunBodies.js"
import { NewRun } from "../Api/RunBodies.js"
import * as RunFilter from "../Api/RunFilter.js"
import { pageInfo } from "../Wire.js"
import { CanonicalRun, fromRun, toOutcome } from "../Wire/Run.js"
import * as FollowUp from "../Wire/FollowUp.js"
import { batchReply, inBatch } from "../Wire/Submission.js"
import * as InvalidRequest from "../contract/InvalidRequest.js"
import * as Refusal from "../contract/Refusal.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as AgentForms from "./AgentForms.js"
import * as Caller from "./Caller.js"
import * as Grants from "./Grants.js"
import { group } from "./Group.js"
import * as ListRows from "./ListRows.js"
import * as LongRequests from "./LongRequests.js"
import * as MetadataQuery from "./MetadataQuery.js"
import type { Ports } from "./ProjectPorts.js"
import * as ReachedRun from "./ReachedRun.js"
import * as Submit from "./agui/Submit.js"

// Answers submissions: each of a batch as the endpoint of one would answer it, all of them in one commit.

const decode = Schema.decodeUnknownEither(NewRun)

/** A submission of a kind that this server does. */
export const ofAgent = (payload: typeof NewRun.Type): Either.Either<Runs.Submission, Refusal.Refusal> =>
  "kind" in payload
    ? Either.left(
        Refusal.make(
          422,
          "unsupported_kind",
          `Runs of kind ${payload.kind} are not done here, only those of kind agent`,
          { field: "kind" },
        ),
      )
    : Either.right(payload)

/** What a submission became, as its endpoint answers it. */
export const replyOf = ({
  debounced,
  duplicate,
  run,
  steered,
}: Runs.Submitted): typeof Bodies.Submitted.Type => ({
  accepted: true,
  duplicate,
  steered,
  debounced,
  run: fromRun(run),
})

const read = (sent: unknown): Either.Either<Runs.Submission, Refusal.Refusal> =>
  Either.flatMap(Either.mapLeft(decode(sent), InvalidRequest.ofParse), ofAgent)

/** Submits the runs that are well-formed and whose payloads fit, and answers all of them in their order. */
export const submitMany = Effect.fnUntraced(function* (batch: typeof Bodies.Batch.Type) {
  const ports = yield* Caller.ports
  const budget = AgentForms.budget()
  const checked = yield* Effect.forEach(batch.runs, (sent) =>
    Effect.either(
      Effect.flatMap(read(sent), (submission) =>
        Effect.as(AgentForms.check(submission, budget), inBatch(batch, submission)),
      ),
    ),
  )
  const submitted = yield* Context.get(ports, Runs.Runs).submitMany(Array.getRights(checked))
  let next = 0
  return {
    ...batchReply.of(batch),
    answers: checked.map((each) =>
      Either.match(
        Either.flatMap(each, () => submitted[next++]!),
        {
          onLeft: (error): Bodies.BatchAnswer => {
            const { body, httpStatus } = Verdicts.encode(error)
            return { status: httpStatus, body }
          },
          onRight: (run): Bodies.BatchAnswer => ({ status: 202, body: replyOf(run) }),
        },
      ),
    ),
  }
})

/** Refuses a fork whose edited payload no worker of its agent takes. */
const checkPayload = Effect.fnUntraced(function* (
  runs: Runs.Runs["Type"],
  runId: Ids.RunId,
  edits: ReadonlyArray<RunEdits.Edit>,
  publicId: Ids.RunId | undefined,
) {
  const edited = yield* EditCheck.payloadOf(runs, runId, edits)
  if (edited === undefined) return
  const { agentId, field, input } = edited
  const submission = { agentId, publicId, snapshot: { ...RequestSnapshot.empty, input } }
  yield* AgentForms.check(submission).pipe(
    Effect.catchTag("Refusal", ({ body }) => new Runs.EditRefused({ field, message: body.detail })),
  )
})

interface PageRequest extends LogFilter.LogFilter {
  readonly runId: Ids.RunId
  readonly after: Run.EventId
  readonly limit: number
}

interface LogPage {
  readonly entries: ReadonlyArray<RunLog.LogEntry>
  readonly ended: boolean
}

/** The number of entries that fit into a page, at least one. */
const fitting = (entries: ReadonlyArray<RunLog.LogEntry>): number => {
  let bytes = 0
  const over = entries.findIndex(({ event }) => {
    bytes += AppendRules.sizeOf(event) + RunLog.entryBytes
    return bytes > RunLog.maxReadBytes
  })
  return over < 0 ? entries.length : Math.max(1, over)
}

/** Entries, one at least. */
const pageOf = (entries: ReadonlyArray<RunLog.LogEntry>): LogPage => ({
  entries,
  ended: ControlEvents.endsLog(entries.at(-1)!),
})

export const layer = group("runs", (handlers) =>
  Effect.gen(function* () {
    const access = yield* Access.Access
    const controlPlane = yield* ControlPlane.ControlPlane

    const pageAfter = Effect.fnUntraced(function* (ports: Ports, options: PageRequest) {
      const runs = Context.get(ports, Runs.Runs)
      const isFiltered = LogFilter.predicate(options) !== undefined
      // A run that had ended before the read gets no event after it.
      const before = isFiltered ? yield* runs.get(options.runId) : undefined
      const entries = yield* Context.get(ports, RunLog.RunLog).read(options)
      if (entries.length > 0) return pageOf(entries)
      if (before !== undefined) return { entries, ended: Run.isTerminal(before.status) }
      const run = yield* runs.get(options.runId)
      return { entries, ended: Run.isTerminal(run.status) && run.latestEventId <= options.after }
    })

    /** Waits for what comes after, or until the log has ended. */
    const pageToCome = (ports: Ports, { after, limit, runId, ...filter }: PageRequest) => {
      const matches = LogFilter.predicate(filter)
      let page: LogPage = { entries: [], ended: true }
      return RunLog.takeWith(Context.get(ports, RunLog.RunLog).reader({ runId }), after, (read) =>
        Effect.sync(() => {
          const entries = (matches === undefined ? read : read.filter(({ event }) => matches(event))).slice(
            0,
            limit,
          )
          if (entries.length === 0) return true
          page = pageOf(entries.slice(0, fitting(entries)))
          return false
        }),
      ).pipe(Effect.map(() => page))
    }

    const pageWithin = (ports: Ports, options: PageRequest, wait: Duration.Duration) =>
      Effect.map(
        LongRequests.wait(pageToCome(ports, options), wait),
        Option.getOrElse((): LogPage => ({ entries: [], ended: false })),
      )

    /** The event after which the next page begins, when there is one: a page may be short for its bytes. */
    const nextAfter = (ports: Ports, { limit, runId }: PageRequest, { ended, entries }: LogPage) => {
      const last = entries.at(-1)
      if (last === undefined || ended) return Effect.succeed(null)
      if (entries.length >= limit) return Effect.succeed(String(last.eventId))
      return Effect.map(Context.get(ports, Runs.Runs).get(runId), ({ latestEventId }) =>
        latestEventId > last.eventId ? String(last.eventId) : null,
      )
    }

    return handlers
      .handle(
        "submit",
        Effect.fnUntraced(function* ({ payload }) {
          const { grant, ports, submission } = yield* Caller.submission(yield* ofAgent(payload))
          if (submission.snapshot?.input !== undefined) yield* AgentForms.check(submission)
          const submitted = yield* Context.get(ports, Runs.Runs).submit(submission)
          if (grant !== undefined) yield* Grants.checkSubmitted(grant, submitted)
          return replyOf(submitted)
        }),
      )
      .handle("submitMany", ({ payload }) => submitMany(payload))
      .handle("run", ({ path }) =>
        Effect.gen(function* () {
          const runs = Context.get(yield* Caller.run("read", path.run_id), Runs.Runs)
          return fromRun(yield* runs.get(path.run_id))
        }),
      )
      .handle("label", ({ path, payload }) =>
        Effect.gen(function* () {
          const runs = Context.get(yield* Caller.ports, Runs.Runs)
          return fromRun(yield* runs.label(path.run_id, payload.labels))
        }),
      )
      .handle("snapshot", ({ path }) =>
        Effect.gen(function* () {
          const runs = Context.get(yield* Caller.ports, Runs.Runs)
          return yield* runs.snapshot(path.run_id)
        }),
      )
      .handle("events", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.run("read", path.run_id)
          const after = Run.EventId.make(urlParams.after_event_id ?? 0)
          const limit = urlParams.limit ?? RunLog.defaultReadLimit
          const request = { runId: path.run_id, after, limit, ...logFilter(urlParams) }
          const page = yield* urlParams.wait_seconds
            ? pageWithin(ports, request, Duration.seconds(urlParams.wait_seconds))
            : pageAfter(ports, request)
          return {
            data: page.entries,
            page_info: pageInfo(urlParams.after_event_id?.toString(), yield* nextAfter(ports, request, page)),
            ended: page.ended,
          }
        }),
      )
      .handle("steps", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const log = Context.get(yield* Caller.ports, RunLog.RunLog)
          const entries = yield* log.read({
            runId: path.run_id,
            after: Run.EventId.make(urlParams.after_event_id ?? 0),
            limit: urlParams.limit ?? RunLog.defaultReadLimit,
            only: "records",
            ...logFilter(urlParams),
          })
          return {
            data: entries,
            page_info: pageInfo(
              urlParams.after_event_id?.toString(),
              entries.at(-1)?.eventId.toString() ?? null,
            ),
          }
        }),
      )
      .handleRaw("stream", ({ headers, path }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.run("read", path.run_id)
          const run = yield* Context.get(ports, Runs.Runs).get(path.run_id)
          return yield* ReachedRun.stream(ports, run, headers[lastEventIdHeader])
        }),
      )
      .handle("list", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const { filter, ports } = yield* Caller.list(path.project_reference, {
            ...RunFilter.toList(urlParams),
            ...(yield* MetadataQuery.read),
          })
          const page = yield* Context.get(ports, Runs.Runs).list(filter)
          return yield* ListRows.respond(CanonicalRun, page, fromRun, ({ runId }) => runId, urlParams)
        }),
      )
      .handle("prune", ({ path, payload }) =>
        Effect.gen(function* () {
          yield* Caller.admin
          const project = yield* access.getProject(path.project_reference)
          return yield* controlPlane.prune({
            projectId: project.id,
            olderThan: Duration.seconds(payload.older_than_seconds),
            limit: payload.limit ?? undefined,
          })
        }),
      )
      .handle("complete", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.keyOrWorker
          const fence = yield* Caller.fence(ports, path.run_id, headers)
          const { completed, run } = yield* Context.get(ports, Runs.Runs).complete(
            path.run_id,
            toOutcome(payload),
            fence,
            payload.taken_messages,
          )
          return { completed, run: fromRun(run) }
        }),
      )
      .handle("retry", ({ path, payload }) =>
        Effect.gen(function* () {
          const runs = Context.get(yield* Caller.ports, Runs.Runs)
          const { duplicate, run } = yield* runs.retry(path.run_id, {
            publicId: payload.public_id ?? undefined,
            fromStart: payload.from_start ?? undefined,
          })
          return { accepted: true as const, run: fromRun(run), duplicate }
        }),
      )
      .handle("fork", ({ path, payload }) =>
        Effect.gen(function* () {
          const runs = Context.get(yield* Caller.ports, Runs.Runs)
          const { edits } = payload
          const publicId = payload.public_id ?? undefined
          if (edits !== undefined) yield* checkPayload(runs, path.run_id, edits, publicId)
          const { duplicate, run } = yield* runs.fork(path.run_id, {
            after: Run.EventId.make(payload.after_event_id),
            publicId,
            edits,
          })
          return { accepted: true as const, run: fromRun(run), duplicate }
        }),
      )
      .handle("tell", ({ path, payload }) =>
        Effect.gen(function* () {
          const message: Runs.NewMessage = {
            parts: payload.parts ?? [{ type: "text", text: payload.text ?? "" }],
            idempotencyKey: payload.idempotency_key ?? undefined,
          }
          const program = yield* Caller.program(path)
          const { duplicate, id } = yield* program === undefined
            ? Context.get(yield* Caller.run("write", path.run_id), Runs.Runs).tell(path.run_id, message)
            : Context.get(program.ports, Leases.Leases).tell(program.lease, message)
          return { message_id: id, duplicate }
        }).pipe(Effect.mapError((error) => Verdicts.encode(error, "tell"))),
      )
      .handle("cancel", ({ path }) =>
        Effect.gen(function* () {
          const runs = Context.get(yield* Caller.run("stop", path.run_id), Runs.Runs)
          const { cancelled, run } = yield* runs.cancel(path.run_id)
          return { cancelled, run: fromRun(run) }
        }),
      )
      .handle("resume", ({ path, payload }) =>
        Effect.gen(function* () {
          const runs = Context.get(yield* Caller.run("write", path.run_id), Runs.Runs)
          const answers: Interrupt.Answers =
            payload.type === "interrupts"
              ? payload.resume
              : [Interrupt.toolResult(payload.tool_call_id, payload.result, payload.is_error ?? undefined)]
          yield* Caller.answers(answers)
          const { duplicate, run } = yield* runs.resume(path.run_id, answers)
          return { accepted: true, duplicate, run: fromRun(run) }
        }),
      )
      .handle("inputs", ({ path }) =>
        Effect.gen(function* () {
          const runs = Context.get(yield* Caller.ports, Runs.Runs)
          return { data: yield* runs.inputs(path.run_id) }
        }),
      )
      .handle("followUp", ({ path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.ports
          yield* Submit.checkName(payload.publicId, "public_id")
          return FollowUp.toReply(yield* Context.get(ports, Runs.Runs).followUp(path.run_id, payload))
        }),
      )
  }),
)
