/**
 * The steps of an agent of another framework, for the package that adapts it: answers of the agent's model, which the log shows as they come,
 * calls of its tools, and approvals of these calls.
 *
 * Source: docs/decisions/0164-adapters-of-frameworks.md
 */
import { Context, Effect, Option, Schema } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import type { SnapshotMessage } from "../model/RequestSnapshot.js"
import type { ClaimedRun } from "../model/Run.js"
import * as TokenUsage from "../model/TokenUsage.js"
import * as ToolArguments from "../model/ToolArguments.js"
import { retryUnavailable } from "../ports/ControlPlaneUnavailable.js"
import type { RunLog } from "../ports/RunLog.js"
import type { Runs } from "../ports/Runs.js"
import * as AnswerEvents from "./AnswerEvents.js"
import * as Budget from "./Budget.js"
import { CurrentStep } from "./CurrentStep.js"
import * as Emit from "./Emit.js"
import * as Interrupts from "./Interrupts.js"
import * as ModelRequest from "./ModelRequest.js"
import * as PastAttempts from "./PastAttempts.js"
import * as PromiseFibers from "./PromiseFibers.js"
import * as PromiseSteps from "./PromiseSteps.js"
import * as Step from "./Step.js"
import * as ToolCalls from "./ToolCalls.js"
import * as TrialCalls from "./TrialCalls.js"
import * as UniqueIds from "./UniqueIds.js"

/** An answer while it comes. What is shown of it goes to the log at once. */
export interface Answer {
  /** Adds to the text of that id, or to the reasoning. */
  readonly extend: (kind: AnswerEvents.Block["kind"], id: string, delta: string) => Promise<void>
  readonly end: (kind: AnswerEvents.Block["kind"], id: string) => Promise<void>

  /** The id that a call of the model has in this run: no other one has it. */
  readonly callId: (modelId: string) => string
  readonly startCall: (toolCallId: string, toolName: string) => Promise<void>
  readonly extendCall: (toolCallId: string, delta: string) => Promise<void>
  readonly endCall: (toolCallId: string) => Promise<void>

  /** The result of a call that the provider of the model makes itself. */
  readonly result: (toolCallId: string, value: unknown, isError: boolean) => Promise<void>

  /** Shows a further event of the answer, such as a source. */
  readonly show: (event: AgentEvent.AgentEvent) => Promise<void>

  /** What the answer used. */
  readonly usage: (usage: TokenUsage.TokenUsage, finishReason: string) => Promise<void>

  /** Says that the server has refused the request, which costs nothing then. */
  readonly refused: () => Promise<void>
}

/** A tool call that the model has written. */
export interface Call {
  readonly toolCallId: string
  readonly toolName: string
  readonly input: unknown
}

/** A call for the code of its tool. `idempotencyKey`: the same in each attempt, and for no other call. 64 hex digits. */
export interface CurrentCall {
  readonly toolCallId: string
  readonly idempotencyKey: string
}

export interface FrameworkSteps extends PromiseSteps.PromiseSteps {
  /** The messages of the request, without those that this run has written. */
  readonly messages: ReadonlyArray<SnapshotMessage>

  /**
   * The next answer of a model, from the log where an earlier attempt has recorded it. `body` sends the request, once the budget allows it.
   * `shown`: whether the log shows the answer as it comes; one inside a tool is never shown. A rejection is not recorded, so the
   * next attempt sends the request again.
   */
  readonly answer: <A>(
    shown: boolean,
    body: (answer: Answer, signal: AbortSignal) => PromiseLike<A>,
  ) => Promise<A>

  /**
   * The result of a call, or its error, as an attempt has recorded it. Where the log shows the call it shows the result, once. Rejects
   * where it is uncertain whether a call was made that must not be made twice, with an error for the model. In a trial that makes no calls
   * it has the result that the trial has for it.
   */
  readonly call: <A>(
    call: Call,
    sideEffect: ToolCalls.SideEffect,
    body: (signal: AbortSignal) => PromiseLike<A>,
  ) => Promise<A>

