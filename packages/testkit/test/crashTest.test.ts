import { expect, it } from "@effect/vitest"
import { Agent, Child, Executor, Interrupts, PromiseSteps, Step } from "@runlease/core"
import { Clock, Deferred, Effect, Layer, Schema } from "effect"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, beforeEach } from "vitest"
import * as CrashTest from "../src/CrashTest.js"

/** What has reached the outside. */
let requests: Array<string> = []
const server = createServer((request, response) => {
  requests.push(`${request.method} ${request.url}`)
  response.end("{}")
})
let url = ""

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
})

beforeEach(() => void (requests = []))

afterAll(() => void server.close())

const post = (path: string, init: RequestInit = {}) =>
  Effect.promise(() => fetch(`${url}/${path}`, { ...init, method: "POST" }))

const withKey = (path: string, key: string, body = "") =>
  post(path, { headers: { "Idempotency-Key": key }, body })

/** A call with the idempotency key of its step. */
const keyed = (path: string) =>
  Effect.flatMap(Step.CurrentStep, ({ idempotencyKey }) => withKey(path, idempotencyKey))

const withRandomKey = Effect.suspend(() => Effect.asVoid(withKey("pay", crypto.randomUUID())))

const Order = Agent.make({ name: "order", payload: { order: Schema.String }, success: Schema.Unknown })
const Part = Agent.make({ name: "part", payload: { part: Schema.Int }, success: Schema.Int })

/** Effects of any services that a run has. */
interface Work {
  (): unknown
}

const parts = Part.toLayer(({ part }) => Step.run("make", Effect.as(keyed("make"), part)))

const crashTest = (work: Work, options?: CrashTest.Options) =>
  CrashTest.run(
    Layer.merge(Order.toLayer(() => work() as never) as Layer.Layer<Executor.Executor>, parts),
    Order.submit({ order: "7" }),
    options,
  )

const search = Effect.suspend(() => Step.run("search", Effect.as(keyed("search"), 3)))

const lines = readFileSync(fileURLToPath(import.meta.url), "utf8").split("\n")

/** The place of the first line of this file that has the text. */
const lineOf = (text: string) =>
  expect.stringMatching(
    new RegExp(`crashTest\\.test\\.ts:${lines.findIndex((line) => line.includes(text)) + 1}:`),
  )

/** `at`: what the line has that is named. `says`: what the message says. */
interface Mistake {
  readonly work: Work
  readonly kind: CrashTest.Kind
  readonly place: string
  readonly at: string
  readonly says: string
}

