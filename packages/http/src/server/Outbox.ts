import { RefusedRows } from "@runlease/core"
import { Context, Effect, identity } from "effect"
import { RefusedRow } from "../Api/Outbox.js"
import * as Caller from "./Caller.js"
import { group } from "./Group.js"
import * as ListRows from "./ListRows.js"

/** The refused rows of the named project, which must be the caller's. */
const rowsOf = (path: { readonly project_reference: string }) =>
  Effect.map(Caller.project(path.project_reference), ({ ports }) =>
    Context.get(ports, RefusedRows.RefusedRows),
  )

const chosen = ({ row_ids }: { readonly row_ids?: ReadonlyArray<string> | null | undefined }) =>
  row_ids ?? "all"

const counted = (rows: number) => ({ rows })

export const layer = group("outbox", (handlers) =>
  handlers
    .handle("refused", ({ path, urlParams }) =>
      Effect.gen(function* () {
        const page = yield* (yield* rowsOf(path)).list(urlParams)
        return yield* ListRows.respond(RefusedRow, page, identity, ({ id }) => id, {
          cursor: urlParams.cursor,
        })
      }),
    )
    .handle("retryRows", ({ path, payload }) =>
      Effect.flatMap(rowsOf(path), ({ retry }) => Effect.map(retry(chosen(payload)), counted)),
    )
    .handle("discardRows", ({ path, payload }) =>
      Effect.flatMap(rowsOf(path), ({ discard }) => Effect.map(discard(chosen(payload)), counted)),
    ),
)
