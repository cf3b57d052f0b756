/** Limits of concurrency over HTTP. */
import type { Limits } from "@runlease/core"
import { Effect } from "effect"
import * as Api from "../Api/Limits.js"
import { fromInput } from "../Wire/Limit.js"
import * as Endpoints from "./Endpoints.js"
import type { Transport } from "./Transport.js"

const keyOf = ({ key, name }: Limits.LimitSubject) =>
  name === null ? { concurrency_key: key } : { name, key }

export const make: Effect.Effect<Limits.Limits["Type"], never, Transport> = Effect.gen(function* () {
  const { call } = yield* Endpoints.of("Limits", Api.group)

  const change =
    (operation: string, verb: "pause" | "resume"): Limits.Limits["Type"]["pause"] =>
    (subject) => {
      switch (subject.kind) {
        case "agent":
          return call(`${verb}Agent`, { operation, path: { agent_id: subject.key } })
        case "project":
          return call(`${verb}Project`, { operation })
        default:
          return call(`${verb}Limit`, { operation, body: keyOf(subject) })
      }
    }

  return {
    list: Effect.fnUntraced(function* (page) {
      const { data, page_info } = yield* call(
        "limits",
        { operation: "Limits.list", query: { cursor: page?.cursor, limit: page?.limit } },
        ["InvalidCursor"],
        { cursor: page?.cursor },
      )
      return { items: data, next: page_info.next }
    }),

    define: (limit) =>
      call("define", { path: { limit_name: limit.name }, body: fromInput(limit) }, ["InvalidLimit"], {
        limitName: limit.name,
      }),

    named: (name) => call("named", { path: { limit_name: name } }, ["LimitNotFound"], { limitName: name }),

    remove: (name) =>
      Effect.asVoid(call("remove", { path: { limit_name: name } }, ["LimitNotFound"], { limitName: name })),

    setAgent: (agentId, maxRunning) =>
      call("setAgentLimit", {
        operation: "Limits.setAgent",
        path: { agent_id: agentId },
        body: { max_running: maxRunning },
      }),

    setProject: (maxRunning) =>
      call("setProjectLimit", { operation: "Limits.setProject", body: { max_running: maxRunning } }),

    pause: change("Limits.pause", "pause"),
    resume: change("Limits.resume", "resume"),
  }
})
