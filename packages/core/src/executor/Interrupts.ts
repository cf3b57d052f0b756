/**
 * Questions of an executor that a person or a program answers while the run is suspended.
 *
 * ```ts
 * const yes = yield* Interrupts.approve("publish", { message: "Publish the report?", about: { pages: 12 } })
 * const address = yield* Interrupts.ask("address", { message: "Where to?", schema: Address })
 * ```
 *
 * A question has a name, as a step has. It waits as a sleep does: the run is suspended, and its questions are shown, once no step of it is
 * in flight. The executor runs again from its beginning when the answers are there, and the question returns its answer at once.
 *
 * Source: docs/decisions/0014-interrupts.md, docs/decisions/0059-parking-and-waiting.md
 */
import {
  Array,
  Config,
  type DateTime,
  type Duration,
  Effect,
  Either,
  Option,
  Record,
  type Redacted,
  Schema,
} from "effect"
import * as CallbackToken from "../model/CallbackToken.js"
import * as Edits from "../model/Edits.js"
import * as FormSchema from "../model/FormSchema.js"
import type { Answer, Interrupt } from "../model/Interrupt.js"
import type { RequestSnapshot } from "../model/RequestSnapshot.js"
import * as SchemaProblem from "../model/SchemaProblem.js"
import { stepIdOf } from "../model/StepRecord.js"
import { isQuestionId as isBudgetQuestion } from "../model/TreeBudget.js"
import { isControlPlaneError } from "../ports/ControlPlaneError.js"
import { retryUnavailable } from "../ports/ControlPlaneUnavailable.js"
import { Leases } from "../ports/Leases.js"
import { type Keyed, unlessOnce } from "./CurrentStep.js"
import { type AwaitAnswers, awaitAnswers } from "./ExecutorError.js"
import type { StepError } from "./StepError.js"
import { type AttemptSteps, StepLog } from "./StepLog.js"
import { type Codec, failed } from "./StepRecording.js"

/** A person does not want to answer the question. */
export class Declined extends Schema.TaggedError<Declined>("@runlease/core/Declined")("Declined", {
  question: Schema.String,
}) {
  override get message() {
    return `The question ${this.question} was declined`
  }
}

/** The answer to an interrupt; the last one when the interrupt was answered more than once. */
export const answerTo = (snapshot: Pick<RequestSnapshot, "resume">, id: string): Option.Option<Answer> =>
  Option.fromNullable(snapshot.resume?.findLast(({ interruptId }) => interruptId === id))

export { approvalSchema, approvalSchemaOf, approved, type Decision, decisionOf } from "../model/Edits.js"

/**
 * What a person decided about a value that may be edited. `value`: the edited value where the person approved an edited one, else the value
 * that the question was about.
 */
export interface Approval<A> extends Edits.Decision {
  readonly value: A
  readonly edited: boolean
}

/** How the answer to a question is read. */
interface Reader<A> {
  readonly reason: string
  /** Absent for a schema that JSON Schema cannot express. */
  readonly responseSchema: Readonly<Record<string, unknown>> | undefined
  /** A `string` is what is wrong with the answer. */
  readonly read: (answer: Answer, name: string) => Either.Either<A, string | Declined>
}

/** How the answer to a question is found and read. */
const approval: Reader<Edits.Decision> = {
  reason: "confirmation",
  responseSchema: Edits.approvalSchema,
  // A store refuses such an answer. One that does not must not let the run do what no person has approved.
  read: (answer) =>
    Option.isSome(Edits.of(answer)) && Edits.approved(answer)
      ? Either.left("it has edits, and nothing may be edited")
      : Either.right(Edits.decisionOf(answer)),
}

