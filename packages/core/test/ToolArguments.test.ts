import { describe, expect, it } from "@effect/vitest"
import { ToolArguments } from "@runlease/core/executor"
import { FastCheck as fc } from "effect"

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length

describe("ToolArguments", () => {
  it("fit their bound, whatever they are, and show each short argument beside a long one", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.integer({ min: 200, max: 2_000 }), (value, max) => {
        const shown = ToolArguments.bounded(value, max)
        expect(bytesOf(shown)).toBeLessThanOrEqual(max)
        expect(bytesOf(value) > max || shown === value).toBe(true)
      }),
    )
    const shown = ToolArguments.bounded({ letter: "\u0001".repeat(50_000), cents: 900 })
    expect(shown).toMatchObject({ cents: 900 })
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`key-${index}`, index]))
    expect(ToolArguments.bounded(many)).toMatch(/^\{"key-0":0,.*… \(\d+ more characters\)$/)
  })

  it("have no secret of their schema, however the schema says it", () => {
    const secret = { type: "string", format: "password" }
    const schema = {
      type: "object",
      properties: {
        pin: { type: "integer", writeOnly: true },
        key: { $ref: "#/$defs/key" },
        list: { type: "array", items: { anyOf: [{ type: "null" }, secret] } },
        tree: { $ref: "#" },
      },
      additionalProperties: { oneOf: [{ type: "number" }, secret] },
      $defs: { key: secret },
    }
    const { hidden } = ToolArguments
    expect(
      ToolArguments.withoutSecrets(schema, {
        pin: 1234,
        key: "canary",
        list: ["canary", null],
        tree: { pin: 5, tree: { key: "canary" } },
        other: "canary",
      }),
    ).toEqual({
      pin: hidden,
      key: hidden,
      list: [hidden, null],
      tree: { pin: hidden, tree: { key: hidden } },
      other: hidden,
    })
    expect(ToolArguments.withoutSecrets({}, { open: "value" })).toEqual({ open: "value" })
  })

  it("are hidden where a schema refers to itself without an end", () => {
    const again = { $ref: "#" }
    const schema = { allOf: [again, again, again] }
    expect(ToolArguments.withoutSecrets(schema, { a: "canary" })).toBe(ToolArguments.hidden)
  })
})
