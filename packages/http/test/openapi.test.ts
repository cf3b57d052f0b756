import { HttpApi, OpenApi } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Predicate, Schema, type SchemaAST } from "effect"
import { examples } from "../src/Api/Examples.js"
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

  it("names runs first, and workers after all that users call", () => {
    expect(document.tags?.map(({ name }) => name)).toEqual([
      "Runs",
      "Usage",
      "Observe",
      "Sign in",
      "Session",
      "Conversations",
      "AG-UI",
      "Threads",
      "Workers",
      "Exchange",
      "Projects and keys",
      "Health",
    ])
  })

  it.effect("has an example for every endpoint that users call, which its schemas take", () =>
    Effect.gen(function* () {
      const called: Array<string> = []
      const sent: Array<string> = []
      const checks: Array<Effect.Effect<unknown, unknown>> = []
      const check = (ast: SchemaAST.AST, example: unknown) => {
        checks.push(Schema.decodeUnknown(Schema.make<unknown>(ast))(example))
      }
      HttpApi.reflect(Api, {
        predicate: ({ group }) => group.identifier !== "workers" && group.identifier !== "exchange",
        onGroup: () => {},
        onEndpoint: ({ endpoint, group, successes }) => {
          const name = `${group.identifier}.${endpoint.name}`
          called.push(name)
          if (Option.isSome(endpoint.payloadSchema)) {
            sent.push(name)
            check(endpoint.payloadSchema.value.ast, examples[name]?.sent)
          }
          for (const { ast } of successes.values()) {
            if (Option.isSome(ast)) check(ast.value, examples[name]?.answer)
          }
        },
      })
      const named = Object.keys(examples)
      expect(called.toSorted()).toEqual(named.toSorted())
      expect(sent.toSorted()).toEqual(named.filter((name) => examples[name]?.sent !== undefined).toSorted())
      yield* Effect.all(checks)
    }),
  )

  it("shows the examples", () => {
    const submit = at(document, "/paths/~1runs/post")
    expect(at(submit, "/requestBody/content/application~1json/example/public_id")).toBe("report-1")
    expect(at(submit, "/responses/202/content/application~1json/example/accepted")).toBe(true)
  })
})
