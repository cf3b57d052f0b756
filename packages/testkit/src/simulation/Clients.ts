/** The clients of a simulated world: they submit, cancel and send messages, answer the questions of runs, and send again what is not answered. */
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import type { Answer, Interrupt } from "@runlease/core/Interrupt"
import { empty, fromText, textPart } from "@runlease/core/RequestSnapshot"
import type { Run } from "@runlease/core/Run"
import * as Ids from "@runlease/core/Ids"
import { Runs } from "@runlease/core/Runs"
import { Array, type Context, Effect, Schedule } from "effect"
import type { Action, Operation, Plan, PlannedRun } from "./Plan.js"
import * as Limits from "./Limits.js"
import * as Prng from "./Prng.js"
import * as RemotePorts from "./RemotePorts.js"
import * as Schedules from "./Schedules.js"
import { byName, operationsOf } from "./ScriptExecutor.js"
import type { Subject } from "./Subject.js"
import type { World } from "./Workers.js"

/** How often a client sends a request again until it is answered, and looks for what is to answer. */
const pause = "700 millis"

/** Sends again until it is accepted: a limit may not be there yet. */
const untilAccepted = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.retry(effect, Schedule.spaced(pause))

/** Sends again until there is an answer, which may be a refusal. */
const untilAnswered = <A, E extends { readonly _tag: string }, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R> =>
  Effect.retry(effect, {
    schedule: Schedule.spaced(pause),
    while: ({ _tag }) => _tag === "ControlPlaneUnavailable",
  })

/** A conversation by its name in the plan: an id that follows from the seed. */
const conversationOf = (seed: number, name: string): Ids.ConversationId =>
  Ids.ConversationId.make(Prng.make(Prng.hash(seed, "conversation", name)).uuid())

/** Submits a run until it is answered. `request` returns what it requests besides its id. */
export const submit = (
  seed: number,
  request: Subject<unknown>["request"],
  { budget, conversation, maxAttempts, multitask, name, under }: PlannedRun,
): Effect.Effect<unknown, unknown, Runs | Conversations> =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const conversations = yield* Conversations
    const conversationId = conversation === undefined ? undefined : conversationOf(seed, conversation)
    if (conversationId !== undefined) yield* untilAnswered(conversations.create({ id: conversationId }))
    const submission = {
      agentId: "agent",
      snapshot: fromText(name),
      ...request?.(name),
      publicId: name,
      maxAttempts,
      multitask,
      ...(conversationId === undefined ? {} : { conversationId }),
      ...(budget === undefined ? {} : { budget: { cost: budget } }),
      ...(under === undefined ? {} : Limits.inputOf(under)),
    }
    yield* (under === undefined ? untilAnswered : untilAccepted)(runs.submit(submission))
  })

/** Does what a client does to a run, until it is answered. */
export const act = (action: Action): Effect.Effect<unknown, unknown, Runs> =>
  Effect.flatMap(Runs, (runs): Effect.Effect<unknown, unknown> => {
    const runId = Ids.RunId.make(action.run)
    return action._tag === "Cancel"
      ? untilAnswered(runs.cancel(runId))
      : untilAnswered(runs.tell(runId, { idempotencyKey: action.key, parts: [textPart(action.key)] }))
  })

/** What only a client can give. */
const isWaited = ({ _tag }: Operation): boolean => _tag === "Take" || _tag === "Ask" || _tag === "Spend"

const needsAttendants = (plan: Plan): boolean =>
  Array.fromIterable(byName(plan).values()).some((script) => operationsOf(script).some(isWaited))

/** Answers the questions of runs, by an answer or by the next input, and sends something to runs that wait for a message. */
export const attend = (name: string, byInput: boolean): Effect.Effect<void, never, Runs> =>
  Effect.flatMap(Runs, (runs) => {
    let count = 0
    const answer =
      ({ budget }: Run) =>
      ({ id, reason }: Interrupt): Answer => {
        count += 1
        const payload =
          reason === "budget" ? { cost: (budget?.spent.cost ?? 0) + 100 } : `${name} answer ${count}`
        return { interruptId: id, status: "resolved", payload }
      }
    const give = (run: Run): Effect.Effect<unknown, unknown> => {
      const { answers = [], inbox, interrupts = [] } = run.waiting ?? {}
      const answered = new Set(answers.map(({ interruptId }) => interruptId))
      const open = interrupts.filter(({ id }) => !answered.has(id)).map(answer(run))
      if (Array.isNonEmptyReadonlyArray(open)) {
        const publicId = Ids.RunId.make(`${name} input ${count}`)
        return byInput
          ? runs.followUp(run.runId, { publicId, resume: open, results: [], snapshot: empty })
          : runs.resume(run.runId, open)
      }
      const key = `${run.runId} ${inbox}`
      return inbox === undefined
        ? Effect.void
        : runs.tell(run.runId, { idempotencyKey: key, parts: [textPart(key)] })
    }
    const round = Effect.flatMap(runs.list({ status: "waiting", limit: 100 }), ({ items }) =>
      Effect.forEach(items, (run) => Effect.ignore(give(run)), { discard: true }),
    )
    return Effect.forever(Effect.delay(Effect.ignore(round), pause))
  })

/** Starts the clients. The result says whether they have done all that they are to do. */
export const make = (world: World): { readonly isDone: () => boolean } => {
  const { makeProcess, network, plan, ports, recorder, subject } = world
  const connect = (name: string) => {
    const process = makeProcess(name, 1)
    const link = network.link(name, process)
    const remote: Context.Context<ProjectPorts> = RemotePorts.make(ports, link, recorder, name)
    const run = (effect: Effect.Effect<unknown, unknown, ProjectPorts>) =>
      process.fork(Effect.provide(effect, remote))
    return { link, run }
  }
  const { link, run } = connect("client")
  let left = 0
  const does = (at: number, effect: Effect.Effect<unknown, unknown, ProjectPorts>): void => {
    left += 1
    run(Effect.delay(effect, at)).addObserver(() => {
      left -= 1
    })
  }
  for (const planned of plan.runs) {
    for (const late of [0, ...planned.repeats])
      does(planned.at + late, submit(plan.seed, subject.request, planned))
  }
  for (const action of plan.actions) does(action.at, act(action))
  for (const schedule of plan.schedules) {
    for (const late of [0, ...schedule.repeats]) {
      does(schedule.at + late, untilAnswered(Schedules.declare(ports, link, schedule)))
    }
  }
  if (plan.limits.length > 0) {
    const limits = connect("limits")
    for (const change of plan.limits) {
      const end = change._tag === "Pause" ? change.millis : undefined
      left += 1
      limits
        .run(
          Effect.delay(untilAnswered(Limits.change(change, "begin")), change.at).pipe(
            Effect.zipRight(
              end === undefined
                ? Effect.void
                : Effect.delay(untilAnswered(Limits.change(change, "end")), end),
            ),
          ),
        )
        .addObserver(() => {
          left -= 1
        })
    }
  }
  if (subject.execute !== undefined || needsAttendants(plan)) {
    for (let index = 1; index <= plan.attendants; index += 1) {
      connect(`attendant-${index}`).run(attend(`attendant-${index}`, index > 1))
    }
  }
  return { isDone: () => left === 0 }
}