const mistakes: Readonly<Record<string, Mistake>> = {
  "a call in a step without a key": {
    work: () => Effect.zipRight(search, Step.run("pay", Effect.as(post("pay"), 1))),
    kind: "call_repeated",
    place: 'step "pay"',
    at: 'Step.run("pay", Effect',
    says: "made again without an idempotency key",
  },
  "a call in a step with a key that is another one each time": {
    work: () => Effect.zipRight(search, Step.run("random", withRandomKey)),
    kind: "other_key",
    place: 'step "random"',
    at: 'Step.run("random"',
    says: "made again with another idempotency key",
  },
  "a call in a step of promises": {
    work: () =>
      PromiseSteps.run(async (steps) => {
        const first = await steps.step("search", async () => 1)
        return steps.step("later", async () => {
          await Promise.resolve()
          await fetch(`${url}/pay`, { method: "POST" })
          return first
        })
      }),
    kind: "call_repeated",
    place: 'step "later"',
    at: 'steps.step("later"',
    says: "made again without an idempotency key",
  },
  "a call outside of a step": {
    work: () =>
      Effect.zipRight(
        search,
        Effect.as(
          Effect.promise(() => fetch(`${url}/rate`)),
          1,
        ),
      ),
    kind: "call_outside",
    place: "outside of steps",
    at: "fetch(`${url}/rate`)",
    says: "is called outside of steps",
  },
  "the clock outside of a step": {
    work: () =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.zipRight(search, Step.run("report", Effect.succeed(1), { key: now })),
      ),
    kind: "other_path",
    place: 'step "report"',
    at: 'Step.run("report"',
    says: "The clock is read outside of steps",
  },
  "what is random outside of a step": {
    work: () =>
      PromiseSteps.run(async (steps) => {
        const id = Math.random()
        await steps.step("store", async () => id, { key: id })
      }),
    kind: "other_path",
    place: 'step "store"',
    at: 'steps.step("store"',
    says: "and does it again. Math.random() at ",
  },
  "a date outside of a step, in the result": {
    work: () =>
      Effect.map(search, () => ({
        at: new Date().toISOString(),
      })),
    kind: "other_result",
    place: "the end of the run",
    at: "at: new Date().toISOString()",
    says: "new Date() at ",
  },
  "a date outside of a step, in the request of a call": {
    work: () =>
      Effect.suspend(() => {
        const at = String(Date.now())
        const pay = Effect.flatMap(Step.CurrentStep, ({ idempotencyKey }) =>
          withKey("pay", idempotencyKey, at),
        )
        return Step.run("charge", Effect.as(pay, 1))
      }),
    kind: "other_request",
    place: 'step "charge"',
    at: 'Step.run("charge"',
    says: "and is another request",
  },
  "one step that happens at most once around two calls": {
    work: () =>
      Effect.zipRight(
        search,
        Step.atMostOnce("two", Effect.as(Effect.zipRight(post("reserve"), post("charge")), 1)),
      ),
    kind: "half_done",
    place: 'step "two"',
    at: 'Step.atMostOnce("two"',
    says: "It makes 2 calls that change something",
  },
  "a race without a step": {
    work: () =>
      Effect.race(
        Step.run("slow", Effect.as(Effect.sleep("100 millis"), "slow")),
        Step.run("quick", Effect.as(Effect.sleep("60 millis"), "quick")),
      ),
    kind: "raced",
    place: 'step "slow"',
    at: 'Step.run("slow"',
    says: 'The step races with "quick"',
  },
  "a timeout around a step": {
    work: () =>
      Effect.flatMap(
        Effect.timeoutOption(Step.run("minute", Effect.as(Effect.sleep("1 minute"), 1)), "30 seconds"),
        () => Step.run("other", Effect.succeed(2)),
      ),
    kind: "raced",
    place: 'step "minute"',
    at: 'Step.run("minute"',
    says: "The step is interrupted by the code around it",
  },
  "a step that does not end for the next worker": {
    work: () =>
      Effect.flatMap(Deferred.make<number>(), (loaded) =>
        Effect.zipRight(
          Step.run("load", Deferred.succeed(loaded, 3)),
          Step.run("use", Deferred.await(loaded)),
        ),
      ),
    kind: "stuck",
    place: 'step "use"',
    at: 'Step.run("use"',
    says: "The run does not end",
  },
  "a question without an answer": {
    work: () =>
      Effect.zipRight(Step.run("ask", Effect.succeed(1)), Interrupts.approve("approve", { message: "Pay?" })),
    kind: "stuck",
    place: 'step "ask"',
    at: 'Step.run("ask"',
    says: 'It waits for an answer to "approve": Pay?',
  },
  "a name that is used twice": {
    work: () => Effect.forEach([1, 2], (page) => Step.run("read", Effect.succeed(page))),
    kind: "failed",
    place: "the end of the run",
    at: 'Step.run("read"',
    says: "give each one a key of its own",
  },
}

it.live.each(Object.entries(mistakes))("names %s, at its place", ([, { at, kind, place, says, work }]) =>
  Effect.gen(function* () {
    const { problems } = yield* crashTest(work)
    expect(problems).toEqual([
      expect.objectContaining({ kind, place, at: lineOf(at), message: expect.stringContaining(says) }),
    ])
    const [problem] = problems
    if (problem !== undefined) expect(CrashTest.toText(problem)).toMatch(/\n {2}What to do: \S/)
    // What the libraries read is not named.
    expect(problem?.message.match(/outside of steps/g)?.length ?? 0).toBeLessThan(2)
  }),
)

