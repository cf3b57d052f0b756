import { FetchHttpClient, FileSystem, Path } from "@effect/platform"
import * as SqlClient from "@effect/sql/SqlClient"
import { expect, layer } from "@effect/vitest"
import { Ids, Runs } from "@runlease/core"
import { Client } from "@runlease/http"
import { SqlControlPlane, SqliteFile } from "@runlease/sql"
import { Effect, Layer, Redacted } from "effect"
import { has, json, run, runProcess, Served, start, write } from "./Processes.js"

const agentId = Ids.AgentId.make("unclaimed")

/** A program that first ends in an interrupt, and after the resume prints the answer from its request. */
const program = `
request=$(cat)
case "$request" in
  *'"resume"'*) echo "$request" | grep -o '"payload":"[a-z]*"' ;;
  *) echo '{"type":"RUN_FINISHED","threadId":"t","runId":"r","outcome":{"type":"interrupt","interrupts":[{"id":"call-1","reason":"approve","expiresAt":"2100-01-01T00:00:00Z"}]}}' ;;
esac
`

layer(Served.layer, { excludeTestServices: true })("housekeeping", (it) => {
  it.scoped("shows the deadline of a waiting run, answers it, and prunes it after it finished", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const file = yield* write(settings.cwd, "asking.sh", program)
      const worker = yield* start(
        ["worker", "--json", "--agent", "asking", "--command", "sh", "--", file],
        settings,
      )
      yield* worker.line(has({ event: "registered" }))
      yield* run(["submit", "--agent", "asking", "--id", "asking", "please"], settings)
      yield* worker.line(has({ event: "suspended" }))
      const waiting = json((yield* run(["runs", "get", "asking", "--json"], settings)).stdout)
      expect(waiting).toMatchObject({ status: "waiting", waiting_for: "call-1" })
      // The deadline is at most a year away.
      expect(Date.parse(String(waiting["waiting_until"]))).toBeGreaterThan(Date.now())
      const shown = yield* run(["runs", "get", "asking"], settings)
      expect(shown.stdout).toContain(`waiting_until   ${String(waiting["waiting_until"])}`)

      yield* run(["runs", "resume", "asking", "--tool-call", "call-1", "--result", '"yes"'], settings)
      yield* worker.line(has({ event: "completed", run_id: "asking" }))
      const events = yield* run(["runs", "events", "asking"], settings)
      expect(events.stdout).toContain('\\"payload\\":\\"yes\\"')

      const young = yield* run(["runs", "prune", "--older-than", "30d"], settings)
      expect([young.code, young.stdout]).toEqual([0, "Deleted 0 runs\n"])
      const pruned = yield* run(["runs", "prune", "--older-than", "0s", "--json"], settings)
      expect([pruned.code, json(pruned.stdout)]).toEqual([0, { pruned: 1 }])
      const gone = yield* run(["runs", "get", "asking"], settings)
      expect([gone.code, gone.stdout]).toEqual([1, ""])

      const key = yield* run(["keys", "create", "plain", "--json"], settings)
      const refused = yield* run(["runs", "prune", "--older-than", "30d"], {
        ...settings,
        env: { ...settings.env, RUNLEASE_API_KEY: String(json(key.stdout)["token"]) },
      })
      expect(refused.code).toBe(77)
      const misused = yield* run(["serve", "--port", "0", "--keep-finished", "30x"], settings)
      expect(misused.code).toBe(64)
      expect(misused.stdout + misused.stderr).toContain("--keep-finished takes 1m to ")
    }),
  )

  it.scoped(
    "a backup under load is a sound database with every run that was acknowledged before it began",
    () =>
      Effect.gen(function* () {
        const settings = yield* Served
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const client = yield* Layer.build(
          Client.layerWith({
            baseUrl: settings.env.RUNLEASE_URL,
            token: Redacted.make(settings.env.RUNLEASE_API_KEY),
          }),
        ).pipe(Effect.provide(FetchHttpClient.layer))
        const acknowledged = new Set<Ids.RunId>()
        const enough = yield* Effect.makeLatch()
        const submit = Effect.gen(function* () {
          const runs = yield* Runs.Runs
          const { run } = yield* runs.submit({ agentId })
          acknowledged.add(run.runId)
          if (acknowledged.size >= 200) yield* enough.open
        })
        const load = Effect.forever(submit).pipe(Effect.provide(client))
        yield* Effect.replicateEffect(Effect.forkScoped(load), 8)
        yield* enough.await
        const before = Array.from(acknowledged)
        const ended = yield* runProcess(["backup", "copy.sqlite", "--json"], settings)
        // The load continued during the backup.
        expect(acknowledged.size).toBeGreaterThan(before.length)
        expect(ended.stderr).toBe("")
        expect(ended.code).toBe(0)

        const filename = path.join(settings.cwd, "copy.sqlite")
        expect(json(ended.stdout)).toEqual({
          file: "copy.sqlite",
          bytes: Number((yield* fs.stat(filename)).size),
        })
        expect((yield* fs.readDirectory(settings.cwd)).filter((name) => name.includes("partial"))).toEqual([])
        const modeOf = (name: string) =>
          Effect.map(fs.stat(path.join(settings.cwd, name)), ({ mode }) => (mode & 0o777).toString(8))
        expect(
          yield* Effect.all({
            copy: modeOf("copy.sqlite"),
            database: modeOf(".runlease/runlease.sqlite"),
            folder: modeOf(".runlease"),
          }),
        ).toEqual({ copy: "600", database: "600", folder: "700" })
        const check = yield* Effect.flatMap(SqlClient.SqlClient, (sql) => sql`PRAGMA integrity_check`).pipe(
          Effect.provide(SqliteFile.reader(filename)),
        )
        expect(check).toEqual([{ integrity_check: "ok" }])
        yield* Effect.gen(function* () {
          const runs = yield* Runs.Runs
          for (const runId of before) {
            expect((yield* runs.get(runId)).status).toBe("pending")
          }
        }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })))

        const again = yield* run(["backup", "copy.sqlite"], settings)
        expect([again.code, again.stderr]).toEqual([1, "Error: copy.sqlite exists; name another file\n"])
        const nowhere = yield* run(["backup", "no.sqlite", "--database", "sqlite:nothing"], settings)
        expect([nowhere.code, nowhere.stderr]).toEqual([1, "Error: nothing does not exist\n"])
      }),
  )
})
