import { describe, it } from "@effect/vitest"
import { assertInclude, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect, Predicate } from "effect"
import { execFileSync } from "node:child_process"
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { conversationId, eventsOf, folder, ports, scripted, type Step, type Subject } from "./Agents.js"

const request = (method: string, params: Step): Step => ({ request: { method, params } })
const read = (path: string, more: Step = {}) => request("fs/read_text_file", { path, ...more })
const write = (path: string, content: string) => request("fs/write_text_file", { path, content })

/** The replies to the agent's requests: results, and the messages of errors. */
const answers = (subject: Subject) =>
  Effect.gen(function* () {
    yield* eventsOf(subject)
    const notes = yield* subject.notes
    return notes.flatMap((note) => ("method" in note ? [note["result"] ?? note["error"]] : []))
  })

const cwdOf = (subject: Subject) => join(subject.workRoot, conversationId)

describe("files", () => {
  it.live("are written, with their folders, and read, whole and by lines", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({
        steps: [
          write("$CWD/deep/er/a.txt", "long enough\n"),
          write("$CWD/deep/er/a.txt", "1\n2\n3\n"),
          read("$CWD/deep/er/a.txt"),
          read("$CWD/deep/er/a.txt", { line: 2, limit: 1 }),
          read("$CWD/deep/er/a.txt", { line: 3 }),
          read("$CWD/deep/../deep/er/a.txt", { limit: 1 }),
        ],
      })
      deepStrictEqual(yield* answers(subject), [
        {},
        {},
        { content: "1\n2\n3\n" },
        { content: "2\n" },
        { content: "3\n" },
        { content: "1\n" },
      ])
      strictEqual(
        yield* Effect.promise(() => readFile(join(cwdOf(subject), "deep/er/a.txt"), "utf8")),
        "1\n2\n3\n",
      )
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("are in the working folder, for every form of path", () =>
    Effect.gen(function* () {
      const outside = yield* folder
      const subject = yield* scripted({
        steps: [
          read("/etc/passwd"),
          read("$CWD/../../secret"),
          read("a.txt"),
          read("$CWD/link"),
          read("$CWD/out/secret"),
          write("$CWD/out/new", "x"),
          write("$CWD/out/deep/new", "x"),
          write("$CWD/nowhere", "x"),
          write("$CWD/link", "x"),
          write("$CWD/../other/new", "x"),
          read("$CWD/in/b.txt"),
        ],
      })
      const cwd = cwdOf(subject)
      yield* Effect.promise(async () => {
        await writeFile(join(outside, "secret"), "secret")
        await mkdir(join(cwd, "real"), { recursive: true })
        await writeFile(join(cwd, "real/b.txt"), "b")
        await symlink(join(outside, "secret"), join(cwd, "link"))
        await symlink(outside, join(cwd, "out"))
        await symlink(join(outside, "not-there"), join(cwd, "nowhere"))
        await symlink(join(cwd, "real"), join(cwd, "in"))
      })
      const all = yield* answers(subject)
      deepStrictEqual(all.at(-1), { content: "b" })
      for (const answer of all.slice(0, -1)) assertTrue(typeof answer === "string", JSON.stringify(answer))
      assertInclude(String(all[0]), "outside of the working folder")
      strictEqual(yield* Effect.promise(() => readFile(join(outside, "secret"), "utf8")), "secret")
      strictEqual(execFileSync("ls", [outside], { encoding: "utf8" }), "secret\n")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("are regular files that exist and are not too large", () =>
    Effect.gen(function* () {
      const subject = yield* scripted(
        {
          steps: [
            read("$CWD/pipe"),
            write("$CWD/pipe", "x"),
            read("$CWD"),
            read("$CWD/none"),
            read("$CWD/large"),
          ],
        },
        { maxMessageBytes: 100_000 },
      )
      yield* Effect.promise(() => mkdir(cwdOf(subject), { recursive: true }))
      execFileSync("mkfifo", [join(cwdOf(subject), "pipe")])
      yield* Effect.promise(() => writeFile(join(cwdOf(subject), "large"), "x".repeat(100_001)))
      const all = yield* answers(subject)
      strictEqual(all.length, 5)
      for (const answer of all) assertTrue(typeof answer === "string", JSON.stringify(answer))
      assertInclude(String(all[4]), "larger than 100000 bytes")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

describe("terminals", () => {
  it.live("run a program or a line of shell, and report how it ended", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({
        steps: [
          {
            terminal: { command: "printf", args: ["%s|", "$HOME", "b c"], env: [{ name: "X", value: "y" }] },
            wait: true,
            output: true,
            release: true,
          },
          {
            terminal: {
              command: "echo out; echo $X; echo err >&2; exit 3",
              env: [{ name: "X", value: "y" }],
            },
            wait: true,
            output: true,
            release: true,
          },
        ],
      })
      const all = yield* answers(subject)
      deepStrictEqual(all[1], { exitCode: 0, signal: null })
      deepStrictEqual(all[2], {
        output: "$HOME|b c|",
        truncated: false,
        exitStatus: { exitCode: 0, signal: null },
      })
      deepStrictEqual(all[5], { exitCode: 3, signal: null })
      const { output } = all[6] as { readonly output: string }
      deepStrictEqual(output.split("\n").toSorted(), ["", "err", "out", "y"])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("store the end of their output, in whole characters", () =>
    Effect.gen(function* () {
      const terminal = { command: "for i in $(seq 1 20000); do echo é; done", outputByteLimit: 10 }
      const all = yield* answers(yield* scripted({ steps: [{ terminal, wait: true, output: true }] }))
      const { output, truncated } = all[2] as { readonly output: string; readonly truncated: boolean }
      strictEqual(output, "\né\né\né\n")
      strictEqual(truncated, true)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("are in the working folder, and cannot be started elsewhere", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({
        steps: [
          { terminal: { command: "pwd" }, wait: true, output: true },
          { terminal: { command: "pwd", cwd: "/" } },
          { terminal: { command: "no-such-program", args: ["x"] } },
        ],
      })
      const all = yield* answers(subject)
      assertTrue(Predicate.isRecord(all[2]) && String(all[2]["output"]).endsWith(`/${conversationId}\n`))
      assertInclude(String(all[3]), "outside of the working folder")
      assertInclude(String(all[4]), "check that it is installed")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("are killed on request, and with the run", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({
        steps: [
          {
            terminal: { command: "echo begun; trap '' TERM; while :; do sleep 1; done" },
            kill: true,
            output: true,
          },
        ],
      })
      const token = `3000${subject.token.replace(/\D/g, "").slice(0, 8)}`
      const left = yield* scripted({ steps: [{ terminal: { command: "sleep", args: [token] } }] })
      const all = yield* answers(subject)
      deepStrictEqual(all.at(-1), { exitCode: null, signal: "SIGKILL" })
      yield* answers(left)
      assertTrue(!execFileSync("ps", ["-A", "-o", "args="], { encoding: "utf8" }).includes(`sleep ${token}`))
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

describe("a worktree", () => {
  const git = (cwd: string, ...args: ReadonlyArray<string>) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], {
      cwd,
      encoding: "utf8",
    })

  it.live("of a repository is made for each conversation, and stays", () =>
    Effect.gen(function* () {
      const repository = yield* folder
      git(repository, "init", "-q")
      yield* Effect.promise(() => writeFile(join(repository, "a.txt"), "a"))
      git(repository, "add", ".")
      git(repository, "commit", "-qm", "a")
      const steps = [read("$CWD/a.txt"), write("$CWD/b.txt", "b")]
      const subject = yield* scripted({ steps }, { worktreeOf: repository })
      deepStrictEqual((yield* answers(subject))[0], { content: "a" })
      deepStrictEqual((yield* answers(subject)).at(-2), { content: "a" })
      strictEqual(git(cwdOf(subject), "branch", "--show-current").trim(), `runlease/${conversationId}`)
      strictEqual(git(cwdOf(subject), "status", "--short").trim(), "?? b.txt")
      strictEqual(git(repository, "status", "--short").trim(), "")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})
