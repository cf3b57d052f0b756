import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, JSONSchema } from "effect"
import schema from "../assets/runlease.schema.json" with { type: "json" }
import * as Commands from "../src/commands/Commands.js"
import * as CommandTree from "../src/help/CommandTree.js"
import { SettingsFile } from "../src/input/SettingsFile.js"
import { folder, run, write } from "./Processes.js"

const settingsOf = (tree: CommandTree.CommandTree): ReadonlyArray<string> => [
  ...tree.flags.flatMap(({ settings }) => settings),
  ...tree.subcommands.flatMap(settingsOf),
]

layer(NodeContext.layer, { excludeTestServices: true })("a settings file", (it) => {
  it.effect("has the published JSON schema", () =>
    Effect.sync(() => expect(JSON.parse(JSON.stringify(JSONSchema.make(SettingsFile)))).toEqual(schema)),
  )

  it.effect("has a key for the setting of every flag", () =>
    Effect.gen(function* () {
      const settings = settingsOf(CommandTree.of(yield* Commands.load([])))
      expect(settings).toContain("RUNLEASE_KEEP_FINISHED")
      const keys = Object.keys(SettingsFile.fields).map((key) => `RUNLEASE_${key.toUpperCase()}`)
      expect(keys).toEqual(expect.arrayContaining([...new Set(settings)]))
    }),
  )

  it.scoped("is refused with an unknown key, with a suggestion", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const refused = (content: unknown) =>
        Effect.zipRight(write(cwd, "runlease.json", JSON.stringify(content)), run(["runs", "list"], { cwd }))
      const mistyped = yield* refused({ $schema: "./runlease.schema.json", api_kye: "rlk_0123456789abcdef" })
      expect(mistyped.stderr).toContain('runlease.json has no setting "api_kye". Did you mean api_key?')
      expect(mistyped.stderr).toContain("keep_finished")
      expect(mistyped.stderr).not.toContain("rlk_0123456789abcdef")
      expect(mistyped.code).toBe(64)
      const list = yield* refused({ url: ["http://127.0.0.1:4400"] })
      expect(list.stderr).toContain("url in runlease.json is neither a text nor a number")
      expect(list.code).toBe(64)
    }),
  )

  it.scoped("names the networks that webhooks may go to", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      yield* write(cwd, "runlease.json", JSON.stringify({ webhook_allow: "everywhere" }))
      const { code, stderr } = yield* run(["serve", "--port", "0"], { cwd })
      expect(stderr).toContain("must be networks with commas, such as 10.0.0.0/8,127.0.0.1")
      expect(code).not.toBe(0)
    }),
  )
})
