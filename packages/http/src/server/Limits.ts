import { Limits } from "@runlease/core"
import { Context, Effect, identity } from "effect"
import { subjectOf } from "../Api/Limits.js"
import { Limit, toInput } from "../Wire/Limit.js"
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

const ofAgent = (key: string): Limits.LimitSubject => ({ kind: "agent", name: null, key })
const ofProject: Limits.LimitSubject = { kind: "project", name: null, key: "" }

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
      using(path, (limits) => limits.define(toInput(path.limit_name, payload))),
    )
    .handle("named", ({ path }) => using(path, (limits) => limits.named(path.limit_name)))
    .handle("remove", ({ path }) =>
      using(path, (limits) => Effect.as(limits.remove(path.limit_name), { deleted: true })),
    )
    .handle("setProjectLimit", ({ path, payload }) =>
      using(path, (limits) => limits.setProject(payload.max_running)),
    )
    .handle("pauseProject", ({ path }) => using(path, (limits) => limits.pause(ofProject)))
    .handle("resumeProject", ({ path }) => using(path, (limits) => limits.resume(ofProject)))
    .handle("setAgentLimit", ({ path, payload }) =>
      using(path, (limits) => limits.setAgent(path.agent_id, payload.max_running)),
    )
    .handle("pauseAgent", ({ path }) => using(path, (limits) => limits.pause(ofAgent(path.agent_id))))
    .handle("resumeAgent", ({ path }) => using(path, (limits) => limits.resume(ofAgent(path.agent_id)))),
)
