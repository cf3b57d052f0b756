import { Command, FileSystem } from "@effect/platform"
import { NodeContext, NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { SqlClient } from "@effect/sql"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { Webhooks, WebhookSources } from "@runlease/core"
import { Server, WebhookSender } from "@runlease/http"
import { SqlControlPlane } from "@runlease/sql"
import * as WorkerProcess from "@runlease/testkit/WorkerProcess"
import { Console, Effect, Layer, Redacted } from "effect"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { Fixer } from "./agents.js"
import * as Services from "./services.js"

const workerProgram = fileURLToPath(new URL("worker.ts", import.meta.url))

const issue = { number: 7, title: "The export is empty", user: { login: "ada" } }

const program = Effect.gen(function* () {
  const services = yield* Services.serve
  const connection = yield* WorkerProcess.connection
  const folder = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
  const filename = `${folder}/app.db`
  const { source, secret } = yield* (yield* WebhookSources.WebhookSources).define("github", {
    scheme: "github",
    agentId: Fixer.name,
    events: ["issues.opened"],
  })
  const hook = yield* (yield* Webhooks.Webhooks).create({ url: services.ended, events: ["run.completed"] })

  yield* Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`CREATE TABLE fixes (issue INTEGER, fix TEXT, worker TEXT)`

    /** Starts a worker process. The Scope ends it. */
    const startWorker = (name: string, environment: Readonly<Record<string, string>> = {}) =>
      Command.start(
        WorkerProcess.command(workerProgram, {
          ...connection,
          WORKER_NAME: name,
          APP_DATABASE: filename,
          REVIEWER_URL: services.review,
          ...environment,
        }),
      )

    const address = `${connection.RUNLEASE_URL}${source.path}`
    const post = (by: string) =>
      Services.postAsGitHub(address, by, { action: "opened", issue, repository: { full_name: "acme/shop" } })
    const { run_id: runId, status } = yield* post(Redacted.value(secret!))
    yield* Console.log(`GitHub posts issue ${issue.number}: ${status}`)
    const again = yield* post(Redacted.value(secret!))
    yield* Console.log(`GitHub posts it again: ${again.run_id === runId ? "the same run" : "another run"}`)
    yield* Console.log(`another sender posts it: ${(yield* post("another secret")).status}`)

    const ada = yield* startWorker("ada", { DIES: "true" })
    const review = yield* services.nextReview
    yield* Console.log(`the reviewer gets ${review.fix}, and a URL for the answer`)
    yield* Console.log(`the reviewer approves: ${(yield* Services.approve(review.answer)).status}`)
    yield* Effect.exit(ada.exitCode)
    yield* Console.log("ada was killed in her transaction; her lease of 5 seconds has to end first")
    yield* startWorker("brian")

    const { data, type } = yield* services.nextEnd(Redacted.value(hook.secret))
    yield* Console.log(`a webhook says ${type} of ${data.run_id === runId ? "the same run" : data.run_id}`)
    const late = yield* Services.approve(review.answer)
    yield* Console.log(`the reviewer approves again: ${late.status} ${late.error}`)
    for (const { fix, worker } of yield* sql<{ fix: string; worker: string }>`SELECT * FROM fixes`) {
      yield* Console.log(`in the table: ${fix}, by ${worker}`)
    }
  }).pipe(Effect.provide(SqliteClient.layer({ filename })))
}).pipe(Effect.scoped)

const controlPlane = Server.layer.pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  // Messages go to public addresses alone, but for networks that are named here.
  Layer.provideMerge(WebhookSender.layerWith({ allow: "127.0.0.1" })),
  Layer.provideMerge(SqlControlPlane.layerSqlite({ filename: ":memory:" })),
)

program.pipe(Effect.provide([controlPlane, NodeContext.layer]), NodeRuntime.runMain)
