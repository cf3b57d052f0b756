/**
 * Limits of concurrency over HTTP.
 *
 * @since 0.1.0
 */
import type { Limits } from "@runlease/core"
import { Effect } from "effect"
import * as ControlPlaneErrors from "../contract/ControlPlaneErrors.js"
import * as Verdicts from "../contract/Verdicts.js"
import { pageOf } from "../Wire.js"
import { Limit } from "../Wire/Limit.js"
import { Extensions, missing } from "./Extensions.js"
import { path, Transport } from "./Transport.js"

const Page = pageOf(Limit)

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (project: string): Effect.Effect<Limits.Limits["Type"], never, Extensions | Transport> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const extensions = yield* Extensions

    const change = (operation: string, to: string) => (concurrencyKey: string) =>
      extensions
        ? transport
            .request({
              operation,
              method: "POST",
              path: to,
              body: { concurrency_key: concurrencyKey },
              success: Limit,
            })
            .pipe(
              Effect.catchTag("Refusal", (refusal) =>
                Effect.fail(ControlPlaneErrors.decode(operation)(refusal)),
              ),
            )
        : missing(operation, "pause a concurrency key")

    return {
      list: Effect.fnUntraced(
        function* (page) {
          if (!extensions) return yield* missing("Limits.list", "list its limits")
          const { data, page_info } = yield* transport.request({
            operation: "Limits.list",
            method: "GET",
            path: path`/projects/${project}/limits`,
            query: { cursor: page?.cursor, limit: page?.limit },
            success: Page,
          })
          return { items: data, next: page_info.next }
        },
        (list, page) =>
          Effect.catchTag(
            list,
            "Refusal",
            Verdicts.decode("Limits.list", ["InvalidCursor"], { cursor: page?.cursor }),
          ),
      ),
      pause: change("Limits.pause", path`/projects/${project}/limits/pause`),
      resume: change("Limits.resume", path`/projects/${project}/limits/resume`),
    }
  })
