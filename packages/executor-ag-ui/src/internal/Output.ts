/** Converts the event stream of a remote agent to events of the run. */
import { EventType, omitOptionalNulls } from "@ag-ui/core"
import { EventSchemas } from "@ag-ui/core/schemas"
import { AgentEvent, type Executor, Interrupt } from "@runlease/core"
import { AgUiChunks, AgUiItems, AgUiMembers, AgUiOwners, ToolArguments } from "@runlease/core/executor"
import { Chunk, type Duration, Effect, Either, Option, Predicate, Schema, Stream } from "effect"
import { excerpt, permanent, retryable } from "./Failure.js"
import type * as Sse from "./Sse.js"

type Event = AgentEvent.LogEvent

const types: ReadonlySet<string> = new Set(Object.values(EventType))

/**
 * Whether the schema describes events of this type. An unknown type, property or member of a union comes from a newer peer. A wrong value
 * in a field of the schema is a fault of the peer. Source: https://docs.ag-ui.com/spec/1.0/basic/processing
 */
const isDescribed = ({ type }: Event): boolean => types.has(type)

const runOutcomes = new Set(["success", "interrupt", "cancelled"])

const subagentOutcomes = new Set(["success", "suspended"])

/** An event without unknown members of unions. `dropped`: the paths of those members. */
interface CheckedEvent {
  readonly event: Event
  readonly dropped: ReadonlyArray<string>
}

const dropUnknown = (event: Event): CheckedEvent => {
  const reader = AgUiMembers.make()
  const outcomeOf = (types: ReadonlySet<string>): Event => {
    if (!AgUiMembers.isUnknown(event["outcome"], "type", types)) return event
    reader.drop("outcome")
    const { outcome: _outcome, ...rest } = event
    return rest
  }

  const cleaned = (): Event => {
    switch (event.type) {
      case "TOOL_CALL_RESULT":
        return { ...event, content: reader.content(event["content"], "content") }
      case "MESSAGES_SNAPSHOT":
        return { ...event, messages: reader.messages(event["messages"], "messages") }
      case "STATE_DELTA":
        return { ...event, delta: reader.patch(event["delta"], "delta") }
      case "ACTIVITY_DELTA":
        return { ...event, patch: reader.patch(event["patch"], "patch") }
      case "RUN_STARTED": {
        const { input } = event
        return Predicate.isRecord(input)
          ? { ...event, input: { ...input, messages: reader.messages(input["messages"], "input.messages") } }
          : event
      }
      case "RUN_FINISHED":
        return outcomeOf(runOutcomes)
      case "SUBAGENT_FINISHED":
        return outcomeOf(subagentOutcomes)
      default:
        return event
    }
  }
  return { event: cleaned(), dropped: reader.dropped }
}

/**
 * The checked event, or the reason why the schema rejects it. `nulls`: null means absent in an optional field, as in agents
 * older than 1.0.
 */
export const check = (
  event: Event,
  { nulls }: { readonly nulls: boolean },
): Either.Either<CheckedEvent, string> => {
  const checked = dropUnknown(nulls ? omitOptionalNulls(event, "Event") : event)
  const parsed = EventSchemas.safeParse(checked.event)
  if (parsed.success) return Either.right(checked)
  const [issue] = parsed.error.issues
  const path = issue?.path.map(String).join(".") ?? ""
  return Either.left(`${event.type} has a wrong value in \`${path}\`: ${issue?.message ?? "invalid"}`)
}

/**
 * The tool calls that a remote agent leaves to its client. The run waits for their results.
 *
 * An agent of 1.0 may list them in `outcome.pendingToolCallIds`. Without that list they are the calls that have no result
 * and whose tool is in the request. An interrupt of the agent that names a call gets the arguments of the call, for the person who answers.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/events/tool-calls
 */
interface PendingToolCalls {
  /** Reads each event of the run before its end. */
  readonly observe: (event: Event) => void
  /** The end of the run, with an interrupt for each pending call. Left: the problem with the agent's list of calls. */
  readonly end: (event: Event) => Either.Either<Event, string>
}

