/** A submission as a request of a commit, and the run that it becomes. */
import type { LogEvent } from "@runlease/core/AgentEvent"
import * as ChildEvent from "@runlease/core/ChildEvent"
import { sha256 } from "@runlease/core/Digest"
import { fairnessOf } from "@runlease/core/Fairness"
import * as Ids from "@runlease/core/Ids"
import { isMessage } from "@runlease/core/InboxMessage"
import type { Labels } from "@runlease/core/Labels"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { noTarget, notesOf, projectTarget } from "@runlease/core/Run"
import { isEdits } from "@runlease/core/RunEdits"
import { defaultMaxAttempts, type Submission } from "@runlease/core/Runs"
import { limitsOf } from "@runlease/core/TimeLimits"
import * as TraceContext from "@runlease/core/TraceContext"
import { Array as Arr, DateTime, Effect, type Tracer } from "effect"
import * as RetryEvent from "../rules/RetryEvent.js"
import type * as RolloutRules from "../rules/RolloutRules.js"
import type { ChildSpec, RunDetails, RunSpec } from "../rules/RunState.js"
import type { Transition } from "../rules/Transition.js"
import * as LimitPlaces from "../rules/LimitPlaces.js"
import * as LimitKey from "../rules/LimitKey.js"
import * as DebounceRules from "../rules/DebounceRules.js"
import * as RunTransitions from "../rules/RunTransitions.js"
import type { AddedRun } from "../rows/StoredRun.js"
import type { LimitSetting } from "../rows/LimitRows.js"
import type { DetailChanges, Lane, NewRun, UserMessage } from "../rows/RunRows.js"

/**
 * What a new run has of another one: the events that its log begins with, what answers have made of the request, and its session. `version`:
 * that of workers which it is pinned to.
 */
export interface Seed extends Pick<DetailChanges, "resume" | "session"> {
  readonly events: ReadonlyArray<LogEvent>
  readonly version?: string | undefined
}

/** A run that has nothing of another one. */
export const unseeded: Seed = { events: [] }

/** A submission, with the ids of what it may make. */
export interface Request {
  readonly projectId: Ids.ProjectId
  readonly submission: Submission
  /** The submission as it was sent, to be compared with another of the same public id. */
  readonly sent: string
  readonly runId: Ids.RunId
  readonly messageId: Ids.MessageId
  readonly seed?: Seed
  /** The conversation that it names, or a new one. */
  readonly conversationId: Ids.ConversationId
  /** The span that it was submitted in. */
  readonly span: Tracer.AnySpan | undefined
  /** What it sends to an unfinished run of its lane. Empty unless it steers. */
  readonly messages: ReadonlyArray<UserMessage>
}

const newId = <A>(make: (id: string, options: { readonly disableValidation: true }) => A) =>
  Effect.map(Ids.uuidV7, (id) => make(id, { disableValidation: true }))

/** A request to submit what is checked. */
export const request = Effect.fnUntraced(function* (
  projectId: Ids.ProjectId,
  submission: Submission,
  sent: string,
) {
  const { conversationId, multitask, publicId } = submission
  return {
    projectId,
    submission,
    sent,
    runId: publicId ?? (yield* newId(Ids.RunId.make)),
    messageId: yield* newId(Ids.MessageId.make),
    conversationId: conversationId ?? (yield* newId(Ids.ConversationId.make)),
    span: submission.snapshot?.traceContext === undefined ? yield* TraceContext.current : undefined,
    messages: yield* Effect.forEach(
      multitask === "steer" ? RequestSnapshot.trailingUserMessages(submission.snapshot) : [],
      ({ parts }) => Effect.map(newId(Ids.MessageId.make), (id) => ({ id, key: undefined, parts })),
    ),
  } satisfies Request
})

/** Names a lane among those of all projects. */
export const laneName = ({ lane, projectId }: Lane): string => `${projectId}/${lane}`

/** The lane that a submission goes into. The runs of a key with a limit go side by side. */
export const laneOf = ({ conversationId, submission }: Request): string | null =>
  submission.concurrencyLimit !== undefined
    ? null
    : submission.concurrencyKey === undefined
      ? conversationId
      : submission.concurrencyKey

/** The limit that a submission sets, and that its run has; undefined where it has none. */
export const limitOf = ({ projectId, submission }: Request): LimitSetting | undefined =>
  submission.concurrencyLimit === undefined || submission.concurrencyKey == null
    ? undefined
    : {
        projectId,
        limit: LimitKey.ofKey(submission.concurrencyKey),
        maxRunning: submission.concurrencyLimit,
      }

/** Its limits with names, from narrow to wide. */
export const namedOf = ({ projectId, submission: { limits = {} } }: Request) =>
  Object.entries(limits).map(([name, key]) => ({
    projectId,
    name,
    limit: LimitKey.nameOf({ kind: "named", name, key }),
  }))

/** The hash of a submission, to be compared with another of the same public id. */
export const fingerprintOf = ({ sent }: Request): string => sha256(sent)

/**
 * The run that a submission names as its parent, or null, the root of its own run, the labels of the parent, and the version that it is
 * pinned to.
 */
export interface Parent extends Pick<RunDetails, "parentRunId" | "rootRunId" | "labels"> {
  readonly versionPolicy: RunSpec["versionPolicy"]
  readonly version: string | null
}

/**
 * Where a new run is in its lane and in its tree, and the limits of its agent: those with names, and the one of all its runs. `rollout`: what
 * that of its agent gives it; undefined for none.
 */
