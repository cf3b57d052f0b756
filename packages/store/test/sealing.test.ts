import { it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ConfigProvider, Effect, Either, Option, Redacted } from "effect"
import * as Sealing from "../src/operations/Sealing.js"

const secret = Redacted.make("whsec_1ä")

const by = (...keys: [Sealing.Key, ...ReadonlyArray<Sealing.Key>]) => Sealing.make(Effect.succeed(keys))

const openedBy = (of: ReturnType<typeof by>, sealed: string, place: string) =>
  Effect.map(Effect.either(of.open(sealed, place)), Either.map(Redacted.value))

it.effect("a sealed secret opens in its place, and nowhere else", () =>
  Effect.gen(function* () {
    const secrets = by(yield* Sealing.generate)
    const sealed = yield* secrets.seal(secret, "endpoint 1")
    assertTrue(!sealed.includes("whsec"))
    deepStrictEqual(yield* openedBy(secrets, sealed, "endpoint 1"), Either.right("whsec_1ä"))
    const elsewhere = yield* openedBy(secrets, sealed, "endpoint 2")
    assertTrue(Either.isLeft(elsewhere) && elsewhere.left.message.includes("endpoint 2"))
  }),
)

it.effect("a secret is sealed differently each time", () =>
  Effect.gen(function* () {
    const { seal } = by(yield* Sealing.generate)
    const [one, other] = [yield* seal(secret, "a"), yield* seal(secret, "a")]
    assertTrue(one !== other)
  }),
)

it.effect("a sealed secret of which one bit has changed does not open", () =>
  Effect.gen(function* () {
    const secrets = by(yield* Sealing.generate)
    const sealed = yield* secrets.seal(secret, "a")
    for (const at of [4, 20, sealed.length - 2]) {
      const other = sealed[at] === "A" ? "B" : "A"
      const changed = `${sealed.slice(0, at)}${other}${sealed.slice(at + 1)}`
      assertTrue(Either.isLeft(yield* openedBy(secrets, changed, "a")))
    }
    for (const text of ["", "v1.", "v1.AAAA", sealed.slice(3)]) {
      assertTrue(Either.isLeft(yield* openedBy(secrets, text, "a")))
    }
  }),
)

it.effect("a new key in front seals, and the key before it still opens", () =>
  Effect.gen(function* () {
    const [before, next] = [yield* Sealing.generate, yield* Sealing.generate]
    const sealed = yield* by(before).seal(secret, "a")
    deepStrictEqual(yield* openedBy(by(next, before), sealed, "a"), Either.right("whsec_1ä"))
    const resealed = yield* by(next, before).seal(secret, "a")
    deepStrictEqual(yield* openedBy(by(next), resealed, "a"), Either.right("whsec_1ä"))
    assertTrue(Either.isLeft(yield* openedBy(by(next), sealed, "a")))
  }),
)

const configured = (...entries: ReadonlyArray<[string, string]>) =>
  Effect.withConfigProvider(Sealing.config, ConfigProvider.fromMap(new Map(entries)))

it.effect("the environment has keys as base64 or hex digits, or none", () =>
  Effect.gen(function* () {
    const key = yield* Sealing.generate
    const hex = Buffer.from(Redacted.value(key)).toString("hex")
    const url = Buffer.from(Redacted.value(key)).toString("base64url")
    const keys = Option.getOrThrow(
      yield* configured([Sealing.variable, `${Sealing.toText(key)}, ${hex},${url}`]),
    )
    deepStrictEqual(
      keys.map((each) => Buffer.from(Redacted.value(each)).toString("hex")),
      [hex, hex, hex],
    )
    assertTrue(Option.isNone(yield* configured()))
  }),
)

it.effect("a key of another length is refused, without the key in the message", () =>
  Effect.gen(function* () {
    for (const text of ["c2hvcnQ=", `${"ab".repeat(32)},`, "nothing of the sort", "ab".repeat(31)]) {
      const refused = yield* Effect.flip(configured([Sealing.variable, text]))
      assertTrue(String(refused).includes("32 bytes"))
      strictEqual(String(refused).includes(text), false)
    }
  }),
)