const interruptsOf = (outcome: unknown): ReadonlyArray<unknown> =>
  Predicate.isRecord(outcome) && Array.isArray(outcome["interrupts"]) ? outcome["interrupts"] : []

interface Call {
  readonly name: string
  args: string
}

const parseJson = Schema.decodeOption(Schema.parseJson())

/** `clientTools`: the tools in the request, by name, with the JSON Schema of their arguments. */
const makePending = (clientTools: ReadonlyMap<string, unknown>): PendingToolCalls => {
  const unanswered = new Map<string, Call>()

  const derived = (interrupts: ReadonlyArray<unknown>) => {
    const interrupted = new Set(
      interrupts.map((interrupt) => (Predicate.isRecord(interrupt) ? interrupt["toolCallId"] : undefined)),
    )
    return [...unanswered].flatMap(([id, { name }]) =>
      clientTools.has(name) && !interrupted.has(id) ? [id] : [],
    )
  }

  const argumentsOf = ({ args, name }: Call, room: number): unknown => {
    const value = Option.getOrElse(parseJson(args === "" ? "{}" : args), () => args)
    return ToolArguments.bounded(ToolArguments.withoutSecrets(clientTools.get(name), value), room)
  }

  /** The agent's own interrupt with the call that it names. What the agent says of the arguments stays. */
  const withCall = (interrupt: unknown, room: number): unknown => {
    if (!Predicate.isRecord(interrupt)) return interrupt
    const { metadata } = interrupt
    const call = unanswered.get(String(interrupt["toolCallId"]))
    if (call === undefined || (Predicate.isRecord(metadata) && "runlease.toolArguments" in metadata))
      return interrupt
    return { toolName: call.name, toolArguments: argumentsOf(call, room), ...interrupt }
  }

  return {
    observe: (event) => {
      const id = String(event["toolCallId"])
      if (event.type === "TOOL_CALL_START") {
        unanswered.set(id, { name: String(event["toolCallName"]), args: "" })
      }
      const call = event.type === "TOOL_CALL_ARGS" ? unanswered.get(id) : undefined
      if (call !== undefined && typeof event["delta"] === "string") call.args += event["delta"]
      if (event.type === "TOOL_CALL_RESULT") unanswered.delete(id)
    },
    end: (event) => {
      const { outcome } = event
      const type = Predicate.isRecord(outcome) ? outcome["type"] : "success"
      if (event.type !== "RUN_FINISHED" || type === "cancelled") return Either.right(event)
      const listed = Predicate.isRecord(outcome) ? outcome["pendingToolCallIds"] : undefined
      const interrupts = interruptsOf(outcome)
      const ids = Array.isArray(listed) ? [...new Set(listed.map(String))] : derived(interrupts)
      const wrong = ids.find((id) => !unanswered.has(id))
      if (wrong !== undefined) {
        return Either.left(
          `RUN_FINISHED has tool call ${wrong} as pending, which this run did not start or has answered`,
        )
      }
      if (ids.length + interrupts.length === 0) return Either.right(event)
      const room = ToolArguments.roomFor(ids.length + interrupts.length)
      const shown = interrupts.map((interrupt) => withCall(interrupt, room))
      if (ids.length === 0) {
        return Either.right({ ...event, outcome: { ...(outcome as object), interrupts: shown } })
      }
      const calls = ids.map((id) => {
        const call = unanswered.get(id)!
        return Interrupt.ofToolCall(id, call.name, argumentsOf(call, room))
      })
      return Either.right({ ...event, outcome: { type: "interrupt", interrupts: [...shown, ...calls] } })
    },
  }
}

interface RequestedRun {
  /** Reads the next event, which follows the rules. Returns it if it belongs to the requested run and does not end it. */
  readonly take: (event: Event) => ReadonlyArray<Event>
  /** The end of the requested run so far. A later event may replace it. */
  readonly end: () => Event | undefined
  /** Whether no later event can change the end. */
  readonly isSettled: () => boolean
  /** The id of the latest run in the stream. */
  readonly current: () => string | undefined
  /** Whether that run is still open. */
  readonly isActive: () => boolean
}

