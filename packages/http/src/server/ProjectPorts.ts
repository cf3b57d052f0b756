/** The ports of each project, and whether their claims are answered. */
import { Claims, ControlPlane, type Ids, ControlPlaneUnavailable, Runs } from "@runlease/core"
import { Context, Effect, Layer, Cause, Duration, Exit, Iterable, Option } from "effect"

import type * as AnswerCheck from "@runlease/core/AnswerCheck"
import * as AnswerForms from "./AnswerForms.js"

// Whether the claims at this server get their answers, with runs or with none.
//
// A claim that waits is a worker in contact with free slots, and it looks for runs every second. So a server that answers its claims
// assigns the runs that are due to the workers that are here, and one without claims has not stalled.
//
// Source: docs/decisions/0079-readiness.md

type ClaimsPort = Context.Tag.Service<Claims.Claims>

export class ClaimAnswers extends Context.Tag("@runlease/http/server/ClaimAnswers")<
  ClaimAnswers,
  {
    /** The same claims, with their outcomes recorded. */
    readonly observed: (claims: ClaimsPort) => ClaimsPort

    /** Fails when a claim is overdue by 15 seconds, or when all claims of the last 15 seconds have failed. */
    readonly ready: Effect.Effect<void, ControlPlaneUnavailable.ControlPlaneUnavailable>
  }
>() {}

const patience = Duration.unsafeToNanos(Duration.seconds(15))

/** Workers claim again within this time. Failures that are older say nothing of the claims of now. */
const forgetAfter = 2n * patience

const stalled = (message: string) =>
  new ControlPlaneUnavailable.ControlPlaneUnavailable({
    operation: "ClaimAnswers.ready",
    message,
    detail: message,
  })

/** Whether a claim failed for the server's sake. Its caller may have gone before the answer was due. */
const hasFailed = (cause: Cause.Cause<{ readonly _tag: string }>, isDue: boolean): boolean | undefined => {
  if (Cause.isInterruptedOnly(cause)) return isDue ? true : undefined
  return Option.match(Cause.failureOption(cause), {
    onNone: () => true,
    onSome: ({ _tag }) => _tag === "ControlPlaneUnavailable",
  })
}

export const claimAnswersLayer: Layer.Layer<ClaimAnswers> = Layer.effect(
  ClaimAnswers,
  Effect.map(Effect.clock, (clock) => {
    const now = () => clock.unsafeCurrentTimeNanos()
    const inProgress = new Set<{ readonly dueAt: bigint }>()
    // The claims that failed since one was answered.
    let failures: { readonly since: bigint; readonly latest: bigint } | undefined

    const noteFailure = (cause: Cause.Cause<{ readonly _tag: string }>, dueAt: bigint): void => {
      const at = now()
      const failed = hasFailed(cause, at > dueAt)
      if (failed === true) failures = { since: failures?.since ?? at, latest: at }
      else if (failed === false) failures = undefined
    }

    return {
      observed: ({ claim }) => ({
        claim: (request) =>
          Effect.suspend(() => {
            const claiming = { dueAt: now() + Duration.unsafeToNanos(request.wait ?? Duration.zero) }
            inProgress.add(claiming)
            return Effect.onExit(claim(request), (exit) => {
              inProgress.delete(claiming)
              if (Exit.isSuccess(exit)) failures = undefined
              else noteFailure(exit.cause, claiming.dueAt)
              return Effect.void
            })
          }),
      }),
      ready: Effect.suspend(() => {
        const at = now()
        if (Iterable.some(inProgress, ({ dueAt }) => at - dueAt > patience)) {
          return stalled("Claims get no answer")
        }
        return failures !== undefined &&
          failures.latest - failures.since > patience &&
          at - failures.latest < forgetAfter
          ? stalled("All claims fail")
          : Effect.void
      }),
    }
  }),
)

// Keeps each project's ports once they were made: they hold no state of a request, and every request needs them.

export type Ports = Context.Context<ControlPlane.StorePorts>

export class ProjectPortsCache extends Context.Tag("@runlease/http/server/ProjectPortsCache")<
  ProjectPortsCache,
  {
    readonly ports: (projectId: Ids.ProjectId) => Ports

    /** The problem of an answer with the JSON Schema of its question. */
    readonly checkAnswer: AnswerCheck.Check
  }
>() {}

export const layer: Layer.Layer<ProjectPortsCache, never, ClaimAnswers | ControlPlane.ControlPlane> =
  Layer.scoped(
    ProjectPortsCache,
    Effect.gen(function* () {
      const controlPlane = yield* ControlPlane.ControlPlane
      const { observed } = yield* ClaimAnswers
      const answers = yield* AnswerForms.make
      const cache = new Map<Ids.ProjectId, Ports>()
      const make = (projectId: Ids.ProjectId): Ports => {
        const ports = controlPlane.project(projectId)
        return ports.pipe(
          Context.add(Claims.Claims, observed(Context.get(ports, Claims.Claims))),
          Context.add(Runs.Runs, answers.over(Context.get(ports, Runs.Runs))),
        )
      }
      return {
        checkAnswer: answers.check,
        ports: (projectId) => {
          const ports = cache.get(projectId) ?? make(projectId)
          cache.set(projectId, ports)
          return ports
        },
      }
    }),
  )
