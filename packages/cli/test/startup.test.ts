import { FileSystem } from "@effect/platform"
import { effect, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { build } from "esbuild"
import * as Module from "node:module"
import { fileURLToPath } from "node:url"
import { bundleInto } from "../checkout/bundle.mjs"
import packageJson from "../package.json" with { type: "json" }
import * as BuiltHelp from "../src/help/BuiltHelp.js"
import * as HelpPages from "../src/commands/HelpPages.js"
import * as Overview from "../src/help/Overview.js"
import { folder, run, runProcess } from "./Processes.js"
import { NodeContext } from "@effect/platform-node"

/** The modules that a source of the command imports statically; packages by name. */
const loadedBy = (source: string) =>
  Effect.promise(async () => {
    const entry = fileURLToPath(new URL(`../src/${source}`, import.meta.url))
    const { metafile } = await build({
      entryPoints: [entry],
      bundle: true,
      write: false,
      metafile: true,
      platform: "node",
      format: "esm",
      packages: "external",
      absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
    })
    const loaded = new Set<string>()
    const visit = (name: string) => {
      if (loaded.has(name)) return
      loaded.add(name)
      for (const { kind, path } of metafile.inputs[name]?.imports ?? []) {
        if (kind === "import-statement") visit(path)
      }
    }
    visit(`src/${source}`)
    return Array.from(loaded).filter((name) => !name.startsWith("node:"))
  })

effect("prints its version without loading a package", () =>
  Effect.gen(function* () {
    expect((yield* loadedBy("bin.ts")).sort()).toEqual([
      "src/bin.ts",
      "src/help/BuiltHelp.ts",
      "src/help/Overview.ts",
    ])
  }),
)

// Node.js 20 has no such cache.
it.scopedLive.runIf("enableCompileCache" in Module)("leaves what it compiled to the next process", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const cwd = yield* folder
    const settings = { cwd, env: { TMPDIR: cwd } }
    yield* runProcess(["--help"], settings)
    expect(yield* fs.readDirectory(cwd)).toEqual([])
    yield* runProcess(["runs", "list"], settings)
    expect(yield* fs.readDirectory(cwd)).toEqual(["node-compile-cache"])
  }).pipe(Effect.provide(NodeContext.layer)),
)

it.scopedLive("has the help of each command as the build writes it, in each form of the request", () =>
  Effect.gen(function* () {
    const pages = yield* HelpPages.all
    const cwd = yield* folder
    for (const path of [["worker"], ["runs", "list"], ["runs"]]) {
      const { stdout } = yield* run([...path, "--help"], { cwd })
      expect(`${BuiltHelp.find(pages, [...path, "-h"], false)}\n`).toBe(stdout)
      expect(BuiltHelp.find(pages, ["help", ...path], true)).toContain("\u001b[1mUsage:\u001b[22m")
    }
    for (const other of [["help"], ["worker"], ["help", "wrong"], ["worker", "--lease", "5s", "--help"]]) {
      expect(BuiltHelp.find(pages, other, true)).toBeUndefined()
    }
    expect(BuiltHelp.find(pages, ["toString", "--help"], true)).toBeUndefined()
  }).pipe(Effect.provide(NodeContext.layer)),
)

effect("loads no subcommand that the arguments do not name", () =>
  Effect.gen(function* () {
    const loaded = yield* loadedBy("Process.ts")
    expect(loaded).toContain("src/Runlease.ts")
    expect(loaded.filter((name) => name.endsWith("Command.ts"))).toEqual([])
    // The indexes of these packages load a server and every client.
    expect(loaded).not.toContain("@runlease/http")
    expect(loaded).not.toContain("@effect/platform-node")
  }),
)