const editableApproval = <A>(about: A, schema: Codec<A>): Reader<Approval<A>> => {
  const decode = Schema.decodeUnknownEither(schema)
  return {
    reason: "confirmation",
    responseSchema: Edits.approvalSchemaOf(FormSchema.of(schema) ?? {}),
    read: (answer) => {
      const decision = Edits.decisionOf(answer)
      const edits = decision.approved ? Edits.of(answer) : Option.none()
      if (Option.isNone(edits)) return Either.right({ ...decision, value: about, edited: false })
      return Either.mapBoth(decode(edits.value), {
        onLeft: SchemaProblem.describe,
        onRight: (value) => ({ ...decision, value, edited: true }),
      })
    },
  }
}

const readerOfSchema = <A>(schema: Codec<A>): Reader<A> => {
  const decode = Schema.decodeUnknownEither(schema)
  return {
    reason: "input_required",
    responseSchema: FormSchema.of(schema),
    read: ({ isError, payload, status }, name) =>
      status === "cancelled" || isError === true
        ? Either.left(new Declined({ question: name }))
        : Either.mapLeft(decode(payload), SchemaProblem.describe),
  }
}

const text = readerOfSchema(Schema.String)

/**
 * A secret text, such as a password, in the schema of a question. The store seals it, so it is in no log, list or export;
 * the worker that claims the run has it, as `Redacted`.
 *
 * ```ts
 * const { user, password } = yield* Interrupts.ask("account", {
 *   message: "Which account?",
 *   schema: Schema.Struct({ user: Schema.String, password: Interrupts.secret({ title: "Password" }) }),
 * })
 * ```
 *
 * Source: docs/decisions/0148-secrets-in-answers.md
 */
export const secret = (
  annotations: { readonly title?: string; readonly description?: string } = {},
): Schema.Schema<Redacted.Redacted, string> =>
  Schema.Redacted(
    Schema.String.annotations({
      ...annotations,
      jsonSchema: { type: "string", format: "password", writeOnly: true, ...annotations },
    }),
  )

/** Reads an answer by a schema, or as text. */
const readerOf = <A>(schema: Codec<A> | undefined): Reader<A> =>
  schema === undefined ? (text as Reader<never>) : readerOfSchema(schema)

/**
 * What a question shows, and how long the run waits for its answer.
 *
 * `message`: the question, for people. `about`: what it is about, such as an amount, a file or a diff, as JSON: each client shows it
 * with the question. `key`: a value of JSON that distinguishes questions of one name.
 *
 * Units: `expiresAfter` is 1 second to 365 days from when the run is suspended; the run waits for ever when absent. Where something else
 * ends the wait first, the next one counts anew.
 */
export interface Question extends Keyed {
  readonly message: string
  readonly about?: unknown
  readonly expiresAfter?: Duration.DurationInput | undefined
}

/** A question whose answer fits a schema. Text when the schema is absent. */
export interface TypedQuestion<A> extends Question {
  readonly schema?: Codec<A> | undefined
}

/** The question whether something may be done, which the person may edit before. It shows `about` as the schema encodes it. */
export interface EditableQuestion<A> extends Question {
  readonly about: A
  readonly editable: Codec<A>
}

/**
 * What a question fails with besides `Declined`: `StepError` for a name and key that this attempt has used before, or inside a step that
 * happens at most once. Where an executor runs without a worker, nothing can wait for an answer that is not there: it fails with
 * `AwaitAnswers`.
 */
export type NotAnswered = AwaitAnswers | StepError

/** A tool call of a model that waits for a person. `arguments`: as the question shows them, see `ToolArguments`. */
export interface ToolCall {
  readonly toolCallId: string
  readonly toolName: string
  readonly toolArguments: unknown
}

/** A question about a call of a tool, whose id is that of the call: a client shows it there. */
interface CallQuestion extends Question {
  readonly call: ToolCall
}

const callOf = (question: Question): ToolCall | undefined =>
  "call" in question ? (question as CallQuestion).call : undefined

interface PlacedQuestion<A> {
  readonly name: string
  readonly question: Question
  readonly reader: Reader<A>
  /** What it is about, as JSON has it. */
  readonly about: unknown
  readonly id: string
  readonly within: string | undefined
}

