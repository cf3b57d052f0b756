import { type StreamResponse, type Task, TaskState } from "@a2a-js/sdk"
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Emit, Executor, Ids, Inbox, Interrupts, RequestSnapshot, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Chunk, Deferred, Effect, Fiber, Queue, Schema, Stream } from "effect"
import { call } from "../../http/test/raw.js"
import { sqlite } from "../../http/test/sqlite.js"
import { testerWith, untilStatus } from "../../http/test/agui/HttpAgents.js"
import { bindings, connect, data, message, request, said, streamOf, text } from "./Clients.js"
import * as A2aFace from "../src/A2aFace.js"

const tester = testerWith({ faces: [A2aFace.face] })

const stores = [
  ["memory", MemoryControlPlane.layer],
  ["SQLite", sqlite],
] as const

const echo = Executor.from((run) => Emit.text(`You said: ${RequestSnapshot.lastUserText(run.snapshot)}`))

const taskOf = (value: unknown): Task => {
  assertTrue(typeof value === "object" && value !== null && "status" in value)
  return value as Task
}

const states = (responses: ReadonlyArray<StreamResponse>) =>
  responses.flatMap(({ payload }) =>
    payload?.$case === "task" || payload?.$case === "statusUpdate" ? [payload.value.status?.state] : [],
  )

const answers = (responses: ReadonlyArray<StreamResponse>): string =>
  responses
    .flatMap(({ payload }) =>
      payload?.$case === "artifactUpdate" ? [said(payload.value.artifact?.parts)] : [],
    )
    .join("")