/**
 * A stream may replay older runs of the thread first. The run ends with its own RUN_FINISHED or RUN_ERROR. A RUN_ERROR outside of the run
 * ends it too, unless a RUN_STARTED follows. Source: https://docs.ag-ui.com/spec/1.0/events/lifecycle
 */
const makeRequested = (runId: string): RequestedRun => {
  let current: string | undefined
  let active = false
  let end: Event | undefined
  let settled = false

  return {
    take: (event) => {
      if (settled) return []
      if (event.type === "RUN_STARTED") {
        // Either the requested run has ended, or an older run failed.
        if (end?.type === "RUN_FINISHED") settled = true
        else end = undefined
        current = String(event["runId"])
        active = true
        return []
      }
      const requested = active && current === runId
      if (!AgentEvent.endsRun(event)) return requested ? [event] : []
      active = false
      if (event.type === "RUN_ERROR") end = event
      else if (requested) end = event
      if (event.type === "RUN_ERROR" && requested) settled = true
      return []
    },
    end: () => end,
    isSettled: () => settled,
    current: () => current,
    isActive: () => active,
  }
}

/** The open items of one run. */
const makeRun = (runId: string) => {
  const open = new Map<string, string>()
  const owners = AgUiOwners.make()

  return {
    runId,
    /** The problem with an event inside the run, if any. */
    inside: (event: Event): string | undefined => {
      const use = AgUiItems.useOf(event.type)
      if (use !== undefined) {
        const { field, noun } = use.item
        const id = String(event[field])
        // A step belongs to one agent: the parent and a subagent may have one of the same name.
        const owner = noun === "step" ? (event["subagentRunId"] ?? null) : null
        const key = JSON.stringify([noun, id, owner])
        if (use.action === "opens" && open.has(key)) return `${event.type} opens ${noun} ${id}, which is open`
        if (use.action !== "opens" && !open.has(key)) {
          return `${event.type} names ${noun} ${id}, which is not open`
        }
        if (use.action === "opens") open.set(key, `${noun} ${id}`)
        if (use.action === "closes") open.delete(key)
      }
      const contradiction = owners.take(event)
      return contradiction === undefined ? undefined : `${event.type} ${contradiction.problem}`
    },
    finish: (event: Event): string | undefined => {
      if (event["runId"] !== runId) return `RUN_FINISHED names run ${String(event["runId"])} in run ${runId}`
      return open.size === 0 ? undefined : `RUN_FINISHED leaves open: ${[...open.values()].join(", ")}`
    },
  }
}

/**
 * A function that returns the problem with the next event of a stream. The events must pass the schema. A stream that breaks a rule is not
 * repaired, since the agent's intent is unclear.
 */
const makeRules = (): ((event: Event) => string | undefined) => {
  let state: "empty" | "running" | "finished" | "failed" = "empty"
  let run = makeRun("")

  return (event) => {
    switch (event.type) {
      case "RUN_STARTED":
        if (state === "running") return `RUN_STARTED comes within run ${run.runId}`
        state = "running"
        run = makeRun(String(event["runId"]))
        return undefined
      case "RUN_ERROR":
        if (state === "failed") return "RUN_ERROR comes after RUN_ERROR"
        state = "failed"
        return undefined
      case "RUN_FINISHED": {
        if (state !== "running") break
        state = "finished"
        return run.finish(event)
      }
    }
    switch (state) {
      case "empty":
        return `The stream begins with ${event.type}, not with RUN_STARTED`
      case "finished":
        return `${event.type} comes after RUN_FINISHED`
      case "failed":
        return `${event.type} comes after RUN_ERROR`
      case "running":
        return run.inside(event)
    }
  }
}

/**
 * Converts the events of one stream. `prefix` makes the ids of REASONING events unique in the thread. Converts the THINKING events of
 * agents older than 1.0 to the REASONING events of 1.0.
 */
