import { describe, it } from "@effect/vitest"
import {
  type Brand,
  type DateTime,
  type Duration,
  Effect,
  type Either,
  type Option,
  Schema,
  Stream,
} from "effect"
import { expectTypeOf } from "vitest"
import * as Agent from "../src/executor/Agent.js"
import * as Step from "../src/executor/Step.js"
import type { IsJson } from "../src/model/IsJson.js"

class Point extends Schema.TaggedError<Point>()("Point", { x: Schema.Number }) {}

interface Tree {
  readonly name: string
  readonly children: ReadonlyArray<Tree>
}

interface DatedTree extends Tree {
  readonly when: Date
}

describe("what JSON gives back", () => {
  it("is text, numbers, yes and no, nothing, and what is made of these", () => {
    expectTypeOf<IsJson<string>>().toEqualTypeOf<true>()
    expectTypeOf<IsJson<"a" | 1 | true | null>>().toEqualTypeOf<true>()
    expectTypeOf<IsJson<undefined>>().toEqualTypeOf<true>()
    expectTypeOf<IsJson<void>>().toEqualTypeOf<true>()
    expectTypeOf<IsJson<never>>().toEqualTypeOf<true>()
    expectTypeOf<IsJson<{ readonly a: string; readonly b?: ReadonlyArray<number> }>>().toEqualTypeOf<true>()
    expectTypeOf<IsJson<ReadonlyArray<string>>>().toEqualTypeOf<true>()
    expectTypeOf<IsJson<readonly [string, { readonly n: number | null }]>>().toEqualTypeOf<true>()
    expectTypeOf<IsJson<Record<string, boolean>>>().toEqualTypeOf<true>()
    expectTypeOf<IsJson<string & Brand.Brand<"Id">>>().toEqualTypeOf<true>()
    expectTypeOf<IsJson<{ readonly a: string } & Brand.Brand<"Checked">>>().toEqualTypeOf<true>()
    expectTypeOf<IsJson<Tree>>().toEqualTypeOf<true>()
  })

  it("may be a value of unknown type", () => {
    expectTypeOf<IsJson<unknown>>().toEqualTypeOf<true>()
    // oxlint-disable-next-line no-explicit-any -- the type of a value that its author does not type
    expectTypeOf<IsJson<any>>().toEqualTypeOf<true>()
    expectTypeOf<IsJson<{ readonly value: unknown }>>().toEqualTypeOf<true>()
  })

  it("is nothing that has a form of its own in memory", () => {
    expectTypeOf<IsJson<Date>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<bigint>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<symbol>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<Error>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<Point>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<Map<string, number>>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<ReadonlyMap<number, string>>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<Set<string>>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<Uint8Array>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<() => string>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<Promise<string>>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<Option.Option<string>>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<Either.Either<string, string>>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<Duration.Duration>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<DateTime.Utc>>().toEqualTypeOf<false>()
  })

  it("has none of these within it", () => {
    expectTypeOf<IsJson<string | Date>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<Date | undefined>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<{ readonly when?: Date }>>().toEqualTypeOf<false>()
    expectTypeOf<
      IsJson<{ readonly a: { readonly b: ReadonlyArray<{ readonly c: bigint }> } }>
    >().toEqualTypeOf<false>()
    expectTypeOf<IsJson<ReadonlyArray<Option.Option<string>>>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<readonly [string, Date]>>().toEqualTypeOf<false>()
    expectTypeOf<IsJson<Record<string, Set<string>>>>().toEqualTypeOf<false>()
    expectTypeOf<
      IsJson<{ readonly _tag: "A" } | { readonly _tag: "B"; readonly at: Date }>
    >().toEqualTypeOf<false>()
    expectTypeOf<IsJson<DatedTree>>().toEqualTypeOf<false>()
  })
})

describe("a step", () => {
  const when = Effect.succeed(new Date(0))

  it("has a schema where JSON changes its result", () => {
    // @ts-expect-error -- a later attempt would get a string
    Step.run("when", when)
    // @ts-expect-error -- a key is no schema
    Step.run("when", when, { key: 1 })
    // @ts-expect-error -- a later attempt would get a string
    Step.atMostOnce("when", when)
    // @ts-expect-error -- a later attempt would get a string
    Step.stream("when", Stream.make(Agent.result(new Date(0))))
    // @ts-expect-error -- a later attempt would get an object without values
    Step.run("seen", Effect.succeed({ seen: new Set([1]), none: undefined }))
    const encoded = Step.run("when", when, { schema: Schema.Date, key: 1 })
    expectTypeOf<Effect.Effect.Success<typeof encoded>>().toEqualTypeOf<Date>()
    Step.atMostOnce("when", when, { schema: Schema.Date })
    Step.stream("when", Stream.make(Agent.result(new Date(0))), { schema: Schema.Date })
  })

  it("needs none otherwise", () => {
    const text = Step.stream("draft", Stream.make("a", "b"))
    expectTypeOf<Effect.Effect.Success<typeof text>>().toEqualTypeOf<string>()
    const count = Step.stream("count", Stream.make("a", Agent.result(1)))
    expectTypeOf<Effect.Effect.Success<typeof count>>().toEqualTypeOf<number>()
    const none = Step.stream("none", Stream.make("a", Agent.result(null)))
    expectTypeOf<Effect.Effect.Success<typeof none>>().toEqualTypeOf<null>()
    const page = Step.run("page", Effect.succeed({ words: 3, title: "Leases" }), { key: 1 })
    expectTypeOf<Effect.Effect.Success<typeof page>>().toEqualTypeOf<{ words: number; title: string }>()
    const nothing = Step.run("nothing", Effect.void)
    expectTypeOf<Effect.Effect.Success<typeof nothing>>().toEqualTypeOf<void>()
    const failed = Step.run("failed", Effect.fail("no" as const))
    expectTypeOf<Effect.Effect.Success<typeof failed>>().toEqualTypeOf<never>()
  })

  it("of any type takes a schema, or the options of its caller", () => {
    const encoded = <A, I>(body: Effect.Effect<A>, schema: Schema.Schema<A, I>) =>
      Step.run("encoded", body, { schema })
    const passed = <A, E>(body: Effect.Effect<A, E>, ...options: Step.OptionsOf<A, Step.Options<A, E>>) =>
      Step.run("passed", body, ...options)
    // @ts-expect-error -- nothing says what JSON makes of any type
    const plain = <A>(body: Effect.Effect<A>) => Step.run("plain", body)
    const date = encoded(when, Schema.Date)
    expectTypeOf<Effect.Effect.Success<typeof date>>().toEqualTypeOf<Date>()
    const number = passed(Effect.succeed(1))
    expectTypeOf<Effect.Effect.Success<typeof number>>().toEqualTypeOf<number>()
    // @ts-expect-error -- a later attempt would get a string
    passed(when)
    passed(when, { schema: Schema.Date })
    return plain
  })
})