/** A value as JSON has it. Defect: it is none of JSON. */
const asJson = (name: string, value: unknown): Effect.Effect<unknown> =>
  Effect.try({
    try: () => (value === undefined ? undefined : (JSON.parse(JSON.stringify(value) ?? "null") as unknown)),
    catch: () => new Error(`What the question ${name} is about cannot be JSON`),
  }).pipe(Effect.orDie)

/** The most characters of a name in an id, which has the start of a hash and the number of a round behind it. */
const maxName = 200

const plain = new RegExp(`^[^:~]{1,${maxName}}$`, "u")

/** A name that is the id of its question, which people type. One that could be the id of another question, or of its second round, is not. */
const isPlain = (name: string): boolean => plain.test(name) && !isBudgetQuestion(name)

/** Takes the question of that name and key, which this attempt has not had before. */
const take = <A>(attempt: AttemptSteps, name: string, question: Question, reader: Reader<A>) =>
  Effect.gen(function* () {
    const { key } = question
    const within = (yield* unlessOnce(name, `Question ${name}`))?.id
    const stepId = stepOf(name, key, within)
    if (!attempt.take(stepId)) {
      return yield* failed(
        name,
        "duplicate",
        `This attempt has had the question ${name} ${key === undefined ? "without a key" : "with that key"} already; each one needs a name or a key that no other has`,
      )
    }
    const id = callOf(question)?.toolCallId ?? idOf(name, key, within, stepId)
    return { name, question, reader, about: yield* asJson(name, question.about), id, within }
  })

/** What the answers so far make of a question: its value, or the interrupt that is to be answered. */
const stateOf = <A>(
  attempt: AttemptSteps,
  { about, id, name, question, reader }: PlacedQuestion<A>,
): Either.Either<A, Interrupt | Declined> => {
  const { message } = question
  const call = callOf(question)
  let problem: string | undefined
  for (let round = 1; ; round += 1) {
    const interrupt = {
      id: round === 1 ? id : `${id}~${round}`,
      reason: reader.reason,
      message: problem === undefined ? message : `${message} (The answer before does not fit: ${problem})`,
      ...(reader.responseSchema === undefined ? {} : { responseSchema: reader.responseSchema }),
      ...(about === undefined ? {} : { metadata: { about } }),
      ...(call === undefined ? {} : { ...call, reason: "tool_call" }),
    }
    const answer = answerTo({ resume: attempt.answers }, interrupt.id)
    if (Option.isNone(answer)) return Either.left(interrupt)
    const read = reader.read(answer.value, name)
    if (Either.isRight(read)) return Either.right(read.right)
    if (read.left instanceof Declined) return Either.left(read.left)
    problem = read.left
  }
}

/** The id of a question. */
const idOf = (name: string, key: unknown, within: string | undefined, stepId: string): string =>
  key === undefined && within === undefined && isPlain(name)
    ? name
    : `${name.slice(0, maxName)}:${stepId.slice(0, 8)}`

const stepOf = (name: string, key: unknown, within: string | undefined): string =>
  stepIdOf({ within, name: `question ${name}`, key })

/** Waits for the answers to questions that have none. */
const waitFor = (
  attempt: AttemptSteps,
  within: string | undefined,
  open: Array.NonEmptyReadonlyArray<Interrupt>,
  after: Question["expiresAfter"],
) => {
  const awaited = awaitAnswers(open, after)
  return attempt.lease === undefined ? awaited : attempt.park(within, awaited, Effect.never)
}

