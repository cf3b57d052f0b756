/** Limits of concurrency over HTTP. */
import type { Limits } from "@runlease/core"
import { Effect } from "effect"
import * as Api from "../Api/Limits.js"
import { fromInput } from "../Wire/Limit.js"
import * as Endpoints from "./Endpoints.js"
import { Extensions, missing } from "./Extensions.js"
import type { Transport } from "./Transport.js"

const keyOf = ({ key, name }: Limits.LimitSubject) =>
  name === null ? { concurrency_key: key } : { name, key }

const limiting = "limit or pause a concurrency key, an agent or the project"

const naming = "define limits with names"

/** @category constructors */
export const make: Effect.Effect<Limits.Limits["Type"], never, Extensions | Transport> = Effect.gen(
  function* () {
    const { call } = yield* Endpoints.of("Limits", Api.group)
    const extensions = yield* Extensions

    const change =
      (operation: string, verb: "pause" | "resume"): Limits.Limits["Type"]["pause"] =>
      (subject) => {
        if (!extensions) return missing(operation, limiting)
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
        if (!extensions) return yield* missing("Limits.list", "list its limits")
        const { data, page_info } = yield* call(
          "limits",
          { operation: "Limits.list", query: { cursor: page?.cursor, limit: page?.limit } },
          ["InvalidCursor"],
          { cursor: page?.cursor },
        )
        return { items: data, next: page_info.next }
      }),

      define: (limit) =>
        extensions
          ? call("define", { path: { limit_name: limit.name }, body: fromInput(limit) }, ["InvalidLimit"], {
              limitName: limit.name,
            })
          : missing("Limits.define", naming),

      named: (name) =>
        extensions
          ? call("named", { path: { limit_name: name } }, ["LimitNotFound"], { limitName: name })
          : missing("Limits.named", naming),

      remove: (name) =>
        extensions
          ? Effect.asVoid(
              call("remove", { path: { limit_name: name } }, ["LimitNotFound"], { limitName: name }),
            )
          : missing("Limits.remove", naming),

      setAgent: (agentId, maxRunning) =>
        extensions
          ? call("setAgentLimit", {
              operation: "Limits.setAgent",
              path: { agent_id: agentId },
              body: { max_running: maxRunning },
            })
          : missing("Limits.setAgent", limiting),

      setProject: (maxRunning) =>
        extensions
          ? call("setProjectLimit", { operation: "Limits.setProject", body: { max_running: maxRunning } })
          : missing("Limits.setProject", limiting),

      pause: change("Limits.pause", "pause"),
      resume: change("Limits.resume", "resume"),
    }
  },
)