export interface Place {
  readonly lane: string | null
  readonly behind: boolean
  readonly child: ChildSpec | null
  readonly ofAgent: ReadonlyArray<string>
  readonly governor: string | undefined
  readonly rollout: ReturnType<typeof RolloutRules.beginningOf>
}

/**
 * The request of a run, and its title. A submission without a trace belongs to that of the span that it was submitted in.
 */
export const requested = (
  { span }: Request,
  snapshot: RequestSnapshot.RequestSnapshot,
): Pick<NewRun, "snapshot" | "title"> => ({
  title: RequestSnapshot.titleOf(snapshot),
  snapshot: span === undefined ? snapshot : { ...snapshot, traceContext: TraceContext.ofSpan(span) },
})

/** Whether the control plane has written an event: it says what the run repeats or what is edited in it, or something of a child, or has a message to the run. */
const isBeside = (event: LogEvent): boolean =>
  RetryEvent.isRetry(event) || isEdits(event) || ChildEvent.isChildEvent(event) || isMessage(event)

/** A new run whose log begins with these events. */
const seeded = (made: Transition, events: Arr.NonEmptyReadonlyArray<LogEvent>, now: number): Transition => {
  const entries = [...made.entries]
  let { state } = made
  for (const group of Arr.groupWith(events, (one, other) => isBeside(one) === isBeside(other))) {
    const encoded = group.map((event) => ({ event, text: JSON.stringify(event) }))
    const appended = RunTransitions.append(state, encoded, now, isBeside(group[0]))
    state = appended.state
    entries.push(...appended.entries)
  }
  const inbox = events.filter(isMessage).length
  const repeats = RetryEvent.repeatedBy(events)
  const log = {
    ...state.log,
    ...(inbox === 0 ? {} : { inbox }),
    ...(repeats === undefined ? {} : { repeats }),
  }
  return { ...made, state: { ...state, log }, entries }
}

/** The limits of a new run, from narrow to wide. A run that its submitter drives has none. */
const limitsOfRun = (limit: string | null, request: Request, { governor, ofAgent }: Place) => {
  if (request.submission.initialStatus === "running") return null
  const named = namedOf(request).map(({ limit: name }) => name)
  return LimitPlaces.of([limit, ...named, ...ofAgent, governor].filter((name) => name != null))
}

/** The run that a request becomes. */
export const newRun = (
  request: Request,
  snapshot: RequestSnapshot.RequestSnapshot,
  parent: Parent,
  place: Place,
  labels: Labels,
  now: number,
): AddedRun => {
  const { projectId, runId, seed, sent, submission } = request
  const { availableAt, debounce, limits: named } = submission
  const limit = submission.concurrencyLimit === undefined ? null : (limitOf(request)?.limit ?? null)
  const { rollout } = place
  const isPinned =
    seed?.version !== undefined ||
    (submission.versionPolicy ?? parent.versionPolicy ?? rollout?.versionPolicy) === "pinned"
  const isDriven = submission.initialStatus === "running"
  const isLimited =
    limit !== null || named !== undefined || place.governor !== undefined || place.ofAgent.length > 0
  const submitted = RunTransitions.submit(
    {
      projectId,
      runId,
      conversationId: request.conversationId,
      messageId: request.messageId,
      agentId: submission.agentId,
      implementationKind: submission.implementationKind ?? null,
      workerKey: submission.workerKey ?? null,
      versionPolicy: isPinned ? "pinned" : null,
      lane: place.lane,
      limit,
      concurrencyLimit: submission.concurrencyLimit ?? null,
      debounceKey: debounce?.key ?? null,
      namedLimits: named === undefined || Object.keys(named).length === 0 ? null : named,
      priority: submission.priority ?? 0,
      maxAttempts: submission.maxAttempts ?? defaultMaxAttempts,
      createdAt: now,
      timeLimits:
        submission.ttlSeconds === undefined && submission.timeoutSeconds === undefined
          ? null
          : limitsOf(submission),
      fairness: submission.fairnessKey === undefined ? null : fairnessOf(submission),
      child: place.child,
    },
    {
      driven: isDriven,
      behind: place.behind,
      limits: isLimited ? limitsOfRun(limit, request, place) : null,
      budget: submission.budget,
      version:
        (isPinned ? (seed?.version ?? parent.version) : null) ??
        (isDriven ? null : (rollout?.version ?? null)),
      availableAt:
        debounce !== undefined
          ? DebounceRules.availableAt(debounce, { createdAt: now, now })
          : availableAt === undefined
            ? now
            : DateTime.toEpochMillis(availableAt),
    },
    now,
  )
  const made =
    seed !== undefined && Arr.isNonEmptyReadonlyArray(seed.events)
      ? seeded(submitted, seed.events, now)
      : submitted
  const session = seed?.session && { ...seed.session, runId }
  return {
    made,
    ...(seed?.resume === undefined && session === undefined
      ? {}
      : { has: { ...(seed?.resume && { resume: seed.resume }), ...(session && { session }) } }),
    run: {
      state: made.state,
      details: {
        ...notesOf(submission),
        parentRunId: parent.parentRunId,
        rootRunId: parent.rootRunId,
        sourceTarget: submission.sourceTarget ?? projectTarget,
        runtimeTarget: submission.runtimeTarget ?? noTarget,
        session: null,
        labels,
        metadata: null,
        result: null,
      },
      ...requested(request, snapshot),
      submission: sent,
      conversation: submission.conversationId === undefined ? "new" : seed === undefined ? "named" : "same",
    },
  }
}