effect("loads an executor when the flags name it, and no other one", () =>
  Effect.gen(function* () {
    const loaded = yield* loadedBy("commands/WorkerCommand.ts")
    expect(loaded).toContain("@runlease/executor-command")
    const packages = new Set(loaded.map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)![0]))
    for (const name of [
      "@runlease/executor-acp",
      "@runlease/executor-a2a",
      "@runlease/executor-ag-ui",
      "@runlease/executor-ai",
      "tsx",
    ]) {
      expect(packages).not.toContain(name)
    }
  }),
)

effect("dev loads its server and a client only after it has started its worker", () =>
  Effect.gen(function* () {
    const loaded = yield* loadedBy("commands/DevCommand.ts")
    expect(loaded).toContain("src/commands/DevWorker.ts")
    expect(loaded).not.toContain("@effect/platform-node/NodeHttpClient")
    expect(loaded.filter((name) => /\/(sql|dashboard|docs|http\/(Server|Client))$/.test(name))).toEqual([])
  }),
)

/** The libraries and the packages that each command loads from the bundle before it does anything. */
const bundled = Effect.gen(function* () {
  const outdir = yield* folder
  const { metafile } = yield* Effect.promise(() =>
    bundleInto([new URL("../src/bin.ts", import.meta.url)], outdir, "[name]-[hash]"),
  )
  const outputs = Object.entries(metafile.outputs)
  return (command: string): ReadonlyArray<string> => {
    const loaded = new Set<string>()
    const visit = (path: string) => {
      if (loaded.has(path)) return
      loaded.add(path)
      for (const { kind, path: imported } of metafile.outputs[path]?.imports ?? []) {
        if (kind === "import-statement") visit(imported)
      }
    }
    for (const [path, { entryPoint = "" }] of outputs) {
      if (/\/(bin|Process)\.ts$/.test(entryPoint) || entryPoint.endsWith(`/${command}.ts`)) visit(path)
    }
    const inputs = Array.from(loaded).flatMap((path) => Object.keys(metafile.outputs[path]?.inputs ?? {}))
    const names = inputs.map(
      (input) =>
        /(?:.*node_modules\/((?:@[^/]+\/)?[^/]+)|packages\/(http-.+|[^/]+\/src\/[^/]+))/.exec(input) ?? [],
    )
    return Array.from(new Set(names.map(([, library, source]) => library ?? source ?? ""))).sort()
  }
})

it.scopedLive("a command loads no library that it may not need", () =>
  Effect.gen(function* () {
    const loadedBy = yield* bundled
    const serve = loadedBy("ServeCommand")
    expect(serve).toEqual(
      expect.arrayContaining(["effect", "http/src/Server.ts", "http-a2a/src/A2aFace.ts", "sql/src/sqlite"]),
    )
    for (const name of [
      "zod",
      "pg",
      "pg-pool",
      "undici",
      "ws",
      "rfc6902",
      "http-chat/src/internal/Endpoints.ts",
      "http-a2a/src/internal/Operations.ts",
      "http-mcp/src/Mcp.ts",
      "http-responses/src/internal/Endpoints.ts",
    ]) {
      expect(serve).not.toContain(name)
    }
    const runs = loadedBy("RunsCommand")
    expect(runs).toEqual(expect.arrayContaining(["effect", "http/src/client"]))
    for (const name of [
      "zod",
      "pg",
      "undici",
      "http/src/server",
      "http/src/Server.ts",
      "store/src/operations",
    ]) {
      expect(runs).not.toContain(name)
    }
    expect(runs.filter((name) => name.startsWith("sql/"))).toEqual([])
  }).pipe(Effect.provide(NodeContext.layer)),
)

it.scopedLive("has the version of its package, under each of its names", () =>
  Effect.gen(function* () {
    const cwd = yield* folder
    expect(Overview.version).toBe(packageJson.version)
    for (const args of [["--version"], ["-v"], ["version"]]) {
      const { code, stderr, stdout } = yield* run(args, { cwd })
      expect(stdout).toBe(`${packageJson.version}\n`)
      expect(stderr).toBe("")
      expect(code).toBe(0)
    }
  }).pipe(Effect.provide(NodeContext.layer)),
)
