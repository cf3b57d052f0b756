import { strictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import { call } from "./raw.js"

/** A token of a page, made by the API, with all scopes unless the body has others. */
export const issue = (body: object) =>
  Effect.map(
    call("POST", "/projects/default/tokens", { body: { scopes: ["read", "write", "stop"], ...body } }),
    ({ json, status }) => {
      strictEqual(status, 201)
      return json.token as string
    },
  )
