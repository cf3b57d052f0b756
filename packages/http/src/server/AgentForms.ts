/**
 * Refuses a payload that no worker of its agent takes, by the JSON Schemas that workers register.
 *
 * A worker checks the payload again, so a payload is refused here only where that is certain: it fits none of the schemas of the workers
 * in contact, as the store has them now.
 */
import { type ControlPlaneError, Ids, Runs } from "@runlease/core"
import * as JsonSchemaProblem from "@runlease/core/JsonSchemaProblem"
import * as WorkersInContact from "@runlease/core/WorkersInContact"
import { Cache, Context, Effect, Either, Exit, Layer } from "effect"
import { CurrentPrincipal } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import * as CheckThread from "./CheckThread.js"
import { ProjectPortsCache } from "./ProjectPorts.js"
import { budget, type Budget, type Check, checkOf } from "./SchemaChecks.js"

export { budget, type Budget }

/** The parts of a submission that are checked. */
type Request = Pick<Runs.Submission, "agentId" | "snapshot"> & { readonly publicId?: string | undefined }

/** What a project's workers register of its agents. A check is made at the first payload of its agent. */
interface Forms {
  readonly checkOf: (agentId: Ids.AgentId) => Check
}

export class AgentForms extends Context.Tag("@runlease/http/server/AgentForms")<
  AgentForms,
  {
    /**
     * Passes a submission without an input, one for an agent without a schema, and the repeat of a submission that was accepted before.
     * Submissions of one request share its budget.
     *
     * Fails: a `Refusal` with status 422 and field `input`, in the words of `JsonSchemaProblem`.
     */
    readonly check: (
      projectId: Ids.ProjectId,
      submission: Request,
      shared?: Budget,
    ) => Effect.Effect<void, Refusal.Refusal | ControlPlaneError.ControlPlaneError>
  }
>() {}

/** `AgentForms.check` in the project of the caller. */
export const check = (submission: Request, shared?: Budget) =>
  Effect.flatMap(Effect.zip(AgentForms, CurrentPrincipal), ([forms, { projectId }]) =>
    forms.check(projectId, submission, shared),
  )

export const layer: Layer.Layer<AgentForms, never, ProjectPortsCache> = Layer.scoped(
  AgentForms,
  Effect.gen(function* () {
    const projects = yield* ProjectPortsCache
    const thread = yield* CheckThread.make

    const registered = (projectId: Ids.ProjectId) =>
      Effect.catchTag(WorkersInContact.metadata(projects.ports(projectId)), "InvalidCursor", Effect.die)

    const read = (projectId: Ids.ProjectId) =>
      Effect.map(registered(projectId), (workers): Forms => {
        const checks = new Map<Ids.AgentId, Check>()
        return {
          checkOf: (agentId) => {
            const before = checks.get(agentId)
            if (before !== undefined) return before
            const check = checkOf(thread, WorkersInContact.formsOf(workers, agentId))
            checks.set(agentId, check)
            return check
          },
        }
      })

    const forms = yield* Cache.makeWith({
      capacity: 1000,
      timeToLive: Exit.match({ onFailure: () => 0, onSuccess: () => "10 seconds" as const }),
      lookup: read,
    })

    return {
      check: Effect.fnUntraced(function* (projectId, { agentId, publicId, snapshot }, shared = budget()) {
        const input = snapshot?.input
        if (input === undefined) return
        // An interrupted lookup would interrupt the other requests that wait for it.
        const found = yield* Effect.uninterruptible(forms.getEither(projectId))
        let problem = yield* Either.merge(found).checkOf(agentId)(input, shared)
        if (problem !== undefined && Either.isLeft(found) && !shared.isFresh) {
          shared.isFresh = true
          const now = yield* read(projectId)
          yield* forms.set(projectId, now)
          problem = yield* now.checkOf(agentId)(input, shared)
        }
        if (problem === undefined) return
        if (publicId !== undefined) {
          const runs = Context.get(projects.ports(projectId), Runs.Runs)
          const isRepeat = yield* Effect.as(runs.get(Ids.RunId.make(publicId)), true).pipe(
            Effect.catchTag("RunNotFound", () => Effect.succeed(false)),
          )
          if (isRepeat) return
        }
        return yield* Refusal.make(422, "invalid_payload", JsonSchemaProblem.ofPayload(agentId, problem), {
          field: "input",
        })
      }),
    }
  }),
)
