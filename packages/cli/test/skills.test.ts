/** The skills for coding agents name commands, flags and exports that are there. */
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import * as Core from "@runlease/core"
import * as Sql from "@runlease/sql"
import * as Effects from "effect"
import { Effect } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { folder, run } from "./Processes.js"

const skills = fileURLToPath(new URL("../../docs/skills/", import.meta.url))
/** A module of Effect may have the name of one of ours. */
const modules: ReadonlyArray<Readonly<Record<string, object>>> = [{ ...Core }, { ...Sql }, { ...Effects }]

/** The command lines in code: what stands between the marks of code, or on a line of a block. */
const commandsIn = (text: string): ReadonlyArray<string> => [
  ...new Set(Array.from(text.matchAll(/(?:^|`)runlease ([^`#\n]+)/gm), ([, command = ""]) => command.trim())),
]

layer(NodeContext.layer, { excludeTestServices: true })("the skill", (it) => {
  for (const name of readdirSync(skills)) {
    const text = readFileSync(`${skills}${name}/SKILL.md`, "utf8")

    it.scoped(`${name} names commands and flags that are there`, () =>
      Effect.gen(function* () {
        const cwd = yield* folder
        for (const command of commandsIn(text)) {
          const words = command.split(" ").filter((word) => /^[a-z][a-z-]*$/.test(word))
          const { code, stdout } = yield* run([...words, "--help"], { cwd })
          const flags = Array.from(command.matchAll(/--[a-z-]+/g), ([flag]) => flag)
          expect({ command, code, missing: flags.filter((flag) => !stdout.includes(flag)) }).toEqual({
            command,
            code: 0,
            missing: [],
          })
        }
      }),
    )

    it(`${name} names exports that are there`, () => {
      const named = Array.from(text.matchAll(/\b([A-Z]\w+)\.([a-z]\w+)\b/g))
      const missing = named.filter(([, module = "", member = ""]) => {
        const found = modules.flatMap((all) => all[module] ?? [])
        return found.length > 0 && !found.some((one) => member in one)
      })
      expect(missing.map(([whole]) => whole)).toEqual([])
    })
  }
})
