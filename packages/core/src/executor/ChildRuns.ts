/**
 * Children of a run by their submissions, and how they end: what `Child` is made of, for a program that has no agent with types.
 *
 * Source: docs/decisions/0060-no-lost-wake-up.md
 */
import { Effect, Schedule } from "effect"
import { childIdOf } from "../model/ChildEvent.js"
import { empty } from "../model/RequestSnapshot.js"
import { isTerminal, type Run, type RunNotFound } from "../model/Run.js"
import { type ControlPlaneError, isControlPlaneError } from "../ports/ControlPlaneError.js"
import { retryUnavailable } from "../ports/ControlPlaneUnavailable.js"
import { type ChildRefused, type ChildSubmission, Leases, type Spawned } from "../ports/Leases.js"
import { type InvalidSubmission, Runs } from "../ports/Runs.js"
import type { Emit } from "./Emit.js"
import * as Budget from "./Budget.js"
import * as Step from "./Step.js"
import { type AttemptSteps, StepLog } from "./StepLog.js"
import { failed, type AttemptStep } from "./StepRecording.js"
import { looking, traced } from "./CurrentStep.js"

export interface ChildRef extends Spawned {
  readonly index: number
}

/** A child that is the root of a separate tree. No run waits for it: it is no `ChildRef`, so it cannot be joined. */
export interface DetachedRef extends Pick<Spawned, "runId"> {}

/**
 * The request of a child: an agent, a snapshot, and what else a submission has. It has a separate conversation, and no lane unless
 * `concurrencyKey` names one. `publicId`: made of the ids of this run and of the step when absent.
 */
export type Submission = Omit<ChildSubmission, "publicId"> & { readonly publicId?: string | undefined }

/** An effect of the run's executor that spawns or joins children. */
export type Durable<A, E> = Effect.Effect<A, E | Step.StepError, Emit | StepLog | Leases | Runs>

const notDone = (step: string, { _tag, message }: ControlPlaneError): Step.StepError =>
  failed(step, _tag === "ControlPlaneUnavailable" ? "unavailable" : "refused", message)

const notAsRecorded = ({ name }: AttemptStep, detached: boolean): Step.StepError =>
  failed(
    name,
    "unreadable",
    `The record of step ${name} is that of a child that is ${detached ? "not " : ""}detached`,
  )

interface SpawnOptions extends Step.Keyed {
  readonly detached?: boolean
  readonly tellsParent?: boolean
}

const spawnOne = (
  name: string,
  submission: Submission,
  { detached = false, tellsParent = false, ...keyed }: SpawnOptions,
): Durable<Spawned, ChildRefused | InvalidSubmission> =>
  Effect.gen(function* () {
    const step = yield* Step.take(name, keyed)
    const { attempt, id: stepId, key, recorded } = step
    const child = recorded?.child
    if (child !== undefined) {
      return detached === (child.index === undefined) ? child : yield* notAsRecorded(step, detached)
    }
    yield* Budget.check
    const { lease, runId, trial } = attempt
    const leases = yield* Leases
    if (lease === undefined) {
      return yield* failed(name, "refused", "A run that no worker holds cannot have children")
    }
    const request = {
      stepId,
      name,
      ...(key === undefined ? {} : { key }),
      ...(detached ? { detached } : {}),
      ...(tellsParent ? { tellsParent } : {}),
      submission: {
        ...submission,
        publicId: submission.publicId ?? childIdOf(runId, stepId),
        // A child of a run in a trial is in it too.
        ...(trial === undefined
          ? {}
          : { snapshot: { ...(submission.snapshot ?? empty), trial: { ...trial, calls: [] } } }),
      },
    }
    const spawned = yield* attempt.inFlight(
      step,
      Effect.catchAll(
        traced(step, retryUnavailable(leases.spawn(lease, request))),
        (error): Effect.Effect<never, ChildRefused | InvalidSubmission | Step.StepError> => {
          if (isControlPlaneError(error)) return notDone(name, error)
          // The worker interrupts an executor whose lease is lost.
          return error._tag === "LeaseLost" || error._tag === "RunNotFound" ? Effect.never : error
        },
      ),
    )
    if (detached) attempt.countStep(stepId)
    return spawned
  })