/** The values of questions; those that have no answer wait for it together. */
const answers = <A>(
  questions: ReadonlyArray<{
    readonly name: string
    readonly question: Question
    readonly reader: Reader<A>
  }>,
): Effect.Effect<ReadonlyArray<A>, NotAnswered | Declined, StepLog> =>
  Effect.gen(function* () {
    const attempt = (yield* StepLog).steps()
    const places = yield* Effect.forEach(questions, ({ name, question, reader }) =>
      take(attempt, name, question, reader),
    )
    const states = places.map((one) => ({ ...one, state: stateOf(attempt, one) }))
    const values: globalThis.Array<A> = []
    const open: globalThis.Array<{
      readonly interrupt: Interrupt
      readonly after: Question["expiresAfter"]
    }> = []
    for (const { question, state } of states) {
      if (Either.isRight(state)) values.push(state.right)
      else if (state.left instanceof Declined) return yield* state.left
      else open.push({ interrupt: state.left, after: question.expiresAfter })
    }
    if (!Array.isNonEmptyReadonlyArray(open)) return values
    const interrupts = Array.map(open, ({ interrupt }) => interrupt)
    return yield* waitFor(attempt, places[0]?.within, interrupts, open[0].after)
  })

const isEditable = (question: Question): question is EditableQuestion<unknown> => "editable" in question

const decideOn = (name: string, question: Question): Effect.Effect<Edits.Decision, NotAnswered, StepLog> =>
  Effect.gen(function* () {
    const shown = isEditable(question)
      ? { ...question, about: yield* Effect.orDie(Schema.encode(question.editable)(question.about)) }
      : question
    const reader = isEditable(question) ? editableApproval(question.about, question.editable) : approval
    const declined = isEditable(question)
      ? { approved: false, value: question.about, edited: false }
      : { approved: false }
    const [decision = declined] = yield* Effect.catchTag(
      answers<Edits.Decision>([{ name, question: shown, reader }]),
      "Declined",
      () => Effect.succeed([declined]),
    )
    return decision
  })

/**
 * Requests an approval, and returns whether a person approves, with the reason of the person where there is one: for a model that is to try
 * something else. With `editable` the person may edit what the question is about: see `Approval`.
 *
 * Fails: see `NotAnswered`.
 */
export const decide = decideOn as {
  <A>(name: string, question: EditableQuestion<A>): Effect.Effect<Approval<A>, NotAnswered, StepLog>
  (name: string, question: Question): Effect.Effect<Edits.Decision, NotAnswered, StepLog>
}

/**
 * Requests an approval of a tool call that a model has written, before the call is made. The question names the call, so a client shows it
 * there.
 *
 * Fails: see `NotAnswered`.
 */
export const decideOnCall = (call: ToolCall): Effect.Effect<Edits.Decision, NotAnswered, StepLog> => {
  const { toolCallId, toolName } = call
  const question: CallQuestion = { message: `May ${toolName} be called?`, key: toolCallId, call }
  return decideOn("approval", question)
}

/**
 * Requests an approval, and returns whether a person approves. With `editable` it returns what `decide` does: the person may edit what the
 * question is about.
 *
 * ```ts
 * const { approved, value } = yield* Interrupts.approve("refund", {
 *   message: "Refund this?",
 *   about: { euros: 40 },
 *   editable: Schema.Struct({ euros: Schema.Number }),
 * })
 * ```
 *
 * Fails: see `NotAnswered`.
 */
export const approve = ((name: string, question: Question) =>
  Effect.map(decideOn(name, question), (decision) =>
    isEditable(question) ? decision : decision.approved,
  )) as {
  <A>(name: string, question: EditableQuestion<A>): Effect.Effect<Approval<A>, NotAnswered, StepLog>
  (name: string, question: Question): Effect.Effect<boolean, NotAnswered, StepLog>
}

/**
 * Poses a question, and returns the answer by its schema, or text where it has none. After a wrong answer it repeats the question and
 * names what is wrong.
 *
 * Fails: `Declined`, and see `NotAnswered`.
 */
export const ask = <A = string>(
  name: string,
  question: TypedQuestion<A>,
): Effect.Effect<A, NotAnswered | Declined, StepLog> =>
  Effect.map(answers([{ name, question, reader: readerOf(question.schema) }]), ([answer]) => answer as A)

