/**
 * Formats workers and their events: a line for people, a JSON object for machines.
 */
import {
  type Interrupt,
  type Leases,
  type Run,
  type WorkerEvent,
  WorkerMetadata,
  type WorkerRegistry,
  WorkerState,
} from "@runlease/core"
import * as WorkerWire from "@runlease/http/WorkerWire"
import { Diagnostics } from "@runlease/process"
import {
  Array,
  DateTime,
  Duration,
  Effect,
  FiberRef,
  HashMap,
  HashSet,
  Logger,
  Option,
  Schema,
  Struct,
} from "effect"
import type { Paint } from "./Output.js"
import * as Terminal from "./Terminal.js"

/** A line of a program's stderr. */
interface Line {
  readonly time: Date
  readonly runId: string
  readonly agentId: string
  readonly text: string
}

const lineOf = ({ annotations, date, message }: Logger.Logger.Options<unknown>): Option.Option<Line> => {
  const annotation = (name: string) => Option.getOrElse(HashMap.get(annotations, name), () => "")
  return annotation("stream") === Diagnostics.annotation.stream
    ? Option.some({
        time: date,
        runId: String(annotation("run_id")),
        agentId: String(annotation("agent_id")),
        text: Array.ensure(message).join(" "),
      })
    : Option.none()
}

/**
 * Prints on stdout, formatted by `format`, the log entries of an effect that are lines of a program's stderr. All other
 * entries stay with their loggers.
 */
