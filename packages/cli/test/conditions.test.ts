import { FetchHttpClient } from "@effect/platform"
import { expect, layer } from "@effect/vitest"
import { Ids, Runs } from "@runlease/core"
import { Client } from "@runlease/http"
import { Effect, Layer, Redacted } from "effect"
import { jsonLines, run, Served } from "./Processes.js"

layer(Served.layer, { excludeTestServices: true })("conditions in the command", (it) => {
  it.scoped("narrow a list and a bulk operation, several values of one being alternatives", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const client = Client.layerWith({
        baseUrl: settings.env.RUNLEASE_URL,
        token: Redacted.make(settings.env.RUNLEASE_API_KEY),
      }).pipe(Layer.provide(FetchHttpClient.layer))
      const ended = Effect.fnUntraced(function* (publicId: string, agentId: string, outcome: object) {
        const { complete, submit } = yield* Runs.Runs
        yield* submit({ publicId, agentId, initialStatus: "running" })
        yield* complete(Ids.RunId.make(publicId), { status: "completed", ...outcome })
      })
      const error = { code: "TIMEOUT", message: "It took too long" }
      yield* Effect.gen(function* () {
        yield* ended("gold", "a", { metadata: { customer: { plan: "gold" } } })
        yield* ended("free", "b", { metadata: { customer: { plan: "free" } } })
        yield* ended("late", "a", { status: "failed", error })
        yield* Effect.flatMap(Runs.Runs, (runs) => runs.submit({ publicId: "open", agentId: "c" }))
      }).pipe(Effect.provide(client))

      const ids = (flags: string) =>
        Effect.map(run(["runs", "list", "--json", ...flags.split(" ")], settings), ({ stdout }) =>
          jsonLines(stdout).map((line) => line["run_id"]),
        )
      expect(yield* ids("--status failed --status pending")).toEqual(["open", "late"])
      expect(yield* ids("--agent a --agent b --status completed")).toEqual(["free", "gold"])
      expect(yield* ids("--where metadata.customer.plan=gold")).toEqual(["gold"])
      const both = "--where metadata.customer.plan=gold --where metadata.customer.plan=free"
      expect(yield* ids(both)).toEqual(["free", "gold"])
      expect(yield* ids(`${both} --agent b`)).toEqual(["free"])
      expect(yield* ids("--where error.code=TIMEOUT --where error.code=other")).toEqual(["late"])
      expect(yield* ids("--root --oldest-first --limit 3")).toEqual(["gold", "free", "late"])
      const none = yield* run(["runs", "list", "--where", "metadata.customer.plan=none"], settings)
      expect([none.code, none.stdout]).toEqual([0, "No runs\n"])

      const label = ["runs", "bulk", "label", ...both.split(" "), "--set", "team=x", "--wait"]
      expect((yield* run(label, settings)).stdout).toBe("2 runs labelled\n")
      const shown = yield* run(["runs", "bulk", "list"], settings)
      expect(shown.stdout).toContain("metadata.customer.plan=gold,free")
      const retry = ["runs", "bulk", "retry", "--status", "failed", "--status", "completed", "--dry-run"]
      expect((yield* run(retry, settings)).stdout).toBe("3 runs would be submitted again\n")
    }),
  )

  it.scoped("are refused where they are none", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      for (const [where, says] of [
        ["plan=gold", "--where takes metadata.PATH=VALUE or error.code=CODE"],
        ["metadata.plan", "--where takes metadata.PATH=VALUE or error.code=CODE"],
        ["error.message=x", "--where takes metadata.PATH=VALUE or error.code=CODE"],
        ["metadata..plan=gold", "--where metadata..plan"],
        ["metadata.plan=", "--where metadata.plan must not be empty"],
        ["error.code=", "--where error.code must not be empty"],
      ] as const) {
        const refused = yield* run(["runs", "list", "--where", where], settings)
        expect([where, refused.code, refused.stderr]).toEqual([where, 64, expect.stringContaining(says)])
      }
    }),
  )
})
