/** What the paged lists of every control plane must do. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import type { Page } from "@runlease/core/Page"
import { textPart } from "@runlease/core/RequestSnapshot"
import { Runs } from "@runlease/core/Runs"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Effect, type Layer } from "effect"
import * as TestRuns from "./TestRuns.js"

const mega = 1024 * 1024

const garbage = [
  "garbage",
  "",
  " ",
  "1e3",
  "0x10",
  "1.5.2",
  "1.",
  "-",
  "99999999999999999999",
  "\u0000",
  "__proto__",
]

/** Declares the tests of cursors. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Pages (${name})`, () => {
    test(
      "refuse a cursor that the list did not return",
      Effect.gen(function* () {
        const runs = yield* Runs
        const registry = yield* WorkerRegistry
        const conversations = yield* Conversations
        yield* TestRuns.register()
        yield* TestRuns.submit()
        const { id } = yield* conversations.create()
        for (const cursor of garbage) {
          const verdicts = yield* Effect.all([
            TestRuns.verdictOf(runs.list({ cursor })),
            TestRuns.verdictOf(registry.list({ cursor })),
            TestRuns.verdictOf(conversations.messages(id, { cursor })),
          ])
          deepStrictEqual([cursor, ...verdicts], [cursor, "InvalidCursor", "InvalidCursor", "InvalidCursor"])
        }
      }),
    )

    test(
      "end where their items take four megabytes, with one item at least",
      Effect.gen(function* () {
        const runs = yield* Runs
        const conversations = yield* Conversations
        const worker = yield* TestRuns.register()
        const { id } = yield* conversations.create()
        const ids: Array<string> = []
        for (const size of [3, 5, 1, 1]) {
          const text = "x".repeat(size * mega)
          const claimed = yield* TestRuns.hold(worker)
          yield* runs.complete(
            claimed.runId,
            { status: "completed", result: text },
            TestRuns.leaseOf(claimed),
          )
          yield* conversations.addMessage(id, { role: "user", parts: [textPart(text)] })
          ids.push(claimed.runId)
        }
        const pagesOf = <A, E>(
          list: (cursor: string | undefined) => Effect.Effect<Page<A>, E>,
        ): Effect.Effect<ReadonlyArray<ReadonlyArray<A>>, E> =>
          Effect.gen(function* () {
            const pages: Array<ReadonlyArray<A>> = []
            let cursor: string | undefined
            do {
              const page: Page<A> = yield* list(cursor)
              pages.push(page.items)
              cursor = page.next ?? undefined
            } while (cursor !== undefined)
            return pages
          })
        const [d, c, b, a] = ids.toReversed()
        deepStrictEqual(
          (yield* pagesOf((cursor) => runs.list({ cursor }))).map((page) => page.map(({ runId }) => runId)),
          [[d, c], [b], [a]],
        )
        deepStrictEqual(
          (yield* pagesOf((cursor) => conversations.messages(id, { cursor }))).map(({ length }) => length),
          [1, 1, 2],
        )
      }),
    )

    test(
      "continue after an item that has left the list",
      Effect.gen(function* () {
        const runs = yield* Runs
        const submitted = yield* Effect.replicateEffect(TestRuns.submit(), 4)
        const [oldest, older] = submitted.map(({ runId }) => runId)
        const first = yield* runs.list({ status: "pending", limit: 2 })
        strictEqual(first.items.length, 2)
        yield* runs.cancel(first.items[1]!.runId)
        const second = yield* runs.list({ status: "pending", limit: 2, cursor: first.next! })
        deepStrictEqual(
          second.items.map(({ runId }) => runId),
          [older, oldest],
        )
        strictEqual(second.next, null)
      }),
    )
  })
}
