import { OpenApi } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Predicate } from "effect"
import { Api } from "../src/Api.js"

/** What stands at a JSON pointer, where there is something. */
const at = (document: unknown, pointer: string): unknown =>
  pointer
    .split("/")
    .slice(1)
    .map((step) => decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<unknown>((node, step) => (Predicate.isRecord(node) ? node[step] : undefined), document)

const referencesIn = (node: unknown): ReadonlyArray<string> =>
  Predicate.isRecord(node) || Array.isArray(node)
    ? Object.entries(node).flatMap(([key, value]) =>
        key === "$ref" && typeof value === "string" ? [value] : referencesIn(value),
      )
    : []

describe("the description of the API", () => {
  const document = OpenApi.fromApi(Api)

  it("has every reference lead somewhere", () => {
    const references = referencesIn(document)
    expect(references.length).toBeGreaterThan(0)
    expect(references.filter((reference) => at(document, reference) === undefined)).toEqual([])
  })
})
