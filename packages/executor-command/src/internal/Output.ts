/** Converts a program's stdout to events of the run. */
import { AgentEvent, Executor, Ids, StepRecord } from "@runlease/core"
import type { ReportedSteps } from "@runlease/core/executor"
import { Lines } from "@runlease/process"
import { Effect, Either, Option, Predicate, Schema, Stream } from "effect"

/** A line by which a program records a step: `{"type":"CUSTOM","name":"runlease.step","value":{"name","key"?,"result"}}`. */
const isStep = ({ name, type }: AgentEvent.LogEvent): boolean =>
  type === "CUSTOM" && name === StepRecord.stepEventName

const advice = `print {"type":"CUSTOM","name":"${StepRecord.stepEventName}","value":{"name":"fetch","result":null}}, with a "key" where a name comes more than once`

const problemOf = (value: unknown): string | undefined => {
  if (!Predicate.isRecord(value)) return "`value` must be an object"
  const { name } = value
  if (name === undefined) return "`value.name` is missing"
  if (typeof name !== "string" || name === "") return "`value.name` must be a string that is not empty"
  return Object.hasOwn(value, "result") ? undefined : "`value.result` is missing (null will do)"
}

/** The step. Left: what is wrong with it, and what to print. */
const parseStep = ({ value }: AgentEvent.LogEvent): Either.Either<ReportedSteps.ReportedStep, string> => {
  const problem = problemOf(value)
  if (problem !== undefined) return Either.left(`${problem}; ${advice}`)
  const { key, name, result } = value as ReportedSteps.ReportedStep
  return Either.right({ name, ...(key === undefined ? {} : { key }), result })
}

/** See `CommandExecutor.Options.format`. */
export type Format = "auto" | "events" | "text"

export interface Options {
  readonly format: Format
  readonly maxLineBytes: number
  readonly maxOutputBytes: number
  /** The id of the first text message. Later messages get new ids, and so does the first if this is undefined. */
  readonly messageId: string | undefined
  /** Makes the events that record a step. */
  readonly record: (
    step: ReportedSteps.ReportedStep,
  ) => Effect.Effect<ReadonlyArray<AgentEvent.LogEvent>, Executor.ExecutorError>
}

/** The id of the open message, and the id for the next message if it is set. */
interface State {
  readonly open: string | undefined
  readonly next: string | undefined
}

type Step = Effect.Effect<readonly [State, ReadonlyArray<AgentEvent.LogEvent>], Executor.ExecutorError>

const failWith = (code: string, message: string) =>
  new Executor.ExecutorError({ code, message, retryable: false })

const limitBytes =
  (maxBytes: number) =>
  <E>(bytes: Stream.Stream<Uint8Array, E>) =>
    Stream.mapAccumEffect(bytes, 0, (received, chunk) => {
      const total = received + chunk.length
      return total > maxBytes
        ? Effect.fail(failWith("output_too_large", `The program wrote more than ${maxBytes} bytes to stdout`))
        : Effect.succeed([total, chunk] as const)
    })

const parse = Schema.decodeUnknownOption(Schema.parseJson(Schema.Unknown))

const isEvent = (value: unknown): value is AgentEvent.LogEvent =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string"

const onText = (state: State, text: string): Step => {
  if (state.open !== undefined) return Effect.succeed([state, [AgentEvent.textContent(state.open, text)]])
  return Effect.map(state.next === undefined ? Ids.uuidV7 : Effect.succeed(state.next), (id) => [
    { open: id, next: undefined },
    [AgentEvent.textStart(id), AgentEvent.textContent(id, text)],
  ])
}

const close = (state: State): ReadonlyArray<AgentEvent.LogEvent> =>
  state.open === undefined ? [] : [AgentEvent.textEnd(state.open)]

const onStep = (options: Options, state: State, event: AgentEvent.LogEvent, line: Lines.Line): Step =>
  Either.match(parseStep(event), {
    onLeft: (advice) =>
      Effect.fail(failWith("bad_step", `Line ${line.number} of stdout records no step: ${advice}`)),
    onRight: (step) =>
      Effect.map(options.record(step), (record) => [
        { ...state, open: undefined },
        [...close(state), ...record],
      ]),
  })

const onEvent = (options: Options, state: State, value: unknown, line: Lines.Line): Step => {
  if (isEvent(value) && isStep(value)) return onStep(options, state, value, line)
  const problem = AgentEvent.problemOf(value)
  return problem === undefined
    ? Effect.succeed([{ ...state, open: undefined }, [...close(state), value as AgentEvent.LogEvent]])
    : Effect.fail(failWith("bad_event", `Line ${line.number} of stdout is not a valid event: ${problem}`))
}

const onLine = (options: Options, state: State, line: Lines.Line): Step => {
  if (line.end === "limit") {
    const message = `Line ${line.number} of stdout is longer than ${options.maxLineBytes} bytes`
    return Effect.fail(failWith("output_line_too_long", message))
  }
  const text = line.end === "newline" ? `${line.text}\n` : line.text
  if (options.format === "text") return onText(state, text)
  const blank = line.text.trim() === ""
  if (options.format === "events") {
    if (blank) return Effect.succeed([state, []])
    return Option.match(parse(line.text), {
      onNone: () => Effect.fail(failWith("bad_event", `Line ${line.number} of stdout is not JSON`)),
      onSome: (value) => onEvent(options, state, value, line),
    })
  }
  // A blank line is text inside a message, and spacing between events.
  if (blank && state.open === undefined) return Effect.succeed([state, []])
  const value = line.text.trimStart().startsWith("{") ? parse(line.text) : Option.none()
  return Option.isSome(value) && isEvent(value.value)
    ? onEvent(options, state, value.value, line)
    : onText(state, text)
}

/**
 * The events in a program's output. Lines of text become the deltas of one message, which ends before the next event and at
 * the end of the output. The events before a bad line are emitted before the failure.
 */
export const events = <E>(
  bytes: Stream.Stream<Uint8Array, E>,
  options: Options,
): Stream.Stream<AgentEvent.LogEvent, E | Executor.ExecutorError> =>
  bytes.pipe(
    limitBytes(options.maxOutputBytes),
    Lines.split(options.maxLineBytes),
    Stream.map(Option.some),
    Stream.concat(Stream.succeed(Option.none<Lines.Line>())),
    Stream.mapAccumEffect({ open: undefined, next: options.messageId } as State, (state, line) =>
      Option.match(line, {
        onNone: (): Step => Effect.succeed([state, close(state)]),
        onSome: (some) => onLine(options, state, some),
      }),
    ),
    Stream.flattenIterables,
  )