/**
 * Poses several questions at once, by their names, and continues with all of the answers. They wait as long as the first of them says.
 *
 * Fails: `Declined`, and see `NotAnswered`.
 */
export const askAll = <const Q extends Readonly<globalThis.Record<string, AnyQuestion>>>(
  questions: Q,
): Effect.Effect<{ readonly [K in keyof Q]: AnswerOf<Q[K]> }, NotAnswered | Declined, StepLog> =>
  Effect.map(
    answers(
      Record.toEntries<string, AnyQuestion>(questions).map(([name, question]) => ({
        name,
        question,
        reader: readerOf(question.schema),
      })),
    ),
    (values) =>
      Object.fromEntries(Object.keys(questions).map((name, index) => [name, values[index]])) as {
        readonly [K in keyof Q]: AnswerOf<Q[K]>
      },
  )

// oxlint-disable-next-line no-explicit-any -- a schema of an unknown type is assignable to no other type
type AnyQuestion = TypedQuestion<any>

type AnswerOf<Q> = Q extends { readonly schema: Codec<infer A> } ? A : string

/** Why there is no callback: there is no address, or no worker executes the run. */
export class CallbackUnavailable extends Schema.TaggedError<CallbackUnavailable>(
  "@runlease/core/CallbackUnavailable",
)("CallbackUnavailable", { question: Schema.String, message: Schema.String }) {}

/**
 * A URL that answers one question, for a third party without an API key: a POST of JSON to it is the answer, once.
 *
 * Units: `expiresAt` is UTC.
 */
export interface Callback {
  readonly url: string
  readonly expiresAt: DateTime.Utc
}

/** `key`: that of the question. `expiresIn`: a Duration from now, a day when absent, 365 days at most. */
export interface CallbackOptions extends Keyed {
  readonly expiresIn?: Duration.DurationInput | undefined
}

/** The address of the server, for a worker that is in the process of the store. */
const publicUrl = Config.option(Config.nonEmptyString("RUNLEASE_PUBLIC_URL"))

/**
 * A URL that answers the question of that name and key, to be sent to a third party before the question is posed.
 *
 * ```ts
 * const { url } = yield* Interrupts.callback("paid")
 * yield* Step.run("invoice", sendInvoice({ notify: url }))
 * const isPaid = yield* Interrupts.approve("paid", { message: "Has the invoice been paid?" })
 * ```
 *
 * Call it where the question is posed, within the same step. Each attempt makes a URL, and all of them answer the one question: the first
 * answer counts. An answer that does not fit the schema of the question is refused, and the URL may be used again.
 *
 * Fails: `CallbackUnavailable` where neither the server nor the setting `RUNLEASE_PUBLIC_URL` names its address, where no worker
 * executes the run, and for the name of a question about a budget.
 * Source: docs/decisions/0144-callbacks.md
 */
export const callback = (
  name: string,
  { expiresIn, key }: CallbackOptions = {},
): Effect.Effect<Callback, CallbackUnavailable | StepError, StepLog | Leases> =>
  Effect.gen(function* () {
    const attempt = (yield* StepLog).steps()
    const within = (yield* unlessOnce(name, `Callback ${name}`))?.id
    const question = idOf(name, key, within, stepOf(name, key, within))
    return yield* issue(attempt, name, question, expiresIn)
  })

