/**
 * What an agent is allowed to do.
 *
 * An agent's question lives in a process that does not outlast the asking, so an answer is for the call and not for the
 * question: it is found again by the name of the tool and its input, in whatever process asks, under whatever id. An
 * interrupt's id says which call it is about; the same call asked about again is another interrupt.
 *
 * Source: docs/decisions/0016-acp-permissions.md
 */
import type {
  PermissionOption,
  RequestPermissionRequest,
  RequestPermissionResponse,
} from "@agentclientprotocol/sdk"
import { Executor, Interrupt, Interrupts, Json } from "@runlease/core"
import { Deferred, Duration, Effect, Predicate, type Scope } from "effect"
import { createHash } from "node:crypto"
import * as Bounded from "./Bounded.js"
import * as ToolCalls from "./ToolCalls.js"

/** What is said to an agent that asks. */
export type Policy = "allow" | "deny" | "ask"

export interface Options {
  readonly policy: Policy
  /** The answers that the run was given. */
  readonly answers: ReadonlyArray<Interrupt.Answer>
  /** The ids of those that an earlier attempt has told the agent. */
  readonly told: ReadonlyArray<string>
  /** Keeps for later attempts which answers have been told; done before the agent hears one. */
  readonly keepTold: (ids: ReadonlyArray<string>) => Effect.Effect<void, Executor.ExecutorError>
  readonly expiresAfter?: Duration.DurationInput | undefined
}

export interface Permissions {
  readonly answer: (
    request: RequestPermissionRequest,
    call: ToolCalls.Known,
  ) => Effect.Effect<RequestPermissionResponse>
  /** Fails when the run has to wait for answers. */
  readonly asked: Effect.Effect<never, Executor.ExecutorFailure>
  /**
   * Answers all questions that come from now on with `cancelled`. Those that are open get the same answer once `notify`
   * has told the agent of the cancellation. It has no effect the second time.
   */
  readonly cancel: (notify: Effect.Effect<void>) => Effect.Effect<void>
}

/** How long further questions may come that are asked along with the first. */
const window = "250 millis"

const cancelled: RequestPermissionResponse = { outcome: { outcome: "cancelled" } }

const selected = (option: PermissionOption | undefined): RequestPermissionResponse =>
  option === undefined ? cancelled : { outcome: { outcome: "selected", optionId: option.optionId } }

/** The narrowest option that says so. */
const choose = (options: ReadonlyArray<PermissionOption>, answer: "allow" | "reject") =>
  options.find(({ kind }) => kind === `${answer}_once`) ??
  options.find(({ kind }) => kind === `${answer}_always`)

/** Which call is asked about: the same in every process that comes to make it. */
const keyOf = ({ said }: ToolCalls.Known): string => {
  const { kind, name, rawInput, title } = said
  const call = { tool: name ?? kind ?? null, input: ToolCalls.hasInput(said) ? rawInput : (title ?? null) }
  return createHash("sha256").update(Json.canonicalJson(call)).digest("hex").slice(0, 32)
}

const optionIdOf = (payload: unknown): unknown => {
  if (!Predicate.isRecord(payload)) return payload
  const { optionId, outcome } = payload
  return optionId ?? (Predicate.isRecord(outcome) ? outcome["optionId"] : undefined)
}

/** The option that an answer means: the one that it names, or by whether it approves. */
const meant = (answer: Interrupt.Answer, options: ReadonlyArray<PermissionOption>) => {
  if (answer.status === "cancelled") return choose(options, "reject")
  const named = options.find(({ optionId }) => optionId === optionIdOf(answer.payload))
  return named ?? choose(options, Interrupts.approved(answer) ? "allow" : "reject")
}

const questionOf = (
  id: string,
  request: RequestPermissionRequest,
  call: ToolCalls.Known,
): Interrupt.Interrupt => {
  const { options, toolCall } = request
  const tool = ToolCalls.nameOf(call.said)
  const what = toolCall.title ?? tool
  return {
    id,
    reason: "confirmation",
    message: Bounded.text(what === tool ? `Allow ${what}?` : `Allow ${tool}: ${what}?`, 4000),
    toolName: tool.slice(0, 256),
    responseSchema: {
      type: "object",
      properties: {
        optionId: { type: "string", enum: options.map(({ optionId }) => optionId) },
        approved: { type: "boolean" },
      },
      anyOf: [{ required: ["optionId"] }, { required: ["approved"] }],
    },
    metadata: { options, toolCall: { ...toolCall, toolCallId: call.id } },
  }
}

export const make = Effect.fnUntraced(function* (
  options: Options,
): Effect.fn.Return<Permissions, never, Scope.Scope> {
  const told = new Set(options.told)
  const asked = yield* Deferred.make<never, Executor.ExecutorFailure>()
  const over = yield* Deferred.make<RequestPermissionResponse>()
  const questions = new Map<string, Interrupt.Interrupt>()
  let cancelling = false
  const scope = yield* Effect.scope

  const suspend = Effect.suspend(() => {
    const max = Math.floor(Bounded.maxBytes / questions.size)
    const [first, ...others] = Array.from(questions.values())
      .slice(0, Interrupt.maxInterrupts)
      .map((question) => ({
        ...question,
        metadata: { ...question.metadata, toolCall: Bounded.json(question.metadata?.["toolCall"], max) },
      }))
    return first === undefined
      ? Effect.void
      : Deferred.fail(asked, Executor.awaitAnswers([first, ...others], options.expiresAfter))
  })

  const ask = (key: string, request: RequestPermissionRequest, call: ToolCalls.Known) =>
    Effect.gen(function* () {
      const given = options.answers.filter(({ interruptId }) => interruptId.startsWith(`${key}.`))
      const answer = given.find(({ interruptId }) => !told.has(interruptId))
      if (answer !== undefined) {
        const option = meant(answer, request.options)
        // What is to hold always is told as often as it is asked.
        if (option?.kind.endsWith("_always") !== true) {
          told.add(answer.interruptId)
          yield* options.keepTold(Array.from(told))
        }
        return cancelling ? cancelled : selected(option)
      }
      const alike = Array.from(questions.keys()).filter((id) => id.startsWith(`${key}.`)).length
      const id = `${key}.${given.length + alike}`
      if (questions.size === 0) yield* Effect.forkIn(Effect.delay(suspend, window), scope)
      questions.set(id, questionOf(id, request, call))
      // A question that the agent withdraws is not asked.
      return yield* Effect.onInterrupt(Deferred.await(over), () => Effect.sync(() => questions.delete(id)))
    }).pipe(
      Effect.catchAll((error) => Effect.zipRight(Deferred.fail(asked, error), Deferred.await(over))),
      Effect.raceFirst(Deferred.await(over)),
    )

  return {
    answer: (request, call) => {
      if (cancelling) return Effect.succeed(cancelled)
      switch (options.policy) {
        case "allow":
          return Effect.succeed(selected(choose(request.options, "allow")))
        case "deny":
          return Effect.succeed(selected(choose(request.options, "reject")))
        case "ask":
          return ask(keyOf(call), request, call)
      }
    },
    asked: Deferred.await(asked),
    cancel: (notify) =>
      Effect.suspend(() => {
        if (cancelling) return Effect.void
        cancelling = true
        return Effect.zipRight(notify, Deferred.succeed(over, cancelled))
      }),
  }
})