for (const [store, layer] of stores) {
  for (const binding of bindings) {
    describe(`@a2a-js/sdk over ${binding} (${store})`, () => {
      const test = tester(layer)

      test(
        "sends a message, and gets the task when it has ended",
        Effect.gen(function* () {
          yield* TestWorker.start(echo)
          const client = yield* connect(binding)
          const sent = request(message([text("hello")]))
          const task = taskOf(yield* Effect.promise(() => client.sendMessage(sent)))
          strictEqual(task.status?.state, TaskState.TASK_STATE_COMPLETED)
          deepStrictEqual(
            task.artifacts.map(({ parts }) => said(parts)),
            ["You said: hello"],
          )
          deepStrictEqual(
            task.history.map(({ parts }) => said(parts)),
            ["hello"],
          )
          // The same message again is the same task.
          const again = taskOf(yield* Effect.promise(() => client.sendMessage(sent)))
          strictEqual(again.id, task.id)
          const read = yield* Effect.promise(() => client.getTask({ tenant: "", id: task.id }))
          deepStrictEqual(read, task)
        }),
      )

      test(
        "follows a task, and the next one of its context knows what was said",
        Effect.gen(function* () {
          const histories = yield* Queue.unbounded<ReadonlyArray<string>>()
          yield* TestWorker.start(
            Executor.from(({ snapshot }) =>
              Effect.zipRight(
                Queue.offer(histories, snapshot.messages.map(RequestSnapshot.textOf)),
                Effect.zipRight(Emit.text("one "), Emit.text("two")),
              ),
            ),
          )
          const client = yield* connect(binding)
          const first = Chunk.toReadonlyArray(
            yield* Stream.runCollect(
              streamOf(() => client.sendMessageStream(request(message([text("hello")])))),
            ),
          )
          strictEqual(first[0]?.payload?.$case, "task")
          strictEqual(states(first).at(-1), TaskState.TASK_STATE_COMPLETED)
          strictEqual(answers(first), "one two")
          const { contextId } = taskOf(first[0]!.payload!.value)
          yield* Stream.runDrain(
            streamOf(() => client.sendMessageStream(request(message([text("and now?")], { contextId })))),
          )
          deepStrictEqual(yield* Queue.takeN(histories, 2).pipe(Effect.map(Chunk.toReadonlyArray)), [
            ["hello"],
            ["hello", "one two", "and now?"],
          ])
        }),
      )

      test(
        "takes back what a dead attempt has said, and the next task of the context is not given it",
        Effect.gen(function* () {
          const histories = yield* Queue.unbounded<ReadonlyArray<string>>()
          yield* TestWorker.start(
            Executor.from(({ attempt, snapshot }) =>
              Effect.gen(function* () {
                yield* Queue.offer(histories, snapshot.messages.map(RequestSnapshot.textOf))
                yield* Emit.text(`Half ${attempt}`)
                if (attempt === 1) return yield* Effect.fail(Executor.retryableError("died", "again"))
              }),
            ),
            { retryDelay: () => 0 },
          )
          const client = yield* connect(binding)
          const first = Chunk.toReadonlyArray(
            yield* Stream.runCollect(
              streamOf(() => client.sendMessageStream(request(message([text("hello")])))),
            ),
          )
          const shown = new Map<string, string>()
          for (const { payload } of first) {
            if (payload?.$case !== "artifactUpdate") continue
            const { append, artifact } = payload.value
            const id = artifact!.artifactId
            shown.set(id, (append ? (shown.get(id) ?? "") : "") + said(artifact?.parts))
          }
          deepStrictEqual([...shown.values()], ["", "Half 2"])
          const { contextId, id } = taskOf(first[0]!.payload!.value)
          const read = yield* Effect.promise(() => client.getTask({ tenant: "", id }))
          deepStrictEqual(
            read.artifacts.map(({ parts }) => said(parts)),
            ["Half 2"],
          )
          yield* Effect.promise(() => client.sendMessage(request(message([text("and now?")], { contextId }))))
          deepStrictEqual(yield* Queue.takeN(histories, 3).pipe(Effect.map(Chunk.toReadonlyArray)), [
            ["hello"],
            ["hello"],
            ["hello", "Half 2", "and now?"],
          ])
        }),
      )

      test(
        "is asked, answers in words and as data, and the task goes on",
        Effect.gen(function* () {
          yield* TestWorker.start(
            Executor.from(() =>
              Effect.gen(function* () {
                const { approved, reason } = yield* Interrupts.decide("deploy", { message: "Deploy?" })
                if (!approved) return yield* Emit.text(`No: ${reason}`)
                const port = yield* Interrupts.ask("port", { message: "Which port?", schema: Schema.Int })
                yield* Emit.text(`Deployed to ${port}`)
              }),
            ),
          )
          const client = yield* connect(binding)
          const asked = taskOf(
            yield* Effect.promise(() => client.sendMessage(request(message([text("go")])))),
          )
          strictEqual(asked.status?.state, TaskState.TASK_STATE_INPUT_REQUIRED)
          strictEqual(said(asked.status?.message?.parts), "Deploy?")
          const { id: taskId } = asked
          const unclear = yield* Effect.flip(
            Effect.tryPromise(() => client.sendMessage(request(message([text("hm")], { taskId })))),
          )
          assertTrue(String(unclear.error).includes("yes or no"))
          const second = taskOf(
            yield* Effect.promise(() => client.sendMessage(request(message([text("Yes.")], { taskId })))),
          )
          strictEqual(said(second.status?.message?.parts), "Which port?")
          const done = yield* Stream.runCollect(
            streamOf(() => client.sendMessageStream(request(message([data(8080)], { taskId })))),
          )
          strictEqual(answers(Chunk.toReadonlyArray(done)), "Deployed to 8080")
          const { id: other } = taskOf(
            yield* Effect.promise(() => client.sendMessage(request(message([text("go")])))),
          )
          const left = yield* Stream.runCollect(
            streamOf(() =>
              client.sendMessageStream(request(message([text("No, to Staging: first")], { taskId: other }))),
            ),
          )
          strictEqual(answers(Chunk.toReadonlyArray(left)), "No: to Staging: first")
        }),
      )

      test(
        "edits what it approves, as data",
        Effect.gen(function* () {
          yield* TestWorker.start(
            Executor.from(() =>
              Effect.gen(function* () {
                const { approved, value } = yield* Interrupts.approve("refund", {
                  message: "Refund?",
                  about: { euros: 40 },
                  editable: Schema.Struct({ euros: Schema.Number }),
                })
                yield* Emit.text(`${approved} ${value.euros}`)
              }),
            ),
          )
          const client = yield* connect(binding)
          const { id: taskId } = taskOf(
            yield* Effect.promise(() => client.sendMessage(request(message([text("go")])))),
          )
          const edited = (euros: unknown) =>
            client.sendMessage(
              request(message([data({ approved: true, editedArgs: { euros } })], { taskId })),
            )
          const wrong = yield* Effect.flip(Effect.tryPromise(() => edited("many")))
          assertTrue(String(wrong.error).includes("`euros` is no number"), String(wrong.error))
          const done = taskOf(yield* Effect.promise(() => edited(30)))
          strictEqual(said(done.artifacts[0]?.parts), "true 30")
        }),
      )

      test(
        "is told while it works, cancels, and is refused what a task that has ended does not take",
        Effect.gen(function* () {
          const told = yield* Deferred.make<string>()
          yield* TestWorker.start(
            Executor.from(() =>
              Effect.gen(function* () {
                const { parts } = yield* Inbox.take("told")
                yield* Deferred.succeed(told, RequestSnapshot.textOf({ id: "", role: "user", parts }))
                return yield* Effect.never
              }),
            ),
          )
          const client = yield* connect(binding)
          const { contextId, id: taskId } = taskOf(
            yield* Effect.promise(() => client.sendMessage(request(message([text("wait")]), true))),
          )
          const following = yield* Effect.fork(
            Stream.runCollect(streamOf(() => client.resubscribeTask({ tenant: "", id: taskId }))),
          )
          yield* Effect.promise(() =>
            client.sendMessage(request(message([text("be quick")], { taskId, contextId }), true)),
          )
          strictEqual(yield* Deferred.await(told), "be quick")
          const cancelled = yield* Effect.promise(() =>
            client.cancelTask({ tenant: "", id: taskId, metadata: undefined }),
          )
          strictEqual(cancelled.status?.state, TaskState.TASK_STATE_CANCELED)
          deepStrictEqual(
            cancelled.history.map(({ parts }) => said(parts)),
            ["wait", "be quick"],
          )
          const followed = Chunk.toReadonlyArray(yield* Fiber.join(following))
          strictEqual(followed[0]?.payload?.$case, "task")
          strictEqual(states(followed).at(-1), TaskState.TASK_STATE_CANCELED)
          for (const refused of [
            () => client.sendMessage(request(message([text("more")], { taskId }))),
            () => client.sendMessage(request(message([text("more")], { taskId, contextId: "another" }))),
            () => client.sendMessage(request(message([text("more")], { taskId: "none" }))),
            () => client.getTask({ tenant: "", id: "none" }),
          ]) {
            yield* Effect.flip(Effect.tryPromise(() => refused()))
          }
          const listed = yield* Effect.promise(() =>
            client.listTasks({
              tenant: "",
              contextId,
              status: TaskState.TASK_STATE_UNSPECIFIED,
              pageToken: "",
              statusTimestampAfter: undefined,
            }),
          )
          deepStrictEqual(
            [listed.totalSize, listed.tasks.map(({ id }) => id), listed.nextPageToken],
            [1, [taskId], ""],
          )
        }),
      )
    })
  }
}