/** Makes the URL that answers the question of that id. */
const issue = (
  attempt: AttemptSteps,
  name: string,
  question: string,
  expiresIn: CallbackOptions["expiresIn"],
): Effect.Effect<Callback, CallbackUnavailable | StepError, Leases> =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const unavailable = (message: string) => new CallbackUnavailable({ question: name, message })
    const { lease } = attempt
    if (lease === undefined) return yield* unavailable("No worker executes this run")
    const issued = yield* retryUnavailable(leases.callback(lease, { question, expiresIn })).pipe(
      Effect.catchAll((error): Effect.Effect<never, CallbackUnavailable | StepError> => {
        if (isControlPlaneError(error)) return failed(name, "refused", error.message)
        // The worker interrupts an executor whose lease is lost.
        return error._tag === "CallbackRefused" ? unavailable(error.message) : Effect.never
      }),
    )
    if (issued.url !== undefined) return { url: issued.url, expiresAt: issued.expiresAt }
    const base = yield* Effect.orElseSucceed(publicUrl, () => Option.none())
    if (Option.isNone(base)) {
      return yield* unavailable("There is no address of a server: set RUNLEASE_PUBLIC_URL")
    }
    const path = CallbackToken.pathOf(attempt.runId, issued.token)
    return { url: `${base.value.replace(/\/+$/, "")}${path}`, expiresAt: issued.expiresAt }
  })

/**
 * Where a user signs in with a third party, and for what.
 *
 * `url`: the page of your application that begins the sign-in. It gets the parameters `callback` and `scope`. `scopes`: what the run needs.
 *
 * Units: `expiresAfter` is as that of a question; the link is valid as long, 365 days when absent.
 */
export interface ConnectOptions extends Omit<Question, "about" | "message"> {
  readonly url: string | URL
  readonly scopes?: ReadonlyArray<string> | undefined
  readonly message?: string | undefined
}

/** What a user has granted to the run. The store seals its tokens. */
export const Grant = Schema.Struct({
  accessToken: Schema.propertySignature(secret({ title: "Access token" })).pipe(
    Schema.fromKey("access_token"),
  ),
  refreshToken: Schema.optional(secret({ title: "Refresh token" })).pipe(Schema.fromKey("refresh_token")),
  tokenType: Schema.optional(Schema.String).pipe(Schema.fromKey("token_type")),
  /** The scopes that the user has granted, with spaces between them. */
  scope: Schema.optional(Schema.String),
  expiresAt: Schema.optional(Schema.DateTimeUtc).pipe(Schema.fromKey("expires_at")),
})
export type Grant = typeof Grant.Type

const grant = readerOfSchema(Grant)

/** The page with what the application needs to answer. */
const signInPage = (url: string | URL, callback: string, scopes: ReadonlyArray<string>): string => {
  const page = new URL(url)
  page.searchParams.set("callback", callback)
  if (scopes.length > 0) page.searchParams.set("scope", scopes.join(" "))
  return page.href
}

/**
 * Lets the user sign in with a third party, and returns what the user grants to this run.
 *
 * ```ts
 * const { accessToken } = yield* Interrupts.connect("github", { url: "https://app.example/connect/github", scopes: ["repo"] })
 * ```
 *
 * The question shows a link to your application. It signs the user in, as it does elsewhere, and posts the grant to `callback`: `access_token`,
 * and as it has them `refresh_token`, `token_type`, `scope` and `expires_at`. Tokens are sealed, and each attempt of the run has them.
 *
 * Fails: `Declined`, `CallbackUnavailable`, and see `NotAnswered`. Defect: `url` is none.
 * Source: docs/decisions/0153-the-users-sign-in.md
 */
export const connect = (
  name: string,
  { message = `Sign in with ${name}`, scopes = [], url, ...options }: ConnectOptions,
): Effect.Effect<Grant, CallbackUnavailable | NotAnswered | Declined, StepLog | Leases> =>
  Effect.gen(function* () {
    const attempt = (yield* StepLog).steps()
    const placed = yield* take(attempt, name, { ...options, message }, grant)
    const state = stateOf(attempt, placed)
    if (Either.isRight(state)) return state.right
    if (state.left instanceof Declined) return yield* state.left
    const { expiresAfter } = options
    const callback = yield* issue(attempt, name, state.left.id, expiresAfter ?? "365 days")
    const about = { url: signInPage(url, callback.url, scopes), scopes }
    return yield* waitFor(attempt, placed.within, [{ ...state.left, metadata: { about } }], expiresAfter)
  })
