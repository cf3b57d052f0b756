import type { RefusedRows } from "@runlease/core"
import { Effect } from "effect"
import * as Api from "../Api/Outbox.js"
import * as Endpoints from "./Endpoints.js"
import type { Transport } from "./Transport.js"

const bodyOf = (chosen: RefusedRows.Chosen) => (chosen === "all" ? { all: true } : { row_ids: chosen })

export const make: Effect.Effect<RefusedRows.RefusedRows["Type"], never, Transport> = Effect.gen(
  function* () {
    const { call } = yield* Endpoints.of("RefusedRows", Api.group)
    const change =
      (endpoint: "retryRows" | "discardRows", operation: string) => (chosen: RefusedRows.Chosen) =>
        chosen.length === 0
          ? Effect.succeed(0)
          : Effect.map(call(endpoint, { operation, body: bodyOf(chosen) }), ({ rows }) => rows)
    return {
      list: Effect.fnUntraced(function* (options) {
        const { data, page_info } = yield* call(
          "refused",
          { operation: "list", query: { ...options } },
          ["InvalidCursor"],
          { cursor: options?.cursor },
        )
        return { items: data, next: page_info.next }
      }),
      retry: change("retryRows", "retry"),
      discard: change("discardRows", "discard"),
    }
  },
)
