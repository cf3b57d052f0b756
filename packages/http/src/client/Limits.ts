/** Limits of concurrency over HTTP. */
import type { ControlPlaneError, Limits } from "@runlease/core"
import { Effect, Schema } from "effect"
import * as ControlPlaneErrors from "../contract/ControlPlaneErrors.js"
import type { ErrorOf, Tag } from "../contract/Verdict.js"
import * as Verdicts from "../contract/Verdicts.js"
import { pageOf } from "../Wire.js"
import { fromInput, Limit, NamedLimit } from "../Wire/Limit.js"
import { Extensions, missing } from "./Extensions.js"
import { path, type Request, Transport } from "./Transport.js"

const Page = pageOf(Limit)
const Removed = Schema.Struct({ deleted: Schema.Boolean })

/** @category constructors */
export const make = (project: string): Effect.Effect<Limits.Limits["Type"], never, Extensions | Transport> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const extensions = yield* Extensions

    const send = (operation: string, to: Pick<Request<never, never>, "method" | "path" | "body">) =>
      extensions
        ? Effect.catchTag(transport.request({ operation, ...to, success: Limit }), "Refusal", (refusal) =>
            Effect.fail(ControlPlaneErrors.decode(operation)(refusal)),
          )
        : missing(operation, "limit or pause a concurrency key, an agent or the project")

    const change = (operation: string, verb: "pause" | "resume") => (subject: Limits.LimitSubject) =>
      send(
        operation,
        subject.kind === "agent"
          ? { method: "POST", path: path`/projects/${project}/agents/${subject.key}/${verb}` }
          : subject.kind === "project"
            ? { method: "POST", path: path`/projects/${project}/${verb}` }
            : {
                method: "POST",
                path: path`/projects/${project}/limits/${verb}`,
                body:
                  subject.name === null
                    ? { concurrency_key: subject.key }
                    : { name: subject.name, key: subject.key },
              },
      )

    const ofName = <A, I, T extends Tag>(
      operation: string,
      name: string,
      method: "PUT" | "GET" | "DELETE",
      success: Schema.Schema<A, I>,
      expected: T,
      body?: object,
    ): Effect.Effect<A, ErrorOf<T> | ControlPlaneError.ControlPlaneError> =>
      extensions
        ? transport.call(
            {
              operation,
              method,
              path: path`/projects/${project}/limits/${name}`,
              success,
              ...(body === undefined ? {} : { body }),
            },
            [expected],
            { limitName: name },
          )
        : missing(operation, "define limits with names")

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
      define: (limit) =>
        ofName("Limits.define", limit.name, "PUT", NamedLimit, "InvalidLimit", fromInput(limit)),
      named: (name) => ofName("Limits.named", name, "GET", NamedLimit, "LimitNotFound"),
      remove: (name) => Effect.asVoid(ofName("Limits.remove", name, "DELETE", Removed, "LimitNotFound")),
      setAgent: (agentId, maxRunning) =>
        send("Limits.setAgent", {
          method: "PUT",
          path: path`/projects/${project}/agents/${agentId}/limit`,
          body: { max_running: maxRunning },
        }),
      setProject: (maxRunning) =>
        send("Limits.setProject", {
          method: "PUT",
          path: path`/projects/${project}/limit`,
          body: { max_running: maxRunning },
        }),
      pause: change("Limits.pause", "pause"),
      resume: change("Limits.resume", "resume"),
    }
  })