/**
 * Spawns a child, once: a later attempt gets the child that there is.
 *
 * A `detached` child continues when this run ends, spends nothing of its budget, and may have the lane of any run. It cannot be joined;
 * `Runs.get` reads it, and `runlease runs list --parent` lists it.
 *
 * The end of a child with `tellsParent` is a message to this run, once, however it ends: see `Inbox` and `ChildMessage`.
 *
 * It waits while the budget of the tree is spent.
 *
 * Fails: `ChildRefused` where the tree is too deep or too wide, or where the child names the lane of a run above it;
 * `InvalidSubmission` of the field `publicId` where a run that this step has not spawned has that id; and with `StepError`.
 */
export function spawn(
  name: string,
  submission: Submission,
  options: Step.Keyed & { readonly detached: true },
): Durable<DetachedRef, ChildRefused | InvalidSubmission>
export function spawn(
  name: string,
  submission: Submission,
  options?: Step.Keyed & { readonly detached?: false; readonly tellsParent?: boolean },
): Durable<ChildRef, ChildRefused | InvalidSubmission>
export function spawn(
  name: string,
  submission: Submission,
  options: SpawnOptions,
): Durable<Spawned, ChildRefused | InvalidSubmission>
export function spawn(
  name: string,
  submission: Submission,
  options: SpawnOptions = {},
): Durable<Spawned, ChildRefused | InvalidSubmission> {
  return spawnOne(name, submission, options)
}

/** How many children are spawned, or looked at, at once. */
export const atOnce = 64

/** The error of a join that could not read its child. */
export const notRead = (
  step: string,
  runId: Run["runId"],
  error: RunNotFound | ControlPlaneError,
): Step.StepError =>
  error._tag === "RunNotFound" ? failed(step, "refused", `Child ${runId} is gone`) : notDone(step, error)

/** The run of a child as it is now. */
export const get = ({ runId }: ChildRef): Effect.Effect<Run, Step.StepError, Runs> =>
  Effect.flatMap(Runs, (runs) =>
    Effect.mapError(retryUnavailable(runs.get(runId)), (error) => notRead("join", runId, error)),
  )

export const hasEnded = ({ status }: Run): boolean => isTerminal(status)

/** How often a wait that stays in the worker looks at a child. */
const pause = Schedule.spaced("1 second")

/** What a join is called in its errors. */
export const joining = { name: "join", what: "A join of children" }

/**
 * Waits until enough of the children have ended, without a worker once nothing else of the run is in flight. `groupsOf` returns the groups
 * of those that are open of which one is enough.
 */
export const untilEnded = (
  children: ReadonlyArray<ChildRef>,
  isEnough: (runs: ReadonlyArray<Run>) => boolean,
  groupsOf: (open: ReadonlyArray<number>) => ReadonlyArray<ReadonlyArray<number>>,
): Durable<ReadonlyArray<Run>, never> =>
  Effect.gen(function* () {
    const attempt: AttemptSteps = (yield* StepLog).steps()
    const { look, within } = yield* looking(
      attempt,
      joining,
      Effect.forEach(children, get, { concurrency: atOnce }),
    )
    let runs = yield* look
    while (!isEnough(runs)) {
      const open = children.filter((_, index) => !hasEnded(runs[index]!))
      const [first] = open
      const [group = [], ...others] = groupsOf(open.map(({ index }) => index))
      const ended = Effect.repeat(get(first!), { schedule: pause, until: hasEnded })
      yield* others.reduce<Effect.Effect<unknown, Step.StepError, Runs>>(
        (waiting, other) => attempt.park(within, { children: other }, waiting),
        attempt.park(within, { children: group }, ended),
      )
      runs = yield* look
    }
    return runs
  })
