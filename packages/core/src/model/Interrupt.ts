/**
 * What a run requests before it can continue, and the answers.
 *
 * Source: https://docs.ag-ui.com/concepts/interrupts
 */
import { Either, ParseResult, Predicate, Schema } from "effect"
import * as Ids from "./Ids.js"

const Properties = Schema.Record({ key: Schema.String, value: Schema.Unknown })

/**
 * One thing that a run waits for: a decision, an answer, or the result of a tool call that its client does.
 *
 * `id`: 1 to 256 characters, unique in its list. `reason`: one of AG-UI's (`tool_call`, `input_required`,
 * `confirmation`) or a name of one's own. `message`: the question, for people. `responseSchema`: JSON Schema of the
 * payload wanted. `expiresAt`: UTC; without an answer by then the run fails. `clientTool`: the
 * answer is the result of a tool that the client of the run has. `toolArguments`: what the tool is called with, as JSON, bounded and
 * without secrets (`ToolArguments`). `toolName`, `toolArguments` and `clientTool` are (ours), the rest is AG-UI's.
 */
export const Interrupt = Schema.Struct({
  id: Ids.text(256),
  reason: Schema.NonEmptyString,
  message: Schema.optional(Schema.String),
  toolCallId: Schema.optional(Schema.NonEmptyString),
  toolName: Schema.optional(Schema.NonEmptyString),
  toolArguments: Schema.optional(Schema.Unknown),
  clientTool: Schema.optional(Schema.Boolean),
  responseSchema: Schema.optional(Properties),
  expiresAt: Schema.optional(Schema.DateTimeUtc),
  metadata: Schema.optional(Properties),
  subagentRunId: Schema.optional(Schema.String),
})
export type Interrupt = typeof Interrupt.Type

/** How many interrupts a run waits for at most. */
export const maxInterrupts = 100

/** The interrupts of one suspension: 1 to 100, with unique ids. */
export const Interrupts = Schema.NonEmptyArray(Interrupt)
  .annotations({ message: () => "must be an array of interrupts, of one at least" })
  .pipe(
    Schema.filter((interrupts) =>
      interrupts.length > maxInterrupts
        ? `must be at most ${maxInterrupts} interrupts`
        : new Set(interrupts.map(({ id }) => id)).size === interrupts.length ||
          "must not hold two interrupts with one id",
    ),
  )
export type Interrupts = typeof Interrupts.Type

/**
 * The answer to one interrupt. `cancelled`: the user declines to answer. `isError` is (ours): the payload says
 * why the tool call failed. `metadata` belongs to the answer and is passed to the executor as it is; it does not distinguish
 * answers.
 */
export const Answer = Schema.Struct({
  interruptId: Schema.NonEmptyString,
  status: Schema.Literal("resolved", "cancelled"),
  payload: Schema.optional(Schema.Unknown),
  isError: Schema.optional(Schema.Boolean),
  metadata: Schema.optional(Properties),
})
export type Answer = typeof Answer.Type

/** One answer at least. */
export type Answers = readonly [Answer, ...ReadonlyArray<Answer>]

/**
 * The result of a tool call that a client does, as an interrupt whose id is the call's. A question about a call, such as
 * whether it may be made, is none of these: it has no `clientTool`.
 */
export const ofToolCall = (toolCallId: string, toolName: string, toolArguments?: unknown): Interrupt => ({
  id: toolCallId,
  reason: "tool_call",
  toolCallId,
  toolName,
  ...(toolArguments === undefined ? {} : { toolArguments }),
  clientTool: true,
})

export const toolResult = (toolCallId: string, payload: unknown, isError?: boolean): Answer => ({
  interruptId: toolCallId,
  status: "resolved",
  payload,
  ...(isError === undefined ? {} : { isError }),
})

/** Whether the payload wanted is an object with `approved`, as that of an approval is. */
export const asksApproval = ({ responseSchema }: Interrupt): boolean => {
  const properties = responseSchema?.["properties"]
  return Predicate.isRecord(properties) && Object.hasOwn(properties, "approved")
}

/** The interrupt as RUN_FINISHED has it. */
export const toEvent: (interrupt: Interrupt) => typeof Interrupt.Encoded = Schema.encodeSync(Interrupt)

const decode = Schema.decodeUnknownEither(Interrupts)

const withoutNulls = (value: unknown): unknown =>
  Predicate.isRecord(value)
    ? Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null))
    : value

/**
 * The interrupts of an executor's own RUN_FINISHED, or what is wrong with them as a sentence. An optional field
 * that is null is absent.
 */
export const fromEvent = (interrupts: unknown): Either.Either<Interrupts, string> =>
  Either.mapLeft(decode(Array.isArray(interrupts) ? interrupts.map(withoutNulls) : interrupts), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    const field = ["outcome", "interrupts", ...(issue?.path ?? [])].map(String).join(".")
    return `RUN_FINISHED must say what is asked in \`${field}\`: ${(issue?.message ?? "malformed").split("\n")[0]}`
  })