  /** Whether a person approves of a call. Meanwhile the run waits without a worker. */
  readonly approveCall: (call: Call) => Promise<Interrupts.Decision>

  /** Shows, once, why a call is not made, such as that a person has declined it. Of one that was made it shows nothing. */
  readonly refuse: (toolCallId: string, reason: string) => Promise<void>
}

type Needs = PromiseSteps.Needs | RunLog | Runs

/** A place of the program: outside of tools, or in the call of one. `answers`: how many answers of a model have begun there. */
export interface Place {
  readonly steps: FrameworkSteps
  readonly give: PromiseFibers.Give<Needs>
  readonly within: string | undefined
  readonly call: CurrentCall | undefined
  answers: number
}

/** Where the code of a program is, over its promises: an `AsyncLocalStorage`. */
export interface Places {
  readonly run: <A>(place: Place, code: () => A) => A
  readonly getStore: () => Place | undefined
}

/** The error of a tool as its step records it, for the model. */
const ToolFailure = Schema.Struct({ name: Schema.String, message: Schema.String })

const failureOf = (error: unknown): unknown => {
  if (PromiseFibers.isOfTheAttempt(error)) return error
  return error instanceof Error
    ? { name: error.name, message: error.message }
    : { name: "Error", message: typeof error === "string" ? error : (JSON.stringify(error) ?? "no reason") }
}

const isToolFailure = Schema.is(ToolFailure)

const errorOf = (failure: unknown): unknown =>
  !(failure instanceof Error) && isToolFailure(failure)
    ? Object.assign(new Error(failure.message), { name: failure.name })
    : failure

const uncertain = (toolName: string): typeof ToolFailure.Type => ({
  name: "UncertainCall",
  message:
    `It is uncertain whether this call of ${toolName} was made: an earlier attempt had begun it, and its result was not recorded. ` +
    "It was not made again. Do not repeat it; find out, or ask, what became of it.",
})

/** The largest result in the log, in UTF-16 units. A unit takes at most three bytes. */
const maxContent = 80_000

/** The result of a call as the log shows it: a text as it is, another value as JSON. */
const resultOf = (toolCallId: string, value: unknown, isError: boolean): AgentEvent.AgentEvent => {
  const content = typeof value === "string" ? value : (JSON.stringify(value ?? null) ?? "null")
  return content.length <= maxContent
    ? AnswerEvents.result(toolCallId, content, isError)
    : AnswerEvents.result(
        toolCallId,
        `The result has ${content.length} characters, too many to show`,
        isError,
      )
}

