/** The conditions of a query whose names have the path of a value in them: `metadata.customer.plan=gold`. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { MetadataFilter } from "@runlease/core"
import { Effect, ParseResult, Schema } from "effect"
import { metadataName } from "../Api/RunFilter.js"
import * as Refusal from "../contract/Refusal.js"

const prefix = metadataName("")

const decode = Schema.decodeUnknown(MetadataFilter.MetadataFilter)

const refuse = (field: string, detail: string) =>
  Refusal.make(422, "invalid_filter", `${field}: ${detail}`, { field })

/** Conditions of the public API on what no run has here: left out, they would narrow nothing. */
const absent: Readonly<Record<string, string>> = {
  "trigger_type[]": "runs are not listed by what has triggered them",
  trigger_id: "runs are not listed by what has triggered them",
}

/** What names of this kind there are: a condition whose name is wrong would otherwise narrow nothing. */
const problemOf = (name: string): string | undefined => {
  if (Object.hasOwn(absent, name)) return absent[name]
  if (name === "metadata") return "must have the path of a value after it, as metadata.customer"
  return name.startsWith("error.") && name !== "error.code" ? "must be error.code" : undefined
}

/** The conditions of the request. A name that is none is refused. */
export const read: Effect.Effect<
  { readonly metadata?: MetadataFilter.MetadataFilter },
  Refusal.Refusal,
  HttpServerRequest.ParsedSearchParams
> = Effect.flatMap(HttpServerRequest.ParsedSearchParams, (query) => {
  const names = Object.keys(query)
  const wrong = names.find((name) => problemOf(name) !== undefined)
  if (wrong !== undefined) return refuse(wrong, problemOf(wrong)!)
  const conditions = names.flatMap((name) =>
    name.startsWith(prefix) ? [[name.slice(prefix.length), query[name]] as const] : [],
  )
  if (conditions.length === 0) return Effect.succeed({})
  return Effect.mapBoth(decode(Object.fromEntries(conditions)), {
    onSuccess: (metadata) => ({ metadata }),
    onFailure: (error) => {
      const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
      const path = issue?.path[0]
      return refuse(
        path === undefined ? "metadata" : metadataName(String(path)),
        issue?.message.split("\n")[0] ?? "is malformed",
      )
    },
  })
})