const correct: Readonly<Record<string, readonly [work: Work, options?: CrashTest.Options]>> = {
  "ten steps with keys": [
    () =>
      Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], (page) =>
        Step.run("read", Effect.as(keyed(`read/${page}`), page), { key: page }),
      ),
  ],
  "a question, a sleep of a month, and a payment that may be uncertain": [
    () =>
      Effect.gen(function* () {
        yield* search
        const yes = yield* Interrupts.approve("approve", { message: "Pay?" })
        yield* Step.sleep("rest", "30 days")
        return yes ? yield* Step.atMostOnce("pay", Effect.as(post("pay"), "paid")) : "not paid"
      }),
    { answers: { approve: { approved: true } } },
  ],
  "children that it waits for": [
    () =>
      Effect.gen(function* () {
        const children = yield* Effect.forEach([1, 2], (part) =>
          Child.spawn("part", Part, { part }, { key: part }),
        )
        return yield* Child.joinAll(children)
      }),
  ],
  "the time, what is random and a race, each in a step": [
    () =>
      Effect.gen(function* () {
        const at = yield* Step.run(
          "now",
          Effect.sync(() => Date.now()),
        )
        const id = yield* Step.run(
          "id",
          Effect.sync(() => crypto.randomUUID()),
        )
        const first = yield* Step.run(
          "first",
          Effect.race(
            Effect.as(Effect.sleep("100 millis"), "slow"),
            Effect.as(Effect.sleep("60 millis"), "quick"),
          ),
        )
        return yield* Step.run("report", Effect.succeed({ at, first, id }), { key: id })
      }),
  ],
  "steps beside each other, and one inside another": [
    () =>
      Effect.all(
        [
          Step.run(
            "outer",
            Effect.zipRight(Step.run("inner", Effect.as(keyed("inner"), 1)), Effect.succeed(2)),
          ),
          Step.run("other", Effect.as(Effect.sleep("30 minutes"), 3)),
        ],
        { concurrency: "unbounded" },
      ),
  ],
}

it.live.each(Object.entries(correct))("passes %s", ([, [work, options]]) =>
  Effect.gen(function* () {
    const { crashes, problems } = yield* crashTest(work, options)
    expect(problems).toEqual([])
    expect(crashes.length).toBeGreaterThan(5)
  }),
)

it.live("makes each call once, and says how often it would be made", () =>
  Effect.gen(function* () {
    const { rows } = yield* crashTest(() =>
      Effect.zipRight(search, Step.atMostOnce("pay", Effect.as(post("pay"), 1))),
    )
    expect(requests).toEqual(["POST /search", "POST /pay"])
    expect(rows.map(({ name, times }) => [name, times])).toEqual([
      ["search", "again"],
      [`POST ${url}/search`, "again, with the same key"],
      ["pay", "at most once, uncertain after a crash in it"],
      [`POST ${url}/pay`, "once"],
    ])
  }),
)

it.live("takes a call that may be repeated, as that of a model", () =>
  Effect.gen(function* () {
    const work = () => Step.run("draft", Effect.as(post("v1/draft"), 1))
    expect((yield* crashTest(work, { mayRepeat: [`${url}/v1/`] })).problems).toEqual([])
    expect((yield* crashTest(work, { mayRepeat: [`${url}/v2/`] })).problems).toHaveLength(1)
  }),
)

it.live("says why a run cannot be executed", () =>
  Effect.gen(function* () {
    const layer = Layer.effect(Executor.Executor, Effect.fail("no database"))
    const failed = yield* Effect.flip(CrashTest.run(layer, Order.submit({ order: "7" })))
    expect(failed.message).toContain("no database")
  }),
)
