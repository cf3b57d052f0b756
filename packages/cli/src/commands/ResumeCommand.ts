/**
 * `runlease resume`: answers an interrupt of a waiting run.
 */
import { Command, Options } from "@effect/cli"
import { Edits, type Ids, type Interrupt, Run, Runs } from "@runlease/core"
import { Console, Effect, Option, Schema } from "effect"
import { CommandFailure, ExitCode, usage } from "../output/ExitCode.js"
import * as Describe from "../help/Describe.js"
import * as Output from "../output/Output.js"
import { runId } from "../input/PositionalText.js"
import * as AboutLines from "../output/AboutLines.js"
import * as RunLines from "../output/RunLines.js"
import * as Settings from "../input/Settings.js"

const decodeJson = Schema.decodeUnknown(Schema.parseJson())

interface AnswerFlags {
  readonly approve: boolean
  readonly deny: boolean
  readonly edit: Option.Option<string>
  readonly error: boolean
  readonly reason: Option.Option<string>
  readonly result: Option.Option<string>
  readonly text: Option.Option<string>
}

const choices = "--approve, --deny, --result JSON or --text TEXT"

/** The payload of the one answer flag. Fails when there is none, or more than one. */
const payloadOf = ({
  approve,
  deny,
  edit,
  error,
  reason,
  result,
  text,
}: AnswerFlags): Effect.Effect<unknown, CommandFailure> => {
  const payloads = [
    ...(approve
      ? [
          Option.match(edit, {
            onNone: () => Effect.succeed({ approved: true }),
            onSome: (json) =>
              Effect.mapBoth(decodeJson(json), {
                onFailure: () =>
                  usage(
                    `--edit is not JSON: ${json.slice(0, 80)}`,
                    "Give all of the arguments, as in runs get.",
                  ),
                onSuccess: (edits) => ({ approved: true, [Edits.field]: edits }),
              }),
          }),
        ]
      : []),
    ...(deny
      ? [
          Effect.succeed({
            approved: false,
            ...Option.match(reason, { onNone: () => ({}), onSome: (text) => ({ reason: text }) }),
          }),
        ]
      : []),
    ...Option.toArray(text).map(Effect.succeed),
    ...Option.toArray(result).map((json) =>
      Effect.mapError(decodeJson(json), () =>
        usage(`--result is not JSON: ${json.slice(0, 80)}`, `For plain text say: --text ${quoted(json)}`),
      ),
    ),
  ]
  const [first, ...others] = payloads
  if (first === undefined) return usage("There is no answer", `Give one of ${choices}.`)
  if (others.length > 0) return usage("There are several answers", `Give only one of ${choices}.`)
  if (Option.isSome(edit) && !approve) {
    return usage("--edit goes with --approve", "It is what to do instead of what the question is about.")
  }
  if (Option.isSome(reason) && !deny) {
    return usage("--reason goes with --deny", "It says why, for the agent to read.")
  }
  return error && (approve || deny)
    ? usage("--error goes with --result or --text", "It says that a tool call failed.")
    : first
}

const quoted = (text: string): string => `'${text.slice(0, 80).replaceAll("'", `'\\''`)}'`

/** The open interrupts, as flags to choose from, with what they are about. */
const openLines = (open: ReadonlyArray<Interrupt.Interrupt>): string =>
  open
    .map(
      (interrupt) =>
        `  --interrupt ${quoted(interrupt.id)}  ${RunLines.questionOf(interrupt)}${AboutLines.of(interrupt, "    ")}`,
    )
    .join("\n")

/** The id of the only open interrupt, for a command that names none. */
export const onlyInterruptId = (run: Run.Run): Effect.Effect<string, CommandFailure> => {
  const open = RunLines.openInterrupts(run)
  const [first, ...others] = open
  if (first === undefined) {
    return new CommandFailure({
      message: `${run.runId} waits for nothing: it is ${run.status}`,
      hint: Run.isTerminal(run.status)
        ? `See what it did with: runlease watch ${run.runId}`
        : `Follow it with: runlease watch ${run.runId}`,
      exitCode: ExitCode.error,
    })
  }
  return others.length === 0
    ? Effect.succeed(first.id)
    : usage(`${run.runId} waits for ${open.length} answers; say which this is`, openLines(open))
}

export const refused = (runId: Ids.RunId, error: Runs.NotWaiting): CommandFailure =>
  new CommandFailure({
    message: error.message,
    hint: error.answered
      ? `The first answer counts. See the run with: runlease runs get ${runId}`
      : `See what it waits for with: runlease runs get ${runId}`,
    exitCode: ExitCode.error,
  })

const resultLine = (run: Run.Run): string => {
  const open = RunLines.openInterrupts(run)
  return open.length === 0
    ? `${run.runId} continues`
    : `${run.runId} has that answer and waits for ${open.length} more:\n${openLines(open)}`
}

export const command = Command.make(
  "resume",
  {
    connection: Settings.connection,
    json: Settings.json,
    interrupt: Options.text("interrupt").pipe(
      // An interrupt of a tool call can also be named by the id of the call.
      Options.withAlias("tool-call"),
      Options.withDescription(
        "What is answered, by its id or its tool call's; the only one that is open when left out",
      ),
      Options.optional,
    ),
    approve: Options.boolean("approve").pipe(Options.withDescription('Say yes: {"approved": true}')),
    edit: Options.text("edit").pipe(
      Options.withDescription("With --approve: what to do instead, as JSON, where the question allows edits"),
      Options.optional,
    ),
    deny: Options.boolean("deny").pipe(Options.withDescription('Say no: {"approved": false}')),
    reason: Options.text("reason").pipe(
      Options.withDescription("With --deny: why, for the agent to read"),
      Options.optional,
    ),
    result: Options.text("result").pipe(
      Options.withDescription("The answer or the tool call's result, as JSON"),
      Options.optional,
    ),
    text: Options.text("text").pipe(Options.withDescription("The answer, as plain text"), Options.optional),
    error: Options.boolean("error").pipe(Options.withDescription("The result says that the call failed")),
    runId,
  },
  (options) =>
    Effect.gen(function* () {
      const payload = yield* payloadOf(options)
      const runs = yield* Runs.Runs
      const interruptId = yield* Option.match(options.interrupt, {
        onNone: () => Effect.flatMap(runs.get(options.runId), onlyInterruptId),
        onSome: Effect.succeed,
      })
      const answer: Interrupt.Answer = {
        interruptId,
        status: "resolved",
        payload,
        ...(options.error ? { isError: true } : {}),
      }
      const { duplicate, run } = yield* runs.resume(options.runId, [answer]).pipe(
        Effect.catchTags({
          NotWaiting: (error) => refused(options.runId, error),
          AnswerRefused: ({ field, message }) =>
            new CommandFailure({
              message: `${field}: ${message}`,
              hint: `The run waits as before. See the question with: runlease runs get ${options.runId} --json`,
              exitCode: ExitCode.error,
            }),
        }),
      )
      yield* options.json
        ? Output.json({ accepted: true, duplicate, ...RunLines.toJson(run) })
        : Console.log(duplicate ? `${run.runId} had that answer` : resultLine(run))
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command("Answer the question of a waiting run; runs get shows it.", [
    "runlease resume my-run --approve",
    `runlease resume my-run --approve --edit '{"euros": 30}'`,
    "runlease resume my-run --deny --reason 'Refund 40 EUR at most'",
    "runlease resume my-run --text 'Use the second one'",
  ]),
)
