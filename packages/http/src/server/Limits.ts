import { Limits } from "@runlease/core"
import { Context, Effect, identity } from "effect"
import { subjectOf } from "../Api/Limits.js"
import { Limit } from "../Wire/Limit.js"
import * as Caller from "./Caller.js"
import { group } from "./Group.js"
import * as ListRows from "./ListRows.js"

/** Uses the limits of the named project, which must be the caller's. */
const using = <A, E, R>(
  path: { readonly project_reference: string },
  use: (limits: Limits.Limits["Type"]) => Effect.Effect<A, E, R>,
) =>
  Effect.flatMap(Caller.project(path.project_reference), ({ ports }) =>
    use(Context.get(ports, Limits.Limits)),
  )

/** Sets how many of these runs work at once, and answers what runs then, which a limit without a name has. */
const set = (
  path: { readonly project_reference: string },
  of: ReturnType<typeof Limits.ofAgent> | typeof Limits.ofProject,
  bounds: Pick<Limits.LimitBounds, "maxRunning">,
) => using(path, (limits) => Effect.map(limits.define(of, bounds), ({ use }) => use!))

export const layer = group("limits", (handlers) =>
  handlers
    .handle("limits", ({ path, urlParams }) =>
      using(path, (limits) =>
        Effect.flatMap(limits.list(urlParams), (page) =>
          ListRows.respond(Limit, page, identity, () => "a limit", urlParams),
        ),
      ),
    )
    .handle("pauseLimit", ({ path, payload }) => using(path, (limits) => limits.pause(subjectOf(payload))))
    .handle("resumeLimit", ({ path, payload }) => using(path, (limits) => limits.resume(subjectOf(payload))))
    .handle("define", ({ path, payload }) =>
      using(path, (limits) => limits.define(Limits.ofName(path.limit_name, payload), payload)),
    )
    .handle("named", ({ path }) => using(path, (limits) => limits.get(path.limit_name)))
    .handle("remove", ({ path }) =>
      using(path, (limits) => Effect.as(limits.remove(Limits.ofName(path.limit_name)), { deleted: true })),
    )
    .handle("setProjectLimit", ({ path, payload }) => set(path, Limits.ofProject, payload))
    .handle("pauseProject", ({ path }) => using(path, (limits) => limits.pause(Limits.ofProject)))
    .handle("resumeProject", ({ path }) => using(path, (limits) => limits.resume(Limits.ofProject)))
    .handle("setAgentLimit", ({ path, payload }) => set(path, Limits.ofAgent(path.agent_id), payload))
    .handle("pauseAgent", ({ path }) => using(path, (limits) => limits.pause(Limits.ofAgent(path.agent_id))))
    .handle("resumeAgent", ({ path }) =>
      using(path, (limits) => limits.resume(Limits.ofAgent(path.agent_id))),
    ),
)