describe("the messages of a context", () => {
  const test = tester(sqlite)

  const snapshotOf = (taskId: string, own: boolean) =>
    Effect.flatMap(Runs.Runs, (runs) =>
      Effect.map(runs.snapshot(Ids.RunId.make(taskId), { own }), ({ messages }) =>
        messages.map((one) => RequestSnapshot.textOf(one).slice(0, 9)),
      ),
    )

  test(
    "are written once, and given to the agent with each task",
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      yield* TestWorker.start(
        Executor.from((run) =>
          Effect.gen(function* () {
            const said = RequestSnapshot.lastUserText(run.snapshot)
            yield* Emit.text(`To ${said}`)
            if (said === "wait") yield* Deferred.await(go)
            if (said === "ask") yield* Interrupts.ask("name", { message: "Which name?" })
          }),
        ),
      )
      const client = yield* connect("JSONRPC")
      const send = (said: string, contextId: string, returnImmediately: boolean) =>
        Effect.map(
          Effect.promise(() =>
            client.sendMessage(request(message([text(said)], { contextId }), returnImmediately)),
          ),
          taskOf,
        )
      const large = "x".repeat(100_000)
      const { contextId } = yield* send(large, "", false)
      const second = yield* send("two", contextId, false)
      const third = yield* send("wait", contextId, true)
      // What is behind an unfinished task is not given its answer, and one behind both is given what was said by then.
      const fourth = yield* send("four", contextId, true)
      yield* Deferred.succeed(go, undefined)
      for (const { id } of [third, fourth]) yield* untilStatus(id, "completed")
      const asking = yield* send("ask", contextId, false)
      strictEqual(asking.status?.state, TaskState.TASK_STATE_INPUT_REQUIRED)
      const last = yield* send("last", contextId, true)
      const begin = ["xxxxxxxxx", "To xxxxxx"]
      const tasks = [second, third, fourth, asking, last]
      deepStrictEqual(yield* Effect.forEach(tasks, ({ id }) => snapshotOf(id, true)), [
        ["two"],
        ["wait"],
        ["four"],
        ["ask"],
        ["last"],
      ])
      deepStrictEqual(yield* snapshotOf(second.id, false), [...begin, "two"])
      deepStrictEqual(yield* snapshotOf(fourth.id, false), [...begin, "two", "To two", "wait", "four"])
      deepStrictEqual(yield* snapshotOf(last.id, false), [
        ...begin,
        "two",
        "To two",
        "wait",
        "To wait",
        "four",
        "To four",
        "ask",
        "To ask",
        "last",
      ])
      const { json } = yield* call("GET", `/threads/${contextId}`)
      deepStrictEqual(
        json.messages.map(({ content }: { readonly content: string }) => content.slice(0, 9)),
        yield* snapshotOf(last.id, false),
      )
      const { carries } = yield* Effect.flatMap(Runs.Runs, (runs) =>
        runs.snapshot(Ids.RunId.make(last.id), { own: true }),
      )
      assertTrue(JSON.stringify(carries).length < 2000)
    }),
  )

  test(
    "are the newest tasks of a context that is more than a request may be",
    Effect.gen(function* () {
      yield* TestWorker.start(Executor.from(() => Emit.text("Seen")))
      const client = yield* connect("JSONRPC")
      const megabytes = (letter: string) => letter.repeat(5.5 * 1024 * 1024)
      for (const letter of ["a", "b"]) {
        yield* Effect.promise(() =>
          client.sendMessage(request(message([text(megabytes(letter))], { contextId: "large" }))),
        )
      }
      const task = taskOf(
        yield* Effect.promise(() =>
          client.sendMessage(request(message([text("d")], { contextId: "large" }))),
        ),
      )
      const all = yield* snapshotOf(task.id, false)
      deepStrictEqual(all, ["bbbbbbbbb", "Seen", "d"])
    }),
  )
})