export const printed =
  (format: (line: Line) => string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.locallyWith(effect, FiberRef.currentLoggers, (loggers) =>
      HashSet.map(loggers, (logger) =>
        Logger.make<unknown, unknown>((options) =>
          Option.match(lineOf(options), {
            onNone: () => logger.log(options),
            onSome: (line) => stdout.log({ ...options, message: format(line) }),
          }),
        ),
      ),
    )

const stdout = Logger.withConsoleLog(Logger.make<unknown, string>(({ message }) => String(message)))

const pauseJson = ({ budget, children, inbox, wakeAfter }: Leases.Pause) => ({
  ...(wakeAfter === undefined ? {} : { wake_after_ms: Duration.toMillis(wakeAfter) }),
  ...(children === undefined ? {} : { children: children.flat() }),
  ...(inbox === undefined ? {} : { taken_messages: inbox }),
  ...(budget === undefined ? {} : { budget }),
})

/** The event as the fields of a JSON line. */
export const toJson = (event: WorkerEvent.WorkerEvent): Record<string, unknown> => {
  const of = (run: Run.ClaimedRun) => ({ run_id: run.runId, agent_id: run.agentId, attempt: run.attempt })
  switch (event._tag) {
    case "Registered":
      return { event: "registered", worker_id: event.worker.id, worker_key: event.worker.workerKey }
    case "Claimed":
      return { event: "claimed", ...of(event.run) }
    case "Ended":
      return { event: event.status, ...of(event.run), error: event.error, recorded: event.recorded }
    case "Retrying":
      return {
        event: "retrying",
        ...of(event.run),
        error: event.error,
        delay_ms: Duration.toMillis(event.delay),
      }
    case "Suspended":
      return {
        event: "suspended",
        ...of(event.run),
        interrupt_ids: event.waiting.interrupts.map(({ id }) => id),
        ...pauseJson(event.waiting),
      }
    case "Paused":
      return { event: "paused", ...of(event.run), ...pauseJson(event.pause) }
    case "Released":
      return {
        event: "released",
        ...of(event.run),
        ...(event.error === null ? {} : { error: event.error }),
      }
    case "LeaseEnded":
      return { event: "lease_ended", ...of(event.run), reason: event.reason.toLowerCase() }
    case "DrainRequested":
      return { event: "drain_requested", requested: event.requested, in_flight: event.inFlight }
    case "Draining":
      return { event: "draining", in_flight: event.inFlight }
    case "Stalled":
      return {
        event: "stalled",
        duration_ms: Math.round(Duration.toMillis(event.duration)),
        run_ids: event.runs.map(({ runId }) => runId),
        blockers_known: event.areBlockers,
        ...(event.stoppedAfter === undefined
          ? {}
          : { stopped_after_ms: Duration.toMillis(event.stoppedAfter) }),
      }
  }
}

const labelOf = ({ id, toolName }: Interrupt.Interrupt): string =>
  toolName === undefined ? id : `${toolName} (${id})`

const pauseTexts = ({ budget, children, inbox, wakeAfter }: Leases.Pause): ReadonlyArray<string> => [
  ...(children === undefined ? [] : ["waits for its children"]),
  ...(inbox === undefined ? [] : ["waits for a message"]),
  ...(budget === undefined ? [] : ["waits for a higher budget"]),
  ...(wakeAfter === undefined
    ? []
    : [`sleeps for ${Duration.format(Duration.seconds(Math.ceil(Duration.toSeconds(wakeAfter))))}`]),
]

const textOf = (event: WorkerEvent.WorkerEvent, paint: Paint): string => {
  const line = (run: Run.ClaimedRun, text: string) => `${paint("dim", run.runId)}  ${run.agentId}  ${text}`
  switch (event._tag) {
    case "Registered":
      return `Worker ${WorkerState.nameOf(event.worker)} waits for runs`
    case "Claimed":
      return line(event.run, event.run.attempt === 1 ? "claimed" : `claimed, attempt ${event.run.attempt}`)
    case "Ended":
      return line(
        event.run,
        event.error === null
          ? paint(event.status === "completed" ? "green" : "yellow", event.status)
          : paint("red", `${event.status}: ${event.error.message}`),
      )
    case "Retrying":
      return line(
        event.run,
        paint("yellow", `again in ${Duration.format(event.delay)}: ${event.error.message}`),
      )
    case "Suspended":
      return line(
        event.run,
        [`waits for ${event.waiting.interrupts.map(labelOf).join(", ")}`, ...pauseTexts(event.waiting)].join(
          " or ",
        ),
      )
    case "Paused":
      return line(event.run, pauseTexts(event.pause).join(" or "))
    case "Released":
      return line(
        event.run,
        paint(
          "yellow",
          event.error === null
            ? "handed back, attempt not counted"
            : `handed back, attempt not counted: ${event.error.message}`,
        ),
      )
    case "LeaseEnded":
      return line(event.run, paint("yellow", `left alone: lease ${event.reason.toLowerCase()}`))
    case "DrainRequested":
      return event.requested
        ? `Claims no more runs, as its operator requested: ${event.inFlight} in flight`
        : "Claims runs again"
    case "Draining":
      return event.inFlight === 0
        ? "Shutting down"
        : `Shutting down: ${event.inFlight} in flight may finish; interrupt again to quit at once`
    case "Stalled":
      return paint(
        "yellow",
        `The event loop stood still for ${Duration.toSeconds(event.duration).toFixed(1)} s, ${
          event.areBlockers
            ? `in the code of ${event.runs.map(({ runId }) => runId).join(", ")}`
            : `with ${event.runs.length} executing`
        }${event.stoppedAfter === undefined ? "" : ": leases were not renewed to the end"}`,
      )
  }
}

export const toText = (event: WorkerEvent.WorkerEvent, paint: Paint): string =>
  Terminal.onOneLine(textOf(event, paint))

/** A line of a program's stderr as the fields of a JSON line. */
export const ofStderrJson = ({ agentId, runId, text }: Line): Record<string, unknown> => ({
  event: "stderr",
  run_id: runId,
  agent_id: agentId,
  text,
})

/** A line of a program's stderr as a line. */
export const ofStderr = ({ agentId, runId, text }: Line, paint: Paint): string =>
  Terminal.onOneLine(`${paint("dim", runId)}  ${agentId}  ${paint("dim", "|")} ${text}`)

const encode = Schema.encodeSync(WorkerWire.Worker)

/** The fields of the wire that a line leaves out. */
const omitted = [
  "project_id",
  "implementation_display_name",
  "drain",
  "metadata",
  "created_at",
  "updated_at",
] as const

/** A worker as the fields of a JSON line, its state at `now`. */
export const ofWorkerJson = (worker: WorkerRegistry.RegisteredWorker, now: DateTime.Utc) => {
  const { id, ...fields } = Struct.omit(encode(worker), ...omitted)
  return {
    worker_id: id,
    ...fields,
    state: WorkerState.of(worker, now),
    ahead: WorkerMetadata.aheadOf(worker.metadata),
    last_contact_at: DateTime.formatIso(WorkerState.lastContact(worker)),
  }
}

/** How long ago the worker was last in contact. */
export const contact = (worker: WorkerRegistry.RegisteredWorker, now: DateTime.Utc): string => {
  const seconds = Math.max(0, now.epochMillis - WorkerState.lastContact(worker).epochMillis) / 1000
  return seconds < 1 ? "0s ago" : `${Duration.format(Duration.seconds(Math.floor(seconds)))} ago`
}