const makeThinking = (prefix: string): ((event: Event) => Event) => {
  let count = 0
  let span = `${prefix}-thinking`
  let message = span
  const next = () => `${prefix}-thinking-${++count}`

  return (event) => {
    switch (event.type) {
      case "THINKING_START": {
        const { title: _title, ...rest } = event
        span = next()
        return { ...rest, type: "REASONING_START", messageId: span }
      }
      case "THINKING_TEXT_MESSAGE_START":
        message = next()
        return { ...event, type: "REASONING_MESSAGE_START", messageId: message, role: "reasoning" }
      case "THINKING_TEXT_MESSAGE_CONTENT":
        return { ...event, type: "REASONING_MESSAGE_CONTENT", messageId: message }
      case "THINKING_TEXT_MESSAGE_END":
        return { ...event, type: "REASONING_MESSAGE_END", messageId: message }
      case "THINKING_END":
        return { ...event, type: "REASONING_END", messageId: span }
      default:
        return event
    }
  }
}

const parse = Schema.decodeUnknownOption(Schema.parseJson(Schema.Unknown))

const isEvent = Schema.is(AgentEvent.LogEvent)

export interface Options {
  /** The run that was requested. */
  readonly runId: string
  /** The tools that the request offers, by name, with the JSON Schema of their arguments. */
  readonly clientTools: ReadonlyMap<string, unknown>
  readonly maxEventBytes: number
  /** How long the stream may stay open after RUN_FINISHED, since a RUN_ERROR may still replace it. */
  readonly endGrace: Duration.Duration
  /** Removes secrets from a text. */
  readonly redact: (text: string) => string
}

const endedEarly = retryable(
  "stream_ended_early",
  "The agent's event stream ended before RUN_FINISHED or RUN_ERROR",
)

/** The events of the run in one item of the stream, the failure that the item causes, and warnings for the log. */
interface ItemResult {
  readonly events: ReadonlyArray<Event>
  readonly failure?: Executor.ExecutorError
  readonly warnings?: ReadonlyArray<string>
}

const eventOf = (
  { maxEventBytes, redact }: Options,
  item: Sse.Item,
): Either.Either<Event | undefined, Executor.ExecutorError> => {
  if (item._tag === "TooLarge") {
    const message = `The agent sent an event of more than ${maxEventBytes} bytes, the limit here`
    return Either.left(permanent("event_too_large", message))
  }
  const { data, ended } = item
  const malformed = (problem: string) =>
    Either.left(
      permanent("bad_event", `The agent sent a malformed event: ${problem}: ${excerpt(redact(data), 200)}`),
    )
  const value = parse(data)
  // The last event may be cut off. The end of the stream then reports the failure.
  if (Option.isNone(value)) return ended ? Either.right(undefined) : malformed("it is not JSON")
  return isEvent(value.value)
    ? Either.right(value.value)
    : malformed(AgentEvent.problemOf(value.value) ?? "it is no event")
}

const versionWarnings = (event: Event): ReadonlyArray<string> => {
  const version = event["protocolVersion"]
  return event.type !== "RUN_STARTED" || version === undefined || AgUiMembers.isKnownVersion(String(version))
    ? []
    : [`The agent speaks AG-UI ${excerpt(String(version), 20)}, of which this executor may not know all`]
}

