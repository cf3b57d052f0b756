import { HttpApi, OpenApi } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Predicate, Schema, type SchemaAST } from "effect"
import * as Examples from "@runlease/http/Api/Examples"
import * as Api from "@runlease/http/Api"
import { faces } from "./faces.js"

const api = Api.withFaces(faces)

const examples: Readonly<Record<string, Examples.Example>> = Object.assign(
  {},
  Examples.examples,
  ...faces.map((face) => face.examples),
)

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

/** Where a schema allows a list of any length. Each schema is looked at once, wherever it is referred to. */
const endlessLists = (
  document: unknown,
  node: unknown,
  path: string,
  seen: Set<string>,
): ReadonlyArray<string> => {
  if (!Predicate.isRecord(node) && !Array.isArray(node)) return []
  if (Predicate.isRecord(node) && typeof node["$ref"] === "string") {
    if (seen.has(node["$ref"])) return []
    seen.add(node["$ref"])
    return endlessLists(document, at(document, node["$ref"]), node["$ref"], seen)
  }
  const isList = Predicate.isRecord(node) && node["type"] === "array" && node["maxItems"] === undefined
  return [
    ...(isList ? [path] : []),
    ...Object.entries(node)
      .filter(([key]) => key !== "example")
      .flatMap(([key, value]) => endlessLists(document, value, `${path}/${key}`, seen)),
  ]
}

describe("the description of the API", () => {
  const document = OpenApi.fromApi(api)

  it("bounds every list of a request", () => {
    const seen = new Set<string>()
    const endless = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, operation]) =>
        [operation?.requestBody, operation?.parameters].flatMap((sent) =>
          endlessLists(document, sent, `${method} ${path}`, seen),
        ),
      ),
    )
    expect(endless).toEqual([])
    expect(seen.size).toBeGreaterThan(5)
  })

  it("has every reference lead somewhere", () => {
    const references = referencesIn(document)
    expect(references.length).toBeGreaterThan(0)
    expect(references.filter((reference) => at(document, reference) === undefined)).toEqual([])
  })

  it("names runs first, and workers after all that users call", () => {
    expect(document.tags?.map(({ name }) => name)).toEqual([
      "Runs",
      "Usage",
      "Schedules",
      "Bulk operations",
      "Webhooks",
      "Outbox",
      "Webhook sources",
      "Webhooks in",
      "Observe",
      "Sign in",
      "Session",
      "Conversations",
      "Requests for input",
      "AG-UI",
      "MCP",
      "A2A card",
      "A2A",
      "OpenAI Responses",
      "Threads",
      "AI SDK",
      "Limits",
      "Rollouts",
      "Workers",
      "Exchange",
      "Projects and keys",
      "Tokens",
      "Callbacks",
      "Answers by URL",
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
      HttpApi.reflect(api, {
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
