import { describe, it } from "@effect/vitest"
import { strictEqual } from "@effect/vitest/utils"
import { ProgramPath } from "@runlease/process"
import { Effect } from "effect"
import { chmod, mkdir, writeFile } from "node:fs/promises"
import { join, relative } from "node:path"
import { folder } from "./Programs.js"

const room = Effect.gen(function* () {
  const root = yield* folder
  yield* Effect.promise(async () => {
    await mkdir(join(root, "empty"))
    await mkdir(join(root, "bin", "a-folder"), { recursive: true })
    await writeFile(join(root, "bin", "agent"), "#!/bin/sh\n")
    await chmod(join(root, "bin", "agent"), 0o755)
    await writeFile(join(root, "bin", "notes"), "text")
    await chmod(join(root, "bin", "notes"), 0o644)
  })
  return { bin: join(root, "bin"), path: `${join(root, "empty")}:${join(root, "bin")}` }
})

const reasonOf = (command: string, path?: string) =>
  Effect.map(Effect.flip(ProgramPath.find(command, path)), ({ reason }) => reason)

describe("a program", () => {
  it.scoped("is found by its name on PATH, and by its path relative to the working folder", () =>
    Effect.gen(function* () {
      const { bin, path } = yield* room
      strictEqual(yield* ProgramPath.find("agent", path), join(bin, "agent"))
      strictEqual(yield* ProgramPath.find(join(bin, "agent"), ""), join(bin, "agent"))
      const near = relative(process.cwd(), join(bin, "agent"))
      strictEqual(yield* ProgramPath.find(near, ""), join(bin, "agent"))
      strictEqual((yield* ProgramPath.find("sh")).endsWith("/sh"), true)
    }),
  )

  it.scoped("that is missing gives another reason than a file that is not executable", () =>
    Effect.gen(function* () {
      const { bin, path } = yield* room
      strictEqual(yield* reasonOf("agnet", path), "not_found")
      strictEqual(yield* reasonOf("", path), "not_found")
      strictEqual(yield* reasonOf(join(bin, "agnet")), "not_found")
      strictEqual(yield* reasonOf("notes", path), "not_executable")
      strictEqual(yield* reasonOf(join(bin, "notes")), "not_executable")
      strictEqual(yield* reasonOf(join(bin, "a-folder")), "not_executable")
    }),
  )
})
