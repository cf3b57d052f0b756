/**
 * The spans of the ports' methods, the same for every store.
 *
 * Source: docs/decisions/0043-spans-of-ports.md
 */
import { Context, DefaultServices, Effect, Predicate, Tracer } from "effect"

/** Effect's default tracer keeps its spans in memory and exports none, so a span that it makes has no reader. */
const defaultTracer = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/** Whether spans of this tracer have a reader. */
export const hasReader = (tracer: Tracer.Tracer): boolean => tracer !== defaultTracer

type Attributes = Readonly<Record<string, string>>

type Arguments = ReadonlyArray<unknown>

const runId = "runlease.run_id"
const workerId = "runlease.worker_id"

const ofId = (attribute: string, id: unknown): Attributes =>
  typeof id === "string" ? { [attribute]: id } : {}

/** The ids in a request, such as those of a lease, or of a run and its fence. */
const ofRequest = (request: unknown): Attributes =>
  Predicate.isRecord(request)
    ? {
        ...ofId(runId, request["runId"]),
        ...ofId(workerId, request["workerId"]),
        ...(request["fence"] === undefined ? {} : ofRequest(request["fence"])),
      }
    : {}

/** A text that is the first argument of such a port is an id, which is this attribute. */
const subjects: Readonly<Record<string, string>> = {
  BulkOperations: "runlease.bulk_id",
  Conversations: "runlease.conversation_id",
  Runs: runId,
  Schedules: "runlease.schedule_id",
  WorkerRegistry: workerId,
}

/** The methods that follow neither rule. */
const exceptions: Readonly<Record<string, (...args: Arguments) => Attributes>> = {
  "Runs.complete": (id, _outcome, fence) => ofRequest({ runId: id, fence }),
  "Runs.submit": (submission) =>
    ofRequest({ runId: Predicate.isRecord(submission) ? submission["publicId"] : undefined }),
  "Summaries.held": (id) => ofId(workerId, id),
  "Summaries.run": (id) => ofId(runId, id),
  "Summaries.standing": (id) => ofId(runId, id),
}

/** A stream lasts as long as its worker or its run, so it has no span. */
const streams: ReadonlySet<string> = new Set(["Leases.signals", "RunLog.follow"])

/** The ids of a request and nothing else of it: a token, a key or a payload is in no attribute. */
const attributesOf = (port: string, name: string, args: Arguments): Attributes => {
  const exception = exceptions[name]
  if (exception !== undefined) return exception(...args)
  const [first] = args
  const subject = subjects[port]
  return typeof first === "string" && subject !== undefined ? ofId(subject, first) : ofRequest(first)
}

type Method = (...args: Arguments) => Effect.Effect<unknown, unknown, unknown>

const inSpan = (name: string, call: Effect.Effect<unknown, unknown, unknown>, attributes: Attributes) =>
  Effect.withSpan(call, name, { attributes, captureStackTrace: false })

const method = (port: string, name: string, self: Method): Method =>
  streams.has(name)
    ? self
    : (...args) =>
        Effect.tracerWith((tracer) =>
          hasReader(tracer)
            ? inSpan(
                name,
                Effect.suspend(() => self(...args)),
                attributesOf(port, name, args),
              )
            : self(...args),
        )

const effect = (name: string, self: Effect.Effect<unknown, unknown, unknown>) =>
  Effect.tracerWith((tracer) => (hasReader(tracer) ? inSpan(name, self, {}) : self))

/**
 * The service of a port, each call of which has a span `<port>.<method>` where a tracer is there. Without one, a call costs a
 * look at the fiber's services.
 */
export const port = <Service extends object>(port: string, service: Service): Service => {
  const traced: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(service)) {
    const name = `${port}.${key}`
    traced[key] = typeof member === "function" ? method(port, name, member) : effect(name, member)
  }
  return traced as Service
}

/** Every port of a context with such spans. The name of a port is the last part of its tag's key. */
export const ports = <Ports>(context: Context.Context<Ports>): Context.Context<Ports> =>
  Context.unsafeMake(
    new Map(
      Array.from(context.unsafeMap, ([key, service]) => [
        key,
        port(key.slice(key.lastIndexOf("/") + 1), service),
      ]),
    ),
  )