/** Reads the items of one stream, in order. */
const makeReader = (options: Options) => {
  const translate = makeThinking(options.runId)
  const chunks = AgUiChunks.make()
  const problemOf = makeRules()
  const requested = makeRequested(options.runId)
  const calls = makePending(options.clientTools)
  // An agent that declares no version is older than 1.0.
  let old = true

  const violation = (problem: string): Executor.ExecutorError =>
    permanent("ag_ui_protocol_violation", `The agent broke the AG-UI protocol: ${excerpt(problem)}`)

  const receive = (item: Sse.Item): ItemResult => {
    const parsed = eventOf(options, item)
    if (Either.isLeft(parsed)) return { events: [], failure: parsed.left }
    if (parsed.right === undefined) return { events: [] }
    const translated = translate(parsed.right)
    if (!isDescribed(translated)) return { events: requested.take(translated) }

    if (translated.type === "RUN_STARTED") old = translated["protocolVersion"] == null
    const checked = check(translated, { nulls: old })
    if (Either.isLeft(checked)) return { events: [], failure: violation(checked.left) }
    const { dropped, event } = checked.right
    const warnings = [
      ...versionWarnings(event),
      ...dropped.map((path) => `The agent sent ${event.type} with an unknown \`${path}\`, which is left out`),
    ]
    const expanded = AgUiChunks.isChunk(event)
      ? chunks.expand(event)
      : Either.right([...chunks.closedBy(event), event])
    if (Either.isLeft(expanded)) return { events: [], failure: violation(expanded.left) }

    const events: Array<Event> = []
    for (const one of expanded.right) {
      const problem = problemOf(one)
      if (problem !== undefined) return { events, failure: violation(problem), warnings }
      const accepted = requested.take(one)
      for (const event of accepted) calls.observe(event)
      events.push(...accepted)
      if (requested.isSettled()) break
    }
    return { events, warnings }
  }

  /** The end of the run, at the end of the stream. */
  const end = (): Either.Either<Event, Executor.ExecutorError> => {
    const event = requested.end()
    if (event !== undefined) return Either.mapLeft(calls.end(event), violation)
    const current = requested.current()
    return Either.left(
      current === undefined || current === options.runId || requested.isActive()
        ? endedEarly
        : violation(`the stream ends after run ${current}, without run ${options.runId}`),
    )
  }

  return { receive, end, requested }
}

/**
 * The events of the requested run. Its end comes last. RUN_STARTED is left out, since the control plane writes its own. The
 * events before a failure are emitted first.
 */
export const events =
  (options: Options) =>
  <E, R>(items: Stream.Stream<Sse.Item, E, R>): Stream.Stream<Event, E | Executor.ExecutorError, R> =>
    Stream.unwrapScoped(
      Effect.map(Stream.toPull(items), (pull) => {
        const { end, receive, requested } = makeReader(options)
        let failed: Executor.ExecutorError | undefined
        let done = false
        const finish: Effect.Effect<
          Chunk.Chunk<Event>,
          Option.Option<E | Executor.ExecutorError>
        > = Effect.suspend(() => {
          done = true
          return Either.match(end(), {
            onLeft: (failure) => Effect.fail(Option.some(failure)),
            onRight: (event) => Effect.succeed(Chunk.of(event)),
          })
        })
        const read = (chunk: Chunk.Chunk<Sse.Item>) =>
          Effect.suspend(() => {
            const found: Array<Event> = []
            const warnings: Array<string> = []
            for (const item of chunk) {
              const received = receive(item)
              found.push(...received.events)
              warnings.push(...(received.warnings ?? []))
              failed = received.failure
              if (failed !== undefined || requested.isSettled()) break
            }
            return Effect.as(
              Effect.forEach(warnings, (warning) => Effect.logWarning(warning), { discard: true }),
              Chunk.unsafeFromArray(found),
            )
          })
        const next: Effect.Effect<
          Chunk.Chunk<Event>,
          Option.Option<E | Executor.ExecutorError>,
          R
        > = Effect.suspend(() => {
          if (failed !== undefined) return Effect.fail(Option.some(failed))
          if (done) return Effect.fail(Option.none())
          if (requested.isSettled()) return finish
          if (requested.end() === undefined) {
            return Effect.matchEffect(pull, {
              onFailure: (failure) => (Option.isNone(failure) ? finish : Effect.fail(failure)),
              onSuccess: read,
            })
          }
          // The run has its end. It does not matter whether the stream then breaks off or stays open.
          return Effect.matchEffect(
            requested.end()?.type === "RUN_FINISHED"
              ? Effect.timeoutOption(pull, options.endGrace)
              : Effect.asSome(pull),
            {
              onFailure: () => finish,
              onSuccess: Option.match({ onNone: () => finish, onSome: read }),
            },
          )
        })
        return Stream.repeatEffectChunkOption(next)
      }),
    )
