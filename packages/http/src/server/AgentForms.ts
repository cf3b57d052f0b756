/**
 * Refuses a payload that no worker of its agent takes, by the JSON Schemas that workers register.
 *
 * A worker checks the payload again, so a payload is refused here only where that is certain: it fits none of the schemas of the workers
 * in contact, as the store has them now.
 *
 * @since 0.1.0
 */
import { type ControlPlaneError, Ids, Runs } from "@runlease/core"
import { JsonSchemaProblem } from "@runlease/core/internal"
import { Cache, Context, Effect, Either, Exit, Layer, Option, Predicate } from "effect"
import { CurrentPrincipal } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import * as CheckCost from "./CheckCost.js"
import { ProjectPortsCache } from "./ProjectPortsCache.js"
import * as ProjectViews from "./ProjectViews.js"
import * as TimeLimit from "./TimeLimit.js"

/** The parts of a submission that are checked. */
type Request = Pick<Runs.Submission, "agentId" | "snapshot"> & { readonly publicId?: string | undefined }

type Problem = (input: unknown) => string | undefined

/** What a project's workers register of its agents. A check is made at the first payload of its agent. */
interface Forms {
  readonly problemOf: (agentId: Ids.AgentId) => Problem
}

export class AgentForms extends Context.Tag("@runlease/http/server/AgentForms")<
  AgentForms,
  {
    /**
     * Passes a submission without an input, one for an agent without a schema, and the repeat of a submission that was accepted before.
     *
     * Fails: a `Refusal` with status 422 and field `input`, in the words of `JsonSchemaProblem`.
     */
    readonly check: (
      projectId: Ids.ProjectId,
      submission: Request,
    ) => Effect.Effect<void, Refusal.Refusal | ControlPlaneError.ControlPlaneError>
  }
>() {}

/** `AgentForms.check` in the project of the caller. */
export const check = (submission: Request) =>
  Effect.flatMap(Effect.zip(AgentForms, CurrentPrincipal), ([forms, { projectId }]) =>
    forms.check(projectId, submission),
  )

const fitting: Problem = () => undefined

/** The problem with the first schema where the input fits none. A schema that cannot be checked in time accepts everything. */
const checkOf = (within: TimeLimit.TimeLimit, schemas: ReadonlyArray<object>): Problem => {
  if (schemas.length === 0) return fitting
  const isPlain = schemas.every(CheckCost.isPlain)
  let problems: ReadonlyArray<Problem> | undefined
  let isInTime = true
  const firstOf = (input: unknown): string | undefined => {
    problems ??= schemas.map(JsonSchemaProblem.make)
    let first: string | undefined
    for (const problem of problems) {
      const found = problem(input)
      if (found === undefined) return undefined
      first ??= found
    }
    return first
  }
  return (input) => {
    if (!isInTime) return undefined
    if (isPlain && CheckCost.isSmall(input)) return firstOf(input)
    const checked = within(() => firstOf(input))
    isInTime = Option.isSome(checked)
    return Option.getOrUndefined(checked)
  }
}

const distinct = (schemas: ReadonlyArray<object>): ReadonlyArray<object> =>
  Array.from(new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values())

export const layer: Layer.Layer<AgentForms, never, ProjectPortsCache> = Layer.effect(
  AgentForms,
  Effect.gen(function* () {
    const projects = yield* ProjectPortsCache
    const within = TimeLimit.make()

    const registered = (projectId: Ids.ProjectId) =>
      Effect.catchTag(ProjectViews.inContact(projects.ports(projectId)), "InvalidCursor", Effect.die)

    const read = (projectId: Ids.ProjectId) =>
      Effect.map(registered(projectId), (workers): Forms => {
        const checks = new Map<Ids.AgentId, Problem>()
        return {
          problemOf: (agentId) => {
            const before = checks.get(agentId)
            if (before !== undefined) return before
            const schemas = workers.flatMap((worker) => {
              const form = ProjectViews.claims(worker, agentId) ? worker.forms?.[agentId] : undefined
              return Predicate.isObject(form) ? [form] : []
            })
            const check = checkOf(within, distinct(schemas))
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
      check: Effect.fnUntraced(function* (projectId, { agentId, publicId, snapshot }) {
        const input = snapshot?.input
        if (input === undefined) return
        // An interrupted lookup would interrupt the other requests that wait for it.
        const found = yield* Effect.uninterruptible(forms.getEither(projectId))
        let problem: string | undefined = Either.merge(found).problemOf(agentId)(input)
        if (problem !== undefined && Either.isLeft(found)) {
          const now = yield* read(projectId)
          yield* forms.set(projectId, now)
          problem = now.problemOf(agentId)(input)
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