/** What a tool returns, by its result in the log. */
const valueOf = (content: unknown): unknown => {
  if (typeof content !== "string" || !/^\s*[[{]/.test(content)) return content
  return Option.getOrElse(parseJson(content), () => content)
}

const parseJson = Schema.decodeUnknownOption(Schema.parseJson())

/** An answer as it is recorded, with the ids of its calls. */
const Recorded = Schema.Struct({ value: Schema.Any, calls: Schema.Array(Schema.String) })

const stepName = "model"

/** The messages of the request without those that an attempt of the run has written, which a client may send back. */
const messagesBefore = (
  run: ClaimedRun,
  attempts: ReadonlyArray<PastAttempts.PastAttempt>,
): ReadonlyArray<SnapshotMessage> => {
  const ids = new Set(attempts.flatMap(({ messageIds }) => Array.from(messageIds)))
  const calls = new Set<unknown>(attempts.flatMap(({ calls }) => calls.map(({ toolCallId }) => toolCallId)))
  return run.snapshot.messages.filter(
    ({ id, parts }) => !ids.has(id) && !parts.some(({ toolCallId }) => calls.has(toolCallId)),
  )
}

interface Attempt {
  readonly messages: ReadonlyArray<SnapshotMessage>
  readonly ids: UniqueIds.UniqueIds
  readonly places: Places
  /** The calls that the log shows. */
  readonly shownCalls: Set<string>
  readonly trial: TrialCalls.TrialCalls
  readonly makesCalls: boolean
  readonly counter: ToolCalls.Calls
  /** Those that were made or refused in this attempt. */
  readonly settledCalls: Set<string>
}

const answerOf = (
  attempt: Attempt,
  shown: boolean,
  calls: Array<string>,
  step: ModelRequest.AnswerStep,
  give: PromiseFibers.Give<Needs>,
): Answer & { readonly close: () => Promise<void> } => {
  const events = AnswerEvents.make(() => `${attempt.ids.nextMessageId()}-${stepName}`)
  const callIds = new Map<string, string>()
  const emit = (made: ReadonlyArray<AgentEvent.AgentEvent>) => give(Emit.events(made))
  const show = (made: () => ReadonlyArray<AgentEvent.AgentEvent>): Promise<void> => {
    const all = shown ? made() : []
    return all.length === 0 ? Promise.resolve() : emit(all)
  }
  return {
    extend: (kind, id, delta) => show(() => events.extend(kind, id, delta)),
    end: (kind, id) => show(() => events.end(kind, id)),
    callId: (modelId) => {
      const before = callIds.get(modelId)
      if (before !== undefined) return before
      const id = attempt.ids.freshCallId(modelId)
      callIds.set(modelId, id)
      calls.push(id)
      return id
    },
    startCall: (toolCallId, toolName) => show(() => events.startCall(toolCallId, toolName)),
    extendCall: (toolCallId, delta) =>
      show(() => (delta === "" ? [] : [AgentEvent.toolCallArgs(toolCallId, delta)])),
    endCall: (toolCallId) => show(() => [AgentEvent.toolCallEnd(toolCallId)]),
    result: (toolCallId, value, isError) => show(() => [resultOf(toolCallId, value, isError)]),
    show: (event) => show(() => [event]),
    usage: (usage, finishReason) =>
      emit([TokenUsage.toEvent(usage, { finishReason, request: ModelRequest.idOf(step) })]),
    refused: () => give(Effect.flatMap(ModelRequest.refused(step), ({ events }) => Emit.events(events))),
    close: () => show(() => events.close()),
  }
}

const make = (attempt: Attempt, give: PromiseFibers.Give<Needs>): Place => {
  const { places, shownCalls } = attempt
  const here = (): Place => places.getStore() ?? root
  /** What code in a step gives, with the services of the step. */
  const inside =
    (context: Context.Context<Needs | CurrentStep>): PromiseFibers.Give<Needs> =>
    (effect) =>
      give(Effect.provide(effect, context))

  const steps: FrameworkSteps = {
    ...PromiseSteps.make((effect) => here().give(effect)),
    messages: attempt.messages,
    answer: async <A>(
      shown: boolean,
      body: (answer: Answer, signal: AbortSignal) => PromiseLike<A>,
    ): Promise<A> => {
      const place = here()
      const key = (place.answers += 1)
      const isShown = shown && place === root
      const step = { name: stepName, key, within: place.within }
      let isReplayed = true
      const request = Effect.gen(function* () {
        const context = yield* Effect.context<Needs | CurrentStep>()
        yield* Budget.check
        const { committed, events } = yield* ModelRequest.begin(step)
        yield* Emit.events(events)
        // The price of a request is unknown until its answer is there, so the log has its mark first.
        yield* committed
        const calls: Array<string> = []
        const answer = answerOf(attempt, isShown, calls, step, inside(context))
        isReplayed = false
        const value: unknown = yield* PromiseFibers.attempted((signal) => body(answer, signal))
        yield* Effect.promise(answer.close)
        return { value, calls }
      })
      const { calls, value } = await place.give(Step.run(stepName, request, { key, schema: Recorded }))
      for (const id of calls) {
        if (isReplayed) attempt.ids.freshCallId(id)
        if (isShown) shownCalls.add(id)
      }
      return value as A
    },
    call: async ({ input, toolCallId, toolName }, sideEffect, body) => {
      attempt.settledCalls.add(toolCallId)
      const last: Array<AgentEvent.AgentEvent> = []
      const show = (value: unknown, isError: boolean): void => {
        if (shownCalls.has(toolCallId)) last.push(resultOf(toolCallId, value, isError))
      }
      const args = JSON.stringify(input) ?? ""
      const { ordinal } = attempt.counter.take({ toolName, args })
      const inTrial = attempt.trial.resultOf({ toolName, args }, ordinal)
      const execute = Effect.contextWithEffect((context: Context.Context<Needs | CurrentStep>) => {
        const { id, idempotencyKey } = Context.get(context, CurrentStep)
        const place: Place = {
          steps,
          give: inside(context),
          within: id,
          call: { toolCallId, idempotencyKey },
          answers: 0,
        }
        return PromiseFibers.attempted((signal) => places.run(place, () => body(signal)))
      })
      const outcome =
        inTrial === undefined
          ? execute
          : inTrial.isError
            ? Effect.fail(new Error(String(inTrial.content)))
            : Effect.succeed(valueOf(inTrial.content) as never)
      const made = outcome.pipe(
        Effect.mapError(failureOf),
        Effect.tapBoth({
          onSuccess: (value) => Effect.sync(() => show(value, false)),
          onFailure: (failure) =>
            Effect.sync(() => {
              if (isToolFailure(failure)) show(failure.message, true)
            }),
        }),
      )
      const recording = {
        key: toolCallId,
        schema: Schema.Any,
        failure: ToolFailure as Schema.Schema<unknown>,
        last,
      }
      const onUncertain = Effect.suspend(() => {
        const failure = uncertain(toolName)
        last.push(
          AgentEvent.reserved(ToolCalls.uncertainEventName, {
            toolCallId,
            toolName,
            args,
            begunAs: toolCallId,
          }),
        )
        show(failure.message, true)
        return Effect.fail(failure)
      })
      const { give: giveHere } = here()
      try {
        return await giveHere(
          sideEffect === "atMostOnce"
            ? Step.atMostOnce(toolName, made, { ...recording, onUncertain })
            : Step.run(toolName, made, recording),
        )
      } catch (error) {
        throw errorOf(error)
      }
    },
    approveCall: ({ input, toolCallId, toolName }) =>
      attempt.makesCalls
        ? here().give(
            Interrupts.decideOnCall({ toolCallId, toolName, toolArguments: ToolArguments.bounded(input) }),
          )
        : Promise.resolve({ approved: true }),
    refuse: async (toolCallId, reason) => {
      if (!shownCalls.has(toolCallId) || attempt.settledCalls.has(toolCallId)) return
      attempt.settledCalls.add(toolCallId)
      await here().give(Step.emit("refused", [resultOf(toolCallId, reason, true)], { key: toolCallId }))
    },
  }
  const root: Place = { steps, give, within: undefined, call: undefined, answers: 0 }
  return root
}

/**
 * Runs a program of an agent with the steps of the attempt, and returns its result. `places` knows the code of a tool from other code.
 *
 * Fails: as `PromiseSteps.run`, and with `RunNotFound` and `ControlPlaneUnavailable` where the earlier attempts cannot be read.
 */
export const run = <A>(
  claimed: ClaimedRun,
  places: Places,
  program: (steps: FrameworkSteps, signal: AbortSignal) => PromiseLike<A>,
): Effect.Effect<A, unknown, Needs> =>
  Effect.flatMap(retryUnavailable(PastAttempts.read(claimed)), (attempts) =>
    PromiseFibers.run<Needs, A>((give, signal) => {
      const attempt: Attempt = {
        messages: messagesBefore(claimed, attempts),
        ids: UniqueIds.make(claimed, attempts),
        places,
        shownCalls: new Set(),
        trial: TrialCalls.make(claimed.snapshot.trial),
        makesCalls: TrialCalls.makesCalls(claimed.snapshot.trial),
        counter: ToolCalls.after([]),
        settledCalls: new Set(),
      }
      const place = make(attempt, give)
      return places.run(place, () => program(place.steps, signal))
    }),
  )
