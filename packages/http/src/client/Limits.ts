/** Limits of concurrency over HTTP. */
import { Limits } from "@runlease/core"
import { Effect } from "effect"
import * as Api from "../Api/Limits.js"
import * as Endpoints from "./Endpoints.js"
import type { Transport } from "./Transport.js"

const keyOf = ({ key, name }: Limits.LimitSubject) =>
  name === null ? { concurrency_key: key } : { name, key }

export const make: Effect.Effect<Limits.Limits["Type"], never, Transport> = Effect.gen(function* () {
  const { call } = yield* Endpoints.of("Limits", Api.group)

  const set = (
    operation: string,
    { key, kind }: Pick<Limits.LimitSubject, "key" | "kind">,
    { maxRunning }: Pick<Limits.LimitBounds, "maxRunning">,
  ) => {
    const body = { maxRunning }
    return kind === "agent"
      ? call("setAgentLimit", { operation, path: { agent_id: key }, body })
      : call("setProjectLimit", { operation, body })
  }

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

    define: Effect.fnUntraced(function* (ofInput, boundsInput) {
      const { bounds, of } = yield* Limits.check(ofInput, boundsInput)
      return of.kind === "named"
        ? yield* call(
            "define",
            {
              path: { limit_name: of.name },
              body: { ...bounds, agentIds: of.agentIds, keyFrom: of.keyFrom },
            },
            ["InvalidLimit"],
            { limitName: of.name },
          )
        : { of, bounds, use: yield* set("Limits.define", of, bounds) }
    }),

    get: (name) =>
      call("named", { operation: "Limits.get", path: { limit_name: name } }, ["LimitNotFound"], {
        limitName: name,
      }),

    remove: (of) =>
      of.kind === "named"
        ? Effect.as(
            call("remove", { path: { limit_name: of.name } }, ["LimitNotFound"], { limitName: of.name }),
            null,
          )
        : set("Limits.remove", of, { maxRunning: null }),

    pause: change("Limits.pause", "pause"),
    resume: change("Limits.resume", "resume"),
  }
})
