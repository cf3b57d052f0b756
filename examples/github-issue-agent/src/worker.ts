/** A worker process. WORKER_NAME is its name; with DIES it is killed in the transaction of the fix. */
import { FetchHttpClient, HttpBody, HttpClient } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { SqlClient } from "@effect/sql"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { Interrupts, Step, Worker } from "@runlease/core"
import { Client } from "@runlease/http"
import { TransactionalSteps } from "@runlease/sql"
import { Config, Effect, Layer } from "effect"
import { Fixer } from "./agents.js"

const settings = Config.all({
  name: Config.string("WORKER_NAME"),
  dies: Config.withDefault(Config.boolean("DIES"), false),
  reviewer: Config.string("REVIEWER_URL"),
})

/** Sends the reviewer what to review, and the URL that takes the answer. */
const requestReview = (url: string, body: object) =>
  Effect.gen(function* () {
    const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
    yield* client.post(url, { body: HttpBody.unsafeJson(body) })
    return "sent"
  }).pipe(Effect.scoped)

/** Writes the fix. The record of the step is in the same transaction, so there is one row, whatever dies. */
const record = (issue: number, fix: string) =>
  Effect.gen(function* () {
    const { dies, name } = yield* settings
    const sql = yield* SqlClient.SqlClient
    yield* sql`INSERT INTO fixes (issue, fix, worker) VALUES (${issue}, ${fix}, ${name})`
    if (dies) process.kill(process.pid, "SIGKILL")
    return name
  })

const fixer = Fixer.toLayer(({ issue }) =>
  Effect.gen(function* () {
    const { reviewer } = yield* settings
    // A language model would write it.
    const fix = yield* Step.run("fix", Effect.succeed(`a change for "${issue.title}"`))
    const { url } = yield* Interrupts.callback("merge")
    yield* Step.run("request review", requestReview(reviewer, { issue: issue.number, fix, answer: url }))
    const merged = yield* Interrupts.approve("merge", { message: `Merge ${fix}?` })
    if (merged) yield* Step.transaction("record", record(issue.number, fix))
    return { issue: issue.number, fix, merged }
  }).pipe(Effect.orDie),
)

const database = Layer.unwrapEffect(
  Effect.map(Config.string("APP_DATABASE"), (filename) => SqliteClient.layer({ filename })),
)

const layer = fixer.pipe(
  Layer.provide(TransactionalSteps.layer),
  Layer.provide(database),
  Layer.provideMerge(FetchHttpClient.layer),
)

Worker.run({ leaseDuration: "5 seconds" }).pipe(
  Effect.provide([layer, Client.layerConfig.pipe(Layer.provide(FetchHttpClient.layer))]),
  NodeRuntime.runMain,
)
