import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import * as FormSchema from "../src/model/FormSchema.js"

class Place extends Schema.Class<Place>("Place")({
  city: Schema.NonEmptyString,
  floor: Schema.Int.pipe(Schema.between(1, 9)).annotations({ title: "Floor" }),
}) {}

interface Tree {
  readonly children: ReadonlyArray<Tree>
}

const Tree: Schema.Schema<Tree> = Schema.Struct({
  children: Schema.Array(Schema.suspend(() => Tree).annotations({ identifier: "Tree" })),
})

describe("the JSON Schema of a form", () => {
  it("is an object without fields for a payload without fields", () => {
    expect(FormSchema.of(Schema.Struct({}))).toEqual({ type: "object", properties: {} })
  })

  it("has every part in its place, and no title that is a filter's", () => {
    expect(FormSchema.of(Schema.Struct({ place: Place, copies: Schema.Int }))).toEqual({
      type: "object",
      required: ["place", "copies"],
      properties: {
        place: {
          type: "object",
          required: ["city", "floor"],
          properties: {
            city: { type: "string", description: "a non empty string", minLength: 1 },
            floor: {
              type: "integer",
              title: "Floor",
              description: "a number between 1 and 9",
              minimum: 1,
              maximum: 9,
            },
          },
          additionalProperties: false,
        },
        copies: { type: "integer", description: "an integer" },
      },
      additionalProperties: false,
    })
  })

  it("refers to its parts where one contains itself", () => {
    expect(FormSchema.of(Tree)?.["properties"]).toEqual({
      children: { type: "array", items: { $ref: "#/$defs/TreeEncodedBound" } },
    })
  })

  it("is absent where JSON Schema has no words for the value", () => {
    expect(FormSchema.of(Schema.instanceOf(Date))).toBeUndefined()
  })
})
