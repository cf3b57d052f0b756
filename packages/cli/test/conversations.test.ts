import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { json, jsonLines, project, run, Served } from "./Processes.js"

layer(Served.layer, { excludeTestServices: true })("conversations", (it) => {
  it.scoped("are listed, shown, renamed, branched and deleted, and a batch of runs is not in the list", () =>
    Effect.gen(function* () {
      const settings = yield* project
      const runlease = (...args: ReadonlyArray<string>) => run(args, settings)
      const submit = (...args: ReadonlyArray<string>) =>
        runlease("submit", "--agent", "writer", "--json", ...args)
      const first = json((yield* submit("--id", "said-1", "Write the report")).stdout)
      expect((yield* runlease("conversations", "list")).stdout).toBe("No conversations\n")

      const id = first["conversation_id"] as string
      expect((yield* submit("--id", "said-2", "--conversation", id, "Shorter, please")).code).toBe(0)
      const listed = jsonLines((yield* runlease("conversations", "list", "--json")).stdout)
      expect(listed).toMatchObject([{ id, title: null }])
      const renamed = yield* runlease("conversations", "rename", id, "Weekly report")
      expect(renamed.stdout).toBe(`Renamed ${id} to Weekly report\n`)

      expect((yield* runlease("conversations", "list", "--text", "WEEKLY")).stdout).toContain("Weekly report")
      expect((yield* runlease("conversations", "list", "--agent", "reader")).stdout).toBe(
        "No conversations\n",
      )
      expect((yield* runlease("conversations", "list", "--since", "2h", "--until", "1h")).stdout).toBe(
        "No conversations\n",
      )
      const wrong = yield* runlease("conversations", "list", "--where", "error.code=x")
      expect([wrong.code, wrong.stderr]).toEqual([
        64,
        expect.stringContaining("--where takes metadata.PATH=VALUE"),
      ])

      expect((yield* runlease("tell", "said-1", "In three lines")).code).toBe(0)
      const shown = yield* runlease("conversations", "show", id)
      expect(shown.stdout).toContain("title         Weekly report")
      expect(shown.stdout).toContain("user: In three lines")
      expect(json((yield* runlease("conversations", "show", id, "--json")).stdout)).toMatchObject({
        id,
        title: "Weekly report",
        messages: [{ role: "user", parts: [{ type: "text", text: "In three lines" }] }],
      })

      const message = (
        json((yield* runlease("conversations", "show", id, "--json")).stdout) as {
          messages: [{ id: string }]
        }
      ).messages[0].id
      const branched = json(
        (yield* runlease("conversations", "branch", id, message, "--title", "Shorter", "--json")).stdout,
      )
      expect(branched).toMatchObject({ title: "Shorter" })
      const open = yield* runlease("conversations", "remove", id)
      expect([open.code, open.stderr]).toEqual([1, expect.stringContaining("cancel it first")])
      const cancelled = yield* Effect.forEach(["said-1", "said-2"], (run) => runlease("runs", "cancel", run))
      expect(cancelled.map(({ code }) => code)).toEqual([0, 0])
      expect((yield* runlease("conversations", "remove", id)).stdout).toBe(
        `Deleted conversation ${id} and its runs\n`,
      )
      expect((yield* runlease("runs", "get", "said-1")).code).toBe(1)
      const left = yield* runlease("conversations", "show", branched["id"] as string)
      expect(left.stdout).toContain("user: In three lines")

      const unknown = yield* runlease("conversations", "show", "00000000-0000-4000-8000-000000000000")
      expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining("does not exist")])
    }),
  )
})
